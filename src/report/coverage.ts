import { meanInterval } from "../statistics/intervals.ts";
import { deployedRows } from "./claims.ts";
import {
  ARM_LEGEND,
  armColor,
  armScales,
  armShape,
  type Caption,
  coincident,
  frame,
  OPTIMUM_COLOR,
  returnDomain,
  type Spec,
  spreadLabels,
  theoryOf,
} from "./figure.ts";
import { percent, pointText } from "./format.ts";
import type { PublishedValue } from "./published.ts";
import type { Table } from "./summary.ts";

/** The swept key that this figure is about. */
export const COVERAGE = "oversight.coverage";

const WIDTH = 600;
const HEIGHT = 380;
/** Decades between the first and the last coverage and the frame. */
const MARGIN = 0.145;
/** Pixels over which the seeds of one mean are spread: less than its mark is wide, so that a coverage can be read off the axis. */
const JITTER = 6;
/** Fractions of the golden ratio fill a band evenly, whatever the number of seeds, and leave neighbours apart. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;
const LABEL_LINE = 13;

/**
 * True return against coverage on a log axis: every seed, means with their intervals, theory and optimum. One panel for each combination of
 * the other swept keys. Theory and optimum stand at the coverages for which they were computed, and not between or beyond them.
 *
 * `tables` are those of one shift, over the points of the sweep.
 */
export function coverageFigure(
  tables: readonly Table[],
  caption: Caption & { readonly published: readonly PublishedValue[] },
): Spec {
  const panels = new Map<string, Table[]>();
  for (const table of tables) {
    const { [COVERAGE]: _, ...others } = table.point;
    const key = pointText(others);
    panels.set(key, [...(panels.get(key) ?? []), table]);
  }
  const arms = [...new Set(tables.flatMap(deployedRows).map(({ arm }) => arm))];
  const marked = caption.published.map(({ coverage }) => coverage);
  const places = coverageScale(tables.map(coverageOf), marked);
  const drawn = [...panels].map(([title, own], i) =>
    panel(
      own.sort((a, b) => coverageOf(a) - coverageOf(b)),
      { title, arms, places, range: returnDomain(tables), published: caption.published, legend: i === 0 },
    ),
  );
  return drawn.length === 1 ? { ...frame(caption), ...drawn[0] } : { ...frame(caption), vconcat: drawn, spacing: 30 };
}

/** Of a line over the axis: a place on it, and the return there. */
interface LinePoint {
  readonly x: number;
  readonly value: number;
}

interface Panel {
  readonly title: string;
  readonly arms: readonly string[];
  readonly places: CoverageScale;
  readonly range: readonly [number, number];
  readonly published: readonly PublishedValue[];
  readonly legend: boolean;
}

function panel(tables: readonly Table[], { title, arms, places, range, published, legend }: Panel): Spec {
  const rows = tables.flatMap((table) => deployedRows(table).map((row) => ({ coverage: coverageOf(table), row })));
  const seeds = rows.flatMap(({ coverage, row: { arm, seeds, trueReturns } }) =>
    seeds.map((seed, i) => ({
      ...{ arm, coverage, seed, trueReturn: trueReturns[i] },
      ...{ x: places.jittered(coverage, i), color: armColor(arm) },
    })),
  );
  const means = rows.map(({ coverage, row: { arm, trueReturns } }) => {
    const { mean, low, high, n } = meanInterval(trueReturns);
    return { arm, coverage, mean, low, high, n, x: places.at(coverage), color: armColor(arm) };
  });
  const reference = published
    .filter(({ arm }) => arms.includes(arm))
    .map((point) => ({
      ...point,
      ...{ x: point.coverage, color: armColor(point.arm), shape: armShape(point.arm) },
    }));

  const [, last] = places.domain;
  const swept = tables.map((table) => places.at(coverageOf(table)));
  const optimum = tables.map((table, i) => ({ x: swept[i], value: table.optimum }));
  const series = arms.flatMap((arm) => {
    const points = tables.flatMap((table, i) =>
      theoryOf(table).flatMap((theory) => (theory.arm === arm ? [{ x: swept[i], value: theory.value }] : [])),
    );
    return points.length === 0 ? [] : [{ arm, points }];
  });
  const groups = coincident(series);
  const labels = labelsOf(groups, optimum[optimum.length - 1].value, range);

  const x = {
    field: "x",
    type: "quantitative",
    scale: { type: "log", domain: places.domain, nice: false },
    axis: {
      title: `coverage: fraction of episode ends that oversight sees (log scale${places.zero ? "; 0 % set apart" : ""})`,
      values: places.ticks.map(({ place }) => place),
      labelExpr: places.ticks.reduceRight(
        (rest, { place, text }) => `abs(datum.value / ${place} - 1) < 1e-6 ? '${text}' : ${rest}`,
        "''",
      ),
      grid: true,
    },
  };
  const y = {
    type: "quantitative",
    scale: { domain: range, nice: false },
    axis: { title: "true return per episode, discounted", format: ".1f", tickCount: 8 },
  };
  const scales = armScales(arms);
  // The means alone have scales of colour and shape, and so the legend; the other layers take them from their own data.
  const color = { field: "color", type: "nominal", scale: null };
  const shape = { field: "shape", type: "nominal", scale: null };
  return {
    ...(title !== "" && { title: { text: title, fontSize: 12, anchor: "start", frame: "group" } }),
    width: WIDTH,
    height: HEIGHT,
    resolve: { scale: { color: "independent", shape: "independent" } },
    layer: [
      {
        data: { values: optimum },
        mark: { ...TICK, color: OPTIMUM_COLOR },
        encoding: { x, y: { ...y, field: "value" } },
      },
      ...groups.flatMap((group) =>
        group.map(({ arm, points }, turn) => ({
          data: { values: points },
          // Of arms that coincide each is a little narrower than the one below it, so that every colour is seen.
          mark: { ...TICK, color: armColor(arm), size: TICK.size * (1 - turn / group.length) },
          encoding: { x, y: { ...y, field: "value" } },
        })),
      ),
      {
        data: { values: seeds },
        mark: { type: "circle", size: 22, opacity: 0.4, clip: true },
        encoding: { x, y: { ...y, field: "trueReturn" }, color },
      },
      {
        data: { values: means.filter(({ low }) => low !== null) },
        mark: { type: "rule", strokeWidth: 1.5, clip: true },
        encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color },
      },
      {
        data: { values: means },
        mark: { type: "line", strokeWidth: 2 },
        encoding: { x, y: { ...y, field: "mean" }, color },
      },
      {
        data: { values: means },
        mark: { type: "point", filled: true, size: 75, opacity: 1, stroke: "white", strokeWidth: 0.75 },
        encoding: {
          x,
          y: { ...y, field: "mean" },
          color: { field: "arm", type: "nominal", scale: scales.color, legend: legend ? ARM_LEGEND : null },
          shape: { field: "arm", type: "nominal", scale: scales.shape, legend: legend ? ARM_LEGEND : null },
        },
      },
      ...(reference.length === 0
        ? []
        : [
            {
              data: { values: reference },
              mark: { type: "point", filled: false, size: 95, strokeWidth: 1.5, opacity: 1, clip: true },
              encoding: { x, y: { ...y, field: "value" }, color, shape },
            },
          ]),
      {
        data: { values: labels },
        mark: { type: "text", align: "left", baseline: "middle", dx: 6, fontSize: 11, lineHeight: LABEL_LINE },
        encoding: {
          x: { datum: last, type: "quantitative" },
          y: { ...y, field: "place" },
          text: { field: "text" },
          color,
        },
      },
    ],
  };
}

