import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { armsFigure } from "../../src/report/arms.ts";
import { coverageFigure } from "../../src/report/coverage.ts";
import { type CellCurve, curvesFigure } from "../../src/report/curves.ts";
import { coincident, dashes, roundDomain, type Spec, spreadLabels } from "../../src/report/figure.ts";
import { publishedFor } from "../../src/report/published.ts";
import { readText } from "../../src/runs/files.ts";
import { loadScenario } from "../../src/scenario/load.ts";
import type { Scenario } from "../../src/scenario/schema.ts";
import { ROOT } from "../cli/halfwatch.ts";
import { rowsOf, SWEEP, tableOf } from "./tables.ts";

interface Layer {
  readonly data: { readonly values: Record<string, unknown>[] };
  readonly mark: Record<string, unknown>;
  readonly encoding: Record<string, { field?: string; scale?: { domain: unknown }; axis?: Record<string, unknown> }>;
}

const DIAMOND_GHOST = loadScenario({ path: join(ROOT, "scenarios/diamond-ghost.yaml"), readText }).scenario;
const PUBLISHED = publishedFor(DIAMOND_GHOST)?.values ?? [];
const CAPTION = { title: "A title", lines: ["first", "second"], published: [] };
const layersOf = (spec: Spec) => spec.layer as Layer[];
const layerOf = (spec: Spec, yField: string, mark: string) => {
  const found = layersOf(spec).filter(({ encoding, mark: { type } }) => encoding.y?.field === yField && type === mark);
  expect(found).toHaveLength(1);
  return found[0];
};

