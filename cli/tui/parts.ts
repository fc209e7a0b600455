import type { Capabilities } from "../text/capabilities.ts";
import { type Glyphs, glyphsOf } from "./glyphs.ts";
import {
  cut,
  type Frame,
  line,
  type Row,
  rowOf,
  type Span,
  type Style,
  span,
  spread,
  type Tone,
  widthOf,
} from "./span.ts";

/** A thin line across the screen. */
export function rule(columns: number, capabilities: Capabilities): Row {
  return line(` ${glyphsOf(capabilities).horizontal.repeat(Math.max(0, columns - 2))} `, { tone: "muted" });
}

/** `true 0.00`: a name and its value, the value right-aligned so that it does not jump. */
export function badge(name: string, value: string, tone?: Tone, width = 0): Row {
  return rowOf(span(`${name} `, { tone: "muted" }), span(value.padStart(width), { ...(tone && { tone }), bold: true }));
}

/** The first row of a screen: what it is, and at the right how it stands. */
export function heading(left: readonly Span[], right: readonly Span[], columns: number): Row {
  return spread([span(" "), ...left], [...right, span(" ")], columns);
}

/** One of several things in a row, the chosen one marked by its ground; readable without colours by its brackets. */
export function choice(names: readonly string[], chosen: number, style: Style = { inverse: true, bold: true }): Row {
  return names.flatMap((name, i) => [i === chosen ? span(`[${name}]`, style) : span(` ${name} `), span(" ")]);
}

/** A box of lines with a title in its upper edge. */
export function box(title: string, body: Frame, width: number, { unicode }: Capabilities): Frame {
  const [tl, tr, bl, br, h, v] = unicode ? ["╭", "╮", "╰", "╯", "─", "│"] : ["+", "+", "+", "+", "-", "|"];
  const inner = width - 4;
  const edge: Style = { tone: "muted" };
  const head = title === "" ? "" : ` ${title} `;
  return [
    rowOf(
      span(tl + h, edge),
      span(head, { bold: true }),
      span(h.repeat(Math.max(0, width - 3 - widthOf(head))) + tr, edge),
    ),
    ...body.map((row) => [span(`${v} `, edge), ...spread(row, [], inner), span(` ${v}`, edge)]),
    rowOf(span(bl + h.repeat(width - 2) + br, edge)),
  ];
}

/** Parts of a row, without those that are empty. */
export const joined = (parts: readonly string[], separator: string): string => parts.filter(Boolean).join(separator);

/** The first of the texts that has room, from the fullest to the briefest. */
export function fitting(texts: readonly string[], columns: number, glyphs: Glyphs): string {
  return texts.find((text) => widthOf(text) <= columns) ?? cut(texts.at(-1) ?? "", columns, glyphs);
}

/** A text of exactly so many columns. */
export const filled = (text: string, width: number): string => text.slice(0, width).padEnd(width);
