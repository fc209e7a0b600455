import { basename, join } from "node:path";
import { z } from "zod";

import { UserError } from "../core/errors.ts";
import { canonicalJson, sha256 } from "../core/hash.ts";
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint, type ResumePoint } from "./checkpoint.ts";
import {
  cutFile,
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
import { damaged, LARGEST_JSON, parseSealedJson, RUN_FORMAT, readSealedJson, sealedJson } from "./json.ts";
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

type JsonRecord = Readonly<Record<string, unknown>>;

/** What a run fixes before its first cell. */
export interface Manifest {
  readonly format: typeof RUN_FORMAT;
  /** Hash of the scenario without what may grow (arms, seeds, sweep). */
  readonly scenarioHash: string;
  /** The resolved scenario of the command that began the run. */
  readonly scenario: JsonRecord;
  /** The one metric that claims rest on, and the rule that selects checkpoints. */
  readonly primary: { readonly metric: string; readonly shift: string; readonly select: string };
  /** Whatever of ours can change a result: release and formats; not Node's version or the machine's. */
  readonly versions: Readonly<Record<string, string>>;
  readonly arms: readonly string[];
  readonly seeds: readonly number[];
  /** Points of the sweep, key path to value; one empty point without a sweep. */
  readonly points: readonly JsonRecord[];
  /** What commands asked for, each for all its arms with all its seeds at all its points: together the cells of the run. */
  readonly asked: readonly Pick<Manifest, "arms" | "seeds" | "points">[];
  /** Command lines that asked for it, each once, in the order in which they came first. */
  readonly commands: readonly string[];
}

/** All that determines a cell; its hash is part of the cell's name. */
export interface CellIdentity {
  readonly format: number;
  /** The parts of the resolved scenario that this cell depends on, at its point of the sweep. */
  readonly scenario: unknown;
  /** The arm's whole record. */
  readonly arm: { readonly name: string };
  readonly seed: number;
  /** Name of the engine. */
  readonly engine: string;
}

/** Where the files of a cell are. */
export interface CellPaths {
  readonly id: string;
  readonly root: string;
  readonly metrics: string;
  readonly evaluation: string;
  readonly episodes: string;
  readonly checkpoints: string;
  readonly timing: string;
  readonly result: string;
  readonly resume: string;
  readonly failure: string;
}

/** A cell that was left unfinished, at its latest point to go on from. */
export type Unfinished = Checkpoint & { readonly resume: ResumePoint };

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

const digest = z.string().regex(/^[0-9a-f]{64}$/, { error: "is not 64 hex digits" });
const record = z.record(z.string(), z.unknown());
const count = z.int().min(0);

const product = { arms: z.array(z.string()), seeds: z.array(count), points: z.array(record) };
const manifestSchema = z
  .strictObject({
    format: z.literal(RUN_FORMAT),
    scenarioHash: digest,
    scenario: record,
    primary: z.strictObject({ metric: z.string(), shift: z.string(), select: z.string() }),
    versions: z.record(z.string(), z.string()),
    ...product,
    asked: z.array(z.strictObject(product)).optional(),
    commands: z.array(z.string()).default([]),
  })
  // A run from before this was written down is taken to be of all arms with all seeds at all points.
  .transform(({ asked, ...rest }) => {
    const { arms, seeds, points } = rest;
    return { ...rest, asked: asked ?? [{ arms, seeds, points }] };
  });

/** The folder of a run's locks. */
export const LOCKS = "locks";
const FILE_OF_CELL = /^(metrics\.jsonl|evaluation\.json|episodes\.jsonl|checkpoints\/\d+\.safetensors)$/;
/** Files of a cell that grow while it trains. */
const LOGS: ReadonlySet<string> = new Set(["metrics.jsonl", "episodes.jsonl"]);
const ARM_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const CELL_ID = /^[A-Za-z0-9][A-Za-z0-9._-]*-seed\d+-[0-9a-f]{8}$/;

/** `<arm>-seed<k>-<hash8>`: hash8 begins the SHA-256 of the identity's canonical JSON. */
export function cellId(identity: CellIdentity): string {
  const { name } = identity.arm;
  if (!ARM_NAME.test(name)) throw new RangeError(`cellId: arm ${JSON.stringify(name)} cannot be part of a file name`);
  return `${name}-seed${identity.seed}-${sha256(canonicalJson(identity)).slice(0, 8)}`;
}

export function cellPaths(run: string, id: string): CellPaths {
  if (!CELL_ID.test(id)) throw new RangeError(`cellPaths: ${JSON.stringify(id)} is not the id of a cell`);
  const root = join(run, "cells", id);
  return {
    id,
    root,
    metrics: join(root, "metrics.jsonl"),
    evaluation: join(root, "evaluation.json"),
    episodes: join(root, "episodes.jsonl"),
    checkpoints: join(root, "checkpoints"),
    timing: join(root, "timing.json"),
    result: join(root, "result.json"),
    resume: join(root, "resume.safetensors"),
    failure: join(root, "failure.json"),
  };
}

export function checkpointPath(cell: CellPaths, step: number): string {
  return join(cell.checkpoints, `${step}.safetensors`);
}

/** Runs `action` while no other process runs one of the same name in the same run; see lock.ts. */
export type Guard = <T>(name: string, action: () => T) => T;

/**
 * Create the run's manifest, or extend the lists of the one that is there. The rest of it never changes.
 * Processes that open a run at the same time need a `guard`, or the extension of one of them is lost.
 *
 * @returns the manifest as it now stands in the directory.
 * @throws UserError when the directory holds something else, or a run that was fixed differently.
 */
export function openRun(dir: string, manifest: Manifest, guard: Guard = (_name, action) => action()): Manifest {
  const path = join(dir, "manifest.json");
  makeFolder(dir);
  for (;;) {
    const bytes = pathExists(path) ? readBytes(path, LARGEST_JSON) : undefined;
    const before = bytes && parseSealedJson(bytes, path, manifestSchema);
    if (before === undefined) refuseStrangers(dir);
    const merged = before === undefined ? manifest : extended(dir, before, manifest);
    if (merged === before) return before;
    // The lock is named after what is replaced. Manifests only grow, so a name that is done with never comes back.
    const replaced = bytes === undefined ? "new" : sha256(bytes);
    const written = guard(`manifest-${replaced.slice(0, 16)}`, () => {
      const isSame = pathExists(path) ? hashFile(path) === replaced : bytes === undefined;
      if (isSame) writeAtomically(path, sealedJson(merged));
      return isSame;
    });
    if (written) return merged;
  }
}

/** The manifest with the lists of another added; the same object where that adds nothing. */
function extended(dir: string, before: Manifest, more: Manifest): Manifest {
  for (const key of ["scenarioHash", "primary", "versions"] as const) {
    const [was, is] = [canonicalJson(before[key]), canonicalJson(more[key])];
    if (was !== is) {
      throw new UserError(
        `run ${dir} was begun with ${key} ${was}; this is ${is}`,
        "what a run fixed before its first cell stays: choose another folder with --out",
      );
    }
  }
  const merged = {
    ...before,
    arms: union(before.arms, more.arms),
    seeds: union(before.seeds, more.seeds).sort((a, b) => a - b),
    points: union(before.points, more.points),
    asked: union(before.asked, more.asked),
    commands: union(before.commands, more.commands),
  };
  return canonicalJson(merged) === canonicalJson(before) ? before : merged;
}

/** A run whose manifest was lost keeps its cells: their ids say what they are of, and the manifest is written anew. */
function refuseStrangers(dir: string): void {
  const cells = pathExists(join(dir, "cells")) ? listFolder(join(dir, "cells")) : [];
  const isLost = cells.length > 0 && cells.every((id) => CELL_ID.test(id));
  // Another command may have written the manifest since it was looked for.
  const own = new Set(["manifest.json", LOCKS, ...(isLost ? ["cells", "report", "control.json"] : [])]);
  const stranger = listFolder(dir).find((name) => !own.has(name));
  if (stranger === undefined) return;
  throw new UserError(
    `folder ${dir} is not a run: it has no manifest.json, and holds ${stranger}`,
    "choose a new or empty folder with --out",
  );
}

/** @throws UserError when there is none, or it is damaged. */
export function readManifest(dir: string): Manifest {
  return readSealedJson(join(dir, "manifest.json"), manifestSchema);
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

/** A cell's last checkpoint, finished or not; undefined before the first. */
export function lastCheckpoint(cell: CellPaths): string | undefined {
  const steps = (pathExists(cell.checkpoints) ? listFolder(cell.checkpoints) : []).map((name) =>
    Number.parseInt(name, 10),
  );
  return steps.length === 0 ? undefined : checkpointPath(cell, Math.max(...steps));
}

/**
 * The file that holds the latest policy of a cell: what it goes on from, else its last checkpoint; undefined before there is one. Whoever
 * reads it while the cell is trained may find it gone.
 */
export function latestPolicy(cell: CellPaths): string | undefined {
  return pathExists(cell.resume) ? cell.resume : lastCheckpoint(cell);
}

/** Write the checkpoint of a step into its cell; returns its path in the cell and its mark. */
export function writeCheckpoint(cell: CellPaths, checkpoint: Checkpoint): [name: string, mark: FileMark] {
  refuseFinished(cell, "writeCheckpoint");
  const bytes = encodeCheckpoint(checkpoint);
  const path = checkpointPath(cell, checkpoint.step);
  writeAtomically(path, bytes);
  return [`checkpoints/${basename(path)}`, { bytes: bytes.length, sha256: sha256(bytes) }];
}

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

function refuseFinished(cell: CellPaths, caller: string): void {
  if (pathExists(cell.result)) throw new RangeError(`${caller}: cell ${cell.id} is finished`);
}

function union<T>(before: readonly T[], more: readonly T[]): T[] {
  return [...new Map([...before, ...more].map((item) => [canonicalJson(item), item])).values()];
}