describe("the figure against coverage", () => {
  const spec = coverageFigure(SWEEP, CAPTION);

  test("shows every seed of the deployed view, beside its coverage by less than a mark is wide", () => {
    const { values } = layerOf(spec, "trueReturn", "circle").data;
    expect(values).toHaveLength(2 * 3 * 3);
    const route = values.filter(({ arm, coverage }) => arm === "route" && coverage === 0.01);
    expect(route.map(({ seed, trueReturn }) => [seed, trueReturn])).toEqual([
      [0, 0.5],
      [1, 0.6],
      [2, 0.7],
    ]);
    const { domain } = layersOf(spec)[0].encoding.x.scale ?? { domain: [] };
    const [low, high] = domain as [number, number];
    const pixels = (from: number, to: number) =>
      (Math.log10(to / from) / Math.log10(high / low)) * (spec.width as number);
    // A mean's mark has an area of 75 square pixels: 9.8 across.
    const offsets = values.map(({ x, coverage }) => pixels(coverage as number, x as number));
    expect(Math.max(...offsets.map(Math.abs))).toBeLessThan(Math.sqrt((4 * 75) / Math.PI) / 2);
    expect(new Set(offsets.slice(0, 3).map((offset) => offset.toFixed(3))).size).toBe(3);
  });

  test("means and intervals stand exactly at their coverages", () => {
    for (const layer of [layerOf(spec, "mean", "point"), layerOf(spec, "mean", "line"), layerOf(spec, "low", "rule")]) {
      for (const { x, coverage } of layer.data.values) expect(x).toBe(coverage);
    }
  });

  test("shows means with Student's interval: .6 +- 4.3027 * .1 / sqrt 3", () => {
    const mean = layerOf(spec, "mean", "point").data.values.find(
      ({ arm, coverage }) => arm === "route" && coverage === 1,
    );
    expect(mean).toMatchObject({ mean: 0.6, n: 3, color: "#D55E00" });
    expect(mean?.low).toBeCloseTo(0.6 - (4.302652729749464 * 0.1) / Math.sqrt(3), 12);
    expect(layerOf(spec, "low", "rule").data.values).toHaveLength(6);
  });

  test("leaves out the interval that one seed does not have", () => {
    const single = coverageFigure([tableOf({ "oversight.coverage": 0.1 }, rowsOf("naive", [0.2], 0))], CAPTION);
    expect(layerOf(single, "low", "rule").data.values).toEqual([]);
    expect(layerOf(single, "mean", "point").data.values).toHaveLength(1);
  });

  test("draws theory at the coverages that it was computed for, of arms whose deployed view has one", () => {
    const [, ...theory] = layersOf(spec).filter(({ mark }) => mark.type === "tick");
    // route deploys one module, of which the table says a dash.
    expect(theory.map(({ mark, data }) => [mark.color, data.values])).toEqual([
      ["#0072B2", [0.01, 1].map((x) => ({ x, value: 0 }))],
      ["#009E73", [0.01, 1].map((x) => ({ x, value: 0.9 }))],
    ]);
  });

  test("draws the optimum of each point, grey, at its coverage", () => {
    const other = coverageFigure([SWEEP[0], { ...SWEEP[1], optimum: 0.8 }], CAPTION);
    const [{ data, mark }] = layersOf(other);
    expect(mark).toMatchObject({ type: "tick", color: "#767676" });
    expect(data.values).toEqual([
      { x: 0.01, value: 0.9 },
      { x: 1, value: 0.8 },
    ]);
  });

  test("names optimum and theory lines right of the plot, apart from one another", () => {
    const { values } = layerOf(spec, "place", "text").data;
    expect(values.map(({ text }) => text)).toEqual(["optimum", "theory: naive", "theory: oracle"]);
    const places = values.map(({ place }) => place as number).sort((a, b) => a - b);
    const pixel = ((spec.height as number) / 1.1) ** -1;
    for (let i = 1; i < places.length; i++) expect(places[i] - places[i - 1]).toBeGreaterThan(12 * pixel);
  });

  test("labels 1 %, 10 % and 100 %, on a log axis", () => {
    const { axis, scale } = layerOf(spec, "mean", "line").encoding.x;
    expect(scale).toMatchObject({ type: "log" });
    expect(axis?.values).toEqual([0.01, 0.1, 1]);
    expect(axis?.labelExpr).toBe(
      "abs(datum.value / 0.01 - 1) < 1e-6 ? '1 %' : abs(datum.value / 0.1 - 1) < 1e-6 ? '10 %' : abs(datum.value / 1 - 1) < 1e-6 ? '100 %' : ''",
    );
  });

  test("sets coverage 0, which a log axis has not, half a decade apart, and says so", () => {
    const zero = coverageFigure(
      [0, 0.1].map((coverage) => tableOf({ "oversight.coverage": coverage }, rowsOf("naive", [0.2, 0.3], 0))),
      CAPTION,
    );
    const { axis } = layerOf(zero, "mean", "line").encoding.x;
    expect(axis?.values).toEqual([0.1 / 10 ** 0.5, 0.1]);
    expect(axis?.labelExpr).toContain("'0 %'");
    expect(axis?.title).toContain("0 % set apart");
  });

  test("there are published points for the paper's setting and for no other", () => {
    expect(PUBLISHED).toHaveLength(11);
    const others: readonly Partial<Scenario>[] = [
      { world: { ...DIAMOND_GHOST.world, size: 7 } },
      { world: { ...DIAMOND_GHOST.world, kind: "other" } },
      { world: { ...DIAMOND_GHOST.world, observe: "centred" } },
      { oversight: { ...DIAMOND_GHOST.oversight, visible: false } },
      { sweep: { "oversight.coverage": [0.1], "agent.gateCoef": [0.3] } },
    ];
    for (const other of others) expect(publishedFor({ ...DIAMOND_GHOST, ...other })).toBe(undefined);
  });

  test("shows the published points, hollow, only where it is asked for, and only of arms that were run", () => {
    expect(layersOf(spec).some(({ mark }) => mark.filled === false)).toBe(false);
    const published = coverageFigure(SWEEP, { ...CAPTION, published: PUBLISHED });
    const [hollow] = layersOf(published).filter(({ mark }) => mark.filled === false);
    expect(hollow.data.values.map(({ arm, coverage, value }) => [arm, coverage, value])).toEqual([
      ["route", 0.1, 0.507],
      ["naive", 0.1, 0.16],
      ["route", 0.3, 0.59],
      ["naive", 0.3, 0.441],
      ["route", 0.8, 0.59],
      ["naive", 0.8, 0.75],
      ["route", 1, 0.576],
      ["naive", 1, 0.751],
    ]);
  });

  test("has a panel for each combination of the other swept keys, the first with the legend", () => {
    const crossed = [0.9, 0.97].flatMap((discount) =>
      SWEEP.map((table) => ({ ...table, point: { ...table.point, discount } })),
    );
    const panels = coverageFigure(crossed, CAPTION).vconcat as Spec[];
    expect(panels.map(({ title }) => (title as Spec).text)).toEqual(["discount 0.9", "discount 0.97"]);
    const legends = panels.map((panel) => layerOf(panel, "mean", "point").encoding.color as Record<string, unknown>);
    expect(legends.map(({ legend }) => legend === null)).toEqual([false, true]);
  });
});

