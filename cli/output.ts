import { inAscii } from "./ascii.ts";
import { printedCapabilities } from "./capabilities.ts";

/** Data, on stdout. */
export function print(text: string): void {
  write(process.stdout, text);
}

/** The one document of `--json`. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Talk, on stderr. */
export function say(text: string): void {
  write(process.stderr, text);
}

const write = (stream: NodeJS.WriteStream, text: string): void =>
  void stream.write(`${printedCapabilities(stream).unicode ? text : inAscii(text)}\n`);

/** Rows of a table, columns apart by two spaces; the last column is not padded. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [c, cell] of row.entries()) widths[c] = Math.max(widths[c] ?? 0, cell.length);
  return rows.map((row) => row.map((cell, c) => (c < row.length - 1 ? cell.padEnd(widths[c]) : cell)).join("  "));
}
