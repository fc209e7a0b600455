import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Make a folder and those above it, with the permissions `mode`, where they are not there. Folder by folder: where a file system says ENOENT
 * to new folders (/proc does), Node's own `recursive` tries for ever.
 *
 * @throws Error as node:fs throws it.
 */
export function makeFolders(path: string, mode?: number): void {
  const above = dirname(path);
  if (above !== path && !isFolder(above)) makeFolders(above, mode);
  try {
    mkdirSync(path, mode);
  } catch (error) {
    if (!isFolder(path)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
