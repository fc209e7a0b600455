import { expect, test } from "vitest";
import { brief, rangeOf } from "../../../../cli/screens/dashboard/curves.ts";
import {
  type Action,
  beginDashboard,
  type Dashboard,
  matrixOf,
  meanCurve,
  reduce,
  speedOf,
} from "../../../../cli/screens/dashboard/model.ts";
import { dashboardProgram } from "../../../../cli/screens/dashboard/program.ts";
import { actionOf } from "../../../../cli/tui/keys.ts";
import type { CellEvent } from "../../../../src/runner/launcher.ts";
import { advance, beginRun } from "../../../../src/runner/progress.ts";
import { type CellPlan, planCells } from "../../../../src/runs/plan.ts";
import { after, begun, ENGINE, EVENTS, PLANS, planned, progress, SCENARIO } from "./runs.ts";

const START = beginDashboard(SCENARIO, begun(), { title: "halfwatch run: tiny", role: "run", engine: ENGINE });
const all = (...actions: readonly Action[]): Dashboard => actions.reduce(reduce, START);
const move = (arms: number, seeds: number): Action => ({ kind: "move", arms, seeds });

test("the selection keeps to the matrix; a move that changes nothing gives the same model", () => {
  expect(all(move(1, 0), move(0, 1), move(0, 1))).toMatchObject({ arm: 1, seed: 2 });
  expect(all(move(-1, 0))).toBe(START);
  expect(all(move(5, 0), move(0, 9))).toMatchObject({ arm: 1, seed: 2 });
});

test("a cell is opened and closed; stopping and pausing are told apart", () => {
  expect(all({ kind: "zoom" }).isZoomed).toBe(true);
  expect(all({ kind: "zoom" }, { kind: "zoom" }).isZoomed).toBe(false);
  expect(all({ kind: "zoom" }, { kind: "back" }).isZoomed).toBe(false);
  expect(all({ kind: "back" })).toBe(START);
  expect(all({ kind: "pause" })).toBe(START);
  expect(all({ kind: "stop" }).isStopping).toBe(true);
});

test("a click selects a cell, a second one opens it; why one cannot be replayed stands until there is news of it, or another is selected", () => {
  const click: Action = { kind: "click", arm: 1, seed: 2 };
  expect(all(click)).toMatchObject({ arm: 1, seed: 2, isZoomed: false });
  expect(all(click, click)).toMatchObject({ arm: 1, seed: 2, isZoomed: true });
  expect(all(click, { ...click, seed: 0 })).toMatchObject({ arm: 1, seed: 0, isZoomed: false });
  expect(all({ kind: "replay" })).toBe(START);
  const refusal = { cell: planned("naive", 0).id, text: "nothing saved" };
  const refused = all({ kind: "refused", ...refusal });
  expect(refused.refusal).toEqual(refusal);
  const told = (event: CellEvent): Action => ({ kind: "told", run: after([event]), event, elapsed: 1 });
  expect(reduce(refused, told(EVENTS[4])).refusal).toEqual(refusal);
  expect(reduce(refused, told(EVENTS[0])).refusal).toBeNull();
  expect(reduce(refused, move(1, 0)).refusal).toBeNull();
});

test("points of a sweep are paged, and the matrix shows the point's cells", () => {
  const sweep = { ...SCENARIO, sweep: { "oversight.coverage": [0.1, 1] } };
  const plans = planCells(sweep, "wasm");
  const start = beginDashboard(sweep, beginRun(plans, new Map()), { title: "t", role: "watch", engine: ENGINE });
  expect(start.points.map(({ values, steps }) => [values, steps])).toEqual([
    [{ "oversight.coverage": 0.1 }, 12_800],
    [{ "oversight.coverage": 1 }, 12_800],
  ]);
  const next = reduce(start, { kind: "page", points: 1 });
  expect(reduce(next, { kind: "page", points: 1 })).toBe(next);
  const bounded = reduce(next, { kind: "bounds", point: 1, bounds: { optimum: 0.9, theory: new Map() } });
  expect(bounded.points.map(({ bounds }) => bounds?.optimum)).toEqual([undefined, 0.9]);
  const cells = matrixOf(next);
  expect(cells.map((row) => row.map((cell) => [cell?.plan.arm, cell?.plan.seed, cell?.plan.point]))).toEqual(
    ["naive", "route"].map((arm) => [0, 1, 2].map((seed) => [arm, seed, { "oversight.coverage": 1 }])),
  );
});

