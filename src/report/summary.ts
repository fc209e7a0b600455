import { evaluate } from "../evaluation/evaluate.ts";
import type { Situation } from "../evaluation/situation.ts";
import { armOptimum } from "../evaluation/theory.ts";
import type { Verdict, VerdictName } from "../evaluation/verdict.ts";
import { armNamed, PLACEBOS } from "../routing/arms/table.ts";
import type { BriefEvaluation, CellResult } from "../runs/results.ts";
import type { Scenario, Selection } from "../scenario/schema.ts";
import { createSetting, objectiveOf, type Setting, settingUnder, situationOf } from "../scenario/setting.ts";
import { expandSweep, placing, type SweepPoint } from "../scenario/sweep.ts";
import { type MeanInterval, meanInterval, pairedInterval } from "../statistics/intervals.ts";

/** One arm's row of a table: what its seeds came to under one shift and view. */
export interface ArmRow {
  readonly arm: string;
  readonly view: string;
  readonly deployed: boolean;
  readonly seeds: readonly number[];
  /** Discounted true and proxy return per episode of each seed, in the order of `seeds`. */
  readonly trueReturns: readonly number[];
  readonly proxyReturns: readonly number[];
  readonly trueReturn: MeanInterval;
  readonly proxyReturn: MeanInterval;
  /** Mean rate of each event and of timeouts. */
  readonly rates: Readonly<Record<string, number>>;
  /** Discounted true return of the exact optimum of the arm's own objective, or why there is none. */
  readonly theory: number | string;
  /** Only on the deployed view's row: what the seeds came to under each rule of selection, and what they pursue. */
  readonly selections?: Readonly<Record<Selection, MeanInterval>>;
  readonly verdicts?: readonly Verdict[];
  /** Means per seed: inspected episodes of training and of validation, episodes, environment steps. */
  readonly labelled: number;
  readonly validated: number;
  readonly episodes: number;
  readonly steps: number;
}

/** An arm against another on the same seeds: mean of the differences in discounted true return. */
export interface Comparison {
  readonly arm: string;
  readonly against: string;
  readonly difference: MeanInterval;
}

/** A table: one point of the sweep, one shift. */
export interface Table {
  readonly point: Readonly<Record<string, unknown>>;
  readonly shift: string;
  /** Oversight of the training at the point. */
  readonly oversight: Scenario["oversight"];
  readonly levels: number;
  readonly exact: boolean;
  /** Discounted true return per episode of the exact optimum and of the uniform policy. */
  readonly optimum: number;
  readonly random: number;
  readonly rows: readonly ArmRow[];
  /** `route` against every other arm; empty where it was not run. */
  readonly comparisons: readonly Comparison[];
  /** What a reader has to know beside the numbers. */
  readonly notes: readonly string[];
}

/** What returns of a scenario can be read against before any cell is trained: discounted true returns per episode. */
export interface ReturnBounds {
  readonly optimum: number;
  /** By arm: the exact optimum of the arm's own objective; of arms that deploy all they train, where it is known. */
  readonly theory: ReadonlyMap<string, number>;
}

/** Fewer seeds than these are too few for a claim. */
export const FEW_SEEDS = 10;

/**
 * Tables of the finished cells, for each of the points and each of the named shifts. A cell is in the table of every point that it stands
 * for, at whichever of them it was trained.
 */
export async function summarise(
  scenario: Scenario,
  results: readonly CellResult[],
  shifts: readonly string[] = [scenario.primary.shift],
  points: readonly SweepPoint[] = expandSweep(scenario),
): Promise<Table[]> {
  const tables: Table[] = [];
  const placeOf = placing(scenario, points);
  for (const at of points) {
    const setting = createSetting(at.scenario);
    const here = results.filter((result) => placeOf(result.point) === at);
    for (const shift of shifts) {
      const situation = situationOf(settingUnder(at.scenario, shift));
      tables.push(await tabulate(setting, situation, at.point, shift, here));
    }
  }
  return tables;
}

/** The bounds of a scenario without a sweep, under a shift. `pause` is awaited before each of its parts, which take up to a few tenths of a second. */
export async function boundsOf(
  scenario: Scenario,
  shift: string,
  pause: () => Promise<void> = async () => {},
): Promise<ReturnBounds> {
  await pause();
  const setting = createSetting(scenario);
  const situation = situationOf(settingUnder(scenario, shift));
  const optimum = situation.bounds.optimum[0];
  const theory = new Map<string, number>();
  for (const arm of scenario.arms) {
    await pause();
    const isWhole = armNamed(arm).modules === "single" || scenario.agent.modules.length === 1;
    const value = isWhole ? await theoryLine(setting, situation, arm) : "it deploys one module";
    if (typeof value === "number") theory.set(arm, value);
  }
  return { optimum, theory };
}

