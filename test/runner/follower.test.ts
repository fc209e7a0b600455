import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { ownClaim } from "../../cli/run/lock-owner.ts";
import type { Evaluated } from "../../src/runner/cell.ts";
import { pastOf, RunFollower } from "../../src/runner/follower.ts";
import { cellPaths } from "../../src/runs/cell-paths.ts";
import { pauseRun, unpauseRun } from "../../src/runs/control.ts";
import { writeFailure } from "../../src/runs/failure.ts";
import { takeLock } from "../../src/runs/lock.ts";
import { planCells } from "../../src/runs/plan.ts";
import { writeTiming } from "../../src/runs/store.ts";
import { metricsAt } from "../runs/specimens.ts";
import { tinyScenario } from "../scenario/tiny.ts";

const [plan, other] = planCells(tinyScenario({ seeds: 2 }), "wasm");
const validation = { episodes: 100, labelled: 10, trueReturn: null };
const update = metricsAt;
const written = (...updates: readonly object[]) => updates.map((each) => `${JSON.stringify(each)}\n`).join("");

/** A run whose first cell has logged this. */
function inRun(text: string, action: (run: string, log: string) => void): void {
  const run = mkdtempSync(join(tmpdir(), "halfwatch-"));
  try {
    const { metrics } = cellPaths(run, plan.id);
    mkdirSync(dirname(metrics), { recursive: true });
    writeFileSync(metrics, text);
    action(run, metrics);
  } finally {
    rmSync(run, { recursive: true, force: true });
  }
}

test("the past of a cell is its curve and its last whole line; a cell without a log, or with a damaged one, has none", () => {
  const lines = written(update(1), update(2, 0.25), update(3), update(4, 0.5), update(5));
  inRun(`${lines}{"update":6,`, (run, log) => {
    const candidates = [
      { step: 200, trueReturn: 0.25, validation },
      { step: 400, trueReturn: 0.5, validation },
    ];
    const past = pastOf(run, [plan, other]);
    expect(past.get(plan.id)).toEqual({ candidates, metrics: update(5) });
    expect(past.get(other.id)).toEqual({ candidates: [], metrics: null });
    appendFileSync(log, "\n");
    expect(pastOf(run, [plan]).has(plan.id)).toBe(false);
    for (const curve of [{ trueReturn: 0.5 }, { trueReturn: "1", validation }, null]) {
      writeFileSync(log, written({ ...update(1), curve }));
      expect(pastOf(run, [plan]).has(plan.id), JSON.stringify(curve)).toBe(false);
    }
  });
});

test("the first look at a log tells where the cell is and its curve, later ones the points since and the last update", () => {
  inRun(written(update(1), update(2, 0.25), update(3)), (run, log) => {
    const follower = new RunFollower(run, [plan], ownClaim());
    expect(follower.look()).toEqual([
      { plan, kind: "resumed", update: 3, updates: 9, step: 300 },
      { plan, kind: "progress", metrics: update(2, 0.25) },
      { plan, kind: "progress", metrics: update(3) },
    ]);
    const told = (...updates: readonly object[]) => updates.map((metrics) => ({ plan, kind: "progress", metrics }));
    appendFileSync(log, written(update(4), update(5)));
    expect(follower.look()).toEqual(told(update(5)));
    expect(follower.look()).toEqual([]);
    appendFileSync(log, written(update(6, 0.5), update(7), update(8, 0.75)));
    expect(follower.look()).toEqual(told(update(6, 0.5), update(8, 0.75)));
  });
});

test("a trained cell that is evaluated: how far, as its process notes it, and no more once it is taken up again", () => {
  inRun(written(update(8), update(9)), (run) => {
    const paths = cellPaths(run, plan.id);
    const follower = new RunFollower(run, [plan], ownClaim());
    const lock = held(run, plan.id);
    const note = (evaluated?: Evaluated) =>
      writeTiming(paths, { seconds: 1, peakMemory: 2, ...(evaluated && { evaluated }) });
    note();
    expect(kindsOf(follower)).toEqual(["started", "resumed", "progress"]);
    note({ done: 0, of: 12 });
    expect(follower.look()).toEqual([{ plan, kind: "evaluating", done: 0, of: 12 }]);
    expect(follower.look()).toEqual([]);
    note({ done: 7, of: 12 });
    expect(follower.look()).toEqual([{ plan, kind: "evaluating", done: 7, of: 12 }]);
    lock.release();
    expect(kindsOf(follower)).toEqual(["stopped"]);
  });
});

test("a cell that begins while one looks did not go on from anywhere; one that is taken up again goes on where it was", () => {
  inRun("", (run, log) => {
    const follower = new RunFollower(run, [plan], ownClaim());
    expect(kindsOf(follower)).toEqual([]);
    const lock = held(run, plan.id);
    expect(kindsOf(follower)).toEqual(["started"]);
    appendFileSync(log, written(update(1), update(2)));
    expect(follower.look()).toEqual([{ plan, kind: "progress", metrics: update(2) }]);
    lock.release();
    expect(kindsOf(follower)).toEqual(["stopped"]);
    const again = held(run, plan.id);
    const resumed = (number: number) => ({ plan, kind: "resumed", update: number, updates: 9, step: 100 * number });
    expect(follower.look()).toEqual([{ plan, kind: "started" }, resumed(2)]);
    again.release();
    expect(kindsOf(follower)).toEqual(["stopped"]);
    // It was killed, and its log is cut back to what was saved.
    writeFileSync(log, written(update(1)));
    held(run, plan.id);
    expect(follower.look()).toEqual([
      { plan, kind: "started" },
      resumed(1),
      { plan, kind: "progress", metrics: update(1) },
    ]);
  });
});

