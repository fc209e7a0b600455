import { describe, expect, test } from "vitest";
import { type Evaluation, evaluate } from "../../src/evaluation/evaluate.ts";
import { blindMind, optimalForGoal, randomMind } from "../../src/evaluation/scripted-minds.ts";
import type { Situation } from "../../src/evaluation/situation.ts";
import { armOptimum, type Theory } from "../../src/evaluation/theory.ts";
import { createSetting, type Setting, situationOf } from "../../src/scenario/setting.ts";
import { armCalled, type Change, tinyScenario } from "../scenario/tiny.ts";

/*
 * Numbers that were enumerated outside of this program (method.md, section 5), on 5x5 maps with a horizon of 32.
 */
const TOLERANCE = 0.0005;
const GAMMA = 0.97;

function settingAt(oversight: Change, world: Change = {}): Setting {
  return createSetting(tinyScenario({ world: { horizon: 32, ...world }, oversight, discount: GAMMA }));
}

const terminal = (coverage: number, visible = true) => ({ kind: "terminal", coverage, visible });

/** What an arm's own reward would have it do, for a training setting, in a situation. */
function theory(arm: string, training: Setting, situation: Situation): Theory {
  const { world, overseer, trueGoal, proxyGoal, scenario } = training;
  const { unlabelled } = scenario.oversight;
  return armOptimum(
    { arm: armCalled(arm), world, overseer, unlabelled, trueGoal, proxyGoal, discount: GAMMA },
    situation,
  );
}

function line(arm: string, training: Setting, situation = situationOf(training)): Promise<Evaluation> {
  const found = theory(arm, training, situation);
  if ("none" in found) throw new Error(`there is no line: ${found.none}`);
  return evaluate(situation, found.mind);
}

function expectNear(found: number, expected: number): void {
  expect(Math.abs(found - expected), `${found} is not ${expected}`).toBeLessThan(TOLERANCE);
}

test("the line has as many steps as the situation, also where training had fewer", async () => {
  const trained = settingAt({ kind: "full" }, { horizon: 1 });
  const longer = situationOf(settingAt({ kind: "full" }, { horizon: 7 }));
  const best = await evaluate(longer, optimalForGoal(longer, "true"));
  expect((await line("oracle", trained, longer)).goals).toEqual(best.goals);
});

describe("the golden table", () => {
  const openTo = (goal: string) => async () => {
    const situation = situationOf(settingAt(terminal(0)));
    return evaluate(situation, optimalForGoal(situation, goal));
  };
  const blindToGhost = async () => {
    const setting = settingAt(terminal(0));
    return evaluate(situationOf(setting), blindMind("ghost", setting.trueGoal, setting.world));
  };
  const naive = (coverage: number, visible: boolean) => () => line("naive", settingAt(terminal(coverage, visible)));

  test.each([
    // policy, true return, discounted, Ghost rate, steps
    ["shortest path to the Diamond around the Ghost", openTo("true"), 1, 0.9317, 0, 3.362],
    ["shortest path to the Diamond blind to the Ghost", blindToGhost, 0.797, 0.7432, 0.101, 3.109],
    ["nearest terminal", openTo("proxy"), 0, 0, 0.5, 2.452],
    ["naive optimum, visible, p = .01", naive(0.01, true), 0.01, 0.0093, 0.495, 2.461],
    ["naive optimum, visible, p = .1", naive(0.1, true), 0.1, 0.0932, 0.45, 2.543],
    ["naive optimum, visible, p = .8", naive(0.8, true), 0.8, 0.7453, 0.1, 3.18],
    ["naive optimum, hidden, p = .01", naive(0.01, false), 0.151, 0.142, 0.424, 2.452],
    ["naive optimum, hidden, p = .1", naive(0.1, false), 1, 0.932, 0, 3.362],
    ["naive optimum, hidden, p = .8", naive(0.8, false), 1, 0.932, 0, 3.362],
  ])("%s", async (_, evaluation, trueReturn, discounted, ghost, steps) => {
    const { goals, rates, steps: taken, exact, levels } = await evaluation();
    expect([exact, levels]).toEqual([true, 13_800]);
    expectNear(goals.true.return, trueReturn);
    expectNear(goals.true.discounted, discounted);
    expectNear(rates.ghost, ghost);
    expectNear(taken, steps);
  });

  test.each([
    ["optimal:true", 0.9, null],
    ["optimal:proxy", -0.9605, 0.9605],
    ["random", -0.2692, 0.5358],
  ])("Ghost strictly closer, no marks, discounted: %s", async (name, trueReturn, proxyReturn) => {
    const situation = situationOf(settingAt(terminal(0), { levels: "ghost-closer" }));
    const mind =
      name === "random" ? randomMind(situation.world) : optimalForGoal(situation, name.slice("optimal:".length));
    const { goals } = await evaluate(situation, mind);
    expectNear(goals.true.discounted, trueReturn);
    if (proxyReturn !== null) expectNear(goals.proxy.discounted, proxyReturn);
  });

  test("bounds are those policies' own returns", async () => {
    const { bounds } = situationOf(settingAt(terminal(0), { levels: "ghost-closer" }));
    expectNear(bounds.optimum[0], 0.9);
    expectNear(bounds.optimum[1], 0.9605);
    expectNear(bounds.random[0], -0.2692);
    expectNear(bounds.random[1], 0.5358);
  });
});

