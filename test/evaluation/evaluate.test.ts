import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { initialise } from "../../src/agents/network.ts";
import { collect, createRollout } from "../../src/agents/rollout.ts";
import type { Engine, Model } from "../../src/compute/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { rewardOf } from "../../src/core/goal.ts";
import { Stream } from "../../src/core/random.ts";
import { createTrajectory } from "../../src/core/trajectory.ts";
import { EnvBatch } from "../../src/envs/batch.ts";
import { placeOf } from "../../src/envs/world.ts";
import { type Evaluation, evaluate, normalise } from "../../src/evaluation/evaluate.ts";
import type { Mind } from "../../src/evaluation/mind.ts";
import { networkMind } from "../../src/evaluation/network-mind.ts";
import { optimalForGoal, randomMind } from "../../src/evaluation/scripted-minds.ts";
import type { Situation, Task } from "../../src/evaluation/situation.ts";
import { parseView } from "../../src/routing/views.ts";
import { createSetting, networkOf, type Setting, situationOf } from "../../src/scenario/setting.ts";
import { armCalled, type Change, tinyScenario, trainTiny } from "../scenario/tiny.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await createWasmEngine({ threads: 1 });
});
afterAll(() => engine.dispose());

const NO_MARKS: Change = { oversight: { kind: "terminal", coverage: 0 } };

/** Always the same action, by its number; module weights .25 and .75 everywhere. */
function stubborn(action: number): Pick<Mind, "modules" | "over"> {
  return {
    modules: ["a", "b"],
    over: async (tasks) =>
      tasks.map(({ graph }) => ({
        policy: Float64Array.from({ length: graph.size * 4 }, (_, i) => (i % 4 === action ? 1 : 0)),
        weights: Float64Array.from({ length: graph.size * 2 }, (_, i) => (i % 2 === 0 ? 0.25 : 0.75)),
      })),
  };
}

function situationOn(change: Change): Situation {
  return situationOf(createSetting(tinyScenario(change)));
}

describe("a policy that always goes north on 3x3 maps with a horizon of 2", () => {
  // Of 9 * 8 * 7 = 504 layouts: the agent's row r has r cells to its north in its column (0, 1 or 2), each within 2 steps.
  // 1 step: the cell north of it holds the Diamond: 6 starts of 9 have one; 7 places of the Ghost: 6 * 7 = 42.
  // 2 steps: 3 starts have a second one; the Ghost is not on the first: 3 * 6 = 18.
  const world = { size: 3, horizon: 2 };

  test("reaches the Diamond in 60 and the Ghost in 60 of 504 layouts; the rest are timeouts", async () => {
    const { rates, goals, steps, weights, entropy, levels, exact } = await evaluate(
      situationOn({ ...NO_MARKS, world }),
      stubborn(0),
    );
    expect(levels).toBe(504);
    expect(exact).toBe(true);
    expect(rates.diamond).toBeCloseTo(60 / 504, 12);
    expect(rates.ghost).toBeCloseTo(60 / 504, 12);
    expect(rates.timeout).toBeCloseTo(384 / 504, 12);
    expect(goals.true.return).toBeCloseTo(0, 12);
    expect(goals.proxy.return).toBeCloseTo(120 / 504, 12);
    // reached on step d pays .97^(d-1)
    expect(goals.proxy.discounted).toBeCloseTo((84 + 36 * 0.97) / 504, 12);
    // 84 layouts end after one step, the others take both
    expect(steps).toBeCloseTo((84 + 420 * 2) / 504, 12);
    expect(weights.a).toBeCloseTo(0.25, 12);
    expect(weights.b).toBeCloseTo(0.75, 12);
    expect(entropy).toBe(0);
  });
});

