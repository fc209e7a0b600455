import { type Row, span } from "./span.ts";

/** A long list of which a page is seen. */
export interface ListPlace {
  /** 0 where the list is empty. */
  readonly selected: number;
  /** The first row of the page. */
  readonly first: number;
}

/** Where the list stands after its selection moved by so many rows; the page follows no further than it must. */
export function moveSelection({ selected, first }: ListPlace, by: number, count: number, page: number): ListPlace {
  const at = Math.max(0, Math.min(count - 1, selected + by));
  const last = Math.max(0, count - page);
  return { selected: at, first: Math.max(0, Math.min(last, Math.max(at - page + 1, Math.min(first, at)))) };
}

/** A column of `height` signs that says which part of a list is seen; blanks where all of it is. */
export function scrollbar(first: number, page: number, count: number, height: number, unicode: boolean): Row[] {
  const size = Math.max(1, Math.round((height * page) / Math.max(count, 1)));
  const top = count <= page ? 0 : Math.round(((height - size) * first) / (count - page));
  return Array.from({ length: height }, (_, i) => {
    if (count <= page) return [span(" ")];
    const isThumb = i >= top && i < top + size;
    return [span(unicode ? (isThumb ? "┃" : "│") : isThumb ? "#" : "|", isThumb ? undefined : { tone: "muted" })];
  });
}