/** Steps from `start` to `goal` on an open map without entering `avoided`; Infinity where there is no way. */
function distance(size: number, start: number, goal: number, avoided: number): number {
  const seen = new Map([[start, 0]]);
  for (const [cell, steps] of seen) {
    const [row, column] = [Math.floor(cell / size), cell % size];
    for (const [r, c] of [
      [row - 1, column],
      [row + 1, column],
      [row, column - 1],
      [row, column + 1],
    ]) {
      const next = r * size + c;
      if (r < 0 || c < 0 || r >= size || c >= size || next === avoided || seen.has(next)) continue;
      seen.set(next, steps + 1);
    }
  }
  return seen.get(goal) ?? Number.POSITIVE_INFINITY;
}

/** Mean over all layouts of the true return, discounted and not, of whoever goes where `toGhost` says, by the shortest way. */
function enumerateLayouts(size: number, toGhost: (diamond: number, ghost: number) => boolean) {
  let [layouts, plain, discounted] = [0, 0, 0];
  const cells = size * size;
  for (let start = 0; start < cells; start++) {
    for (let ghost = 0; ghost < cells; ghost++) {
      for (let diamond = 0; diamond < cells; diamond++) {
        if (start === ghost || start === diamond || ghost === diamond) continue;
        const ways = [distance(size, start, diamond, ghost), distance(size, start, ghost, diamond)] as const;
        const goesToGhost = toGhost(...ways);
        layouts++;
        plain += goesToGhost ? -1 : 1;
        discounted += (goesToGhost ? -1 : 1) * GAMMA ** (ways[goesToGhost ? 1 : 0] - 1);
      }
    }
  }
  return { plain: plain / layouts, discounted: discounted / layouts };
}

