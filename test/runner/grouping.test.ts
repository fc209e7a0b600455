import { expect, test } from "vitest";
import { groupCells } from "../../src/runner/grouping.ts";
import { planCells } from "../../src/runs/plan.ts";
import { tinyScenario } from "../scenario/tiny.ts";

const namesOf = (groups: ReturnType<typeof groupCells>) =>
  groups.map((group) => group.map(({ arm, seed }) => `${arm} ${seed}`));

test("cells share a group if their networks have one shape: arms of one module apart from those of several", () => {
  const plans = planCells(tinyScenario({ arms: ["naive", "route", "oracle", "moe-no-route"], seeds: 2 }), "tfjs");
  expect(namesOf(groupCells(plans, 64))).toEqual([
    ["naive 0", "oracle 0", "naive 1", "oracle 1"],
    ["route 0", "moe-no-route 0", "route 1", "moe-no-route 1"],
  ]);
});

test("a full group is closed, and one with another schedule or world is apart", () => {
  const scenario = tinyScenario({ seeds: 5 });
  expect(groupCells(planCells(scenario, "tfjs"), 2).map(({ length }) => length)).toEqual([2, 2, 1]);
  const swept = tinyScenario({ seeds: 2, sweep: { "train.minibatches": [3, 4], "oversight.coverage": [0.1, 0.5] } });
  const groups = groupCells(planCells(swept, "tfjs"), 64);
  expect(groups.map((group) => group.map(({ point }) => point["train.minibatches"]))).toEqual([
    [3, 3, 3, 3],
    [4, 4, 4, 4],
  ]);
});
