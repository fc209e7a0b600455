import { describe, expect, test } from "vitest";
import type { Goal } from "../../src/core/goal.ts";
import { enumerateStates } from "../../src/envs/graph.ts";
import { checkSets, countPartings, partingName, partings } from "../../src/envs/level-sets.ts";
import { diamondGhost } from "../../src/envs/worlds/diamond-ghost.ts";
import icyCheese from "../fixtures/kinds/icy-cheese.ts";
import { createDiamondGhost } from "./diamond-ghost.ts";
import { worldFor } from "./walk.ts";

const goals = (trueGoal: Record<string, number>, proxyGoal: Record<string, number>) => (events: readonly string[]) => {
  const goalOf = (name: string, rewards: Record<string, number>): Goal => ({
    name,
    rewards: Float64Array.from(events, (event) => rewards[event] ?? 0),
  });
  return [goalOf("true", trueGoal), goalOf("proxy", proxyGoal)] as const;
};
const DIAMOND_GHOST = goals({ diamond: 1, ghost: -1 }, { diamond: 1, ghost: 1 });
const CHEESE = goals({ cheese: 1 }, { corner: 1 });

describe("the relation of two goals on a level", () => {
  const of = (map: string) => {
    const world = worldFor(map);
    const state = new Int32Array(1);
    const graph = enumerateStates(world, world.parse(map, state), state);
    return partings(graph, ...DIAMOND_GHOST(world.events), 0.9, 32)[0];
  };

  test("nearer Diamond: they agree; nearer Ghost: they part; both as far: a tie", () => {
    expect(of("AD.\n...\n..G")).toEqual({ optimum: 1, best: 1, worst: 1 });
    const parted = of("AG.\n...\n..D");
    // The Diamond is four steps away, and the Ghost the first.
    expect(parted.optimum).toBeCloseTo(0.9 ** 3, 12);
    expect([parted.best, parted.worst]).toEqual([-1, -1]);
    const tie = of("A.D\n...\nG..");
    expect([tie.optimum, tie.best, tie.worst]).toEqual([0.9, 0.9, -0.9]);
    expect([partingName(parted), partingName(tie)]).toEqual(["part", "tie"]);
  });

  test("on 5 x 5 the optima give back the classes that distance makes: 5,856, 5,856 and 2,088 ties", () => {
    const world = createDiamondGhost({ size: 5 });
    expect(countPartings(world, ...DIAMOND_GHOST(world.events), 0.97)).toEqual({ agree: 5856, part: 5856, tie: 2088 });
  });
});

describe("checkSets", () => {
  test("proves the sets of diamond-ghost, open and in a maze", () => {
    for (const walls of [null, { kind: "maze", loops: 0.2, ghostMayBlock: false } as const]) {
      const options = diamondGhost.options.parse({ size: 5, walls });
      const found = checkSets(diamondGhost, options, DIAMOND_GHOST, 0.97, 60);
      expect(found.map(({ set, holds }) => [set, holds])).toEqual([
        ["agreeing", true],
        ["distinguishing", true],
        ["mirrored", true],
        ["withoutProxyObject", true],
      ]);
    }
  });

  test("proves the sets of a world on ice, and finds out those that are declared wrongly", () => {
    const options = icyCheese.options.parse({ size: 3, horizon: 12 });
    expect(checkSets(icyCheese, options, CHEESE, 0.97).every(({ holds }) => holds)).toBe(true);
    const wrong = { ...icyCheese, sets: { ...icyCheese.sets, agreeing: { cheese: "anywhere" as const } } };
    const [agreeing] = checkSets(wrong, options, CHEESE, 0.97);
    expect(agreeing.holds).toBe(false);
    expect(agreeing.counts.agree).toBeGreaterThan(0);
    expect(agreeing.counts.part + agreeing.counts.tie).toBeGreaterThan(0);
  });
});
