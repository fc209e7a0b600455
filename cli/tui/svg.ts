import { heatColour, TONE_COLOURS } from "./palette.ts";
import { type Frame, rowWidth, type Style, widthOf } from "./span.ts";

/** Pixels of a character cell. */
const COLUMN = 8.4;
const ROW = 18;
const FONT = 14;
const MARGIN = 14;

/** Dark ground, as most terminals have; the picture looks the same on a white page and on a dark one. */
const GROUND = "#14181d";
const LETTERS = "#d8dee6";

/** A frame as an SVG picture: the same frame is the same bytes. `title` is what a screen reader says. */
export function toSvg(frame: Frame, title: string): string {
  const width = round(Math.max(1, ...frame.map(rowWidth)) * COLUMN + 2 * MARGIN);
  const height = round(frame.length * ROW + 2 * MARGIN);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="6" fill="${GROUND}"/>`,
    `<g font-family="ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${FONT}" fill="${LETTERS}">`,
  ];
  frame.forEach((row, r) => {
    let column = 0;
    for (const { text, style } of row) {
      const columns = widthOf(text);
      const { letters, ground } = coloursOf(style);
      const x = round(MARGIN + column * COLUMN);
      const w = round(columns * COLUMN);
      if (ground !== null) {
        parts.push(`<rect x="${x}" y="${round(MARGIN + r * ROW)}" width="${w}" height="${ROW}" fill="${ground}"/>`);
      }
      for (const { part, before } of partsOf(text)) {
        // The length is said, so that columns stay columns whatever font is there.
        const attributes = [
          `x="${round(MARGIN + (column + before) * COLUMN)}"`,
          `y="${round(MARGIN + r * ROW + FONT)}"`,
          `textLength="${round(widthOf(part) * COLUMN)}"`,
          ...(letters === null ? [] : [`fill="${letters}"`]),
          ...(style?.bold ? ['font-weight="bold"'] : []),
        ];
        parts.push(`<text ${attributes.join(" ")}>${escapeXml(part)}</text>`);
      }
      column += columns;
    }
  });
  return `${[...parts, "</g>", "</svg>"].join("\n")}\n`;
}

/** A text without its blanks at the ends and where several follow each other: a picture keeps none of them. `before`: columns before a part. */
function partsOf(text: string): { readonly part: string; readonly before: number }[] {
  return [...text.matchAll(/\S+(?: \S+)*/g)].map(({ 0: part, index }) => ({
    part,
    before: widthOf(text.slice(0, index)),
  }));
}

function coloursOf(style: Style | undefined): { letters: string | null; ground: string | null } {
  if (style === undefined) return { letters: null, ground: null };
  if (style.heat !== undefined) {
    const { rgb, dark } = heatColour(style.heat);
    return { letters: dark ? "#ffffff" : "#000000", ground: hex(rgb) };
  }
  const letters = style.tone === undefined ? null : hex(TONE_COLOURS[style.tone].rgb);
  return style.inverse ? { letters: GROUND, ground: letters ?? LETTERS } : { letters, ground: null };
}

const hex = (rgb: readonly number[]): string => `#${rgb.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
const round = (value: number): number => Math.round(value * 10) / 10;

function escapeXml(text: string): string {
  return (
    text
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: XML allows none of them
      .replace(/[\u0000-\u001f\u007f-\u009f\ufffe\uffff]/g, "?")
  );
}
