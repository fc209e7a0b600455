import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { UserError } from "../core/errors.ts";
import { canonicalJson, isSealed, seal, sha256, UNSEALED } from "../core/hash.ts";
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint, issueText, refuseOtherFormat } from "./checkpoint.ts";

/**
 * The run directory, and the only module of `src/` that touches files.
 *
 *     <run>/manifest.json                          what was fixed before the first cell; arms, seeds and sweep points may grow
 *     <run>/cells/<id>/metrics.jsonl               one line per update, appended
 *                     /evaluation.json
 *                     /episodes.jsonl              optional
 *                     /checkpoints/<step>.safetensors
 *                     /timing.json                 clock, memory, host; never hashed
 *                     /result.json                 written last: its presence is what "finished" means
 *
 * Whole files appear by rename, so a reader never sees half of one. Readers leave out names that begin with a dot: those are the
 * temporary files of a write that was killed.
 */

/** The format of manifest.json and result.json that this version writes and reads. */
export const RUN_FORMAT = 1;

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

/** What a finished cell says of itself; nothing of clock, host or memory. */
export interface CellResult {
  readonly format: typeof RUN_FORMAT;
  readonly cell: string;
  readonly scenarioHash: string;
  readonly arm: string;
  readonly seed: number;
  readonly point: JsonRecord;
  readonly engine: string;
  /** Environment steps trained. */
  readonly steps: number;
  /** Names of checkpoints ("last", "label-legal", "oracle") and the steps they stand for. */
  readonly checkpoints: Readonly<Record<string, number>>;
  /** SHA-256 of each file of the cell, by its path in the cell. */
  readonly files: Readonly<Record<string, string>>;
  /** Figures for tables, so that a reader need not open evaluation.json. */
  readonly summary: JsonRecord;
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
}

export interface FinishedCell {
  readonly paths: CellPaths;
  readonly result: CellResult;
  readonly evaluation: unknown;
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

const manifestSchema = z.strictObject({
  format: z.literal(RUN_FORMAT),
  scenarioHash: digest,
  scenario: record,
  primary: z.strictObject({ metric: z.string(), shift: z.string(), select: z.string() }),
  versions: z.record(z.string(), z.string()),
  arms: z.array(z.string()),
  seeds: z.array(count),
  points: z.array(record),
});

const resultSchema = z.strictObject({
  format: z.literal(RUN_FORMAT),
  cell: z.string(),
  scenarioHash: digest,
  arm: z.string(),
  seed: count,
  point: record,
  engine: z.string(),
  steps: count,
  checkpoints: z.record(z.string(), count),
  files: z.record(z.string(), digest),
  summary: record,
});

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
  };
}

export function checkpointPath(cell: CellPaths, step: number): string {
  return join(cell.checkpoints, `${step}.safetensors`);
}

/**
 * Create the run's manifest, or extend the lists of the one that is there. The rest of it never changes.
 * One process opens a run; the processes that train its cells only read it.
 *
 * @returns the manifest as it now stands in the directory.
 * @throws UserError when the directory holds something else, or a run that was fixed differently.
 */
export function openRun(dir: string, manifest: Manifest): Manifest {
  const path = join(dir, "manifest.json");
  makeFolder(dir);
  let merged = manifest;
  if (existsSync(path)) {
    const before = readManifest(dir);
    for (const key of ["scenarioHash", "primary", "versions"] as const) {
      const [was, is] = [canonicalJson(before[key]), canonicalJson(manifest[key])];
      if (was !== is) {
        throw new UserError(
          `run ${dir} was begun with ${key} ${was}; this is ${is}`,
          "what a run fixed before its first cell stays: choose another folder with --out",
        );
      }
    }
    merged = {
      ...before,
      arms: union(before.arms, manifest.arms),
      seeds: union(before.seeds, manifest.seeds).sort((a, b) => a - b),
      points: union(before.points, manifest.points),
    };
    if (canonicalJson(merged) === canonicalJson(before)) return before;
  } else {
    const strangers = listFolder(dir);
    if (strangers.length > 0) {
      throw new UserError(
        `folder ${dir} is not a run: it has no manifest.json, and holds ${strangers[0]}`,
        "choose a new or empty folder with --out",
      );
    }
  }
  writeAtomically(path, sealedJson(merged));
  return merged;
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
  guarded("remove", cell.root, () => rmSync(cell.root, { recursive: true, force: true }));
  makeFolder(cell.checkpoints);
  return cell;
}

/** Write the checkpoint of a step into its cell; returns its path. */
export function writeCheckpoint(cell: CellPaths, checkpoint: Checkpoint): string {
  refuseFinished(cell, "writeCheckpoint");
  const path = checkpointPath(cell, checkpoint.step);
  writeAtomically(path, encodeCheckpoint(checkpoint));
  return path;
}

