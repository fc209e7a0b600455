import type { ArmRow, Table } from "../../src/report/summary.ts";
import { meanInterval } from "../../src/statistics/intervals.ts";

/** A row as deployed, of seeds 0, 1, ...; `theory` is that of the arm's full view, which several modules have as a row of their own. */
export function rowsOf(arm: string, trueReturns: readonly number[], theory: number | null): ArmRow[] {
  const several = arm.startsWith("route") || arm.startsWith("moe");
  const row = (view: string, deployed: boolean): ArmRow => ({
    ...{ arm, view, deployed, trueReturns, proxyReturns: trueReturns.map(() => 0.5) },
    seeds: trueReturns.map((_, seed) => seed),
    trueReturn: meanInterval(trueReturns),
    proxyReturn: meanInterval(trueReturns.map(() => 0.5)),
    rates: { diamond: 0.75, ghost: 0.25, timeout: 0 },
    theory: view === "full" && theory !== null ? theory : `the view ${view} has none`,
    ...{ validated: 7, labelled: 1234.5, episodes: 98765, steps: 300000 },
  });
  return several ? [row("full", false), row("only:diamond", true)] : [row("full", true)];
}

export function tableOf(point: Record<string, unknown>, rows: readonly ArmRow[], changes: Partial<Table> = {}): Table {
  return {
    ...{
      point,
      shift: "unseen",
      oversight: { kind: "terminal", coverage: 0.5, visible: true, unlabelled: "proxy", spurious: 0 } as const,
      levels: 13800,
      exact: true,
      optimum: 0.9,
      random: 0,
      rows,
      comparisons: [],
      notes: [],
    },
    ...changes,
  };
}

/** Two arms with three seeds at coverage 1 % and 100 %. */
export const SWEEP: readonly Table[] = [0.01, 1].map((coverage) =>
  tableOf({ "oversight.coverage": coverage }, [
    ...rowsOf("naive", [0.1, 0.2, 0.3], 0),
    ...rowsOf("oracle", [0.8, 0.8, 0.8], 0.9),
    ...rowsOf("route", [0.5, 0.6, 0.7], 0),
  ]),
);
