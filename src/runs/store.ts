import { basename, join } from "node:path";
import { UserError } from "../core/errors.ts";
import { canonicalJson, sha256 } from "../core/hash.ts";
import { CELL_ID, type CellPaths, cellPaths, checkpointPath, FILE_OF_CELL } from "./cell-paths.ts";
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from "./checkpoint.ts";
import {
  type FileMark,
  hashFile,
  listFolder,
  makeFolder,
  namesIn,
  pathExists,
  readBytes,
  readFrom,
  remove,
  writeAtomically,
} from "./files.ts";
import { damaged, RUN_FORMAT, readSealedJson, sealedJson } from "./json.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import {
  type CellEvaluation,
  type CellResult,
  parseEvaluation,
  parseTiming,
  resultSchema,
  type Timing,
} from "./results.ts";
import { endOfHeader, SAFETENSORS_BEGIN } from "./safetensors.ts";

/**
 * The run directory: what stands in which file, and what makes it whole or damaged. files.ts does the reading and writing.
 *
 *     <run>/manifest.json                          what was fixed before the first cell; arms, seeds and sweep points may grow
 *     <run>/cells/<id>/metrics.jsonl               one line per update, appended
 *                     /evaluation.json
 *                     /episodes.jsonl              some episodes of each shift and view; see episodes.ts
 *                     /checkpoints/<step>.safetensors
 *                     /timing.json                 clock, memory, host; never hashed
 *                     /result.json                 written last: its presence is what "finished" means
 *                     /failure.json                why it failed, until it is taken up again; see failure.ts
 *                     /resume.safetensors          while unfinished: the latest point to go on from
 *     <run>/locks/<cell>.<generation>              who trains what; see lock.ts
 *     <run>/control.json                           while the run is paused; see control.ts
 *
 * Whole files appear by rename, so a reader never sees half of one. Readers leave out names that begin with a dot: those are the
 * temporary files of a write that was killed.
 */

export interface FinishedCell {
  readonly paths: CellPaths;
  readonly result: CellResult;
  readonly evaluation: CellEvaluation;
}

export interface RunContents {
  readonly manifest: Manifest;
  /** In the order of their ids. */
  readonly finished: readonly FinishedCell[];
  /** Ids of cells that were begun and have no result. */
  readonly unfinished: readonly string[];
}

/**
 * Make an empty folder for a cell, removing what an unfinished attempt left.
 *
 * @throws RangeError when the cell is finished: it is never written again.
 */
export function startCell(run: string, id: string): CellPaths {
  const cell = cellPaths(run, id);
  refuseFinished(cell, "startCell");
  remove(cell.root);
  makeFolder(cell.checkpoints);
  return cell;
}

/** Write the checkpoint of a step into its cell; returns its path in the cell and its mark. */
export function writeCheckpoint(cell: CellPaths, checkpoint: Checkpoint): [name: string, mark: FileMark] {
  refuseFinished(cell, "writeCheckpoint");
  const bytes = encodeCheckpoint(checkpoint);
  const path = checkpointPath(cell, checkpoint.step);
  writeAtomically(path, bytes);
  return [`checkpoints/${basename(path)}`, { bytes: bytes.length, sha256: sha256(bytes) }];
}

/** Whether a kill in the last moment left something in a finished cell that does not belong there. */
export function isUntidy(cell: CellPaths): boolean {
  return pathExists(cell.result) && leftovers(cell).length > 0;
}

/** Remove what {@link isUntidy} finds. The caller holds the cell's lock. */
export function tidyCell(cell: CellPaths): void {
  if (isUntidy(cell)) for (const path of leftovers(cell)) remove(path);
}

function leftovers(cell: CellPaths): string[] {
  const temporary = (folder: string) =>
    namesIn(folder)
      .filter((name) => name.startsWith(".") && name.endsWith(".tmp"))
      .map((name) => join(folder, name));
  const unneeded = [cell.resume, cell.failure].filter(pathExists);
  return [...unneeded, ...temporary(cell.root), ...temporary(cell.checkpoints)];
}

/** @throws UserError naming the file when it cannot be read or is not one of our checkpoints. */
export function readCheckpoint(path: string): Checkpoint {
  return readPart(path, "all");
}

/** A checkpoint without its optimiser, to act with: faster than {@link readCheckpoint}. @throws UserError as that. */
export function readPolicy(path: string): Checkpoint {
  return readPart(path, "policy");
}

function readPart(path: string, part: "all" | "policy"): Checkpoint {
  // What is no checkpoint is seen by its first bytes, however long it is.
  const begin = readFrom(path, 0, SAFETENSORS_BEGIN);
  if (begin !== undefined) endOfHeader(begin.bytes, begin.size, `checkpoint ${path}`);
  return decodeCheckpoint(readBytes(path), path, part);
}

export function writeEvaluation(cell: CellPaths, evaluation: CellEvaluation): void {
  refuseFinished(cell, "writeEvaluation");
  writeAtomically(cell.evaluation, `${canonicalJson(evaluation)}\n`);
}

/** Episodes of a cell, as `encodeEpisodes` writes them. */
export function writeEpisodes(cell: CellPaths, text: string): void {
  refuseFinished(cell, "writeEpisodes");
  writeAtomically(cell.episodes, text);
}

/** Clock, memory and host, as `cli/` measured them; no hash covers this file. */
export function writeTiming(cell: CellPaths, timing: Timing & Readonly<Record<string, unknown>>): void {
  writeAtomically(cell.timing, `${canonicalJson(timing)}\n`);
}

/** Undefined where it is not written yet, or cannot be read. */
export function readTiming(cell: CellPaths): Timing | undefined {
  try {
    return parseTiming(readBytes(cell.timing), cell.timing);
  } catch {
    return undefined;
  }
}