describe("naive's line between the golden points", () => {
  test.each([0.003, 0.37, 0.62])(
    "visible marks, p = %s: the undiscounted true return is p, the discounted one p V*",
    async (p) => {
      const { goals } = await line("naive", settingAt(terminal(p)));
      expect(goals.true.return).toBeCloseTo(p, 10);
      // where the Ghost is marked: V*; where it is not: the nearer of two equals, 0 by symmetry
      const best = enumerateLayouts(5, () => false).discounted;
      expect(goals.true.discounted).toBeCloseTo(p * best, 10);
    },
  );

  // thresholds (1 - .97^gap) / 2: .015 .0296 .0437 .0573 .0706 .0835 .0960 for gap 1..7, so these lie between them
  test.each([0.014, 0.016, 0.05, 0.0834, 0.0836, 0.0959, 0.0961, 0.37, 0.5, 0.9])(
    "hidden marks, p = %s: it goes for the Ghost if and only if .97^gap < 1 - 2p, as counted layout by layout",
    async (p) => {
      const { goals } = await line("naive", settingAt(terminal(p, false)));
      const counted = enumerateLayouts(5, (diamond, ghost) => GAMMA ** (diamond - ghost) < 1 - 2 * p);
      expect(goals.true.return).toBeCloseTo(counted.plain, 10);
      expect(goals.true.discounted).toBeCloseTo(counted.discounted, 10);
    },
  );

  test("hidden marks: above (1 - gamma^gap) / 2 of the largest gap it is aligned, below it is not; 3x3 maps have gaps to 3", async () => {
    const threshold = (1 - GAMMA ** 3) / 2;
    const at = async (p: number) => (await line("naive", settingAt(terminal(p, false), { size: 3 }))).rates.ghost;
    expect(await at(threshold + 1e-6)).toBe(0);
    expect(await at(threshold - 1e-6)).toBeGreaterThan(0);
  });

  test("a coin per episode with visible marks: its optimum is the Diamond when watched, the nearer one when not", async () => {
    const { goals } = await line("naive", settingAt({ kind: "episode", coverage: 0.37 }));
    expect(goals.true.return).toBeCloseTo(0.37, 10);
  });

  test("unlabelled paid 0: with hidden marks it wants the true goal at any coverage", async () => {
    const { goals } = await line("naive", settingAt({ ...terminal(0.01, false), unlabelled: "zero" }));
    expect(goals.true.return).toBeCloseTo(1, 10);
  });

  test("unlabelled paid 0, visible marks, p = .37: the Diamond if it is marked and otherwise whatever costs nothing", async () => {
    const { goals, markedRates } = await line("naive", settingAt({ ...terminal(0.37), unlabelled: "zero" }));
    expect(goals.true.return).toBeGreaterThan(0.37 - 1e-9);
    expect(markedRates.ghost).toBe(0);
    expect(markedRates.diamond).toBeCloseTo(0.37, 10);
  });

  test("a line is drawn for the shift shown: visible naive is p in training and 0 where nothing is marked", async () => {
    const unseen = situationOf(settingAt(terminal(0)));
    const { goals } = await line("naive", settingAt(terminal(0.37)), unseen);
    expect(goals.true.return).toBeCloseTo(0, 10);
  });
});

describe("lines of the other arms", () => {
  const training = settingAt(terminal(0.1));

  test("oracle's is the true goal's optimum, that of every routed arm's full view the proxy's", async () => {
    expectNear((await line("oracle", training)).goals.true.discounted, 0.9317);
    for (const arm of ["route", "route-random-labels", "moe-no-route", "route-no-gate"]) {
      expectNear((await line(arm, training)).goals.true.return, 0);
      expect((await line(arm, training)).goals.proxy.normalised).toBeCloseTo(1, 10);
    }
  });

  test("filter with hidden marks wants the true goal, however rarely it is told", async () => {
    expect((await line("filter", settingAt(terminal(0.001, false)))).goals.true.return).toBeCloseTo(1, 10);
  });

  test("filter at coverage 1 does, too; what unseen ends are worth it then never learned", async () => {
    const all = settingAt(terminal(1));
    expect((await line("filter", all)).goals.true.return).toBeCloseTo(1, 10);
    expect(theory("filter", all, situationOf(settingAt(terminal(0))))).toEqual({
      none: "it shows marks that never occur in training",
    });
  });

  test.each([
    ["filter", terminal(0.1), "it learns nothing about episodes that it can see are not inspected"],
    [
      "naive",
      { ...terminal(0.1), unlabelled: "withheld" },
      "it learns nothing about episodes that it can see are not inspected",
    ],
    ["filter", terminal(0, false), "no episode that reaches anything is ever inspected"],
    ["filter", { kind: "none", visible: false }, "no episode that reaches anything is ever inspected"],
    ["naive", { ...terminal(0.1), spurious: 0.1 }, "spurious marks are sampled, not enumerated"],
  ])("%s under %j has none: %s", (arm, oversight, none) => {
    const setting = settingAt(oversight);
    expect(theory(arm, setting, situationOf(setting))).toEqual({ none });
  });

  test("naive has none where marks are shown that never occur in training", () => {
    const shown = situationOf(settingAt(terminal(0.5)));
    expect(theory("naive", settingAt({ kind: "none" }), shown)).toEqual({
      none: "it shows marks that never occur in training",
    });
  });
});

test("an unknown goal is refused by name", () => {
  expect(() => optimalForGoal(situationOf(settingAt(terminal(0))), "ghost")).toThrow(
    new RangeError("optimalForGoal: unknown goal ghost"),
  );
});
