import { widthOf } from "./span.ts";
import type { TerminalOutput } from "./terminal.ts";

/** What stands on the terminal, row by row, and how to get from it to the next frame with few bytes. */
export interface RowWriter {
  /**
   * Write the rows that are not what they were; whether there were any. Lines are no wider than the terminal and complete in
   * themselves.
   */
  show(lines: readonly string[]): boolean;
  /** Somebody else wrote to the terminal, or it has another size: the next frame is written whole. */
  forget(): void;
}

/** Terminals that know it show what is between the two at once (DEC mode 2026); the others take no notice. */
const BEGIN = "\u001b[?2026h";
const END = "\u001b[?2026l";
const ERASE_ALL = "\u001b[2J";
const ERASE_REST = "\u001b[K";

/** After a row's last column the cursor still stands on it, and would erase it. */
function withRestErased(text: string, columns = Number.POSITIVE_INFINITY): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: codes take no column
  return widthOf(text.replace(/\u001b\[[\d;]*m/g, "")) >= columns ? text : text + ERASE_REST;
}

/**
 * Writes frames itself rather than through Ink's layout, which looks at every character of the screen for every frame: 13 ms for 120 x 40,
 * where the frame itself takes 0.3 (measured on one core of the machine that all numbers of docs/ are from).
 */
export function createRowWriter(stdout: TerminalOutput): RowWriter {
  let shown: readonly string[] | null = null;
  return {
    show(lines) {
      const before = shown;
      shown = lines;
      const changed = lines.flatMap((text, row) =>
        text === before?.[row]
          ? []
          : [`\u001b[${row + 1};1H${withRestErased(text.replace(/ +$/, ""), stdout.columns)}`],
      );
      if (changed.length === 0) return false;
      stdout.write(BEGIN + (before === null ? ERASE_ALL : "") + changed.join("") + END);
      return true;
    },
    forget: () => {
      shown = null;
    },
  };
}