test("within a second only news change the model; speeds are of the last ten seconds", () => {
  const started: CellEvent = { plan: planned("route", 1), kind: "started" };
  const run = after([started, progress("route", 1, 10)]);
  const later = after([started, progress("route", 1, 20)]);
  const { id } = planned("route", 1);
  const begins = all({ kind: "seen", run: after([started]), elapsed: 0 });
  const first = reduce(begins, { kind: "seen", run, elapsed: 0.5 });
  expect(reduce(first, { kind: "seen", run, elapsed: 0.9 })).toBe(first);
  expect(speedOf(first)).toBeNull();
  // 1280 steps in 2 s since the begin
  const second = reduce(first, { kind: "seen", run, elapsed: 2 });
  expect(speedOf(second)).toBe(640);
  // 20 s on, 1280 steps more in the 10 s since the sample at 12 s
  const third = [12, 22].reduce((model, elapsed) => reduce(model, { kind: "seen", run, elapsed }), second);
  const last = reduce(third, { kind: "seen", run: later, elapsed: 22.5 });
  expect(last.samples.map(({ elapsed }) => elapsed)).toEqual([12, 22]);
  expect(speedOf(last, id)).toBeCloseTo(1280 / 10.5, 9);
  // A pause of an hour is no second of work.
  const paused = advance(later, { plan: planned("route", 1), kind: "paused", by: { host: "h", pid: 1 } });
  const held = [22.75, 3600, 3623].reduce(
    (model, elapsed) => reduce(model, { kind: "seen", run: paused, elapsed }),
    last,
  );
  expect(held.clock.seconds).toBe(22.75);
  const again = [3623, 3624].reduce((model, elapsed) => reduce(model, { kind: "seen", run: later, elapsed }), held);
  expect(again.clock.seconds).toBe(23.75);
});

test("what a run had come to when one first looks is told without a time, and neither begins nor goes on then", () => {
  const [done, trained] = [planned("naive", 0), planned("route", 1)];
  const found: CellEvent[] = [
    { plan: done, kind: "resumed", update: 100, updates: 100, step: 12_800 },
    progress("naive", 0, 50, 0.3),
    progress("naive", 0, 100, 0.2),
    { plan: done, kind: "finished", seconds: 2.5, peakMemory: 2 ** 26 },
    { plan: planned("naive", 1), kind: "resumed", update: 12, updates: 100, step: 1536 },
    { plan: trained, kind: "started" },
    { plan: trained, kind: "resumed", update: 50, updates: 100, step: 6400 },
    progress("route", 1, 50, 0.4),
  ];
  const model = found.reduce(
    (before, event, i) =>
      reduce(before, { kind: "told", run: after(found.slice(0, i + 1)), event, elapsed: 1, isFinding: true }),
    START,
  );
  expect(model.log).toEqual([
    { elapsed: null, text: "[1/6] naive seed 0  done in 2.5 s  true return unseen .200", isBad: false },
    { elapsed: null, text: "route seed 1 is at update 50 of 100", isBad: false },
  ]);
});

test("events that are news are logged as sentences, after so many seconds of work; of a cell's checkpoints the last, until it is done", () => {
  const model = EVENTS.slice(0, 4).reduce(
    (before, event, i) => reduce(before, { kind: "told", run: after(EVENTS.slice(0, i + 1)), event, elapsed: i + 1 }),
    START,
  );
  const saved = reduce(START, { kind: "told", run: after(EVENTS.slice(0, 3)), event: EVENTS[2], elapsed: 2 });
  expect(saved.log).toEqual([
    {
      ...{ elapsed: 0, text: "naive seed 0  step 12,800 saved  true return unseen .200", isBad: false },
      saved: planned("naive", 0).id,
    },
  ]);
  // A point of the curve that the log had is no news.
  const told = { kind: "told", run: after(EVENTS.slice(0, 3)), event: EVENTS[1], elapsed: 5 } as const;
  expect(reduce(model, told).log).toEqual(model.log);
  const failed = reduce(model, { kind: "told", run: after(EVENTS.slice(0, 10)), event: EVENTS[9], elapsed: 9 });
  expect(failed.log).toEqual([
    { elapsed: 0, text: "naive seed 0 begins", isBad: false },
    { elapsed: 3, text: "[1/6] naive seed 0  done in 2.5 s  true return unseen .200", isBad: false },
    { elapsed: 3, text: "[3/6] naive seed 1  failed at update 12 of 100: the loss is not finite", isBad: true },
  ]);
});