async function tabulate(
  setting: Setting,
  situation: Situation,
  point: Readonly<Record<string, unknown>>,
  shift: string,
  results: readonly CellResult[],
): Promise<Table> {
  const rows: ArmRow[] = [];
  for (const arm of setting.scenario.arms) {
    const own = results.filter((result) => result.arm === arm).sort((a, b) => a.seed - b.seed);
    if (own.length === 0) continue;
    const deployed = own[0].summary.deployed;
    for (const view of Object.keys(briefs(own[0], shift))) {
      const theory = view === "full" ? await theoryLine(setting, situation, arm) : `the view ${view} has none`;
      const { select } = setting.scenario.primary;
      rows.push(
        view === deployed
          ? deployedRow(arm, view, own, shift, theory, select)
          : rowOf(
              arm,
              view,
              own,
              own.map((result) => briefs(result, shift)[view]),
              theory,
            ),
      );
    }
  }
  const shown = rows.filter(({ deployed }) => deployed);
  const route = shown.find(({ arm }) => arm === "route");
  const comparisons =
    route === undefined ? [] : shown.filter((row) => row !== route).flatMap((row) => compare(route, row));
  return {
    point,
    shift,
    oversight: setting.scenario.oversight,
    levels: situation.levels,
    exact: situation.exact,
    optimum: situation.bounds.optimum[0],
    random: situation.bounds.random[0],
    rows,
    comparisons,
    notes: notesOn(shown, route !== undefined),
  };
}

function briefs(result: CellResult, shift: string): Record<string, BriefEvaluation> {
  return result.summary.returns[shift] ?? {};
}

/** The deployed view's row: the checkpoints that the primary rule selects, and the other rules beside them. */
function deployedRow(
  arm: string,
  view: string,
  results: readonly CellResult[],
  shift: string,
  theory: number | string,
  rule: Selection,
): ArmRow {
  const under = (selection: Selection) => results.map((result) => result.summary.selected[selection][shift]);
  const intervalOf = (selection: Selection) => meanInterval(under(selection).map(({ discounted }) => discounted.true));
  return {
    ...rowOf(arm, view, results, under(rule), theory),
    deployed: true,
    selections: {
      last: intervalOf("last"),
      "label-legal": intervalOf("label-legal"),
      oracle: intervalOf("oracle"),
    },
    verdicts: results.map(({ summary }) => summary.verdict),
  };
}

function rowOf(
  arm: string,
  view: string,
  results: readonly CellResult[],
  evaluations: readonly BriefEvaluation[],
  theory: number | string,
): ArmRow {
  const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
  const trueReturns = evaluations.map(({ discounted }) => discounted.true);
  const proxyReturns = evaluations.map(({ discounted }) => discounted.proxy);
  return {
    arm,
    view,
    deployed: false,
    seeds: results.map(({ seed }) => seed),
    trueReturns,
    proxyReturns,
    trueReturn: meanInterval(trueReturns),
    proxyReturn: meanInterval(proxyReturns),
    rates: Object.fromEntries(
      Object.keys(evaluations[0].rates).map((event) => [event, mean(evaluations.map(({ rates }) => rates[event]))]),
    ),
    theory,
    labelled: mean(results.map(({ summary }) => summary.labelled)),
    validated: mean(results.map(({ summary }) => summary.validation.labelled)),
    episodes: mean(results.map(({ summary }) => summary.episodes)),
    steps: mean(results.map(({ steps }) => steps)),
  };
}

/** Discounted true return of the arm's own optimum in the situation, or why there is none. */
async function theoryLine(setting: Setting, situation: Situation, arm: string): Promise<number | string> {
  const theory = armOptimum(objectiveOf(setting, armNamed(arm)), situation);
  if ("none" in theory) return theory.none;
  return (await evaluate(situation, theory.mind)).goals.true.discounted;
}

function compare(route: ArmRow, other: ArmRow): Comparison[] {
  const seeds = route.seeds.filter((seed) => other.seeds.includes(seed));
  if (seeds.length === 0) return [];
  const of = (row: ArmRow) => seeds.map((seed) => row.trueReturns[row.seeds.indexOf(seed)]);
  return [{ arm: route.arm, against: other.arm, difference: pairedInterval(of(route), of(other)) }];
}

function notesOn(rows: readonly ArmRow[], hasRoute: boolean): string[] {
  const notes: string[] = [];
  const fewest = Math.min(...rows.map(({ seeds }) => seeds.length));
  if (rows.length > 0 && fewest < FEW_SEEDS) {
    notes.push(
      `${fewest} ${fewest === 1 ? "seed" : "seeds"}: fewer than ${FEW_SEEDS} carry no claim; run more with --seeds`,
    );
  }
  const missing = PLACEBOS.filter((placebo) => !rows.some(({ arm }) => arm === placebo));
  if (hasRoute && missing.length > 0) notes.push(`placebos not run: ${missing.join(", ")}`);
  return notes;
}

/** The verdicts of an arm's seeds in one row: means of their three numbers, null where one is not measurable, and how many say what. */
export interface VerdictSummary {
  readonly trueReturn: number | null;
  readonly proxyReturn: number | null;
  readonly capability: number | null;
  /** Most frequent first. */
  readonly counts: readonly (readonly [VerdictName, number])[];
}

export function summariseVerdicts(verdicts: readonly Verdict[]): VerdictSummary {
  const mean = (of: (verdict: Verdict) => number | null): number | null => {
    const values = verdicts.map(of);
    return values.some((value) => value === null)
      ? null
      : values.reduce<number>((sum, value) => sum + (value ?? 0), 0) / values.length;
  };
  const counts = new Map<VerdictName, number>();
  for (const { verdict } of verdicts) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  return {
    trueReturn: mean(({ trueReturn }) => trueReturn),
    proxyReturn: mean(({ proxyReturn }) => proxyReturn),
    capability: mean(({ capability }) => capability),
    counts: [...counts].sort(([, a], [, b]) => b - a),
  };
}
