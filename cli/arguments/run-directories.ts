import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../src/core/errors.ts";

/*
 * Which folders are run directories. Nothing of a run is read: `--help` must not wait for whatever checks files.
 */

/** Where `halfwatch run` writes unless told otherwise. */
const RUNS = "runs";

const manifestOf = (path: string): string => join(path, "manifest.json");

export const isRun = (path: string): boolean => existsSync(manifestOf(path));

/** Whether a path lies in a run that brings code, or is one; at a glance. */
export function mayHaveCode(path: string): boolean {
  return ["", "..", "../..", "../../..", "../../../.."].some((up) => existsSync(join(path, up, "code", "index.json")));
}

export const isFile = (path: string): boolean => existsSync(path) && !statSync(path).isDirectory();

/** The run of which the manifest was written last, by the files' clock; undefined where none of the paths is a run. */
export function newestRun(paths: readonly string[]): string | undefined {
  const written = paths.filter(isRun).map((path) => ({ path, at: statSync(manifestOf(path)).mtimeMs }));
  return written.sort((a, b) => b.at - a.at)[0]?.path;
}

/** @throws UserError for a path that is no run directory, with the newest run in it or in {@link RUNS}. */
export function checkRun(path: string): void {
  if (!isRun(path)) throw noRun(path);
}

/** What is to be said of a path that is no run directory. */
export function noRun(path: string): UserError {
  return new UserError(
    existsSync(path)
      ? `${path} is no run directory (it has no manifest.json)`
      : `cannot read ${path}: there is no such file or folder (ENOENT)`,
    whereRunsAre(path),
  );
}

/** Where to look for a run instead. */
export function whereRunsAre(path: string): string {
  for (const folder of [path, RUNS]) {
    const newest = newestRun(foldersIn(folder));
    if (newest !== undefined) return `the newest run in ${folder} is ${newest}`;
  }
  return `\`halfwatch run\` writes run directories into ${RUNS}/, or where --out says`;
}

/** The runs in a folder. */
export const runsIn = (folder: string): string[] => foldersIn(folder).filter(isRun);

function foldersIn(path: string): string[] {
  try {
    return readdirSync(path).map((name) => join(path, name));
  } catch {
    return [];
  }
}
