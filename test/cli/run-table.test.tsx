import { render } from "ink-testing-library";
import { expect, test } from "vitest";
import { advance, beginRun, countCells, secondsLeft } from "../../cli/progress.ts";
import { RunTable } from "../../cli/tui/run-table.tsx";
import type { CellEvent } from "../../src/experiment/launch.ts";
import { planCells } from "../../src/experiment/plan.ts";
import { tinyScenario } from "../experiment/tiny.ts";

const scenario = tinyScenario({
  arms: ["naive", "route"],
  seeds: 2,
  shift: { unseen: { "oversight.coverage": 0 } },
});
const plans = planCells(scenario, "wasm");

/** naive seed 0 done before, route seed 0 half way, naive seed 1 failed, route seed 1 waiting. */
function view() {
  const progress = { update: 2, updates: 4, step: 2000, curve: { trueReturn: 0.25 } };
  return [
    { plan: plans[1], kind: "started" },
    { plan: plans[1], kind: "progress", metrics: progress },
    { plan: plans[2], kind: "started" },
    { plan: plans[2], kind: "failed", message: "diverged at update 3" },
  ].reduce((run, event) => advance(run, event as CellEvent), beginRun(plans, new Map([[plans[0].id, 0.5]])));
}

test("the view of a run follows its events: states, fractions, steps taken and time left", () => {
  const run = view();
  expect(countCells(run)).toEqual({ waiting: 1, running: 1, elsewhere: 0, done: 1, failed: 1 });
  expect(run.cells.get(plans[1].id)).toMatchObject({ state: "running", fraction: 0.5, step: 2000, trueReturn: 0.25 });
  expect(run.cells.get(plans[2].id)).toMatchObject({ state: "failed", message: "diverged at update 3" });
  expect(run.steps).toBe(2000);
  // of the three cells of this command one failed and one is half done: 1.5 of 3 in 30 s, so 30 s are left
  expect(secondsLeft(run, 30)).toBeCloseTo(30, 9);
  expect(secondsLeft(beginRun(plans, new Map()), 5)).toBeNull();
});

test("the live table shows every cell, what runs now and what the keys do", () => {
  const { lastFrame, unmount } = render(
    <RunTable
      scenario={scenario}
      title="halfwatch run: tiny"
      view={view()}
      elapsed={20}
      onStop={() => {}}
      onPause={() => {}}
    />,
  );
  const lines = (lastFrame() ?? "").split("\n").map((line) => line.trimEnd());
  unmount();
  expect(lines).toEqual([
    "halfwatch run: tiny",
    "2 of 4 cells · 00:00:20 · left ~20 s · 100 steps/s",
    "arm                   seeds   true return, unseen",
    "naive                 █×        .500  mean of 1",
    "route                 ▄·      –",
    "",
    "route seed 0                ██████████░░░░░░░░░░       2,000 steps   true return .250",
    "p pause   q stop; finished cells are kept, the same command goes on",
  ]);
});
