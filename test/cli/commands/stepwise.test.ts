import { describe, expect, test } from "vitest";
import { halfwatch } from "../halfwatch.ts";
import { halfwatchHere } from "../here.ts";

const FAITHFUL = "scenarios/diamond-ghost-faithful.yaml";

async function evaluated(...args: readonly string[]) {
  const { code, stdout, stderr } = await halfwatchHere(["eval", ...args, "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

describe("eval --metric stepwise", () => {
  // The published code's metric, with its quirks and without: method of docs/ppo.md, "reinforce".
  test.each([
    ["optimal:true", 0.871, 0.908],
    ["blind:ghost", 0.733, 0.778],
    ["optimal:proxy", 0, 0],
  ])("%s: %s with the scenario's quirks, %s with --set train.quirks=none", async (policy, original, fixed) => {
    const { stepwise } = await evaluated(FAITHFUL, "--policy", policy, "--metric", "stepwise");
    expect(stepwise).toMatchObject({ window: 32, stalePictures: true, lateBy: 1 });
    expect(Math.abs(stepwise.returns.true - original)).toBeLessThan(0.01);
    const none = (await evaluated(FAITHFUL, "--policy", policy, "--metric", "stepwise", "--set", "train.quirks=none"))
      .stepwise;
    expect(none).toMatchObject({ window: 32, stalePictures: false, lateBy: 0 });
    expect(Math.abs(none.returns.true - fixed)).toBeLessThan(0.01);
  });

  test("of a scenario that trains with ppo has no quirks, and is said in a line", async () => {
    const args = ["eval", "scenarios/diamond-ghost.yaml", "--policy", "optimal:true", "--metric", "stepwise"];
    expect((await halfwatchHere(args)).stdout.trimEnd().split("\n").at(-1)).toBe(
      "stepwise return (windows of 32 steps): true .909, proxy .909",
    );
    expect((await halfwatchHere(["eval", FAITHFUL, ...args.slice(2)])).stdout).toContain(
      "stepwise return (windows of 32 steps, stale observations and late timeouts as in the original code): true .872",
    );
  });

  test("is not there unless it is asked for; another metric is refused", async () => {
    expect(await evaluated(FAITHFUL, "--policy", "random")).not.toHaveProperty("stepwise");
    expect(halfwatch(["eval", FAITHFUL, "--policy", "random", "--metric", "stepwize"])).toEqual({
      code: 2,
      stdout: "",
      stderr: "--metric is stepwize, expected stepwise; did you mean stepwise?\n",
    });
  });
});

describe("eval --policy blind:<event>", () => {
  test("walks through the Ghost: .797 per episode, .7432 discounted, Ghost .101, 3.109 steps", async () => {
    const found = await evaluated("scenarios/diamond-ghost.yaml", "--policy", "blind:ghost", "--shift", "unseen");
    expect(found).toMatchObject({ policy: "blind:ghost", view: "full", levels: 13_800, exact: true });
    for (const [value, expected] of [
      [found.true.return, 0.797],
      [found.true.discounted, 0.7432],
      [found.rates.ghost, 0.101],
      [found.steps, 3.109],
    ]) {
      expect(Math.abs(value - expected)).toBeLessThan(0.0005);
    }
  });

  test.each(["blind:diamond", "blind:gost", "blind"])("%s is refused", async (policy) => {
    const { code, stdout, stderr } = await halfwatchHere(["eval", "scenarios/diamond-ghost.yaml", "--policy", policy]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(`--policy ${policy}: unknown policy`);
    expect(stderr).toMatch(/expected random, .*, blind:ghost\n$/);
  });
});
