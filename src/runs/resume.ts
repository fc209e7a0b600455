import { basename, join } from "node:path";
import { sha256 } from "../core/hash.ts";
import { type CellPaths, FILE_OF_CELL } from "./cell-paths.ts";
import { type Checkpoint, encodeCheckpoint, type ResumePoint } from "./checkpoint.ts";
import { cutFile, makeFolder, namesIn, pathExists, readBytes, remove, writeAtomically } from "./files.ts";
import { damaged } from "./json.ts";
import { readCheckpoint, refuseFinished } from "./store.ts";

/** A cell that was left unfinished, at its latest point to go on from. */
export type Unfinished = Checkpoint & { readonly resume: ResumePoint };

/** Files of a cell that grow while it trains. */
const LOGS: ReadonlySet<string> = new Set(["metrics.jsonl", "episodes.jsonl"]);

/** Replace the point that an unfinished cell goes on from. Every file that it marks must be on the disk by now. */
export function writeResumePoint(cell: CellPaths, point: Unfinished): void {
  refuseFinished(cell, "writeResumePoint");
  writeAtomically(cell.resume, encodeCheckpoint(point));
}

/**
 * The point that an unfinished cell goes on from, undefined where there is none yet. Writes nothing.
 *
 * @throws UserError naming the file when the point is damaged, or a file that it marks is not as it was then. Writes appear whole and in
 * order, so no kill does that: somebody or the disk did, and falling back to an older state would hide it.
 */
export function readResumePoint(cell: CellPaths): Unfinished | undefined {
  if (!pathExists(cell.resume)) return undefined;
  const { resume, ...checkpoint } = readCheckpoint(cell.resume);
  if (resume === undefined) throw damaged(cell.resume, "holds nothing to go on from");
  for (const [name, mark] of Object.entries(resume.files)) {
    if (!FILE_OF_CELL.test(name))
      throw damaged(cell.resume, `marks ${JSON.stringify(name)}, which is not a file of a cell`);
    const path = join(cell.root, name);
    if (!pathExists(path)) throw damaged(path, "is missing, although its cell's resume.safetensors marks it");
    const bytes = readBytes(path);
    const isWhole = LOGS.has(name) ? bytes.length >= mark.bytes : bytes.length === mark.bytes;
    if (!isWhole || sha256(bytes.subarray(0, mark.bytes)) !== mark.sha256) {
      throw damaged(path, "was changed after its cell was saved: its hash does not match");
    }
  }
  return { ...checkpoint, resume };
}

/** Roll a cell back to the point that {@link readResumePoint} gave: logs are cut to their marks, files without a mark removed. */
export function rollBack(cell: CellPaths, { resume }: Unfinished): void {
  refuseFinished(cell, "rollBack");
  const kept = new Set([...Object.keys(resume.files), basename(cell.resume)]);
  const marked = (name: string) => kept.has(name) || [...kept].some((file) => file.startsWith(`${name}/`));
  makeFolder(cell.checkpoints);
  for (const name of namesIn(cell.root))
    if (!marked(name) && name !== basename(cell.checkpoints)) remove(join(cell.root, name));
  for (const name of namesIn(cell.checkpoints)) {
    if (!marked(`checkpoints/${name}`)) remove(join(cell.checkpoints, name));
  }
  for (const [name, { bytes }] of Object.entries(resume.files)) {
    const path = join(cell.root, name);
    if (LOGS.has(name)) cutFile(path, bytes);
  }
}
