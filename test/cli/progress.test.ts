import { expect, test } from "vitest";
import { advance, beginRun, countCells, goOn, isAtWork, secondsLeft } from "../../cli/progress.ts";
import type { CellEvent } from "../../src/experiment/launch.ts";
import { planCells } from "../../src/experiment/plan.ts";
import { tinyScenario } from "../experiment/tiny.ts";

const plans = planCells(tinyScenario({ arms: ["naive", "route"], seeds: 2 }), "wasm");
const all = (events: readonly unknown[], begin = beginRun(plans, new Map([[plans[0].id, 0.5]]))) =>
  (events as CellEvent[]).reduce(advance, begin);
const validation = { episodes: 100, labelled: 10, trueReturn: 0.5 };
const at = (step: number, trueReturn: number) => ({ step, trueReturn, validation });
const progress = (update: number, trueReturn?: number) => ({
  plan: plans[1],
  kind: "progress",
  metrics: {
    update,
    updates: 4,
    step: 1000 * update,
    ...(trueReturn !== undefined && { curve: { trueReturn, proxyReturn: 1, validation } }),
  },
});

test("the view of a run follows its events: states, fractions, steps taken and time left", () => {
  const run = all([
    { plan: plans[1], kind: "started" },
    progress(2, 0.25),
    { plan: plans[2], kind: "started" },
    { plan: plans[2], kind: "failed", message: "diverged at update 3" },
  ]);
  expect(countCells(run)).toEqual({ waiting: 1, running: 1, elsewhere: 0, done: 1, failed: 1 });
  expect(run.cells.get(plans[1].id)).toMatchObject({ state: "running", fraction: 0.5, step: 2000, trueReturn: 0.25 });
  expect(run.cells.get(plans[2].id)).toMatchObject({ state: "failed", message: "diverged at update 3" });
  expect(run.steps).toBe(2000);
  // of the three cells of this command one failed at once and one is half done: half of 2 in 30 s, so 90 s are left
  expect(secondsLeft(run, 30)).toBeCloseTo(90, 9);
  expect(secondsLeft(beginRun(plans, new Map()), 5)).toBeNull();
});

test("the clock of a run's work goes while a cell is trained, here or elsewhere, and stands in a pause and at the end", () => {
  const started = { plan: plans[1], kind: "started" };
  const paused = { plan: plans[1], kind: "paused", by: { host: "h", pid: 1 } };
  const kinds: readonly (readonly [boolean, readonly unknown[]])[] = [
    [false, []],
    [true, [started, progress(2)]],
    [false, [started, progress(2), paused]],
    [true, [started, paused, { ...started, plan: plans[2] }]],
    [true, [started, paused, { plan: plans[1], kind: "unpaused" }]],
    [true, [{ plan: plans[1], kind: "held", holder: null }]],
    [false, [started, { plan: plans[1], kind: "stopped" }]],
    [false, [started, { plan: plans[1], kind: "finished", seconds: 1, peakMemory: 1 }]],
  ];
  for (const [expected, events] of kinds) {
    expect(isAtWork(all(events)), JSON.stringify(events)).toBe(expected);
    expect(goOn({ seconds: 5, now: 10 }, all(events), 13)).toEqual({ seconds: expected ? 8 : 5, now: 13 });
  }
});

test("memory is a cell's latest word, and at its end that of the end; the device is the run's", () => {
  const told = (update: number, peakMemory: number) => ({
    ...progress(update),
    process: { device: "gpu", peakMemory },
  });
  const memory = (events: readonly unknown[]) => all(events).cells.get(plans[1].id)?.peakMemory;
  expect(all([progress(1)]).device).toBeNull();
  expect(memory([progress(1)])).toBeNull();
  expect(all([told(1, 100), progress(2)]).device).toBe("gpu");
  expect(memory([told(1, 100), told(2, 200), progress(3)])).toBe(200);
  expect(memory([told(1, 100), { plan: plans[1], kind: "finished", seconds: 1, peakMemory: 300 }])).toBe(300);
});

test("a curve grows by the points that updates carry; a cell that went back makes its later points again", () => {
  const cellAfter = (events: readonly unknown[]) => all(events).cells.get(plans[1].id);
  const first = [progress(1, 0.1), progress(2), progress(3, 0.3)];
  const seen = cellAfter(first);
  expect(seen?.candidates).toEqual([at(1000, 0.1), at(3000, 0.3)]);
  expect(seen?.metrics).toMatchObject({ update: 3 });
  const back = [{ plan: plans[1], kind: "resumed", update: 1, updates: 4, step: 1000 }, progress(2)];
  expect(cellAfter([...first, ...back])).toMatchObject({ candidates: [at(1000, 0.1)], taken: 4000 });
  expect(cellAfter([...first, { plan: plans[1], kind: "started" }, progress(1, 0.2)])?.candidates).toEqual([
    at(1000, 0.2),
  ]);
});

test("a log that was there before is told as its last update and the curve's; steps are those taken since", () => {
  const run = all([
    { plan: plans[1], kind: "started" },
    { plan: plans[1], kind: "resumed", update: 3, updates: 4, step: 3000 },
    progress(1, 0.1),
    progress(3, 0.3),
    progress(4, 0.4),
  ]);
  expect(run.steps).toBe(1000);
  expect(run.cells.get(plans[1].id)).toMatchObject({ step: 4000, taken: 1000, begun: 0.75, trueReturn: 0.4 });
});
