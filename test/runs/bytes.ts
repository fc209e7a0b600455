import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../src/core/hash.ts";

/**
 * SHA-256 of every file of a run that its training determines, by path; `timing.json` and locks are not among them, nor are the manifest's
 * command lines and the seal over them.
 */
export function bytesOf(run: string): Map<string, string> {
  const files = readdirSync(run, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(run.length + 1))
    .filter((path) => !path.endsWith("/timing.json") && !path.startsWith("locks/"));
  const contentOf = (path: string): string | Uint8Array => {
    const bytes = readFileSync(join(run, path));
    if (path !== "manifest.json") return bytes;
    const { commands: _commands, sha256: _seal, ...manifest } = JSON.parse(bytes.toString());
    return JSON.stringify(manifest);
  };
  return new Map(files.sort().map((path) => [path, sha256(contentOf(path))]));
}
