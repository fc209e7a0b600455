import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { EngineChoice } from "../../src/compute/choice.ts";
import { UserError } from "../../src/core/errors.ts";
import { canonicalJson } from "../../src/core/hash.ts";
import { pointText } from "../../src/report/format.ts";
import { type CellPaths, cellPaths, checkpointPath } from "../../src/runs/cell-paths.ts";
import { readManifest } from "../../src/runs/manifest.ts";
import { type CellPlan, runPlanOf } from "../../src/runs/plan.ts";
import type { CellResult } from "../../src/runs/results.ts";
import { readResultAlone } from "../../src/runs/store.ts";
import { nameInFull, type Point, placing, type SweepPoint } from "../../src/scenario/sweep.ts";
import { isRun } from "../arguments/run-directories.ts";

/*
 * Which policy of a run is meant.
 */

/** Which policy is asked for; what is left out is chosen. */
export interface Wanted {
  /** A run directory or a checkpoint. */
  readonly path: string;
  readonly arm?: string | undefined;
  readonly seed?: number | undefined;
  /** Some or all of the swept keys of a run. */
  readonly point?: Point | undefined;
  readonly step?: number | undefined;
  readonly view?: string | undefined;
  readonly shift?: string | undefined;
  readonly set?: readonly string[] | undefined;
  /** A cell of the run `path`, finished or not: its latest policy is meant. Nothing else is chosen then but `view` and `shift`. */
  readonly cell?: CellPlan | undefined;
  /** It takes its most probable action; else it draws. */
  readonly greedy?: boolean | undefined;
  /** Default: the one that trained it, or what stands in for that. */
  readonly engine?: EngineChoice | undefined;
}

/** The run that a checkpoint stands in; undefined where it stands alone. */
export function runOf(checkpoint: string): string | undefined {
  const run = dirname(dirname(dirname(dirname(checkpoint))));
  return isRun(run) && basename(dirname(checkpoint)) === "checkpoints" ? run : undefined;
}

/** The finished cells of a run by their names: nothing but the chosen one is read, so that a large run opens at once. */
function cellsOf(run: string): { id: string; arm: string; seed: number }[] {
  const folder = join(run, "cells");
  return (existsSync(folder) ? readdirSync(folder) : []).sort().flatMap((id) => {
    const [, arm, seed] = /^(.+)-seed(\d+)-[0-9a-f]{8}$/.exec(id) ?? [];
    return arm !== undefined && existsSync(join(folder, id, "result.json")) ? [{ id, arm, seed: Number(seed) }] : [];
  });
}

/** The checkpoint that is meant. @throws UserError where a run has none such, or a single file is asked for an arm. */
export function wantedPath(wanted: Wanted): string {
  if (isRun(wanted.path)) return chooseCheckpoint(wanted);
  refuseChoice(wanted);
  return wanted.path;
}

/** What is no run has one policy or none. @throws UserError where one is to be chosen of it. */
export function refuseChoice({ path, ...chosen }: Choice): void {
  const name = (["arm", "seed", "point"] as const).find((each) => chosen[each] !== undefined);
  // Whoever reads what is not there says so.
  if (name === undefined || !existsSync(path)) return;
  throw new UserError(`--${name}: ${path} is no run directory`, `--${name} chooses a cell of one`);
}

type Choice = Pick<Wanted, "path" | "arm" | "seed"> & { readonly point?: unknown };

/** That of `route` if it is there, of the first seed, of the sweep's first point, the last one, unless told otherwise. */
function chooseCheckpoint({ path: run, arm, seed, point = {}, step }: Wanted): string {
  const { points, placeOf } = pointsIn(run);
  const asked = points.filter((each) => agrees(each.point, point));
  if (asked.length === 0) {
    const terms = Object.entries(point).map(([key, value]) => `${key}=${value}`);
    const there = points.map((each) => pointText(each.point) || "one alone, nothing is swept");
    throw new UserError(`--point ${terms.join(" ")}: run ${run} has no such point`, `it has: ${there.join("; ")}`);
  }
  const cells = cellsOf(run);
  if (cells.length === 0) throw new UserError(`run ${run} has no finished cell`);
  const arms = [...new Set(cells.map((cell) => cell.arm))];
  const wanted = arm ?? (arms.includes("route") ? "route" : arms[0]);
  const own = cells.filter((cell) => cell.arm === wanted).sort((a, b) => a.seed - b.seed);
  if (own.length === 0) {
    throw new UserError(`--arm ${wanted}: run ${run} has no finished cell of it`, `it has: ${arms.join(", ")}`);
  }
  const seeds = [...new Set(own.map((cell) => cell.seed))];
  if (seed !== undefined && !seeds.includes(seed)) {
    throw new UserError(
      `--seed ${seed}: run ${run} has no finished cell of ${wanted} with it`,
      `it has: ${seeds.join(", ")}`,
    );
  }
  for (const each of seed === undefined ? seeds : [seed]) {
    const results = own
      .filter((cell) => cell.seed === each)
      .map(({ id }) => ({ paths: cellPaths(run, id), result: readResultAlone(cellPaths(run, id)) }));
    for (const at of asked) {
      const found = results.find(({ result }) => result !== undefined && placeOf(result.point) === at);
      if (found?.result !== undefined) return checkpointOf(found.paths, found.result.checkpoints.last, step);
    }
  }
  const where = [seed === undefined ? "" : ` with seed ${seed}`, isSame(point, {}) ? "" : ` at ${pointText(point)}`];
  const results = own.map(({ id }) => readResultAlone(cellPaths(run, id)));
  const there = seeds.flatMap((each) =>
    points.flatMap((at) =>
      results.some((result) => result?.seed === each && placeOf(result.point) === at)
        ? [`seed ${each} at ${pointText(at.point)}`]
        : [],
    ),
  );
  throw new UserError(`run ${run} has no finished cell of ${wanted}${where.join("")}`, `it has: ${there.join("; ")}`);
}

