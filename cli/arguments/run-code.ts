import { dirname, resolve } from "node:path";
import { UserError } from "../../src/core/errors.ts";
import { keptCode, loadKeptCode } from "../../src/runs/own-code.ts";
import { isRun } from "./run-directories.ts";

/** A file of a run lies at most so many folders deep in it: cells/ID/checkpoints/0.safetensors. */
const DEEPEST = 4;

/** The run directory that a path is, or lies in; undefined where there is none. */
function runOf(path: string): string | undefined {
  let folder = resolve(path);
  for (let depth = 0; depth <= DEEPEST; depth++) {
    if (isRun(folder)) return folder;
    folder = dirname(folder);
  }
  return undefined;
}

/**
 * Load the code that a run brings, for a command that was given the run or a file of it.
 *
 * @throws UserError where it brings some and that is not allowed, or where it is not what it was.
 */
export function loadCodeOf(path: string, isAllowed: boolean): void {
  const run = runOf(path);
  if (run === undefined) return;
  const files = keptCode(run);
  if (files.length === 0) return;
  if (!isAllowed) {
    throw new UserError(
      `run ${run} brings code: ${files.map(({ file, sha256 }) => `${file} (sha256 ${sha256})`).join(", ")}; it runs only with --allow-code`,
      `read it first, in ${run}/code: it can do whatever you can`,
    );
  }
  loadKeptCode(run);
}
