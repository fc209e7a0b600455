import { inAscii } from "../text/ascii.ts";
import type { Capabilities } from "../text/capabilities.ts";
import { heatColour, TONE_COLOURS } from "./palette.ts";
import type { Frame, Row, Style } from "./span.ts";

/** The frame as lines of text, blanks at their ends left out. */
export function toText(frame: Frame, { unicode }: Pick<Capabilities, "unicode"> = { unicode: true }): string[] {
  return frame.map((row) =>
    row
      .map(({ text }) => (unicode ? printable(text) : inAscii(printable(text))))
      .join("")
      .trimEnd(),
  );
}

/** The frame as lines with escape codes, each of them complete in itself: a line begins and ends in the terminal's own colours. */
export function toAnsi(frame: Frame, capabilities: Capabilities): string[] {
  return frame.map((row) => paintRow(row, capabilities));
}

/**
 * Neighbours that look alike are painted in one go, blanks as the text before them, and none at the end: Ink spends its time on characters
 * and changes of style, and a slow line on codes.
 */
function paintRow(row: Row, { colours, unicode }: Capabilities): string {
  let painted = "";
  let before = { codes: "", hasGround: false };
  let blanks = "";
  for (const { text, style = {} } of row) {
    const hasGround = style.inverse === true || style.heat !== undefined;
    if (!hasGround && /^ *$/.test(text)) {
      blanks += text;
      continue;
    }
    const codes = codesOf(style, colours).join(";");
    if (blanks !== "" && !before.hasGround) painted += blanks;
    if (codes !== before.codes || (blanks !== "" && before.hasGround)) {
      painted += before.codes === "" ? "" : RESET;
      if (before.hasGround) painted += blanks;
      painted += codes === "" ? "" : `\u001b[${codes}m`;
    }
    blanks = "";
    before = { codes, hasGround };
    painted += unicode ? printable(text) : inAscii(printable(text));
  }
  if (before.codes !== "") return painted + RESET;
  return painted.trimEnd();
}

const RESET = "\u001b[0m";

/** The numbers of a "select graphic rendition". Without colours bold and inverse stay: they are no colours, and NO_COLOR does not mean them. */
function codesOf({ tone, bold, inverse, heat }: Style, colours: Capabilities["colours"]): (string | number)[] {
  const codes: (string | number)[] = [];
  if (bold) codes.push(1);
  if (inverse) codes.push(7);
  if (colours === "none") return codes;
  if (heat !== undefined) codes.push(...backgroundOf(heat, colours));
  // On a shaded ground the tone would be lost; the letters are black or white, whichever is read better.
  else if (tone !== undefined) {
    const { ansi16, ansi256, rgb } = TONE_COLOURS[tone];
    if (colours === "16") codes.push(ansi16);
    else codes.push(...(colours === "256" ? ["38;5", ansi256] : ["38;2", ...rgb]));
  }
  return codes;
}

function backgroundOf(heat: number, colours: "16" | "256" | "truecolor"): (string | number)[] {
  const { rgb, ansi256, dark } = heatColour(heat);
  const letters = colours === "16" ? [] : dark ? ["38;5", 231] : ["38;5", 16];
  switch (colours) {
    case "16":
      // Too few colours for a ramp: the greatest are inverse, and the numbers say the rest.
      return heat >= 0.75 ? [7] : [];
    case "256":
      return ["48;5", ansi256, ...letters];
    case "truecolor":
      return ["48;2", ...rgb, ...letters];
    default:
      return colours satisfies never;
  }
}

/** Texts of files may hold control characters; a terminal must not obey them. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "?");
}