test("the figure of arms has a row for each arm: seeds, mean, theory, optimum", () => {
  const spec = armsFigure([tableOf({}, SWEEP[0].rows)], CAPTION);
  const seeds = layersOf(spec).find(({ mark }) => mark.type === "circle")?.data.values ?? [];
  expect(seeds.map(({ arm }) => arm)).toEqual(["naive", "oracle", "route"].flatMap((arm) => [arm, arm, arm]));
  for (const { place } of seeds.slice(0, 3)) expect(Math.abs(place as number)).toBeLessThan(0.5);
  for (const { place } of seeds.slice(6)) expect(Math.abs((place as number) - 2)).toBeLessThan(0.5);
  expect(layersOf(spec)[0]).toMatchObject({ data: { values: [{ optimum: 0.9 }] }, mark: { type: "rule" } });
  const theory = layersOf(spec).filter(({ mark }) => mark.strokeDash !== undefined);
  expect(theory.map(({ data }) => [data.values[0].arm, data.values[0].value])).toEqual([
    ["naive", 0],
    ["oracle", 0.9],
  ]);
});

test("the learning curves have a panel for each point, seeds thin behind the mean", () => {
  const curve = (seed: number, coverage: number, values: number[]): CellCurve => ({
    ...{ arm: "naive", seed, point: { "oversight.coverage": coverage } },
    curve: values.map((trueReturn, i) => ({ step: 1000 * (i + 1), trueReturn })),
  });
  const spec = curvesFigure(
    SWEEP,
    [curve(0, 0.01, [0.1, 0.4]), curve(1, 0.01, [0.2, 0.2]), curve(0, 1, [0.7])],
    CAPTION,
  );
  const [first, second] = spec.concat as Spec[];
  expect(layerOf(first, "trueReturn", "line").data.values).toHaveLength(4);
  const means = layerOf(first, "mean", "line").data.values.map(({ step, mean, n }) => [step, mean, n]);
  expect(means[0]).toEqual([1000, expect.closeTo(0.15, 12), 2]);
  expect(means[1]).toEqual([2000, expect.closeTo(0.3, 12), 2]);
  expect(layerOf(second, "trueReturn", "line").data.values).toEqual([
    { arm: "naive", seed: 0, step: 1000, trueReturn: 0.7 },
  ]);
});

describe("what figures are made with", () => {
  test("a domain ends at round numbers", () => {
    expect(roundDomain([0, 0.9317])).toEqual([-0.1, 1]);
    expect(roundDomain([-0.96, 0.93])).toEqual([-1, 1]);
    expect(roundDomain([3, 3])).toEqual([2.5, 3.5]);
    expect(roundDomain([0, 0])).toEqual([-0.2, 0.2]);
    expect(roundDomain([-5e-324, 4.4e-323])).toEqual([-0.2, 0.2]);
    expect(roundDomain([3, 3 + 4e-16])).toEqual([2.5, 3.5]);
  });

  test("dashes of lines that coincide fill one another's gaps", () => {
    expect(dashes(0, 1)).toEqual({ strokeDash: [7, 4], strokeDashOffset: 0 });
    const three = [0, 1, 2].map((turn) => dashes(turn, 3));
    expect(three.map(({ strokeDash }) => strokeDash)).toEqual([
      [7, 20],
      [7, 20],
      [7, 20],
    ]);
    expect(three.map(({ strokeDashOffset }) => strokeDashOffset)).toEqual([0, -9, -18]);
  });

  test("lines coincide along a stretch, not where they cross", () => {
    const line = (name: string, ...values: number[]) => ({ name, points: values.map((value, x) => ({ x, value })) });
    const groups = coincident([line("a", 0, 0, 1), line("b", 0, 1, 2), line("c", 5, 0, 1), line("d", 0)]);
    expect(groups.map((group) => group.map(({ name }) => name))).toEqual([["a", "c"], ["b"], ["d"]]);
  });

  test("labels that would overlap are moved apart, and stay above the bottom", () => {
    expect(spreadLabels([100, 10, 102], [20, 20, 20], 400)).toEqual([100, 10, 120]);
    expect(spreadLabels([395, 390], [20, 20], 400)).toEqual([390, 370]);
  });
});