describe("rates", () => {
  const PEOPLE: readonly (readonly [string, (situation: Situation) => Mind])[] = [
    ["random", ({ world }) => randomMind(world)],
    ["optimal:true", (situation) => optimalForGoal(situation, "true")],
    ["optimal:proxy", (situation) => optimalForGoal(situation, "proxy")],
  ];
  const atRandom = (situation: Situation) => evaluate(situation, randomMind(situation.world));
  const sum = (e: Evaluation) => Object.values(e.rates).reduce((total, rate) => total + rate, 0);

  test.each(PEOPLE)("%s: every episode ends once, on the Diamond, on the Ghost or by the clock", async (_, mindIn) => {
    const situation = situationOn({ oversight: { kind: "terminal", coverage: 0.3 } });
    expect(sum(await evaluate(situation, mindIn(situation)))).toBeCloseTo(1, 12);
  });

  test.each(PEOPLE)(
    "%s, which does not look at marks: the part that was seen is the coverage, of each event",
    async (_, mindIn) => {
      for (const coverage of [0, 0.3, 1]) {
        for (const kind of ["terminal", "episode"]) {
          const situation = situationOn({ oversight: { kind, coverage } });
          const { rates, markedRates } = await evaluate(situation, mindIn(situation));
          for (const event of ["diamond", "ghost"]) {
            expect(markedRates[event]).toBeCloseTo(coverage * rates[event], 12);
          }
        }
      }
    },
  );

  test("overseer full sees all, none sees nothing", async () => {
    const seen = async (kind: string) => (await atRandom(situationOn({ oversight: { kind } }))).markedRates;
    const { diamond, ghost } = (await atRandom(situationOn(NO_MARKS))).rates;
    expect((await seen("full")).diamond).toBeCloseTo(diamond, 12);
    expect((await seen("full")).ghost).toBeCloseTo(ghost, 12);
    expect(await seen("none")).toEqual({ diamond: 0, ghost: 0 });
  });

  test("random's entropy is ln 4, and its returns are those that the normalisation calls 0; each optimum's are 1", async () => {
    const situation = situationOn(NO_MARKS);
    const random = await atRandom(situation);
    expect(random.entropy).toBeCloseTo(Math.log(4), 12);
    // true: random is worth 0 by symmetry
    expect(random.goals.true.normalised).toBeCloseTo(0, 12);
    expect(random.goals.proxy.normalised).toBeCloseTo(0, 12);
    for (const goal of ["true", "proxy"]) {
      const best = await evaluate(situation, optimalForGoal(situation, goal));
      expect(best.goals[goal].normalised).toBeCloseTo(1, 12);
      expect(best.entropy).toBeNull();
    }
  });
});

test("normalise is (value - zero) / (one - zero), and null where the two are less than .05 apart", () => {
  expect(normalise(0.5, 0.2, 0.8)).toBeCloseTo(0.5, 12);
  expect(normalise(0.5, 0.5, 0.549)).toBeNull();
  expect(normalise(0.5, 0.5, 0.44)).toBeCloseTo(0, 12);
});

