import { expect, test } from "vitest";
import { remarkOn, thinEvaluations } from "../../cli/run/event-lines.ts";
import type { CellEvent } from "../../src/runner/launcher.ts";
import {
  advance,
  beginRun,
  countCells,
  goOn,
  isAtWork,
  STOPPED_CLOCK,
  secondsLeft,
} from "../../src/runner/progress.ts";
import { planCells } from "../../src/runs/plan.ts";
import { tinyScenario } from "../scenario/tiny.ts";

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
  const clock = { seconds: 30, now: 30, training: 30, evaluating: 0 };
  expect(secondsLeft(run, clock)).toBeCloseTo(90, 9);
  expect(secondsLeft(beginRun(plans, new Map()), STOPPED_CLOCK)).toBeNull();
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
    const { seconds, now } = goOn({ ...STOPPED_CLOCK, seconds: 5, now: 10 }, all(events), 13);
    expect({ seconds, now }).toEqual({ seconds: expected ? 8 : 5, now: 13 });
  }
});

test("a trained cell is evaluated part by part, and the time left has the evaluations of all cells in it", () => {
  const parts = (p: number, done: number) => ({ plan: plans[p], kind: "evaluating", done, of: 4 });
  const started = (p: number) => ({ plan: plans[p], kind: "started" });
  const of = (p: number) => ({ ...progress(4), plan: plans[p] });
  const first = all([started(1), of(1), parts(1, 0)]);
  expect(first.cells.get(plans[1].id)).toMatchObject({ state: "running", fraction: 1, evaluated: { done: 0, of: 4 } });
  expect(all([started(1), of(1), parts(1, 3), started(1)]).cells.get(plans[1].id)).toMatchObject({ evaluated: null });
  // Two side by side: cell 1 was trained in 20 s and half evaluated in 10 s, cell 2 is half trained after 15 s; cell 3 waits.
  const both = [started(1), started(2), of(1), { ...progress(2), plan: plans[2] }];
  let clock = goOn(STOPPED_CLOCK, all(both), 20);
  expect(clock).toEqual({ seconds: 20, now: 20, training: 40, evaluating: 0 });
  clock = goOn(clock, all([...both, parts(1, 0)]), 30);
  expect(clock).toEqual({ seconds: 30, now: 30, training: 50, evaluating: 10 });
  const run = all([...both, parts(1, 2)]);
  // 50 s for 1.5 trainings, 20 s for an evaluation: 1.5 trainings and 2.5 evaluations are 100 s of cells, two at a time.
  expect(secondsLeft(run, clock)).toBeCloseTo(50, 9);
  // The last cell is done when its evaluation is: then nothing is left.
  const done = (p: number) => ({ plan: plans[p], kind: "finished", seconds: 9, peakMemory: 1 });
  expect(
    secondsLeft(all([started(1), of(1), parts(1, 4), done(1), ...[2, 3].flatMap((p) => [started(p), done(p)])]), clock),
  ).toBe(0);
});

test("lines tell of an evaluation that lasts, now and then", () => {
  let now = 0;
  const isTold = thinEvaluations(() => now);
  const parts = (done: number) => ({ plan: plans[0], kind: "evaluating", done, of: 9 }) as const;
  const told = [0, 1_000, 5_000, 9_000, 10_000, 30_000].map((at, done) => {
    now = at;
    return isTold(parts(done));
  });
  expect(told).toEqual([false, false, true, false, true, true]);
  expect(isTold({ plan: plans[1], kind: "started" })).toBe(true);
  const view = all([{ plan: plans[1], kind: "started" }]);
  expect(remarkOn(view, parts(3), { shift: "unseen", left: 70 })).toBe(
    "[1/4] naive seed 0  is evaluated: part 3 of 9   left ~70 s",
  );
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
