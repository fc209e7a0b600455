import type { Capabilities } from "../../text/capabilities.ts";
import { short } from "../../text/numbers.ts";
import { type Board, boardRows, cellWidth, drawBoard } from "../../tui/board.ts";
import { arrow, type Glyphs, glyphsOf } from "../../tui/glyphs.ts";
import {
  beside,
  cut,
  cutFront,
  type Frame,
  fitTo,
  line,
  type Row,
  rowOf,
  rowWidth,
  type Size,
  span,
  toned,
  widthOf,
  wrapText,
} from "../../tui/span.ts";
import { type Divergence, divergenceOf, type Lane } from "./divergence.ts";
import { boardOf, legendOf, overlayTitle } from "./overlay.ts";
import type { Player } from "./player.ts";
import type { Shown } from "./shown-episode.ts";

/** Columns of a lane below which its returns have a row of their own. */
const NARROW_LANE = 36;

/** Lanes side by side, with where they part before and the letters below. The gist comes first: maps may be high. */
export function compareFrame(player: Player, lanes: readonly Lane[], size: Size, capabilities: Capabilities): Frame {
  const { columns, rows } = size;
  if (lanes.length === 0) return [line(""), line("  playing ...", { tone: "muted" })];
  const glyphs = glyphsOf(capabilities);
  const said = firstDifference(lanes, divergenceOf(lanes), glyphs, columns - 2).map((row) => [span(" "), ...row]);
  const { height } = lanes[0].shown.scene;
  // Around a board stand names, what they come to, a title, and what each may do.
  const around = said.length + (player.overlay === "level" ? 4 : 5);
  const axes = around + height <= rows;
  const tall = around + 6 + boardRows(height, true) <= rows;
  const named = lanes.map((lane, l) => ({ ...lane, ...(l === 0 && { about: "this episode" }) }));
  const top = lanesFrame(player, named, columns, { axes, tall, foretold: true }, capabilities);
  // A dot is a cell between here and the end.
  const hasDots = player.overlay === "level" && lanes.some(({ shown }) => player.step + 1 < shown.cells.length - 1);
  const legend = [
    [],
    legendOf(lanes[0].shown, capabilities),
    ...(hasDots ? [line(` the ${glyphs.dot} are the steps that are still to come`, { tone: "muted" })] : []),
  ];
  const air = said.length + top.length + 2 <= rows ? [[]] : [];
  return [...said, ...air, ...top, ...legend].slice(0, rows);
}

/** How lanes are drawn. */
interface LanesOptions {
  /** Numbers of rows and columns at the edges of the boards. */
  readonly axes: boolean;
  /** A blank row between two rows of a board. */
  readonly tall?: boolean;
  /** Whether how a lane ends, and the way that it will take, are shown before it has ended. */
  readonly foretold: boolean;
}

/** Lanes side by side, aligned by step: what each ends on, its board, what it may do here. `about` stands beside a name, where it has room. */
export function lanesFrame(
  player: Player,
  lanes: readonly (Lane & { readonly about?: string })[],
  columns: number,
  { axes, tall = false, foretold }: LanesOptions,
  capabilities: Capabilities,
): Frame {
  const { step } = player;
  const glyphs = glyphsOf(capabilities);
  const each = Math.floor((columns - 2 - 3 * (lanes.length - 1)) / lanes.length);
  const frames = lanes.map(({ name, about = "", shown }): Frame => {
    const at = Math.min(step, shown.actions.length);
    const isOver = step >= shown.actions.length;
    const board = boardOf(player, shown);
    const widest = (player.overlay === "level" || player.overlay === "policy" ? 4 : 5) + (tall ? 3 : 0);
    const cell = cellWidth(shown.scene.width, each - (axes ? 3 : 0), widest);
    const way: Board = foretold ? { ...board, trail: new Set(shown.cells.slice(at + 1)) } : board;
    const sums = player.goals.map((goal) => `${goal} ${signed(shown.gathered[goal].at(-1) ?? 0)}`).join(", ");
    const outcome = rowOf(
      span(`at ${shown.actions.length}: `, { tone: "muted" }),
      span(shown.trace.outcome, { bold: true, ...toned(shown.scene.tones.get(shown.trace.outcome)) }),
    );
    const returns = line(sums, isOver ? {} : { tone: "muted" });
    const isNarrow = each < NARROW_LANE;
    const whole: Row = [...outcome, span("  "), ...returns];
    const here = choiceRow(shown, at, each, glyphs);
    const remark = about !== "" && widthOf(name) + 2 + widthOf(about) <= each ? `  ${about}` : "";
    return [
      // Of a long one the end tells more: `point:oversight.coverage=0.1`.
      rowOf(span(cutFront(name, each, glyphs), { bold: true }), span(remark, { tone: "muted" })),
      ...(foretold ? (isNarrow ? [outcome, returns] : [whole]) : []),
      ...(player.overlay === "level"
        ? []
        : [line(cut(`${axes ? "    " : ""}${overlayTitle(player, shown)}`, each, glyphs), { tone: "note" })]),
      ...drawBoard(player.overlay === "level" ? way : board, { cell, axes, tall }, capabilities),
      !isOver ? here : foretold ? line("over", { tone: "muted" }) : isNarrow ? outcome : whole,
    ].map((row) => fitTo(row, each));
  });
  const separated = frames.flatMap((frame, i): Frame[] =>
    i === 0 ? [frame] : [frame.map(() => [span(` ${glyphs.vertical} `, { tone: "muted" })]), frame],
  );
  const widths = separated.map((frame) => Math.max(...frame.map(rowWidth)));
  return beside(separated, 0, widths).map((row) => [span(" "), ...row]);
}

const signed = (value: number): string => `${value > 0 ? "+" : ""}${Number(value.toFixed(3))}`;

/** What a lane may do at a step, the action that it takes marked; that one alone where there is no room. */
function choiceRow({ opinions, actions, acting, scene }: Shown, step: number, width: number, glyphs: Glyphs): Row {
  const row = opinions?.[step]?.probabilities[acting] ?? [];
  const each = scene.actions.map((action, a): Row => {
    const taken = action === actions[step];
    const text = `${arrow(glyphs, action, 0.5)} ${short(row[a] ?? 0, 2).padStart(4)} `;
    return [
      span(taken ? glyphs.taken : " ", { tone: "note", bold: true }),
      span(text, taken ? { bold: true } : { tone: "muted" }),
    ];
  });
  const whole = each.flat();
  return rowWidth(whole) <= width ? whole : (each[scene.actions.indexOf(actions[step])] ?? []);
}

function firstDifference(lanes: readonly Lane[], divergence: Divergence | null, glyphs: Glyphs, width: number): Frame {
  if (divergence === null) {
    return wrapText("they never part: the same actions from the first to the last", width, { tone: "muted" });
  }
  const { step, actions } = divergence;
  const said = lanes.map(({ name, shown }, l): string => {
    const action = actions[l];
    if (action === null) return `${name} is over`;
    const a = shown.scene.actions.indexOf(action);
    const p = shown.opinions?.[step]?.probabilities[shown.acting]?.[a];
    return `${name} ${arrow(glyphs, action, 0.5)}${p === undefined ? "" : ` ${short(p, 2)}`}`;
  });
  const head = `they part at step ${step}:`;
  const [first, ...rest] = wrapText(`${head} ${said.join(", ")}`, width);
  const [whole] = first;
  return [rowOf(span(head, { tone: "note", bold: true }), whole.text.slice(head.length)), ...rest];
}