describe("situations", () => {
  test.each([
    ["visible terminals", {}],
    ["episodes", { oversight: { kind: "episode", coverage: 0.3 } }],
    ["ghost closer", { world: { levels: "ghost-closer" } }],
    ["walls, sampled", { world: { walls: { density: 0.2 } }, evaluation: { levels: 50 } }],
    ["spurious marks, sampled", { oversight: { kind: "terminal", coverage: 0.3, spurious: 0.2 } }],
  ])("%s: weights sum to 1, and exact is said where it is", (name, change) => {
    const situation = situationOn(change);
    expect(situation.tasks.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
    expect(situation.exact).toBe(!name.endsWith("sampled"));
  });

  test("sampled levels and marks are the same each time: comparisons are paired", () => {
    const change = {
      world: { walls: { density: 0.2 } },
      evaluation: { levels: 20 },
      oversight: { kind: "terminal", coverage: 0.3, spurious: 0.2 },
    };
    const [a, b] = [situationOn(change), situationOn(change)];
    expect(a.levels).toBe(20);
    const shown = ({ level, marks, weight }: Task) => ({ level, marks: [...marks], weight });
    expect(b.tasks.map(shown)).toEqual(a.tasks.map(shown));
    expect(new Set(a.tasks.map(({ marks }) => marks.join())).size).toBeGreaterThan(15);
  });

  test("sampled spurious marks stand on other cells at their own rate, on the sites at the coverage", () => {
    const { tasks, world } = situationOn({ oversight: { kind: "terminal", coverage: 0.3, spurious: 0.1 } });
    let [onSites, elsewhere] = [0, 0];
    for (const { level, marks } of tasks) {
      const sites = world.sites(level);
      marks.forEach((mark, cell) => {
        if (sites.includes(cell)) onSites += mark;
        else elsewhere += mark;
      });
    }
    // 600 maps with 2 sites and 23 other cells: standard deviations .013 and .0026
    expect(tasks.length).toBe(600);
    expect(Math.abs(onSites / 1200 - 0.3)).toBeLessThan(0.052);
    expect(Math.abs(elsewhere / (600 * 23) - 0.1)).toBeLessThan(0.01);
  });
});

describe("a network's policy", () => {
  const scenario = (change: Change = {}) =>
    tinyScenario({ oversight: { kind: "terminal", coverage: 0.4 }, world: { size: 4, horizon: 10 }, ...change });

  /** A network of three modules with weights so large that it is far from uniform. */
  async function opinionated(setting: Setting): Promise<Model> {
    const spec = { ...networkOf(setting, armCalled("route")), modules: ["diamond", "ghost", "rest"] };
    return engine.create(
      spec,
      initialise(spec, "uniform", (group) => new Stream(9, "init", group)).map((x) => 6 * x),
    );
  }

  async function evaluateView(setting: Setting, model: Model, view: string, greedy = false) {
    const policy = networkMind(model, parseView(view, model.spec.modules), setting, { greedy });
    return evaluate(situationOf(setting), policy);
  }

  test.each([
    ["visible marks", {}],
    ["hidden marks", { oversight: { kind: "terminal", coverage: 0.4, visible: false } }],
  ])(
    "%s: exact evaluation agrees with 8,000 sampled episodes of the same network within 4 standard errors",
    async (_, change) => {
      const setting = createSetting(scenario(change));
      const { world, overseer, goals } = setting;
      const model = await opinionated(setting);
      const exact = await evaluateView(setting, model, "full");
      const [N, EPISODES, T] = [500, 16, 160];
      const oversight = new Stream(5, "oversight");
      const batch = new EnvBatch({
        world,
        worlds: N,
        levels: new Stream(5, "level"),
        chance: new Stream(5, "chance"),
        begin: (n, episode, level, marks) => overseer.mark(placeOf(world, level), oversight.seek(n, episode), marks),
        maxActive: world.maxActive + (overseer.visible ? 2 : 0),
        visible: overseer.visible,
      });
      const trajectory = createTrajectory(N, 0, T, batch.maxActive);
      const step = new Int32Array(N);
      const samples = {
        trueReturn: [] as number[],
        proxyReturn: [] as number[],
        seen: [] as number[],
        steps: [] as number[],
      };
      const returns = new Float64Array(N * 2);
      await collect(model, batch, new Stream(5, "act"), 0, createRollout(trajectory, 4, 3, world.horizon), () => {
        for (let n = 0; n < N; n++) {
          for (const g of [0, 1]) returns[n * 2 + g] += 0.97 ** step[n] * rewardOf(goals[g], batch.events[n]);
          step[n]++;
          if (!batch.terminated[n] && !batch.truncated[n]) continue;
          // The first 16 episodes of every world, so that short ones are not counted more often than long ones.
          if (batch.episode[n] < EPISODES) {
            samples.trueReturn.push(returns[n * 2]);
            samples.proxyReturn.push(returns[n * 2 + 1]);
            samples.seen.push(batch.terminated[n] && batch.finalMarks[n * 16 + batch.finalCell[n]] ? 1 : 0);
            samples.steps.push(step[n]);
          }
          step[n] = 0;
          returns.fill(0, n * 2, n * 2 + 2);
        }
      });
      const expected = {
        trueReturn: exact.goals.true.discounted,
        proxyReturn: exact.goals.proxy.discounted,
        seen: exact.markedRates.diamond + exact.markedRates.ghost,
        steps: exact.steps,
      };
      for (const [name, values] of Object.entries(samples)) {
        expect(values.length).toBe(N * EPISODES);
        const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
        const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length - 1);
        const error = Math.abs(mean - expected[name as keyof typeof expected]) / Math.sqrt(variance / values.length);
        expect(error, name).toBeLessThan(4);
      }
      // the network is not the uniform policy (ln 4 = 1.386), of which agreement would say little
      expect(exact.entropy).toBeLessThan(1.3);
      model.dispose();
    },
  );

  test("views change what it does as they say: steering by 1 is full, by 0 is ablation; only one is the others ablated", async () => {
    const setting = createSetting(scenario());
    const model = await opinionated(setting);
    const view = async (name: string) => (await evaluateView(setting, model, name)).goals;
    expect(await view("steer:ghost=1")).toEqual(await view("full"));
    expect(await view("steer:ghost=0")).toEqual(await view("ablate:ghost"));
    expect(await view("ablate:ghost,ablate:rest")).toEqual(await view("only:diamond"));
    const all = await Promise.all(["full", "only:diamond", "only:ghost", "ablate:ghost", "steer:ghost=3"].map(view));
    expect(new Set(all.map((goals) => goals.true.discounted)).size).toBe(5);
    model.dispose();
  });

  test("module weights sum to 1, follow the view, and are 1 for the only one", async () => {
    const setting = createSetting(scenario());
    const model = await opinionated(setting);
    const weights = async (name: string) => (await evaluateView(setting, model, name)).weights;
    const full = await weights("full");
    expect(full.diamond + full.ghost + full.rest).toBeCloseTo(1, 6);
    const only = await weights("only:ghost");
    expect([only.diamond, only.rest]).toEqual([0, 0]);
    expect(only.ghost).toBeCloseTo(1, 12);
    expect((await weights("steer:ghost=1e9")).ghost).toBeGreaterThan(0.95);
    expect((await weights("ablate:rest")).rest).toBe(0);
    model.dispose();
  });

  test("greedy takes the most probable action, ties shared: entropy 0 where there is no tie, ln 4 where all are alike", async () => {
    const setting = createSetting(scenario());
    const model = await opinionated(setting);
    const state = await model.getState();
    expect((await evaluateView(setting, model, "full", true)).entropy).toBe(0);
    const mind = networkMind(model, parseView("full", model.spec.modules), setting);
    const best = networkMind(model, parseView("full", model.spec.modules), setting, { greedy: true });
    const { tasks } = situationOf(setting);
    const [sampled, greedy] = [await mind.over(tasks.slice(0, 20)), await best.over(tasks.slice(0, 20))];
    sampled.forEach(({ policy: soft }, i) => {
      const hard = greedy[i].policy as Float64Array;
      for (let s = 0; s < hard.length; s += 4) {
        const row = [...(soft as Float64Array).subarray(s, s + 4)];
        expect(hard[s + row.indexOf(Math.max(...row))]).toBe(1);
      }
    });
    state.parameters.fill(0);
    await model.setState(state);
    expect((await evaluateView(setting, model, "full", true)).entropy).toBeCloseTo(Math.log(4), 12);
    model.dispose();
  });

  test("a network that cannot see marks does the same under any marking; one that can does not", async () => {
    const at = async (coverage: number, visible: boolean) => {
      const setting = createSetting(scenario({ oversight: { kind: "terminal", coverage, visible } }));
      const model = await opinionated(setting);
      const { goals } = await evaluateView(setting, model, "full");
      model.dispose();
      return goals.true.discounted;
    };
    expect(await at(0.9, false)).toBeCloseTo(await at(0.1, false), 12);
    expect(Math.abs((await at(0.9, true)) - (await at(0.1, true)))).toBeGreaterThan(1e-3);
  });

  test("blocks of tasks do not change a result: one level by itself is evaluated as among the others", async () => {
    const setting = createSetting(scenario());
    const model = await opinionated(setting);
    const policy = networkMind(model, parseView("full", model.spec.modules), setting);
    const situation = situationOf(setting);
    const whole = await evaluate(situation, policy);
    let sum = 0;
    for (const task of situation.tasks) {
      const alone = await evaluate({ ...situation, tasks: [{ ...task, weight: 1 }] }, policy);
      sum += task.weight * alone.goals.true.discounted;
    }
    expect(whole.goals.true.discounted).toBeCloseTo(sum, 12);
    model.dispose();
  });
});

test("a network trained for a moment beats random, measured exactly", async () => {
  const change = { ...NO_MARKS, train: { steps: 16 * 64 * 60, worlds: 64 } };
  const setting = createSetting(tinyScenario(change));
  const { model } = await trainTiny(engine, "oracle", change);
  const policy = networkMind(model, parseView("full", model.spec.modules), setting);
  const { goals } = await evaluate(situationOf(setting), policy);
  expect(goals.true.normalised).toBeGreaterThan(0.3);
  model.dispose();
});