/** @throws UserError when it cannot be read, or is damaged. */
export function readEvaluation(cell: CellPaths): CellEvaluation {
  return parseEvaluation(readBytes(cell.evaluation), cell.evaluation);
}

/**
 * Finish a cell: hash its files into result.json, which is written last. Metrics must be closed by now.
 *
 * @throws RangeError when the cell is finished already, or a named checkpoint was not written.
 * @throws UserError when metrics.jsonl or evaluation.json cannot be read.
 */
export function finishCell(cell: CellPaths, outcome: Omit<CellResult, "format" | "cell" | "files">): CellResult {
  refuseFinished(cell, "finishCell");
  const steps = listFolder(cell.checkpoints);
  for (const [name, step] of Object.entries(outcome.checkpoints)) {
    if (!steps.includes(`${step}.safetensors`)) {
      throw new RangeError(`finishCell: checkpoint ${name} is step ${step}, which was not written`);
    }
  }
  const names = ["metrics.jsonl", "evaluation.json", ...steps.map((file) => `checkpoints/${file}`)];
  if (pathExists(cell.episodes)) names.push("episodes.jsonl");
  const files = Object.fromEntries(names.map((name) => [name, hashFile(join(cell.root, name))]));
  const { scenarioHash, arm, seed, point, engine, backend, device, steps: trained, checkpoints, summary } = outcome;
  const result = {
    ...{ format: RUN_FORMAT, cell: cell.id, scenarioHash, arm, seed, point, engine },
    ...(backend !== undefined && { backend, device }),
    ...{ steps: trained, checkpoints, files, summary },
  } satisfies CellResult;
  writeAtomically(cell.result, sealedJson(result));
  remove(cell.resume);
  return result;
}

/**
 * Whether the cell has its result, after checking every file that the result records.
 *
 * @throws UserError naming the first damaged, missing or unrecorded file.
 */
export function isFinished(cell: CellPaths): boolean {
  return readResult(cell) !== undefined;
}

/**
 * The result of a cell, undefined while it has none.
 *
 * @throws UserError as {@link isFinished}.
 */
export function readResult(cell: CellPaths): CellResult | undefined {
  const result = readResultAlone(cell);
  if (result === undefined) return undefined;
  for (const [name, expected] of Object.entries(result.files)) {
    const path = join(cell.root, name);
    if (!pathExists(path)) throw damaged(path, "is missing, although its cell's result.json records it");
    if (hashFile(path) !== expected)
      throw damaged(path, "was changed after its cell was finished: its hash does not match");
  }
  for (const file of listFolder(cell.checkpoints)) {
    if (result.files[`checkpoints/${file}`] === undefined) {
      throw damaged(join(cell.checkpoints, file), "is not recorded in its cell's result.json");
    }
  }
  return result;
}

/**
 * As {@link readResult}, but the files that it records are not opened: for those who want one of them, which they check themselves, and
 * not to wait for a hundred megabytes of others.
 *
 * @throws UserError when result.json is damaged.
 */
export function readResultAlone(cell: CellPaths): CellResult | undefined {
  if (!pathExists(cell.result)) return undefined;
  const result = readSealedJson(cell.result, resultSchema);
  if (result.cell !== cell.id) throw damaged(cell.result, `is the result of cell ${result.cell}`);
  for (const required of ["metrics.jsonl", "evaluation.json"]) {
    if (result.files[required] === undefined) throw damaged(cell.result, `records no ${required}`);
  }
  for (const [name, step] of Object.entries(result.checkpoints)) {
    const file = `checkpoints/${step}.safetensors`;
    if (result.files[file] === undefined) throw damaged(cell.result, `names ${name} but records no ${file}`);
  }
  for (const name of Object.keys(result.files)) {
    if (!FILE_OF_CELL.test(name)) {
      throw damaged(cell.result, `records ${JSON.stringify(name)}, which is not a file of a cell`);
    }
  }
  return result;
}

/**
 * Everything a run directory holds.
 *
 * `onDamage` is told of each cell that cannot be read, which is then left out; without it, the first one is thrown.
 *
 * @throws UserError naming a file that is damaged or belongs to something else.
 */
export function readRun(dir: string, onDamage = (error: UserError): void => raise(error)): RunContents {
  const manifest = readManifest(dir);
  const finished: FinishedCell[] = [];
  const unfinished: string[] = [];
  const folder = join(dir, "cells");
  for (const id of pathExists(folder) ? listFolder(folder) : []) {
    try {
      const cell = readCell(dir, id, manifest);
      if (cell === undefined) unfinished.push(id);
      else finished.push(cell);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      onDamage(error);
    }
  }
  return { manifest, finished, unfinished };
}

/** A cell of a run; undefined while it is unfinished. */
function readCell(dir: string, id: string, manifest: Manifest): FinishedCell | undefined {
  const folder = join(dir, "cells");
  if (!CELL_ID.test(id)) throw new UserError(`${join(folder, id)} is not a cell of this run`, "move it elsewhere");
  const paths = cellPaths(dir, id);
  const result = readResult(paths);
  if (result === undefined) {
    listFolder(paths.root);
    return undefined;
  }
  if (result.scenarioHash !== manifest.scenarioHash) {
    throw damaged(paths.result, `has scenario hash ${result.scenarioHash}, its run has ${manifest.scenarioHash}`);
  }
  return { paths, result, evaluation: readEvaluation(paths) };
}

function raise(error: Error): never {
  throw error;
}

/** @throws RangeError when the cell is finished: it is never written again. */
export function refuseFinished(cell: CellPaths, caller: string): void {
  if (pathExists(cell.result)) throw new RangeError(`${caller}: cell ${cell.id} is finished`);
}
