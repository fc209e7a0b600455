/** A click or a turn of the wheel; column and row are counted from 0. */
export interface Mouse {
  readonly kind: "press" | "drag" | "release" | "wheel-up" | "wheel-down";
  readonly column: number;
  readonly row: number;
}

/** Buttons and dragging (1002) in the SGR form (1006), which has no bound on columns. */
export const MOUSE_ON = "\u001b[?1002h\u001b[?1006h";
export const MOUSE_OFF = "\u001b[?1006l\u001b[?1002l";

/** What the mouse did, from a piece of the terminal's input; keys in between are left to others. */
export function mouseIn(input: string): Mouse[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is how the terminal says it
  return [...input.matchAll(/\u001b\[<(\d+);(\d+);(\d+)([Mm])/g)].flatMap(([, code, column, row, end]): Mouse[] => {
    const kind = kindOf(Number(code), end === "m");
    return kind === undefined ? [] : [{ kind, column: Number(column) - 1, row: Number(row) - 1 }];
  });
}

/** Bits of the code: 1, 2 the button; 32 it moved; 64 the wheel. Other buttons than the left one do nothing. */
function kindOf(code: number, released: boolean): Mouse["kind"] | undefined {
  const button = code & 0b1100_0011;
  if (button === 64) return "wheel-up";
  if (button === 65) return "wheel-down";
  if (button !== 0) return undefined;
  if (released) return "release";
  return code & 32 ? "drag" : "press";
}