/** @throws UserError naming the file when it cannot be read or is not one of our checkpoints. */
export function readCheckpoint(path: string): Checkpoint {
  return decodeCheckpoint(readBytes(path), path);
}

export function writeEvaluation(cell: CellPaths, evaluation: unknown): void {
  refuseFinished(cell, "writeEvaluation");
  writeAtomically(cell.evaluation, `${canonicalJson(evaluation)}\n`);
}

/** Clock, memory and host, as `cli/` measured them; no hash covers this file. */
export function writeTiming(cell: CellPaths, timing: unknown): void {
  writeAtomically(cell.timing, `${canonicalJson(timing)}\n`);
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
  if (existsSync(cell.episodes)) names.push("episodes.jsonl");
  const files = Object.fromEntries(names.map((name) => [name, sha256(readBytes(join(cell.root, name)))]));
  const { scenarioHash, arm, seed, point, engine, steps: trained, checkpoints, summary } = outcome;
  const result = {
    ...{ format: RUN_FORMAT, cell: cell.id, scenarioHash, arm, seed, point, engine },
    ...{ steps: trained, checkpoints, files, summary },
  } satisfies CellResult;
  const text = sealedJson(result);
  writeAtomically(cell.result, text);
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
  if (!existsSync(cell.result)) return undefined;
  const result = readSealedJson(cell.result, resultSchema);
  if (result.cell !== cell.id) throw damaged(cell.result, `is the result of cell ${result.cell}`);
  for (const required of ["metrics.jsonl", "evaluation.json"]) {
    if (result.files[required] === undefined) throw damaged(cell.result, `records no ${required}`);
  }
  for (const [name, step] of Object.entries(result.checkpoints)) {
    const file = `checkpoints/${step}.safetensors`;
    if (result.files[file] === undefined) throw damaged(cell.result, `names ${name} but records no ${file}`);
  }
  for (const [name, expected] of Object.entries(result.files)) {
    if (!/^(metrics\.jsonl|evaluation\.json|episodes\.jsonl|checkpoints\/\d+\.safetensors)$/.test(name)) {
      throw damaged(cell.result, `records ${JSON.stringify(name)}, which is not a file of a cell`);
    }
    const path = join(cell.root, name);
    if (!existsSync(path)) throw damaged(path, "is missing, although its cell's result.json records it");
    if (sha256(readBytes(path)) !== expected)
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
 * Everything a run directory holds.
 *
 * @throws UserError naming the first file that is damaged or belongs to something else.
 */
export function readRun(dir: string): RunContents {
  const manifest = readManifest(dir);
  const finished: FinishedCell[] = [];
  const unfinished: string[] = [];
  const folder = join(dir, "cells");
  for (const id of existsSync(folder) ? listFolder(folder) : []) {
    if (!CELL_ID.test(id)) throw new UserError(`${join(folder, id)} is not a cell of this run`, "move it elsewhere");
    const paths = cellPaths(dir, id);
    const result = readResult(paths);
    if (result === undefined) {
      listFolder(paths.root);
      unfinished.push(id);
      continue;
    }
    if (result.scenarioHash !== manifest.scenarioHash) {
      throw damaged(paths.result, `has scenario hash ${result.scenarioHash}, its run has ${manifest.scenarioHash}`);
    }
    finished.push({ paths, result, evaluation: parseJson(readBytes(paths.evaluation), paths.evaluation) });
  }
  return { manifest, finished, unfinished };
}

/**
 * Appends records to a JSON-lines file, in the order in which they were written. Lines are buffered: `flush` hands them to the
 * operating system, `close` also to the disk. A reader may see a last line without its end.
 */
export class LineWriter {
  readonly path: string;
  private readonly file: number;
  private readonly limit: number;
  private pending: string[] = [];

  /** `limit` lines are buffered at most. */
  constructor(path: string, limit = 64) {
    this.path = path;
    this.limit = limit;
    this.file = guarded("write", path, () => openSync(path, "a"));
  }

  write(record: unknown): void {
    this.pending.push(`${canonicalJson(record)}\n`);
    if (this.pending.length >= this.limit) this.flush();
  }

  flush(): void {
    if (this.pending.length === 0) return;
    const bytes = new TextEncoder().encode(this.pending.join(""));
    this.pending = [];
    guarded("write", this.path, () => writeAll(this.file, bytes));
  }

  close(): void {
    try {
      this.flush();
      guarded("write", this.path, () => fsyncSync(this.file));
    } finally {
      closeSync(this.file);
    }
  }
}

/**
 * Write a whole file so that, whenever the machine stops, the old or the new content stands there and nothing in between:
 * a temporary file in the same folder, fsync, rename, fsync of the folder.
 *
 * @throws UserError naming the path when the folder is missing, read-only or full.
 */
export function writeAtomically(path: string, content: Uint8Array | string): void {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  guarded("write", path, () => {
    const { file, temporary } = openTemporary(path);
    try {
      try {
        writeAll(file, bytes);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    syncFolder(dirname(path));
  });
}

/** @throws UserError naming the path when it cannot be read. */
export function readBytes(path: string): Uint8Array {
  return guarded("read", path, () => readFileSync(path));
}

/** @throws UserError naming the path when it cannot be read or is not UTF-8 text. */
export function readText(path: string): string {
  return textOf(readBytes(path), path);
}

/** A new file beside `path`. Exclusive creation makes the name ours, among processes and hosts, without a random number. */
function openTemporary(path: string): { file: number; temporary: string } {
  for (let attempt = 0; ; attempt++) {
    const temporary = join(dirname(path), `.${basename(path)}.${attempt}.tmp`);
    try {
      return { file: openSync(temporary, "wx"), temporary };
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}

/** Make a rename last. Where a folder cannot be opened or synced (Windows, some network file systems) the system sees to it. */
function syncFolder(folder: string): void {
  try {
    const file = openSync(folder, "r");
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (!["EISDIR", "EPERM", "EACCES", "EINVAL", "ENOTSUP"].includes(codeOf(error) ?? "")) throw error;
  }
}

function makeFolder(path: string): void {
  guarded("create", path, () => mkdirSync(path, { recursive: true }));
}

/** Names in a folder, sorted, without those that begin with a dot. */
function listFolder(path: string): string[] {
  const names = guarded("read", path, () => readdirSync(path));
  return names.filter((name) => !name.startsWith(".")).sort();
}

function refuseFinished(cell: CellPaths, caller: string): void {
  if (existsSync(cell.result)) throw new RangeError(`${caller}: cell ${cell.id} is finished`);
}

function union<T>(before: readonly T[], more: readonly T[]): T[] {
  return [...new Map([...before, ...more].map((item) => [canonicalJson(item), item])).values()];
}

/** One line of canonical JSON that carries its own checksum. */
function sealedJson(content: object): Uint8Array {
  return seal(new TextEncoder().encode(`${canonicalJson({ ...content, sha256: UNSEALED })}\n`));
}

function readSealedJson<T>(path: string, schema: z.ZodType<T>): T {
  const bytes = readBytes(path);
  const json = parseJson(bytes, path);
  if (typeof json !== "object" || json === null || !("format" in json))
    throw damaged(path, "is not a file of a run: it has no format");
  refuseOtherFormat(json.format, RUN_FORMAT, path);
  const { sha256: claimed, ...content } = json as Record<string, unknown>;
  const parsed = schema.safeParse(content);
  if (!parsed.success) throw damaged(path, `is not valid: ${issueText(parsed.error)}`);
  if (typeof claimed !== "string" || !isSealed(bytes, claimed)) {
    throw damaged(path, "was changed after it was written: its checksum does not match");
  }
  return parsed.data;
}

function parseJson(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(textOf(bytes, path));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw damaged(path, "is not JSON");
  }
}

function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UserError(`${path} is not UTF-8 text`);
  }
}

function damaged(path: string, reason: string): UserError {
  return new UserError(`${path} ${reason}`, "restore the file, or remove its folder to train the cell again");
}

/** What the operating system refuses for reasons that are the user's to mend. */
const FILE_ERRORS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["EROFS", "the file system is read-only"],
  ["ENOSPC", "the disk is full"],
  ["EDQUOT", "the disk quota is used up"],
  ["EFBIG", "the file is too large"],
  ["EIO", "the disk reports an error"],
  ["ENOENT", "there is no such file or folder"],
  ["ENOTDIR", "a part of the path is not a folder"],
  ["EISDIR", "it is a folder"],
  ["EEXIST", "a file of that name is in the way"],
  ["ENAMETOOLONG", "the name is too long"],
  ["ELOOP", "its links go round in a circle"],
]);

function guarded<T>(verb: "read" | "write" | "create" | "remove", path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw fileError(verb, path, error);
  }
}

/** The `UserError` for a refusal of the operating system; any other error as it is. */
export function fileError(verb: string, path: string, error: unknown): unknown {
  const code = codeOf(error);
  const reason = code === undefined ? undefined : FILE_ERRORS.get(code);
  return reason === undefined ? error : new UserError(`cannot ${verb} ${path}: ${reason} (${code})`);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
