import { UserError } from "../../core/errors.ts";
import type { Evaluation } from "../../evaluation/evaluate.ts";
import { loadStoredScenario, withShift } from "../scenario.ts";
import { ARM_NAMES, type Scenario, TRAINING } from "../schema.ts";
import type { CellResult, RunContents } from "../store.ts";
import { summarise } from "../summary.ts";
import { addStatistics, type Overall, overallOf, type ReportTable } from "./claims.ts";
import { counted } from "./format.ts";

/** A finished cell, with all that was measured of it. */
export interface ReportCell {
  readonly result: CellResult;
  /** By shift, by view. */
  readonly evaluations: Readonly<Record<string, Readonly<Record<string, Evaluation>>>>;
  readonly curve: readonly CurvePoint[];
}

/** A point of a learning curve: discounted true return of the deployed view under the primary shift. */
interface CurvePoint {
  /** Environment steps. */
  readonly step: number;
  readonly trueReturn: number;
}

/** All that a report says of a run; its figures, tables and pages are made from nothing else. */
export interface Report {
  /** The run's name: of its directory. */
  readonly run: string;
  /** With the arms, seeds and points that the run has by now. */
  readonly scenario: Scenario;
  /** The same as the run's manifest has it, to be run again: without what this version would fill in. */
  readonly source: Readonly<Record<string, unknown>>;
  readonly scenarioHash: string;
  /** Of the package and formats that trained the cells. */
  readonly versions: Readonly<Record<string, string>>;
  /** Of the package that writes the report. */
  readonly reporter: string;
  readonly engine: string;
  /** The shift that figures show; its tables come first. */
  readonly shift: string;
  readonly points: readonly Readonly<Record<string, unknown>>[];
  readonly cells: readonly ReportCell[];
  /** Tables by shift, then by point. */
  readonly tables: readonly ReportTable[];
  /** Arms over all points under the shift shown; empty where there is one point. */
  readonly overall: readonly Overall[];
  /** What is not in the report and why, a sentence each. */
  readonly leftOut: readonly string[];
}

export interface CollectOptions {
  readonly run: string;
  readonly reporter: string;
  /** Default: the primary shift. */
  readonly shift?: string | undefined;
  /** The text of a cell's metrics.jsonl. */
  readMetrics(path: string): string;
}

/**
 * Make a report's content from what a run directory holds. Nothing but the run and the options enters it: no clock, no host.
 *
 * @throws UserError when no cell is finished, the shift is unknown, or a file says what cannot be.
 */
export async function collectReport(contents: RunContents, options: CollectOptions): Promise<Report> {
  const { manifest, unfinished } = contents;
  const { run } = options;
  if (contents.finished.length === 0) {
    throw new UserError(
      `run ${run} has no finished cell${unfinished.length > 0 ? `; ${unfinished.length} begun: ${unfinished.join(", ")}` : ""}`,
      "train it first: halfwatch run",
    );
  }
  const loaded = loadStoredScenario(manifest.scenario, `manifest.json of ${run}`);
  const grown = {
    arms: ARM_NAMES.filter((arm) => manifest.arms.includes(arm)),
    seeds: [...manifest.seeds],
    sweep: axesOf(manifest.points),
  };
  const scenario: Scenario = { ...loaded.scenario, ...grown };
  const shift = options.shift ?? scenario.primary.shift;
  if (shift !== TRAINING) withShift(scenario, shift);

  const engine = mostUsedEngine(contents.finished.map(({ result }) => result.engine));
  const finished = contents.finished.filter(({ result }) => result.engine === engine);
  const cells = finished
    .map(
      ({ result, evaluation, paths }): ReportCell => ({
        result,
        evaluations: (evaluation as { shifts: ReportCell["evaluations"] }).shifts,
        curve: parseCurve(options.readMetrics(paths.metrics), paths.metrics),
      }),
    )
    .sort(byPointArmSeed(manifest.points, scenario.arms));
  const results = cells.map(({ result }) => result);
  const shifts = [shift, ...[scenario.primary.shift, ...Object.keys(scenario.shift), TRAINING]];
  const tables = [];
  for (const each of new Set(shifts)) {
    for (const point of manifest.points) {
      const at = {
        ...scenario,
        sweep: Object.fromEntries(Object.entries(point).map(([key, value]) => [key, [value]])),
      };
      tables.push(...(await summarise(at, results, [each])));
    }
  }
  const reported = addStatistics(scenario, tables);
  return {
    run,
    scenario,
    source: { ...manifest.scenario, ...grown },
    scenarioHash: manifest.scenarioHash,
    versions: manifest.versions,
    reporter: options.reporter,
    engine,
    shift,
    points: manifest.points,
    cells,
    tables: reported,
    overall: overallOf(reported.filter((table) => table.shift === shift)),
    leftOut: leftOutOf(contents, engine),
  };
}