/** Theory and optimum at one coverage. */
const TICK = { type: "tick", orient: "horizontal", size: 30, thickness: 2 };

/** The words right of the plot that name the optimum and the theory lines, each as near to its line as the others let it. */
function labelsOf(
  groups: readonly (readonly { readonly arm: string; readonly points: readonly LinePoint[] }[])[],
  optimum: number,
  [low, high]: readonly [number, number],
): { place: number; text: string; color: string }[] {
  const lines = [
    { value: optimum, words: [{ text: "optimum", color: OPTIMUM_COLOR }] },
    ...groups.map((group) => ({
      value: group[0].points[group[0].points.length - 1].value,
      words: group.map(({ arm }) => ({ text: `theory: ${arm}`, color: armColor(arm) })),
    })),
  ];
  const toPixels = (value: number) => ((high - value) / (high - low)) * HEIGHT;
  const places = spreadLabels(
    lines.map(({ value }) => toPixels(value)),
    lines.map(({ words }) => words.length * LABEL_LINE + 3),
    HEIGHT + 10,
  );
  return lines.flatMap(({ words }, i) =>
    words.map(({ text, color }, w) => {
      const pixels = places[i] + (w - (words.length - 1) / 2) * LABEL_LINE;
      return { place: high - (pixels / HEIGHT) * (high - low), text, color };
    }),
  );
}

interface CoverageScale {
  readonly domain: readonly [number, number];
  readonly ticks: readonly { readonly place: number; readonly text: string }[];
  /** Whether coverage 0 is among them. */
  readonly zero: boolean;
  /** Where a coverage stands on the axis; 0, which no log axis has, half a decade before the first. */
  at(coverage: number): number;
  /** Where seed `i` of an arm stands: a little beside its coverage, so that seeds do not hide one another. */
  jittered(coverage: number, i: number): number;
}

/** The log axis of the swept coverages: ticks at powers of ten, at those and at `others`, with labels where there is room. */
function coverageScale(coverages: readonly number[], others: readonly number[]): CoverageScale {
  const positive = coverages.filter((coverage) => coverage > 0);
  const least = positive.length > 0 ? Math.min(...positive) : 1;
  const zero = least / 10 ** 0.5;
  const at = (coverage: number) => (coverage > 0 ? coverage : zero);
  const places = coverages.map(at);
  const margin = 10 ** MARGIN;
  const domain = [Math.min(...places) / margin, Math.max(...places) * margin] as const;
  const decades = [-5, -4, -3, -2, -1, 0].map((power) => 10 ** power);
  const ticks: { place: number; text: string }[] = [];
  const room = 0.06 * Math.log10(domain[1] / domain[0]);
  for (const place of [...decades, ...positive, ...others]) {
    if (place < domain[0] || place > domain[1]) continue;
    if (ticks.some((tick) => tick.place === place)) continue;
    const free = ticks.every((tick) => tick.text === "" || Math.abs(Math.log10(tick.place / place)) > room);
    ticks.push({ place, text: free ? percent(place) : "" });
  }
  if (coverages.includes(0)) ticks.push({ place: zero, text: "0 %" });
  ticks.sort((a, b) => a.place - b.place);
  const span = Math.log10(domain[1] / domain[0]);
  const jittered = (coverage: number, i: number) =>
    at(coverage) * 10 ** (((((i + 1) * GOLDEN) % 1) - 0.5) * JITTER * (span / WIDTH));
  return { domain, ticks, at, jittered, zero: coverages.includes(0) };
}

function coverageOf({ point }: Table): number {
  return Number(point[COVERAGE]);
}
