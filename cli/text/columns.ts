/** Rows of a table, columns apart by two spaces; the last column is not padded. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [c, cell] of row.entries()) widths[c] = Math.max(widths[c] ?? 0, cell.length);
  return rows.map((row) => row.map((cell, c) => (c < row.length - 1 ? cell.padEnd(widths[c]) : cell)).join("  "));
}
