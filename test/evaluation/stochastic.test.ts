import { describe, expect, test } from "vitest";
import { sha256 } from "../../src/core/hash.ts";
import { Stream } from "../../src/core/random.ts";
import { evaluate } from "../../src/evaluation/evaluate.ts";
import { indicesOf, optimalForGoal, randomMind } from "../../src/evaluation/scripted-minds.ts";
import { adopt } from "../../src/scenario/own-kinds.ts";
import { createSetting, situationOf } from "../../src/scenario/setting.ts";
import icyCheese from "../fixtures/kinds/icy-cheese.ts";
import { tinyScenario } from "../scenario/tiny.ts";

const EPISODES = 100_000;
const DISCOUNT = 0.97;

/** A world that slips with probability .1, of which nothing is sampled: 4 x 4 cells, a word of state, two goals. */
function icySetting() {
  const kind = adopt("world", "icy-cheese.ts", sha256("icy-cheese"), icyCheese);
  return createSetting({
    ...tinyScenario(),
    world: { kind, ...icyCheese.options.parse({ slip: 0.1, cheese: "elsewhere" }) },
    goals: { true: { cheese: 1 }, proxy: { corner: 1 } },
    routes: { cheese: ["diamond"], corner: ["ghost"] },
    oversight: { kind: "none", visible: false, unlabelled: "proxy" },
    discount: DISCOUNT,
  });
}

describe("a stochastic world", () => {
  const setting = icySetting();
  const situation = situationOf(setting);
  const { world } = setting;

  test("is evaluated over all of its levels and every way of its chance", () => {
    expect([world.deterministic, situation.exact]).toEqual([false, true]);
    const { first, probability, next } = situation.tasks[0].graph;
    expect(next.length).toBeGreaterThan(first.length);
    for (let i = 0; i + 1 < first.length; i++) {
      expect(probability.subarray(first[i], first[i + 1]).reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12);
    }
  });

  test.each(["random", "optimal for the proxy goal"])(
    "%s: the exact returns are those of 100,000 played episodes, within 4 standard errors",
    async (name) => {
      const mind = name === "random" ? randomMind(world) : optimalForGoal(situation, "proxy");
      const exact = await evaluate(situation, mind);
      const acts = await mind.over(situation.tasks);
      // The state of a level by its words, and what the mind does there, by level.
      const known = new Map(
        situation.tasks.map((task, i) => [keyOf(task.level), { ...task, act: acts[i], states: indicesOf(task.graph) }]),
      );
      const [levels, chance, act] = ["level", "chance", "act"].map((stream) => new Stream("icy", stream));
      const A = world.actions.length;
      const row = new Float64Array(A);
      const sums = { true: [0, 0], proxy: [0, 0] };
      for (let episode = 0; episode < EPISODES; episode++) {
        const level = world.sample(levels.seek(0, episode));
        const own = known.get(keyOf(level));
        if (own === undefined) throw new Error("a level was drawn that is not listed");
        const state = new Int32Array(world.stateSize);
        world.start(level, chance.seek(0, episode), state);
        act.seek(0, episode);
        const gained = { true: 0, proxy: 0 };
        for (let d = 0; d < world.horizon && !world.terminal(level, state); d++) {
          const s = own.states.get(state.join()) ?? -1;
          const { policy } = own.act;
          if (typeof policy === "function") policy(world.horizon - d, s, row);
          else row.set(policy.subarray(s * A, (s + 1) * A));
          let u = act.next();
          let action = 0;
          while (action < A - 1 && u >= row[action]) u -= row[action++];
          const events = world.step(level, state, action, chance);
          gained.true += DISCOUNT ** d * (events & 1);
          gained.proxy += DISCOUNT ** d * ((events >> 1) & 1);
        }
        for (const goal of ["true", "proxy"] as const) {
          sums[goal][0] += gained[goal];
          sums[goal][1] += gained[goal] ** 2;
        }
      }
      for (const goal of ["true", "proxy"] as const) {
        const mean = sums[goal][0] / EPISODES;
        const error = Math.sqrt((sums[goal][1] / EPISODES - mean ** 2) / EPISODES);
        expect(error).toBeGreaterThan(0);
        expect(error).toBeLessThan(0.002);
        expect(Math.abs(mean - exact.goals[goal].discounted)).toBeLessThan(4 * error);
      }
    },
  );
});

/** What tells the levels apart: where the cheese lies. */
const keyOf = (level: unknown): string => (level as { at: { cheese: readonly number[] } }).at.cheese.join();
