import { deployedRows } from "./claims.ts";
import {
  armColor,
  armScales,
  type Caption,
  frame,
  OPTIMUM_COLOR,
  returnDomain,
  type Spec,
  theoryOf,
} from "./figure.ts";
import { pointText } from "./format.ts";
import type { Table } from "./summary.ts";

const WIDTH = 560;
const ROW = 46;
/** Places within a row, rows: the mean with its interval above, the seeds in a band below. */
const MEAN_AT = -0.2;
const SEEDS_AT = 0.14;
const SEEDS_BAND = 0.3;
/** Fractions of the golden ratio fill a band evenly, whatever the number of seeds, and leave neighbours apart. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** One row for each arm: every seed, mean and interval, theory and optimum. One panel for each table. */
export function armsFigure(tables: readonly Table[], caption: Caption): Spec {
  const range = returnDomain(tables);
  // Panels share their scales, so that each names every arm, also those that it has no row for.
  const scales = armScales([...new Set(tables.flatMap(deployedRows).map(({ arm }) => arm))]);
  const panels = tables.filter((table) => deployedRows(table).length > 0).map((table) => panel(table, range, scales));
  return panels.length === 1
    ? { ...frame(caption), ...panels[0] }
    : { ...frame(caption), vconcat: panels, spacing: 26 };
}

function panel(table: Table, range: readonly [number, number], scales: ReturnType<typeof armScales>): Spec {
  const rows = deployedRows(table);
  const arms = rows.map(({ arm }) => arm);
  const seeds = rows.flatMap(({ arm, seeds, trueReturns }, row) =>
    seeds.map((seed, i) => ({
      arm,
      seed,
      trueReturn: trueReturns[i],
      place: row + SEEDS_AT + (((i + 1) * GOLDEN) % 1) * SEEDS_BAND - SEEDS_BAND / 2,
    })),
  );
  const means = rows.map(({ arm, trueReturn: { mean, low, high, n } }, row) => ({
    ...{ arm, mean, low, high, n },
    place: row + MEAN_AT,
  }));
  const theory = theoryOf(table)
    .filter(({ arm }) => arms.includes(arm))
    .map(({ arm, value }) => ({
      ...{ arm, value },
      from: arms.indexOf(arm) - 0.42,
      to: arms.indexOf(arm) + 0.42,
    }));
  const x = {
    type: "quantitative",
    scale: { domain: range, nice: false },
    axis: { title: "true return per episode, discounted", format: ".1f", labelFlush: false },
  };
  const y = {
    type: "quantitative",
    scale: { domain: [arms.length - 0.5, -0.5], nice: false },
    axis: {
      title: null,
      values: arms.map((_, row) => row),
      labelExpr: `${JSON.stringify(arms)}[datum.value]`,
      labelFontSize: 12,
      labelLimit: 0,
      grid: false,
      ticks: false,
      domain: false,
    },
  };
  const color = { field: "arm", type: "nominal", scale: scales.color, legend: null };
  const shape = { field: "arm", type: "nominal", scale: scales.shape, legend: null };
  const title = pointText(table.point);
  return {
    ...(title !== "" && { title: { text: title, fontSize: 12, anchor: "start", frame: "group" } }),
    width: WIDTH,
    height: arms.length * ROW,
    layer: [
      {
        data: { values: [{ optimum: table.optimum }] },
        mark: { type: "rule", color: OPTIMUM_COLOR, strokeWidth: 1.5 },
        encoding: { x: { ...x, field: "optimum" } },
      },
      {
        data: { values: [{ optimum: table.optimum, place: -0.5 }] },
        mark: { type: "text", text: "optimum", dy: -7, fontSize: 11, color: OPTIMUM_COLOR },
        encoding: { x: { ...x, field: "optimum" }, y: { ...y, field: "place" } },
      },
      ...theory.map((line) => ({
        data: { values: [line] },
        mark: { type: "rule", color: armColor(line.arm), strokeWidth: 2, strokeDash: [4, 3] },
        encoding: { x: { ...x, field: "value" }, y: { ...y, field: "from" }, y2: { field: "to" } },
      })),
      {
        data: { values: seeds },
        mark: { type: "circle", size: 30, opacity: 0.5 },
        encoding: { x: { ...x, field: "trueReturn" }, y: { ...y, field: "place" }, color },
      },
      {
        data: { values: means.filter(({ low }) => low !== null) },
        mark: { type: "rule", strokeWidth: 2, clip: true },
        encoding: { x: { ...x, field: "low" }, x2: { field: "high" }, y: { ...y, field: "place" }, color },
      },
      {
        data: { values: means },
        mark: { type: "point", filled: true, size: 90, opacity: 1, stroke: "white", strokeWidth: 0.75 },
        encoding: { x: { ...x, field: "mean" }, y: { ...y, field: "place" }, color, shape },
      },
    ],
  };
}
