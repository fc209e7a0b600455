import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../src/core/hash.ts";

/** SHA-256 of every file of a run that its training determines, by path; `timing.json` and locks are not among them. */
export function bytesOf(run: string): Map<string, string> {
  const files = readdirSync(run, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(run.length + 1))
    .filter((path) => !path.endsWith("/timing.json") && !path.startsWith("locks/"));
  return new Map(files.sort().map((path) => [path, sha256(readFileSync(join(run, path)))]));
}
