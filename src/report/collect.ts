import { UserError } from "../core/errors.ts";
import { canonicalJson } from "../core/hash.ts";
import type { Evaluation } from "../evaluation/evaluate.ts";
import { ARMS } from "../routing/arms/table.ts";
import { type CellOutcome, outcomeOf } from "../runs/outcome.ts";
import { type RunPlan, runPlanOf } from "../runs/plan.ts";
import { type CellResult, countIdle, curveIn, linesIn } from "../runs/results.ts";
import type { RunContents } from "../runs/store.ts";
import { withShift } from "../scenario/load.ts";
import { type Scenario, TRAINING } from "../scenario/schema.ts";
import {
  cellKey,
  nameInFull,
  type PlannedCell,
  placing,
  plannedCells,
  type SweepPoint,
  sweepOf,
} from "../scenario/sweep.ts";
import { addStatistics, type Overall, overallOf, type ReportTable } from "./claims.ts";
import { counted } from "./format.ts";
import { summarise } from "./summary.ts";

/** A finished cell, with all that was measured of it. */
export interface ReportCell {
  /** With the point of the report at which the cell stands. */
  readonly result: CellResult;
  readonly outcome: CellOutcome;
  /** By shift, by view. */
  readonly evaluations: Readonly<Record<string, Readonly<Record<string, Evaluation>>>>;
  readonly curve: readonly CurvePoint[];
  /** Updates in which the arm kept no row, and all of them. */
  readonly idle: readonly [updates: number, of: number];
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
  /** With the arms and seeds that the run has by now; its sweep has the values of each key, whichever of them were crossed. */
  readonly scenario: Scenario;
  /** The scenario that plans the cells of this run and no others, as the manifest has it: without what this version would fill in. */
  readonly source: Readonly<Record<string, unknown>>;
  readonly scenarioHash: string;
  /** Of the package and formats that trained the cells. */
  readonly versions: Readonly<Record<string, string>>;
  /** Command lines that asked for the run. */
  readonly commands: readonly string[];
  /** Of the package that writes the report. */
  readonly reporter: string;
  readonly engine: string;
  /** The shift that figures show; its tables come first. */
  readonly shift: string;
  /** Those of the run, each with every swept key that means something there; the same cells never stand at two of them. */
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
  const plan = runPlanOf(manifest, `manifest.json of ${run}`);
  const points = nameInFull(plan.points);
  const scenario: Scenario = {
    ...plan.scenario,
    arms: [...ARMS.keys()].filter((arm) => manifest.arms.includes(arm)),
    sweep: axesOf(points.map(({ point }) => point)),
  };
  const shift = options.shift ?? scenario.primary.shift;
  if (shift !== TRAINING) withShift(scenario, shift);

  const engine = mostUsedEngine(contents.finished.map(({ result }) => result.engine));
  const finished = contents.finished.filter(({ result }) => result.engine === engine);
  const placeOf = placing(plan.scenario, points);
  const cells = finished
    .flatMap(({ result, evaluation, paths }): ReportCell[] => {
      const at = placeOf(result.point);
      if (at === undefined) return [];
      return [
        {
          result: { ...result, point: at.point },
          outcome: outcomeOf(result, evaluation),
          evaluations: evaluation.shifts,
          ...logOf(options.readMetrics(paths.metrics), paths.metrics),
        },
      ];
    })
    .sort(byPointArmSeed(points, scenario.arms));
  const results = cells.map(({ result }) => result);
  const shifts = [shift, ...[scenario.primary.shift, ...Object.keys(scenario.shift), TRAINING]];
  const tables = [];
  for (const each of new Set(shifts)) tables.push(...(await summarise(scenario, results, [each], points)));
  const reported = addStatistics(scenario, tables);
  return {
    run,
    scenario,
    source: { ...manifest.scenario, ...sweepOf(cellsToTrain(contents, plan)) },
    scenarioHash: manifest.scenarioHash,
    versions: manifest.versions,
    commands: manifest.commands,
    reporter: options.reporter,
    engine,
    shift,
    points: points.map(({ point }) => point),
    cells,
    tables: reported,
    overall: overallOf(reported.filter((table) => table.shift === shift)),
    leftOut: leftOutOf(contents, plan, cells, engine),
  };
}

/** What the report takes from a cell's metrics. */
function logOf(text: string, path: string): Pick<ReportCell, "curve" | "idle"> {
  const lines = linesIn(text);
  const { curve } = curveIn(lines, path);
  return {
    curve: curve.map(({ step, curve: { trueReturn } }) => ({ step, trueReturn })),
    idle: [countIdle(lines), lines.length],
  };
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

/** The cells of a run, each at the point where it was trained, so that another training of it writes the same bytes. */
function cellsToTrain({ finished }: RunContents, { scenario, points }: RunPlan): PlannedCell[] {
  const placeOf = placing(scenario, points);
  const trained = new Map(finished.map(({ result }) => [cellKey(result, placeOf(result.point)), result.point]));
  return plannedCells(scenario, points).map(({ arm, seed, point, at }) => {
    return { arm, seed, point: trained.get(cellKey({ arm, seed }, at)) ?? point };
  });
}

function leftOutOf(
  { finished, unfinished }: RunContents,
  { scenario, points }: RunPlan,
  cells: readonly ReportCell[],
  engine: string,
): string[] {
  const own = finished.filter(({ result }) => result.engine === engine);
  const placeOf = placing(scenario, points);
  const done = new Set(own.map(({ result }) => cellKey(result, placeOf(result.point))));
  const planned = plannedCells(scenario, points);
  const absent = planned.filter((cell) => !done.has(cellKey(cell, cell.at))).length;
  const others = finished.length - own.length;
  const strangers = own.length - cells.length;
  return [
    ...(absent > 0 ? [`${absent} of the run's ${counted(planned.length, "cell")} have no result`] : []),
    ...unfinished.map((id) => `cell ${id} was begun and is not finished`),
    ...(others > 0
      ? [`${counted(others, "cell")} by another engine than ${engine} ${others === 1 ? "is" : "are"} not mixed in`]
      : []),
    ...(strangers > 0
      ? [
          `${counted(strangers, "cell")} at no point that the run's manifest names ${strangers === 1 ? "is" : "are"} left out`,
        ]
      : []),
  ];
}

/** In the order of the points, then of the arms, then of the seeds. */
function byPointArmSeed(
  points: readonly SweepPoint[],
  arms: readonly string[],
): (a: ReportCell, b: ReportCell) => number {
  const order = new Map(points.map(({ point }, i) => [canonicalJson(point), i]));
  const placeOf = ({ result }: ReportCell) => order.get(canonicalJson(result.point)) ?? 0;
  return (a, b) =>
    placeOf(a) - placeOf(b) || arms.indexOf(a.result.arm) - arms.indexOf(b.result.arm) || a.result.seed - b.result.seed;
}
