import { mean } from "../statistics/intervals.ts";
import { deployedRows } from "./claims.ts";
import type { ReportCell } from "./collect.ts";
import {
  ARM_LEGEND,
  armColor,
  armScales,
  type Caption,
  coincident,
  dashes,
  frame,
  OPTIMUM_COLOR,
  roundDomain,
  type Spec,
  theoryOf,
} from "./figure.ts";
import { pointText } from "./format.ts";
import type { Table } from "./summary.ts";

/** A seed's learning curve. */
export type CellCurve = Pick<ReportCell["result"], "arm" | "seed" | "point"> & Pick<ReportCell, "curve">;

const WIDTH = 340;
const HEIGHT = 230;
const WIDE = { width: 600, height: 340 };

/**
 * Learning curves: true return against environment steps, one panel for each point of the sweep; every seed thin, the mean of the
 * arm's seeds thick, theory lines dashed, the optimum grey.
 *
 * `tables` are those of the primary shift, whose returns the curves are of.
 */
export function curvesFigure(tables: readonly Table[], curves: readonly CellCurve[], caption: Caption): Spec {
  const shown = tables.filter((table) => deployedRows(table).length > 0);
  const arms = [...new Set(shown.flatMap(deployedRows).map(({ arm }) => arm))];
  const range = roundDomain([
    ...shown.flatMap((table) => [table.optimum, ...theoryOf(table).map(({ value }) => value)]),
    ...curves.flatMap(({ curve }) => curve.map(({ trueReturn }) => trueReturn)),
  ]);
  const panels = shown.map((table) => {
    const point = JSON.stringify(table.point);
    const own = curves.filter((curve) => JSON.stringify(curve.point) === point);
    return panel(table, own, { arms, range, alone: shown.length === 1 });
  });
  return panels.length === 1
    ? { ...frame(caption), ...panels[0] }
    : {
        ...frame(caption),
        concat: panels,
        columns: 2,
        spacing: 28,
        resolve: { legend: { color: "shared", shape: "shared" } },
      };
}

interface Panel {
  readonly arms: readonly string[];
  readonly range: readonly [number, number];
  readonly alone: boolean;
}

function panel(table: Table, curves: readonly CellCurve[], { arms, range, alone }: Panel): Spec {
  const seeds = curves.flatMap(({ arm, seed, curve }) => curve.map((point) => ({ arm, seed, ...point })));
  const lastStep = Math.max(0, ...seeds.map(({ step }) => step));
  const groups = coincident(theoryOf(table).map(({ arm, value }) => ({ arm, points: [{ x: 0, value }] })));
  const x = {
    field: "step",
    type: "quantitative",
    scale: { domain: [0, lastStep], nice: false },
    axis: {
      title: "environment steps",
      labelExpr: "datum.value === 0 ? '0' : format(datum.value, '~s')",
      tickCount: 5,
      grid: false,
    },
  };
  const y = {
    type: "quantitative",
    scale: { domain: range, nice: false },
    axis: { title: "true return", format: ".1f", tickCount: 6 },
  };
  const scales = armScales(arms);
  const color = { field: "arm", type: "nominal", scale: scales.color, legend: { ...ARM_LEGEND, symbolType: "stroke" } };
  const level = (value: number, mark: Spec) => ({
    data: { values: [{ value }] },
    mark: { type: "rule", ...mark },
    encoding: { y: { ...y, field: "value" } },
  });
  const title = pointText(table.point);
  return {
    ...(title !== "" && { title: { text: title, fontSize: 12, anchor: "start", frame: "group" } }),
    ...(alone ? WIDE : { width: WIDTH, height: HEIGHT }),
    layer: [
      level(table.optimum, { color: OPTIMUM_COLOR, strokeWidth: 1.5 }),
      ...groups.flatMap((group) =>
        group.map(({ arm, points }, turn) =>
          level(points[0].value, { color: armColor(arm), strokeWidth: 1.75, ...dashes(turn, group.length) }),
        ),
      ),
      {
        data: { values: seeds },
        mark: { type: "line", strokeWidth: 0.75, opacity: 0.35 },
        encoding: { x, y: { ...y, field: "trueReturn" }, color, detail: { field: "seed", type: "nominal" } },
      },
      {
        data: { values: meansOf(arms, seeds) },
        mark: { type: "line", strokeWidth: 2.5 },
        encoding: { x, y: { ...y, field: "mean" }, color },
      },
    ],
  };
}

/** Mean over the seeds that have a point at the step: all of them, since a run's cells share their schedule. */
function meansOf(
  arms: readonly string[],
  seeds: readonly { readonly arm: string; readonly step: number; readonly trueReturn: number }[],
): { arm: string; step: number; mean: number; n: number }[] {
  return arms.flatMap((arm) => {
    const own = seeds.filter((point) => point.arm === arm);
    const steps = [...new Set(own.map(({ step }) => step))].sort((a, b) => a - b);
    return steps.map((step) => {
      const returns = own.filter((point) => point.step === step).map(({ trueReturn }) => trueReturn);
      return { arm, step, mean: mean(returns), n: returns.length };
    });
  });
}
