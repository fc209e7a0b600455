import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { UserError } from "../../src/core/errors.ts";
import { fileError } from "../../src/runs/files.ts";

const LARGEST_INPUT = 1_000_000;

/**
 * A text that a person wrote: a scenario or a map. Never reads more than 1 MB, whatever the file claims to be (a pipe, a
 * device), and takes UTF-8 only; a byte order mark is dropped.
 *
 * @throws UserError naming the path when it cannot be read, is too large or is not UTF-8.
 */
export function readInputText(path: string): string {
  const bytes = readAtMost(path, LARGEST_INPUT);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UserError(`${path}: not UTF-8 text`, "save it as UTF-8; a binary file is no scenario and no map");
  }
}

function readAtMost(path: string, limit: number): Uint8Array {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const { size } = fstatSync(file);
    const buffer = new Uint8Array(limit + 1);
    let filled = 0;
    while (size <= limit && filled <= limit) {
      const read = readSync(file, buffer, filled, buffer.length - filled, null);
      if (read === 0) return buffer.subarray(0, filled);
      filled += read;
    }
    const found = size > limit ? `${(size / 1e6).toFixed(1)} MB` : "more than 1 MB";
    throw new UserError(`${path}: ${found}, expected a text of at most 1 MB`);
  } catch (error) {
    throw fileError("read", path, error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
