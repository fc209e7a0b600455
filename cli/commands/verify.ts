import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ENGINE_NAMES } from "../../src/compute/choice.ts";
import { UserError } from "../../src/core/errors.ts";
import { sha256 } from "../../src/core/hash.ts";
import { type CellEvent, localLauncher } from "../../src/runner/launcher.ts";
import { cellPaths, checkpointPath } from "../../src/runs/cell-paths.ts";
import { readBytes } from "../../src/runs/files.ts";
import { type CellPlan, planOf, runPlanOf } from "../../src/runs/plan.ts";
import { readResumePoint } from "../../src/runs/resume.ts";
import { type FinishedCell, readCheckpoint, readRun } from "../../src/runs/store.ts";
import { cellKey, type PlannedCell, placing, plannedCells } from "../../src/scenario/sweep.ts";
import { checkRun } from "../arguments/run-directories.ts";
import { Interrupted } from "../errors.ts";
import { print, printJson, say } from "../output.ts";
import { packageVersion } from "../package.ts";
import { ownClaim } from "../run/lock-owner.ts";
import { cellEntry, divideCores, pause } from "../run/processes.ts";
import { listenForStop } from "../run/stop-request.ts";

export interface VerifyOptions {
  readonly rerun?: number;
  readonly json?: boolean;
}

/** What became of a cell that was trained again. */
interface Repetition {
  readonly id: string;
  /** Files compared. */
  readonly files: number;
  /** Paths of those that differ. */
  readonly differing: readonly string[];
  /** Why there is nothing to compare. */
  readonly failure: string | null;
}

/** Check every file of a run, what is missing, and whether training some cells again gives the same bytes. */
export async function run([dir]: readonly string[], { rerun = 0, json }: VerifyOptions): Promise<void> {
  checkRun(dir);
  const damaged: string[] = [];
  const note = ({ message }: UserError) => void damaged.push(message);
  const { manifest, finished, unfinished } = readRun(dir, note);
  const repeatable = finished.filter(({ result }) => result.engine !== "tfjs");
  if (rerun > 0 && repeatable.length < finished.length) {
    say(
      `${finished.length - repeatable.length} cells of engine tfjs are not trained again: it repeats to rounding, not to the byte`,
    );
  }
  for (const id of unfinished) {
    try {
      readResumePoint(cellPaths(dir, id));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      note(error);
    }
  }
  const { scenario, points } = runPlanOf(manifest, join(dir, "manifest.json"));
  const placeOf = placing(scenario, points);
  const expected = plannedCells(scenario, points);
  const known = new Set(expected.map((cell) => cellKey(cell, cell.at)));
  const have = new Set<string>();
  for (const { paths, result } of finished) {
    const name = cellKey(result, placeOf(result.point));
    if (known.has(name)) have.add(name);
    else damaged.push(`${paths.result} is of a cell that the run's manifest.json does not name`);
  }
  const missing = expected
    .filter((cell) => !have.has(cellKey(cell, cell.at)))
    .map(({ arm, seed, point }) => ({ arm, seed, point }));
  const version = manifest.versions.halfwatch;
  if (rerun > 0 && version !== packageVersion()) {
    say(`the run was made by halfwatch ${version}, this is ${packageVersion()}: other bytes are no proof of anything`);
  }
  const repeated = await repeat(dir, spreadOverArms(repeatable, rerun));

  const differing = repeated.flatMap((repetition) => repetition.differing);
  const isSound =
    damaged.length + missing.length + differing.length === 0 && repeated.every(({ failure }) => failure === null);
  if (!isSound) process.exitCode = 1;
  const files = finished.reduce((sum, { result }) => sum + Object.keys(result.files).length + 1, 1);
  if (json) {
    printJson({
      run: dir,
      sound: isSound,
      expected: expected.length,
      finished: have.size,
      unfinished,
      files,
      missing,
      damaged,
      repeated,
    });
    return;
  }
  const lines = [
    `${have.size} of ${expected.length} cells are finished and whole (${files} files)`,
    ...damaged.map((message) => `damaged: ${message}`),
    ...missing.map((cell) => `missing: ${cell.arm} seed ${cell.seed}${pointText(cell)}`),
    ...repeated.map(({ id, files: compared, differing: others, failure }) =>
      failure !== null
        ? `repeated: ${id} could not be: ${failure}`
        : others.length === 0
          ? `repeated: ${id}, all ${compared} files the same, byte for byte`
          : `repeated: ${id}, ${others.length} of ${compared} files differ`,
    ),
    ...differing.map((path) => `differs: ${path}`),
  ];
  print(lines.join("\n"));
}

