import { type Frame, fitRight, fitTo, type Row, rowWidth, span } from "./span.ts";

/** A column of a table. `width` where it must not jump as numbers change; else it is as wide as what is in it. */
export interface TableColumn<Item> {
  readonly head: string;
  readonly cell: (item: Item) => Row;
  readonly align?: "left" | "right";
  readonly width?: number;
  /** Columns that yield are left out where the table is too wide, the highest number first; without it a column stays. */
  readonly yields?: number;
}

/**
 * Head and rows, columns two blanks apart: `width` columns wide, or as wide as the columns that stay. `every`: the items of all tables that
 * must have the same columns as this one.
 */
export function table<Item>(
  columns: readonly TableColumn<Item>[],
  items: readonly Item[],
  width: number,
  every: readonly Item[] = items,
): Frame {
  let shown = columns.map((column) => {
    const cells = items.map(column.cell);
    const widths = every.map((item) => rowWidth(column.cell(item)));
    return { column, cells, width: column.width ?? Math.max(column.head.length, ...widths) };
  });
  const total = () => shown.reduce((sum, each) => sum + each.width + 2, -2);
  while (total() > width) {
    const first = Math.max(...shown.map(({ column }) => column.yields ?? 0));
    if (first === 0) break;
    shown = shown.filter(({ column }) => (column.yields ?? 0) !== first);
  }
  const rowFrom = (cellOf: (index: number) => Row): Row =>
    fitTo(
      shown.flatMap((each, c) => {
        const place = each.column.align === "right" ? fitRight : fitTo;
        return [...(c > 0 ? [span("  ")] : []), ...place(cellOf(c), each.width)];
      }),
      Math.max(width, total()),
    );
  return [
    rowFrom((c) => [span(shown[c].column.head, { tone: "muted" })]),
    ...items.map((_, i) => rowFrom((c) => shown[c].cells[i])),
  ];
}