/**
 * The learning curve in a cell's metrics: the lines that carry one.
 *
 * @throws UserError naming file and line of what is no record of metrics.
 */
export function parseCurve(text: string, path: string): CurvePoint[] {
  const points: CurvePoint[] = [];
  text.split("\n").forEach((line, i) => {
    if (!line.includes('"curve"')) return;
    let record: { step?: unknown; curve?: { trueReturn?: unknown } };
    try {
      record = JSON.parse(line);
    } catch {
      throw new UserError(`${path}:${i + 1}: is not a line of JSON`);
    }
    const { step, curve } = record;
    if (typeof step !== "number" || typeof curve?.trueReturn !== "number") {
      throw new UserError(`${path}:${i + 1}: has no numbers step and curve.trueReturn`);
    }
    points.push({ step, trueReturn: curve.trueReturn });
  });
  return points;
}

/** The sweep that has these points: each key's values, in the order in which the points came. */
function axesOf(points: readonly Readonly<Record<string, unknown>>[]): Record<string, unknown[]> {
  const keys = [...new Set(points.flatMap((point) => Object.keys(point)))];
  return Object.fromEntries(
    keys.map((key) => {
      const texts = points.filter((point) => Object.hasOwn(point, key)).map((point) => JSON.stringify(point[key]));
      return [key, [...new Set(texts)].map((text) => JSON.parse(text))];
    }),
  );
}

/** Engines round differently, so their cells are never averaged: the one with most cells is reported, the first by name of several. */
function mostUsedEngine(engines: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const engine of engines) counts.set(engine, (counts.get(engine) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0][0];
}

function leftOutOf({ manifest, finished, unfinished }: RunContents, engine: string): string[] {
  const own = finished.filter(({ result }) => result.engine === engine);
  const nameOf = (arm: string, seed: number, point: unknown) => JSON.stringify([arm, seed, point]);
  const done = new Set(own.map(({ result: { arm, seed, point } }) => nameOf(arm, seed, point)));
  const planned = manifest.points.flatMap((point) =>
    manifest.arms.flatMap((arm) => manifest.seeds.map((seed) => nameOf(arm, seed, point))),
  );
  const absent = planned.filter((name) => !done.has(name)).length;
  const others = finished.length - own.length;
  return [
    ...(absent > 0
      ? [`${absent} of ${planned.length} cells (arms x seeds x points that the run has seen) have no result`]
      : []),
    ...unfinished.map((id) => `cell ${id} was begun and is not finished`),
    ...(others > 0
      ? [`${counted(others, "cell")} by another engine than ${engine} ${others === 1 ? "is" : "are"} not mixed in`]
      : []),
  ];
}

function byPointArmSeed(
  points: readonly Readonly<Record<string, unknown>>[],
  arms: readonly string[],
): (a: ReportCell, b: ReportCell) => number {
  const order = points.map((point) => JSON.stringify(point));
  return ({ result: a }, { result: b }) =>
    order.indexOf(JSON.stringify(a.point)) - order.indexOf(JSON.stringify(b.point)) ||
    arms.indexOf(a.arm) - arms.indexOf(b.arm) ||
    a.seed - b.seed;
}
