import { describe, expect, test } from "vitest";
import { Stream } from "../../src/core/random.ts";
import { EnvBatch } from "../../src/envs/batch.ts";
import { placeOf } from "../../src/envs/world.ts";
import type { Mind } from "../../src/evaluation/mind.ts";
import { blindMind, optimalForGoal, randomMind } from "../../src/evaluation/scripted-minds.ts";
import { measureWindow, STEPWISE_WINDOW, stepwiseReturns } from "../../src/evaluation/stepwise.ts";
import { createSetting, type Setting, situationOf } from "../../src/scenario/setting.ts";
import { type DiamondGhostLevel, diamondOf, ghostOf } from "../envs/diamond-ghost.ts";
import { type Change, tinyScenario } from "../scenario/tiny.ts";

function settingAt(coverage: number, world: Change = {}): Setting {
  const oversight = { kind: "terminal", coverage };
  return createSetting(tinyScenario({ world: { horizon: 32, ...world }, oversight, discount: 0.97 }));
}
const FIXED = { window: STEPWISE_WINDOW, stalePictures: false, lateBy: 0 };
const ORIGINAL = { window: STEPWISE_WINDOW, stalePictures: true, lateBy: 1 };

describe("a window that was lived through", () => {
  // One world, discount 1/2. A seen end of kind 1 after two steps, of which one was before the window; a cut; an unseen end; a tail.
  const lived = {
    T: 6,
    N: 1,
    discount: 0.5,
    rewards: Float64Array.of(-1, 0, 0, 0, 1, 0),
    terminated: Uint8Array.of(1, 0, 0, 0, 1, 0),
    truncated: Uint8Array.of(0, 0, 1, 0, 0, 0),
    outcome: Int8Array.of(1, -1, -1, -1, 0, -1),
    outcomes: 2,
    inspected: Uint8Array.of(1, 0, 1, 0, 0, 0),
    before: Int32Array.of(1),
  };

  test("the mean over steps of the return to come within episode and window", () => {
    // -1, 0, 0, 1/2, 1, 0
    expect(measureWindow(lived).averageReturn).toBe(0.5 / 6);
  });

  test("shares of the ended episodes, cuts included; lengths count the steps before the window", () => {
    const { episodes, episodeSteps, seen, unseen } = measureWindow(lived);
    expect({ episodes, episodeSteps, seen: [...seen], unseen: [...unseen] }).toEqual({
      episodes: 3,
      episodeSteps: (2 + 2 + 2) / 3,
      seen: [0, 1 / 3],
      unseen: [1 / 3, 0],
    });
  });

  test("without an end there are no shares", () => {
    const none = new Uint8Array(6);
    const { episodes, episodeSteps } = measureWindow({ ...lived, terminated: none, truncated: none });
    expect([episodes, episodeSteps]).toEqual([0, 0]);
  });
});

/**
 * Mostly the way to the Diamond, but every task and state has its own noise, drawn once; it dawdles on the top row, and on a final
 * picture goes north: a policy without any symmetry, for which it matters where a stale picture sends it.
 */
function arbitraryMind({ trueGoal, world }: Setting): Pick<Mind, "modules" | "over"> {
  return {
    modules: [],
    over: async (tasks) =>
      (await blindMind("ghost", trueGoal, world).over(tasks)).map(({ policy: way }, i) => {
        const { level, marks, graph } = tasks[i];
        const rng = new Stream(1, "arbitrary", JSON.stringify(level), marks.join());
        const policy = (way as Float64Array).map((p) => p + 0.3 * rng.next() ** 3);
        for (let s = 0; s < graph.size; s++) {
          if (graph.cell[s] < world.width) policy[4 * s] += 3;
          if (graph.terminal[s]) policy[4 * s] = 100;
        }
        for (let at = 0; at < policy.length; at += 4) {
          const row = policy.subarray(at, at + 4);
          const sum = row.reduce((total, p) => total + p, 0);
          for (let a = 0; a < 4; a++) row[a] /= sum;
        }
        return { policy };
      }),
  };
}

/** The metric by playing windows that begin with fresh episodes: one mean for each. */
async function played(
  setting: Setting,
  mind: Pick<Mind, "over">,
  options: typeof FIXED,
  windows: number,
): Promise<number[]> {
  const { window: T, stalePictures, lateBy } = options;
  const { tasks } = situationOf(setting);
  const actings = await mind.over(tasks);
  const keyOf = (level: unknown, marks: Uint8Array) => {
    const [ghost, diamond] = [ghostOf(level as DiamondGhostLevel), diamondOf(level as DiamondGhostLevel)];
    return [ghost, diamond, ...[...marks.keys()].filter((cell) => marks[cell])].join();
  };
  const indices = new Map(tasks.map(({ level, marks }, i) => [keyOf(level, marks), i]));
  const world = { ...setting.world, horizon: setting.world.horizon + lateBy };
  const N = 400;
  const rng = new Stream(5, "played");
  return Array.from({ length: windows }, (_, w) => {
    const marks = new Stream(w, "marks");
    const batch = new EnvBatch({
      world,
      worlds: N,
      levels: new Stream(w, "level"),
      chance: new Stream(w, "chance"),
      begin: (n, episode, level, out) => setting.overseer.mark(placeOf(world, level), marks.seek(n, episode), out),
      maxActive: 5,
      visible: true,
    });
    const truth = (n: number) => ({ key: keyOf(batch.level(n), batch.marks(n)), agent: batch.state(n)[0] });
    const pictures = Array.from({ length: N }, (__, n) => truth(n));
    const rewards = new Float64Array(T * N);
    const [terminated, truncated] = [new Uint8Array(T * N), new Uint8Array(T * N)];
    for (let t = 0; t < T; t++) {
      const before = pictures.map((___, n) => truth(n));
      const actions = Uint8Array.from(pictures, ({ key, agent }) => {
        const task = indices.get(key) ?? -1;
        const { policy: table } = actings[task];
        if (typeof table === "function") throw new Error("the mind has no table");
        const at = 4 * tasks[task].graph.states.indexOf(agent);
        let u = rng.next();
        let action = 0;
        while (action < 3 && u >= table[at + action]) u -= table[at + action++];
        return action;
      });
      batch.step(actions);
      for (let n = 0; n < N; n++) {
        const row = t * N + n;
        rewards[row] = [0, 1, -1][batch.events[n]];
        terminated[row] = batch.terminated[n];
        truncated[row] = batch.truncated[n];
        const old = { key: before[n].key, agent: batch.finalCell[n] };
        pictures[n] = stalePictures && (terminated[row] || truncated[row]) ? old : truth(n);
      }
    }
    const nothing = new Uint8Array(T * N);
    const none = { outcome: new Int8Array(T * N).fill(-1), outcomes: 0, inspected: nothing, before: new Int32Array(N) };
    return measureWindow({ T, N, discount: 0.97, rewards, terminated, truncated, ...none }).averageReturn;
  });
}

