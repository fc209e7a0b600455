/*
 * What a screen is made of: a frame is a list of rows, a row a list of spans, a span a text in one style. Views are pure functions that
 * return frames; who shows them (Ink, a pipe, an SVG file) is decided elsewhere.
 */

/**
 * What a span is about; the palette gives each a colour. `true` and `proxy`: the two goals and what serves them. `muted`: not known, or
 * not important. `note`: what has been selected or deserves a look. `bad`: an error.
 */
export type Tone = "true" | "proxy" | "muted" | "note" | "bad";

export interface Style {
  readonly tone?: Tone | undefined;
  readonly bold?: boolean;
  readonly inverse?: boolean;
  /** Shade of the background, 0 (least) to 1 (most). */
  readonly heat?: number | undefined;
}

export interface Span {
  /** Takes as many columns as it has code points. */
  readonly text: string;
  readonly style?: Style | undefined;
}

export type Row = readonly Span[];
export type Frame = readonly Row[];

/** Columns and rows of a terminal. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export const span = (text: string, style?: Style): Span => ({ text, style });
/** The style of a tone; plain where there is none. */
export const toned = (tone: Tone | undefined): Style => (tone === undefined ? {} : { tone });
/** A row of one span. */
export const line = (text: string, style?: Style): Row => [span(text, style)];

/** A text or a span in passing; null and "" are left out. */
type Part = Span | string | null;

/** A row of parts. */
export function rowOf(...parts: readonly Part[]): Row {
  return parts.flatMap((part) => (part === null || part === "" ? [] : [typeof part === "string" ? span(part) : part]));
}

/** Columns that a text takes. Names with wide letters take more than is said here; their row is cut by the terminal. */
export function widthOf(text: string): number {
  // Nearly every text is one UTF-16 unit a letter.
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdfff) return [...text].length;
  }
  return text.length;
}

export const rowWidth = (row: Row): number => row.reduce((sum, { text }) => sum + widthOf(text), 0);

/** A text in at most `width` columns, with an ellipsis where it is cut. */
export function cut(text: string, width: number, { ellipsis }: { readonly ellipsis: string }): string {
  return widthOf(text) <= width ? text : `${[...text].slice(0, Math.max(0, width - 1)).join("")}${ellipsis}`;
}

/** As {@link cut}, but the end stays. */
export function cutFront(text: string, width: number, { ellipsis }: { readonly ellipsis: string }): string {
  return widthOf(text) <= width ? text : `${ellipsis}${[...text].slice(1 - Math.max(1, width)).join("")}`;
}

/** A row of exactly `width` columns: cut, or filled with blanks on the right. */
export function fitTo(row: Row, width: number): Row {
  const spans: Span[] = [];
  let left = width;
  for (const each of row) {
    if (left === 0) break;
    const size = widthOf(each.text);
    if (size === 0) continue;
    spans.push(size <= left ? each : { ...each, text: [...each.text].slice(0, left).join("") });
    left -= Math.min(size, left);
  }
  if (left > 0) spans.push(span(" ".repeat(left)));
  return spans;
}

/** A row of exactly `width` columns, filled with blanks on the left. */
export function fitRight(row: Row, width: number): Row {
  const missing = width - rowWidth(row);
  return missing > 0 ? [span(" ".repeat(missing)), ...row] : fitTo(row, width);
}

/** `left` at the left edge and `right` at the right one, with at least a blank between; `left` is cut first. */
export function spread(left: Row, right: Row, width: number): Row {
  const end = fitTo(right, Math.min(rowWidth(right), width));
  const room = width - rowWidth(end);
  return room <= 0 ? end : [...fitTo(left, room - 1), span(" "), ...end];
}

/** A frame of exactly that size. */
export function fitFrame(frame: Frame, { columns, rows }: Size): Frame {
  return Array.from({ length: rows }, (_, i) => fitTo(frame[i] ?? [], columns));
}

/** Frames side by side, `gap` columns apart, aligned at their first rows; each as wide as its widest row unless told. */
export function beside(frames: readonly Frame[], gap = 3, widths: readonly number[] = []): Frame {
  const height = Math.max(0, ...frames.map((frame) => frame.length));
  const wide = frames.map((frame, f) => widths[f] ?? Math.max(0, ...frame.map(rowWidth)));
  return Array.from({ length: height }, (_, i) =>
    frames.flatMap((frame, f) => [
      ...(f > 0 && gap > 0 ? [span(" ".repeat(gap))] : []),
      ...fitTo(frame[i] ?? [], wide[f]),
    ]),
  );
}

/** `by` columns further in. */
export const indent = (frame: Frame, by: number): Frame => frame.map((row) => [span(" ".repeat(by)), ...row]);

/** A sentence as rows of at most `width` columns, broken at blanks. */
export function wrapText(text: string, width: number, style?: Style): Frame {
  const lines: string[] = [];
  let current = "";
  for (const word of text.split(" ")) {
    if (current === "") current = word;
    else if (widthOf(current) + 1 + widthOf(word) <= width) current += ` ${word}`;
    else {
      lines.push(current);
      current = word;
    }
  }
  return [...lines, current].map((each) => line(each, style));
}