const pointText = ({ point }: PlannedCell): string =>
  Object.keys(point).length === 0 ? "" : ` ${JSON.stringify(point)}`;

/** The same `count` cells of a run every time: an arm after the other, in an arm by the hash of their ids. */
function spreadOverArms(cells: readonly FinishedCell[], count: number): FinishedCell[] {
  const byHash = [...cells].sort((a, b) => (sha256(a.paths.id) < sha256(b.paths.id) ? -1 : 1));
  const arms = new Map<string, FinishedCell[]>();
  for (const cell of byHash) arms.set(cell.result.arm, [...(arms.get(cell.result.arm) ?? []), cell]);
  const rounds = [...arms]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, own]) => own.map((cell, round) => ({ cell, round })));
  return rounds
    .sort((a, b) => a.round - b.round)
    .slice(0, count)
    .map(({ cell }) => cell);
}

/** Train cells again in a folder of their own, and compare all that they wrote. */
async function repeat(run: string, cells: readonly FinishedCell[]): Promise<Repetition[]> {
  if (cells.length === 0) return [];
  const folder = mkdtempSync(join(tmpdir(), "halfwatch-verify-"));
  if (existsSync(join(run, "code"))) cpSync(join(run, "code"), join(folder, "code"), { recursive: true });
  const stopping = listenForStop();
  try {
    const failures = new Map<string, string>();
    const plans: CellPlan[] = [];
    for (const { paths, result } of cells) {
      const path = checkpointPath(paths, result.checkpoints.last);
      try {
        plans.push(planOf(readCheckpoint(path), paths.id, path));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        failures.set(paths.id, error.message);
      }
    }
    const { jobs, threads } = divideCores(plans.length);
    for (const engine of ENGINE_NAMES) {
      const { kill, signal } = stopping;
      const machine = { run: folder, engine, jobs, threads, entry: cellEntry(), claim: ownClaim(), pause, kill };
      const groups = plans.filter((plan) => plan.engine === engine).map((plan) => [plan]);
      const tell = (event: CellEvent) => {
        if (event.kind === "started") say(`training ${event.plan.id} again`);
        if (event.kind === "failed") failures.set(event.plan.id, `${event.message} (${event.where})`);
      };
      await localLauncher(machine).start(groups, tell, signal);
    }
    if (stopping.signal.aborted) throw new Interrupted("stopped: nothing was changed");
    return cells.map(({ paths, result }) => {
      const again = cellPaths(folder, paths.id);
      const failure =
        failures.get(paths.id) ?? (existsSync(again.result) ? null : `engine ${result.engine} is unknown`);
      if (failure !== null) return { id: paths.id, files: 0, differing: [], failure };
      const names = new Set(["result.json", ...Object.keys(result.files)]);
      const differing = [...names].filter((name) => !sameFile(join(paths.root, name), join(again.root, name)));
      return { id: paths.id, files: names.size, differing: differing.map((name) => join(paths.root, name)), failure };
    });
  } finally {
    stopping.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Files that were written beyond these are named in result.json, which differs then. */
function sameFile(a: string, b: string): boolean {
  return existsSync(b) && Buffer.compare(readBytes(a), readBytes(b)) === 0;
}