describe("the exact metric", () => {
  test.each([
    ["with fresh pictures", FIXED],
    ["with stale pictures and late cuts, as in the original code", ORIGINAL],
  ])("%s is the mean of what is played", async (_, options) => {
    // A horizon of 6, so that cuts, too, fall into the window; two kinds of marks.
    const setting = settingAt(0.3, { horizon: 6, size: 3 });
    const policy = arbitraryMind(setting);
    const { true: exact } = await stepwiseReturns(situationOf(setting), policy, options);
    const means = await played(setting, policy, options, 60);
    const mean = means.reduce((sum, x) => sum + x, 0) / means.length;
    const deviation = Math.sqrt(means.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (means.length - 1));
    const error = deviation / Math.sqrt(means.length);
    expect(error).toBeLessThan(0.002);
    expect(Math.abs(mean - exact)).toBeLessThan(4 * error);
    // The two kinds of worlds are further apart than that, so the test can tell.
    const other = options === FIXED ? ORIGINAL : FIXED;
    const { true: otherwise } = await stepwiseReturns(situationOf(setting), policy, other);
    expect(Math.abs(otherwise - exact)).toBeGreaterThan(8 * error);
  });

  // method.md, section 5; the last digit there is from play.
  test.each([
    ["optimal:true", 0.908, 0.871],
    ["blind:ghost", 0.778, 0.733],
    ["optimal:proxy", 0, 0],
  ])("%s: %s, and %s with the original's quirks", async (name, fixed, original) => {
    const setting = settingAt(0.1);
    const situation = situationOf(setting);
    const [kind, of] = name.split(":");
    const policy = kind === "blind" ? blindMind(of, setting.trueGoal, setting.world) : optimalForGoal(situation, of);
    expect(Math.abs((await stepwiseReturns(situation, policy, FIXED)).true - fixed)).toBeLessThan(0.0025);
    expect(Math.abs((await stepwiseReturns(situation, policy, ORIGINAL)).true - original)).toBeLessThan(0.0025);
  });

  test("a window of one step is the reward of the first step, and of two the mean of what both have to come", async () => {
    const situation = situationOf(settingAt(0.1, { size: 3 }));
    const [one, two] = await Promise.all(
      [1, 2].map((window) => stepwiseReturns(situation, randomMind(situation.world), { ...FIXED, window })),
    );
    // 9 * 8 layouts of agent and object; the agent's 24 moves between neighbours, each with probability 1/4: r = 24 / 4 / 72 per object.
    const r = (2 * 24) / 4 / 72;
    expect(one.proxy).toBeCloseTo(r, 12);
    expect(one.true).toBeCloseTo(0, 12);
    // Ended at once: r for the first step and, in a fresh episode, r for the second. Going on: q for the second and gamma q for the first.
    expect(two.proxy).toBeGreaterThan((r + r * r) / 2);
  });
});

describe("blind:<event>", () => {
  test("walks through the object to what the true goal rewards, and ties are even", async () => {
    const setting = settingAt(0, { size: 3 });
    const [task] = situationOf(setting).tasks.filter(({ level }) => {
      const [ghost, diamond] = [ghostOf(level as DiamondGhostLevel), diamondOf(level as DiamondGhostLevel)];
      return ghost === 1 && diamond === 2;
    });
    const [{ policy }] = await blindMind("ghost", setting.trueGoal, setting.world).over([task]);
    const at = (cell: number) => {
      const s = task.graph.states.indexOf(cell);
      return [...(policy as Float64Array).subarray(4 * s, 4 * s + 4)];
    };
    // . G D    north, east, south, west
    // . . .
    expect(at(0)).toEqual([0, 1, 0, 0]); // over the Ghost
    expect(at(1)).toEqual([0, 1, 0, 0]); // standing on it
    expect(at(3)).toEqual([0.5, 0.5, 0, 0]);
    expect(at(5)).toEqual([1, 0, 0, 0]);
  });

  test("an event without an object is refused by name", async () => {
    const setting = settingAt(0);
    const mind = blindMind("key", setting.trueGoal, setting.world);
    await expect(mind.over(situationOf(setting).tasks.slice(0, 1))).rejects.toThrow("no object of event key");
  });
});