test("the mean of curves at a step is over the seeds that have been there", () => {
  expect(
    meanCurve([
      [
        [100, 0.5],
        [200, 1],
      ],
      [[100, 0]],
      [],
    ]),
  ).toEqual([
    [100, 0.25],
    [200, 1],
  ]);
  expect(meanCurve([[], []])).toEqual([]);
});

test("the range of a plot is in tenths, holds 0 and every value but for less than a dot", () => {
  expect(rangeOf([0.93, 0.2])).toEqual([0, 1]);
  expect(rangeOf([-0.31, 0.4])).toEqual([-0.4, 0.4]);
  expect(rangeOf([-0.001, 0.702])).toEqual([0, 0.7]);
  expect(rangeOf([])).toEqual([0, 0.2]);
  expect([0, 512, 500_000, 999_600, 1_500_000].map(brief)).toEqual(["0", "512", "500k", "1M", "1.5M"]);
});

test("keys do what their table says, and q is what it is for", () => {
  const asked: string[] = [];
  const hooks = {
    ...{ onStop: () => asked.push("stop"), onPause: () => asked.push("pause") },
    onReplay: ({ id }: CellPlan) => asked.push(id),
  };
  const { keys, effect } = dashboardProgram(START, hooks);
  const actions = ["up", "right", "enter", "p", "q", "ctrl-c", "[", "escape"].map((key) => actionOf(keys(START), key));
  expect(actions).toEqual([
    { kind: "move", arms: -1, seeds: 0 },
    { kind: "move", arms: 0, seeds: 1 },
    { kind: "zoom" },
    { kind: "pause" },
    { kind: "stop" },
    { kind: "stop" },
    undefined,
    undefined,
  ]);
  const zoomed = { ...START, isZoomed: true };
  expect(actionOf(keys(zoomed), "escape")).toEqual({ kind: "back" });
  const swept = { ...START, points: [...START.points, ...START.points] };
  expect(actionOf(keys(swept), "]")).toEqual({ kind: "page", points: 1 });
  const screen = { dispatch: () => {}, close: () => {}, fail: () => {} };
  for (const action of actions.slice(0, 6)) effect?.(action as Action, screen, START, START);
  expect(asked).toEqual(["pause", "stop", "stop"]);
  effect?.(actionOf(keys(START), "r") as Action, screen, { ...START, arm: 1, seed: 2 }, START);
  expect(asked.pop()).toBe(planned("route", 2).id);
  const hintOf = (model: Dashboard, key = "q") => keys(model).bindings.find((each) => each.keys[0] === key)?.hint;
  expect([hintOf(START), hintOf({ ...START, role: "watch" }), hintOf({ ...START, isStopping: true })]).toEqual([
    "stop and save",
    "leave",
    "stop at once",
  ]);
  // What has saved nothing has no replay: route seed 0 is done, 1 has a checkpoint, 2 waits.
  const run = after(EVENTS);
  expect([0, 1, 2].map((seed) => hintOf({ ...START, run, arm: 1, seed }, "r"))).toEqual([
    "replay",
    "replay",
    undefined,
  ]);
  const paused = all({
    kind: "seen",
    run: after([...EVENTS, { plan: planned("route", 1), kind: "paused", by: { host: "h", pid: 1 } }]),
    elapsed: 1,
  });
  const complete = { ...START, run: beginRun(PLANS, new Map(PLANS.map(({ id }) => [id, 0]))) };
  expect(actionOf(keys(complete), "p")).toBeUndefined();
  expect(keys(paused).bindings.find((each) => each.keys[0] === "p")?.hint).toBe("go on");
});
