import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { pastOf, RunFollower } from "../../cli/following.ts";
import { ownClaim } from "../../cli/owner.ts";
import { planCells } from "../../src/experiment/plan.ts";
import { cellPaths } from "../../src/experiment/store.ts";
import { tinyScenario } from "../experiment/tiny.ts";

const [plan, other] = planCells(tinyScenario({ seeds: 2 }), "wasm");
const update = (number: number, trueReturn?: number) => ({
  ...{ update: number, updates: 9, step: 100 * number },
  ...(trueReturn !== undefined && { curve: { trueReturn } }),
});
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
    const curve = [
      [200, 0.25],
      [400, 0.5],
    ];
    const past = pastOf(run, [plan, other]);
    expect(past.get(plan.id)).toEqual({ curve, metrics: update(5) });
    expect(past.get(other.id)).toEqual({ curve: [], metrics: null });
    appendFileSync(log, "\n");
    expect(pastOf(run, [plan]).has(plan.id)).toBe(false);
  });
});

test("the first look at a log tells where the cell is and its curve, later ones every update", () => {
  inRun(written(update(1), update(2, 0.25), update(3)), (run, log) => {
    const follower = new RunFollower(run, [plan], ownClaim());
    expect(follower.look()).toEqual([
      { plan, kind: "resumed", update: 3, updates: 9, step: 300 },
      { plan, kind: "progress", metrics: update(2, 0.25) },
      { plan, kind: "progress", metrics: update(3) },
    ]);
    appendFileSync(log, written(update(4), update(5)));
    expect(follower.look()).toEqual([update(4), update(5)].map((metrics) => ({ plan, kind: "progress", metrics })));
    expect(follower.look()).toEqual([]);
  });
});
