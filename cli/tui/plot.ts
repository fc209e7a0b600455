import type { Capabilities } from "../text/capabilities.ts";
import { glyphsOf } from "./glyphs.ts";
import { type Frame, fitRight, fitTo, line, type Row, type Span, type Style, span } from "./span.ts";

/** A line of a plot; points in any order of x, drawn in the order given. NaN breaks the line. */
export interface Series {
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly style?: Style;
  /** The sign that stands for it where there is no braille; a series without one is `*`. */
  readonly sign?: string;
  /** Dots apart, so that it is told from data: a theory line. */
  readonly dashed?: boolean;
}

export interface PlotOptions {
  readonly series: readonly Series[];
  readonly x: readonly [low: number, high: number];
  readonly y: readonly [low: number, high: number];
  /** Columns and rows with axes and labels. */
  readonly width: number;
  readonly height: number;
  /** Texts at the y axis and below the x axis, at their values. */
  readonly yLabels: readonly (readonly [value: number, text: string])[];
  readonly xLabels: readonly (readonly [value: number, text: string])[];
}

/** Braille dots by row and column of a 4 x 2 cell; the sum is added to U+2800. */
const DOTS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
];

/** Lines as braille, 2 x 4 dots a character, with axes. Where lines cross, the cell has the later one's colour and the dots of both. */
export function plot(options: PlotOptions, capabilities: Capabilities): Frame {
  const { series, x, y, width, height, yLabels, xLabels } = options;
  const glyphs = glyphsOf(capabilities);
  const margin = Math.max(0, ...yLabels.map(([, text]) => text.length)) + 2;
  const columns = Math.max(1, width - margin);
  const rows = Math.max(1, height - 2);
  const dots = new Uint8Array(columns * rows);
  const owner = new Int16Array(columns * rows).fill(-1);
  const across = (value: number) => Math.round(((value - x[0]) / (x[1] - x[0] || 1)) * (2 * columns - 1));
  const down = (value: number) => Math.round((1 - (value - y[0]) / (y[1] - y[0] || 1)) * (4 * rows - 1));
  series.forEach(({ points, dashed }, s) => {
    let before: readonly [number, number] | null = null;
    for (const [px, py] of points) {
      const at = Number.isFinite(px) && Number.isFinite(py) ? ([across(px), down(py)] as const) : null;
      if (at !== null) {
        for (const [cx, cy] of segment(before ?? at, at)) {
          if (cx < 0 || cy < 0 || cx >= 2 * columns || cy >= 4 * rows) continue;
          if (dashed && cx % 4 > 1) continue;
          const cell = (cy >> 2) * columns + (cx >> 1);
          dots[cell] |= DOTS[cy & 3][cx & 1];
          owner[cell] = s;
        }
      }
      before = at;
    }
  });

  const labelRows = new Map(yLabels.map(([value, text]) => [Math.min(rows - 1, Math.max(0, down(value) >> 2)), text]));
  const body = Array.from({ length: rows }, (_, r): Row => {
    const label = labelRows.get(r);
    const axis = label === undefined ? glyphs.vertical : glyphs.tickLeft;
    const head = fitRight([span(`${label ?? ""} ${axis}`, { tone: "muted" })], margin);
    const cells = Array.from({ length: columns }, (_, c): Span => {
      const cell = r * columns + c;
      if (dots[cell] === 0) return span(" ");
      const { style, sign = "*" } = series[owner[cell]];
      return span(capabilities.unicode ? String.fromCharCode(0x2800 + dots[cell]) : sign, style);
    });
    return [...head, ...joined(cells)];
  });
  const ticks = Array.from({ length: columns }, () => glyphs.horizontal);
  const below = Array.from({ length: columns + margin }, () => " ");
  for (const [value, text] of xLabels) {
    const at = Math.min(columns - 1, Math.max(0, across(value) >> 1));
    ticks[at] = glyphs.tickDown;
    const begin = Math.min(columns + margin - text.length, Math.max(0, margin + at - Math.floor(text.length / 2)));
    [...text].forEach((letter, i) => {
      below[begin + i] = letter;
    });
  }
  const axis = fitRight([span(glyphs.corner + ticks.join(""), { tone: "muted" })], margin + columns);
  return [...body, axis, line(below.join(""), { tone: "muted" })].map((row) => fitTo(row, width));
}

/** The dots between two dots, both included (Bresenham 1965). */
function* segment([x0, y0]: readonly [number, number], [x1, y1]: readonly [number, number]) {
  const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0));
  for (let i = 0; i <= steps; i++) {
    const at = steps === 0 ? 0 : i / steps;
    yield [Math.round(x0 + (x1 - x0) * at), Math.round(y0 + (y1 - y0) * at)] as const;
  }
}

/** Neighbours of one style as one span. */
function joined(cells: readonly Span[]): Row {
  const spans: Span[] = [];
  for (const each of cells) {
    const last = spans.at(-1);
    if (last !== undefined && last.style === each.style)
      spans[spans.length - 1] = span(last.text + each.text, each.style);
    else spans.push(each);
  }
  return spans;
}