const WHY = { where: "at update 4 of 9", message: "the loss is not finite" };
/** Kinds of what a look tells. */
const kindsOf = (follower: RunFollower): string[] => follower.look().map(({ kind }) => kind);
/** A lock of a cell, held by this process. */
function held(run: string, id: string) {
  const lock = takeLock(run, id, ownClaim());
  if ("holder" in lock) throw new Error("somebody holds the lock");
  return lock;
}

test("a cell that failed is told from one that nobody trains any more, also by whoever comes later", () => {
  inRun(written(update(1)), (run) => {
    const [first, second] = [plan, other].map(({ id }) => held(run, id));
    const follower = new RunFollower(run, [plan, other], ownClaim());
    expect(kindsOf(follower)).toEqual(["started", "resumed", "progress", "started"]);
    first.release();
    writeFailure(cellPaths(run, plan.id), WHY);
    second.release();
    const told = [
      { plan, kind: "failed", ...WHY },
      { plan: other, kind: "stopped" },
    ];
    expect(follower.look()).toEqual(told);
    expect(follower.look()).toEqual([]);
    expect(kindsOf(new RunFollower(run, [plan, other], ownClaim()))).toEqual(["resumed", "progress", "failed"]);
  });
});

test("word of a failure that comes after the lock was given up is told then; a cell that is taken up again has not failed", () => {
  inRun("", (run) => {
    const lock = held(run, plan.id);
    const follower = new RunFollower(run, [plan], ownClaim());
    expect(kindsOf(follower)).toEqual(["started"]);
    lock.release();
    expect(kindsOf(follower)).toEqual(["stopped"]);
    writeFailure(cellPaths(run, plan.id), WHY);
    expect(kindsOf(follower)).toEqual(["failed"]);
    // What a file says that was left by an earlier attempt is not asked while somebody trains.
    const again = held(run, plan.id);
    expect(kindsOf(follower)).toEqual(["started"]);
    expect(kindsOf(follower)).toEqual([]);
    again.release();
    expect(kindsOf(follower)).toEqual(["failed"]);
  });
});

test("a pause is told of cells that are trained, once, and is over with the file or with the training", () => {
  inRun("", (run) => {
    const lock = held(run, plan.id);
    const follower = new RunFollower(run, [plan, other], ownClaim());
    expect(kindsOf(follower)).toEqual(["started"]);
    pauseRun(run, { host: "h", pid: 1 });
    expect(follower.look()).toEqual([{ plan, kind: "paused", by: { host: "h", pid: 1 } }]);
    expect(follower.look()).toEqual([]);
    unpauseRun(run);
    expect(kindsOf(follower)).toEqual(["unpaused"]);
    pauseRun(run, { host: "h", pid: 1 });
    expect(kindsOf(follower)).toEqual(["paused"]);
    expect([follower.trained(), follower.isComplete()]).toEqual([1, false]);
    lock.release();
    expect(kindsOf(follower)).toEqual(["stopped"]);
    expect(follower.trained()).toBe(0);
  });
});

test("a result ends it, with the seconds of timing.json where they can be read", () => {
  inRun(written(update(1)), (run) => {
    const follower = new RunFollower(run, [plan, other], ownClaim());
    follower.look();
    const [paths, others] = [plan, other].map(({ id }) => cellPaths(run, id));
    mkdirSync(others.root, { recursive: true });
    writeFileSync(paths.timing, JSON.stringify({ seconds: 2, peakMemory: 3 }));
    for (const { result } of [paths, others]) writeFileSync(result, "{}");
    expect(follower.look()).toEqual([
      { plan, kind: "finished", seconds: 2, peakMemory: 3 },
      { plan: other, kind: "found" },
    ]);
    expect(follower.look()).toEqual([]);
    expect(follower.isComplete()).toBe(true);
  });
});

test("a log that is cut back is told again; a line that is none of ours is complained of once", () => {
  inRun(written(update(1), update(2), update(3)), (run, log) => {
    const follower = new RunFollower(run, [plan], ownClaim());
    follower.look();
    writeFileSync(log, written(update(1)));
    expect(follower.look()).toEqual([
      { plan, kind: "resumed", update: 1, updates: 9, step: 100 },
      { plan, kind: "progress", metrics: update(1) },
    ]);
    appendFileSync(log, "{}\n");
    expect(follower.look()).toEqual([
      { plan, kind: "remark", message: expect.stringContaining(`${log}:2: is not valid: update: `) },
    ]);
    appendFileSync(log, "{}\n");
    expect(follower.look()).toEqual([]);
  });
});
