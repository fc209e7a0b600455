import { UserError } from "../core/errors.ts";

/*
 * Maps as people write them: a letter a cell. What is not on the map, words of the state and objects that cannot be seen there, stands in
 * one line below it: `held: 2 · key at 3,5 · on: lava`.
 */

/** Letter -> meaning. */
export type Letters = ReadonlyMap<string, string>;

/** A map and what stands below it, by name. */
export interface WrittenMap {
  readonly rows: readonly string[];
  readonly notes: ReadonlyMap<string, string>;
}

/** A map as a world prints it, in its two parts: a letter a cell, and the lines below it. */
export function mapParts(printed: string): { readonly rows: readonly string[]; readonly notes: readonly string[] } {
  const lines = printed.split("\n");
  const first = lines.findIndex((line) => NOTE.test(line));
  return first < 0 ? { rows: lines, notes: [] } : { rows: lines.slice(0, first), notes: lines.slice(first) };
}

/** A map for people: its letters apart, and below it the words of the state; where hidden objects lie is not among them. */
export function spacedMap(printed: string): string[] {
  const { rows, notes } = mapParts(printed);
  const words = notes.flatMap((note) => note.split(" · ")).filter((note) => !note.includes(" at "));
  return [...rows.map((row) => [...row].join(" ")), ...(words.length > 0 ? [words.join(" · ")] : [])];
}

const NOTE = /^(\S+?)(?:: | at )(.*)$/;

/**
 * The rows of a map: known letters, as many in each row; blank lines around it, indentation and trailing spaces do not count.
 *
 * @throws UserError naming row and column.
 */
export function readMap(map: string, letters: Letters): WrittenMap {
  // Trimming also takes the carriage return of a CRLF line.
  const lines = map.split("\n").map((line) => line.trim());
  while (lines.length > 0 && lines[0] === "") lines.shift();
  while (lines.length > 0 && lines[lines.length - 1] === "") lines.pop();
  const first = lines.findIndex((line) => NOTE.test(line));
  const rows = first < 0 ? lines : lines.slice(0, first);
  if (rows.length === 0) throw new UserError("map row 1, column 1: found nothing, expected a map");
  const foreign = new RegExp(`[^${[...letters.keys()].join("").replace(/[\\\]^-]/g, "\\$&")}]`, "u");
  const width = rows[0].length;
  for (const [r, row] of rows.entries()) {
    const found = foreign.exec(row);
    if (found !== null) {
      throw new UserError(
        `map row ${r + 1}, column ${found.index + 1}: found '${found[0]}', expected one of ${[...letters.keys()].join(" ")}`,
        [...letters].map(([key, meaning]) => `${key} ${meaning}`).join(", "),
      );
    }
    if (row.length !== width) {
      throw new UserError(
        `map row ${r + 1}, column ${Math.min(row.length, width) + 1}: found ${row.length} cells in the row, expected ${width} as in row 1`,
      );
    }
  }
  const notes = new Map<string, string>();
  for (const note of lines.slice(rows.length).flatMap((line) => line.split(" · "))) {
    const [, name, value] = NOTE.exec(note) ?? [];
    if (name === undefined)
      throw new UserError(`map: found ${JSON.stringify(note)} below the map, expected name: value`);
    notes.set(note.includes(" at ") ? `${name} at` : name, value);
  }
  return { rows, notes };
}

/**
 * Rows and columns of a square map.
 * @throws UserError when it is not a square of `least` to `most` rows in these letters.
 */
export function sideOfMap(map: string, letters: Letters, least: number, most: number): number {
  const { rows } = readMap(map, letters);
  const [height, width] = [rows.length, rows[0].length];
  const found = `map row ${height}, column ${width}: found ${height} rows of ${width} cells`;
  if (height !== width) throw new UserError(`${found}, expected a square`);
  if (width < least || width > most) throw new UserError(`${found}, expected ${least} to ${most} rows and columns`);
  return width;
}

/** `row 2, column 5`, both from 1. */
export function placeOfCell(cell: number, width: number): string {
  return `row ${Math.floor(cell / width) + 1}, column ${(cell % width) + 1}`;
}