/** The finished results of an arm at the point of a run at which a cell was trained, by seed. */
export function resultsBeside(
  run: string,
  { arm, point }: { readonly arm: string; readonly point: Point },
): CellResult[] {
  const { placeOf } = pointsIn(run);
  const at = placeOf(point);
  return cellsOf(run)
    .filter((cell) => cell.arm === arm)
    .flatMap(({ id }) => readResultAlone(cellPaths(run, id)) ?? [])
    .filter((result) => placeOf(result.point) === at)
    .sort((a, b) => a.seed - b.seed);
}

/** The points of a run, each with every swept key; and at which of them a cell stands that was trained at some point. */
function pointsIn(run: string): {
  readonly points: readonly SweepPoint[];
  readonly placeOf: (point: Point) => SweepPoint | undefined;
} {
  const plan = runPlanOf(readManifest(run), join(run, "manifest.json"));
  const points = nameInFull(plan.points);
  return { points, placeOf: placing(plan.scenario, points) };
}

/** A cell's point as its run names it, from the one at which it was trained; as it is where the checkpoint stands in no run. */
export function pointOf(checkpoint: string, trained: Point): Point {
  const run = runOf(checkpoint);
  if (run === undefined || readManifest(run).points.length === 1) return trained;
  return pointsIn(run).placeOf(trained)?.point ?? trained;
}

/** A cell's checkpoint of a step, `last` unless told otherwise. */
function checkpointOf(cell: CellPaths, last: number, step = last): string {
  const steps = stepsOf(checkpointPath(cell, last));
  if (step === last || steps.includes(step)) return checkpointPath(cell, step);
  throw new UserError(`step ${step}: cell ${cell.id} has no checkpoint of it`, `it has: ${steps.join(", ")}`);
}

const isSame = (a: unknown, b: unknown): boolean => canonicalJson(a) === canonicalJson(b);

/** Whether a point of a run has all values that were asked for. */
const agrees = (point: Point, asked: Point): boolean =>
  Object.entries(asked).every(([key, value]) => Object.hasOwn(point, key) && isSame(point[key], value));

/**
 * Values of swept keys from `key.path=value` terms; a value is JSON, or else text.
 *
 * @throws UserError for a term without `=`; `option` is what its message begins with.
 */
export function parsePoint(terms: readonly string[], option: string): Point {
  return Object.fromEntries(
    terms.map((term) => {
      const [, key = "", text = ""] = /^\s*([^=\s]+)=(.*)$/s.exec(term) ?? [];
      if (key === "") throw new UserError(`${option} ${term}: expected key.path=value, as oversight.coverage=0.1`);
      return [key, plainValue(text.trim())];
    }),
  );
}

function plainValue(text: string): unknown {
  // As in a scenario file, .1 is a number.
  if (/^[-+]?\.?\d/.test(text) && Number.isFinite(Number(text))) return Number(text);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Steps of all checkpoints beside one. */
function stepsOf(checkpoint: string): number[] {
  return readdirSync(dirname(checkpoint))
    .flatMap((name) => (/^\d+\.safetensors$/.test(name) ? [Number.parseInt(name, 10)] : []))
    .sort((a, b) => a - b);
}

/** What else there is beside a checkpoint of a run, to compare with. */
export function othersOf(checkpoint: string): {
  arms: string[];
  seeds: number[];
  points: readonly Point[];
  steps: number[];
} {
  const run = runOf(checkpoint);
  if (run === undefined) return { arms: [], seeds: [], points: [], steps: [] };
  const cells = cellsOf(run);
  return {
    arms: [...new Set(cells.map(({ arm }) => arm))],
    seeds: [...new Set(cells.map(({ seed }) => seed))].sort((a, b) => a - b),
    points: pointsIn(run).points.map(({ point }) => point),
    steps: stepsOf(checkpoint),
  };
}
