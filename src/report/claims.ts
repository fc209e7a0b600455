import { Stream } from "../core/random.ts";
import { normalise } from "../evaluation/evaluate.ts";
import { ARMS } from "../routing/arms/table.ts";
import type { Scenario } from "../scenario/schema.ts";
import {
  type BootstrapInterval,
  interquartileMeanInterval,
  pairedBootstrap,
  probabilityOfImprovement,
} from "../statistics/bootstrap.ts";
import { holm } from "../statistics/holm.ts";
import { type MeanInterval, pairedInterval } from "../statistics/intervals.ts";
import { signFlipPValue } from "../statistics/permutation.ts";
import { type FractionInterval, wilsonInterval } from "../statistics/wilson.ts";
import type { ArmRow, Table } from "./summary.ts";

/** What stands beside a row's mean. */
interface RowStatistics {
  /** Interquartile mean of the seeds' true returns. */
  readonly iqm: BootstrapInterval;
  /** Seeds whose normalised true return is at least one half; null where it is not measurable. */
  readonly aboveHalf: FractionInterval | null;
}

/** `route` against another arm at one point, under one shift, as deployed; all of it on the seeds that both have. */
interface Claim {
  readonly against: string;
  readonly placebo: boolean;
  readonly seeds: readonly number[];
  /** Mean of the differences in true return, by Student's t and by the paired bootstrap. */
  readonly difference: MeanInterval;
  readonly bootstrap: BootstrapInterval;
  /** How often a seed of `route` beats a seed of the other arm, in true return. */
  readonly improvement: BootstrapInterval;
  /**
   * Sign-flip p-value of the difference in the primary metric, alone and corrected over every claim of the run under the primary
   * shift; null under any other shift, where nothing was declared and so nothing is tested.
   */
  readonly p: number | null;
  readonly pHolm: number | null;
}

/** A table with the statistics of its rows and of `route` against the others. */
export interface ReportTable extends Table {
  readonly statistics: ReadonlyMap<ArmRow, RowStatistics>;
  readonly claims: readonly Claim[];
}

/** An arm over all points of the sweep together: normalised true return, the points as strata. */
export interface Overall {
  readonly arm: string;
  readonly seeds: number;
  readonly iqm: BootstrapInterval;
  /** How often `route` beats the arm, mean over the points; null for `route` itself, and where it was not run. */
  readonly improvement: BootstrapInterval | null;
}

/** Add statistics to all tables of a run. Holm's correction is over all points under the primary shift. */
export function addStatistics({ primary }: Scenario, tables: readonly Table[]): ReportTable[] {
  const reported = tables.map((table) => ({
    ...table,
    statistics: new Map(table.rows.map((row) => [row, statisticsOf(row, table)])),
    claims: claimsOf(table, table.shift === primary.shift ? primary.metric : null),
  }));
  const family = reported.flatMap(({ claims }) => claims).filter(({ p }) => p !== null);
  const corrected = holm(family.map(({ p }) => p ?? 1));
  const correctedOf = new Map(family.map((claim, i) => [claim, corrected[i]]));
  return reported.map((table) => ({
    ...table,
    claims: table.claims.map((claim) => ({ ...claim, pHolm: correctedOf.get(claim) ?? null })),
  }));
}

/** The arms over all of the tables (the points of a sweep, one shift); only arms that every table has, and only with two tables or more. */
export function overallOf(tables: readonly Table[]): Overall[] {
  const arms = [...new Set(tables.flatMap(deployedRows).map(({ arm }) => arm))];
  const strataOf = (arm: string) =>
    tables.map((table) => {
      const row = deployedRows(table).find((own) => own.arm === arm);
      const values = row?.trueReturns.map((value) => normalise(value, table.random, table.optimum)) ?? [];
      return values.flatMap((value) => value ?? []);
    });
  const strata = new Map(
    arms.map((arm) => [arm, strataOf(arm)] as const).filter(([, own]) => own.every(({ length }) => length > 0)),
  );
  if (tables.length < 2) return [];
  const route = strata.get("route");
  return [...strata].map(([arm, own]) => ({
    arm,
    seeds: own.reduce((sum, { length }) => sum + length, 0),
    iqm: interquartileMeanInterval(own, { rng: stream("iqm") }),
    improvement:
      route === undefined || arm === "route"
        ? null
        : probabilityOfImprovement(route, own, { rng: stream("improvement") }),
  }));
}

/** The rows as deployed, in the order of the table. */
export function deployedRows(table: Table): ArmRow[] {
  return table.rows.filter(({ deployed }) => deployed);
}

function statisticsOf(row: ArmRow, { random, optimum }: Table): RowStatistics {
  const normalised = row.trueReturns.map((value) => normalise(value, random, optimum));
  const measurable = normalised.every((value) => value !== null);
  return {
    iqm: interquartileMeanInterval([row.trueReturns], { rng: stream("iqm") }),
    aboveHalf: measurable
      ? wilsonInterval(normalised.filter((value) => value !== null && value >= 0.5).length, normalised.length)
      : null,
  };
}

function claimsOf(table: Table, metric: Scenario["primary"]["metric"] | null): Claim[] {
  const rows = deployedRows(table);
  const route = rows.find(({ arm }) => arm === "route");
  if (route === undefined) return [];
  return rows.flatMap((other) => {
    const seeds = route.seeds.filter((seed) => other.seeds.includes(seed));
    if (other === route || seeds.length === 0) return [];
    const valuesOf = (row: ArmRow, values: readonly number[]) => seeds.map((seed) => values[row.seeds.indexOf(seed)]);
    const [own, others] = [valuesOf(route, route.trueReturns), valuesOf(other, other.trueReturns)];
    return [
      {
        against: other.arm,
        placebo: ARMS.get(other.arm)?.role === "placebo",
        seeds,
        difference: pairedInterval(own, others),
        bootstrap: pairedBootstrap(own, others, { rng: stream("difference") }),
        improvement: probabilityOfImprovement([own], [others], { rng: stream("improvement") }),
        p: metric === null ? null : pValue(metric, route, other, valuesOf),
        pHolm: null,
      },
    ];
  });
}

function pValue(
  metric: Scenario["primary"]["metric"],
  route: ArmRow,
  other: ArmRow,
  valuesOf: (row: ArmRow, values: readonly number[]) => number[],
): number {
  const returnsOf = (row: ArmRow) => (metric === "true-return" ? row.trueReturns : row.proxyReturns);
  const others = valuesOf(other, returnsOf(other));
  return signFlipPValue(
    valuesOf(route, returnsOf(route)).map((value, i) => value - others[i]),
    stream("sign-flip"),
  );
}

/** A fresh stream for each estimate, so that the same data give the same interval wherever they stand in a report. */
const stream = (what: string): Stream => new Stream("report", what);
