import { describe, expect, test } from "vitest";
import { addStatistics, overallOf } from "../../src/report/claims.ts";
import type { Scenario } from "../../src/scenario/schema.ts";
import { rowsOf, SWEEP, tableOf } from "./tables.ts";

const scenarioWith = (metric: "true-return" | "proxy-return") =>
  ({ primary: { metric, shift: "unseen", select: "last" } }) as Scenario;

describe("claims about route", () => {
  const rows = [
    ...rowsOf("naive", [0.1, 0.2, 0.3, 0.4, 0.5], 0),
    ...rowsOf("route", [0.5, 0.7, 0.9, 0.8, 0.6], 0),
    ...rowsOf("moe-no-route", [0.5, 0.7, 0.9, 0.8, 0.6], 0),
  ];
  const tables = [tableOf({}, rows), tableOf({}, rows, { shift: "other" })];

  test("are paired by seed, with p-values of the primary shift only, corrected over all of them", () => {
    const [primary, other] = addStatistics(scenarioWith("true-return"), tables);
    const [naive, placebo] = primary.claims;
    // differences .4 .5 .6 .4 .1: all one way, 2 of 32 patterns; two claims, so Holm doubles the smaller
    expect(naive).toMatchObject({ against: "naive", placebo: false, p: 0.0625, pHolm: 0.125 });
    expect(naive.difference.mean).toBeCloseTo(0.4, 12);
    expect(naive.bootstrap.estimate).toBeCloseTo(0.4, 12);
    // pairs of (route, naive) that route loses or ties: .5 meets .5
    expect(naive.improvement.estimate).toBe((24 + 0.5) / 25);
    expect(placebo).toMatchObject({ against: "moe-no-route", placebo: true, p: 1, pHolm: 1 });
    expect(other.claims.map(({ p, pHolm }) => [p, pHolm])).toEqual([
      [null, null],
      [null, null],
    ]);
  });

  test("test the primary metric, whichever it is", () => {
    const [primary] = addStatistics(scenarioWith("proxy-return"), tables);
    expect(primary.claims.map(({ p }) => p)).toEqual([1, 1]);
  });

  test("use the seeds that both arms have", () => {
    const fewer = [...rowsOf("naive", [0.1, 0.2], 0), ...rowsOf("route", [0.5, 0.7, 0.9], 0)];
    const [{ claims }] = addStatistics(scenarioWith("true-return"), [tableOf({}, fewer)]);
    expect(claims[0].seeds).toEqual([0, 1]);
    expect(claims[0].difference.mean).toBeCloseTo(0.45, 12);
  });

  test("there are none without route", () => {
    const [{ claims }] = addStatistics(scenarioWith("true-return"), [tableOf({}, rowsOf("naive", [0.1], 0))]);
    expect(claims).toEqual([]);
  });
});

test("a row has its interquartile mean, and its seeds above half of the way from random to optimum", () => {
  const [table] = addStatistics(scenarioWith("true-return"), [
    tableOf({}, rowsOf("naive", [0.1, 0.44, 0.45, 0.9], 0), { optimum: 0.9, random: 0 }),
  ]);
  const statistics = table.statistics.get(table.rows[0]);
  expect(statistics?.iqm.estimate).toBeCloseTo(0.445, 12);
  expect(statistics?.aboveHalf).toMatchObject({ successes: 2, n: 4, fraction: 0.5 });
});

test("where optimum and random are one, nothing is measurable", () => {
  const [table] = addStatistics(scenarioWith("true-return"), [
    tableOf({}, rowsOf("naive", [0.1], 0), { optimum: 0.5, random: 0.48 }),
  ]);
  expect(table.statistics.get(table.rows[0])?.aboveHalf).toBeNull();
});

test("all points together: normalised, the points as strata, only arms that every point has", () => {
  const overall = overallOf([SWEEP[0], { ...SWEEP[1], rows: SWEEP[1].rows.filter(({ arm }) => arm !== "oracle") }]);
  expect(overall.map(({ arm, seeds }) => [arm, seeds])).toEqual([
    ["naive", 6],
    ["route", 6],
  ]);
  // .1 .1 .2 .2 .3 .3 without one at each end, over .9
  expect(overall[0].iqm.estimate).toBeCloseTo(0.2 / 0.9, 12);
  expect(overall[0].improvement).toEqual({ estimate: 1, low: 1, high: 1 });
  expect(overall[1].improvement).toBeNull();
  expect(overallOf(SWEEP.slice(0, 1))).toEqual([]);
});
