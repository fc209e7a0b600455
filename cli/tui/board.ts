import { mapParts } from "../../src/envs/maps.ts";
import type { Capabilities } from "../text/capabilities.ts";
import { arrow, type Glyphs, glyphsOf } from "./glyphs.ts";
import { type Frame, type Row, type Span, type Style, span, type Tone, toned } from "./span.ts";

/** What is drawn over the free cells of a map. */
export type Overlay =
  /** The likeliest action of each cell, its arrow the bolder the likelier; null where there is nothing to do. */
  | { readonly kind: "arrows"; readonly probabilities: readonly (readonly number[] | null)[]; readonly tone?: Tone }
  /** A number a cell on a ground of its shade between `low` and `high`; null is blank. */
  | {
      readonly kind: "heat";
      readonly values: readonly (number | null)[];
      readonly low: number;
      readonly high: number;
      /** A value in at most so many columns, 2 at least: the more of them, the exacter. */
      readonly write: (value: number, columns: number) => string;
    };

/** A level as it is drawn: its map in the world's letters, and what is laid over it. */
export interface Board {
  /** Rows of letters, the agent among them, as `World.print` gives them. */
  readonly map: string;
  /** The colour of objects by their letter; letters without one are plain. */
  readonly tones: ReadonlyMap<string, Tone>;
  /** Cells that are marked, row * width + column; drawn in brackets. */
  readonly marks: ReadonlySet<number>;
  readonly actions: readonly string[];
  readonly overlay?: Overlay | undefined;
  /** Cells that the agent came through, drawn as a trail where there is no overlay. */
  readonly trail?: ReadonlySet<number>;
  /** A cell that is pointed at. */
  readonly cursor?: number;
}

export interface BoardOptions {
  /** Columns of a cell, 2 at least; heat is shown as a number from 4 on. */
  readonly cell: number;
  /** Numbers of rows and columns at the edges. */
  readonly axes?: boolean;
  /** A blank row between two rows: on a large screen a map then looks as wide as it is high. */
  readonly tall?: boolean;
}

/** Rows of a board of so many, without its axis. */
export const boardRows = (height: number, tall: boolean): number => (tall ? 2 * height - 1 : height);

/** The widest cells, at most `most` and at least 2 columns, with which a board of `cells` columns keeps to a width. */
export function cellWidth(cells: number, width: number, most: number): number {
  return Math.max(2, Math.min(most, Math.floor(width / cells)));
}

/** Draw a board, a row of text for each of its rows. */
export function drawBoard(
  board: Board,
  { cell: width, axes = false, tall = false }: BoardOptions,
  capabilities: Capabilities,
): Frame {
  const glyphs = glyphsOf(capabilities);
  const { rows, notes } = mapParts(board.map);
  const columns = rows[0].length;
  const lines = rows.map((letters, r): Row => {
    const cells = [...letters].map((letter, c) => drawCell(board, letter, r * columns + c, width, glyphs));
    const number = span(`${String(r).padStart(2)} `, { tone: "muted" });
    return axes ? [number, ...cells] : cells;
  });
  const body = tall ? lines.flatMap((row, r) => (r === 0 ? [row] : [[], row])) : lines;
  const words = notes.length > 0 ? [[span(notes.join(" · "), { tone: "muted" })]] : [];
  if (!axes) return [...body, ...words];
  const numbers = Array.from({ length: columns }, (_, c) => centred(String(c % 10), width)).join("");
  return [[span("   "), span(numbers, { tone: "muted" })], ...body, ...words];
}

function drawCell(board: Board, letter: string, cell: number, width: number, glyphs: Glyphs): Span {
  const { overlay, marks, tones, trail, cursor } = board;
  const pointed: Style = cursor === cell ? { inverse: true } : {};
  if (letter === "#")
    return span(width === 2 ? `${glyphs.wall} ` : centred(glyphs.wall.repeat(width - 2), width), {
      tone: "muted",
      ...pointed,
    });
  const isFloor = letter === ".";
  if (letter === "A" && overlay?.kind !== "heat")
    return span(framed("A", marks.has(cell), width), { bold: true, inverse: true });
  if (!isFloor && letter !== "A") {
    return span(framed(letter, marks.has(cell), width), { bold: true, ...toned(tones.get(letter)), ...pointed });
  }
  if (overlay?.kind === "heat")
    return { ...heatCell(overlay, letter, cell, width), ...(cursor === cell && { style: pointed }) };
  const probabilities = overlay?.kind === "arrows" ? overlay.probabilities[cell] : null;
  if (overlay?.kind === "arrows" && probabilities != null) {
    const p = Math.max(...probabilities);
    // Equals are all shown where there is room: an optimum has ties, a network hardly ever.
    const room = Math.max(1, width - (marks.has(cell) ? 2 : 1));
    const best = probabilities.flatMap((each, action) => (p - each < 1e-9 ? [action] : [])).slice(0, room);
    const isTie = best.length > 1;
    const arrows = best.map((action) => arrow(glyphs, board.actions[action], isTie ? 0.5 : p)).join("");
    const style: Style = isTie || p >= 0.4 ? { bold: !isTie && p >= 0.75, ...toned(overlay.tone) } : { tone: "muted" };
    return span(framed(width > 2 ? arrows : arrow(glyphs, board.actions[best[0]], p), marks.has(cell), width), {
      ...style,
      ...pointed,
    });
  }
  const isTrail = trail?.has(cell) === true;
  return span(framed(isTrail ? glyphs.dot : glyphs.floor, marks.has(cell), width), { tone: "muted", ...pointed });
}

function heatCell(
  { values, low, high, write }: Overlay & { kind: "heat" },
  letter: string,
  cell: number,
  width: number,
): Span {
  const value = values[cell];
  const agent = letter === "A";
  if (value === null || value === undefined)
    return span(centred(agent ? "A" : "", width), agent ? { bold: true, inverse: true } : {});
  const heat = high > low ? (value - low) / (high - low) : 0;
  const sign = agent ? "A" : "";
  const style: Style = { heat, ...(agent && { bold: true }) };
  // Narrow cells show the tenths that they are at, so that the map is read without colours too.
  if (width < 4) return span(`${sign}${Math.min(9, Math.max(0, Math.floor(heat * 10)))}`.padStart(width), style);
  // A blank keeps it from its neighbour.
  return span(`${sign}${write(value, width - 1 - sign.length)}`.padStart(width), style);
}

/** A sign in the middle of a cell, in brackets where the cell is marked. */
function framed(sign: string, marked: boolean, width: number): string {
  if (width === 2) return marked ? `${sign}*` : `${sign} `;
  return centred(marked ? `[${sign}]` : sign, width);
}

function centred(text: string, width: number): string {
  const left = Math.max(0, Math.floor((width - text.length) / 2));
  return (" ".repeat(left) + text).padEnd(width).slice(0, width);
}
