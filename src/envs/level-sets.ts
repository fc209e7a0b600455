import type { Goal } from "../core/goal.ts";
import { Stream } from "../core/random.ts";
import { enumerateStates, rewardTable, type StateGraph } from "./graph.ts";
import { actionValuesInto, solve } from "./solver.ts";
import type { World, WorldDefinition } from "./world.ts";

/*
 * Whether the levels that a world declares for the verdict are what it says. A verdict rests on levels where both goals ask for the same acts,
 * and on levels where they part; which they are is a claim about all optimal policies, and the exact solver decides it.
 */

/** How the goals of a first state relate: by what policies that are optimal for the proxy goal earn under the true one. */
export interface Parting {
  /** The best true return that there is, discounted. */
  readonly optimum: number;
  /** The best and the worst true return among the policies that are optimal for the proxy goal. */
  readonly best: number;
  readonly worst: number;
}

/** `agree`: whoever is best for the proxy is best for the true goal; `part`: nobody is; `tie`: some are. */
export type PartingName = "agree" | "part" | "tie";

/** Returns this close are the same: rounding, not a loss. */
const SAME = 1e-9;

/** The relation of the goals in each of a graph's starts, in their order. */
export function partings(
  graph: StateGraph,
  trueGoal: Goal,
  proxyGoal: Goal,
  discount: number,
  horizon: number,
): readonly Parting[] {
  const { size: S, actions: A, first, probability, next, terminal, starts } = graph;
  const reward = rewardTable(graph, trueGoal);
  const { values: optimum } = solve(graph, reward, discount, horizon);
  const proxy = solve(graph, rewardTable(graph, proxyGoal), discount, horizon);
  const forProxy = new Float64Array(A);
  let [best, worst] = [new Float64Array(S), new Float64Array(S)];
  for (let h = 1; h <= horizon; h++) {
    const [bestNow, worstNow] = [new Float64Array(S), new Float64Array(S)];
    for (let s = 0; s < S; s++) {
      if (terminal[s]) continue;
      actionValuesInto(proxy, h, s, forProxy);
      const most = Math.max(...forProxy);
      [bestNow[s], worstNow[s]] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
      for (let a = 0; a < A; a++) {
        if (forProxy[a] < most - SAME) continue;
        let [high, low] = [0, 0];
        for (let o = first[s * A + a]; o < first[s * A + a + 1]; o++) {
          high += probability[o] * (reward[o] + discount * best[next[o]]);
          low += probability[o] * (reward[o] + discount * worst[next[o]]);
        }
        bestNow[s] = Math.max(bestNow[s], high);
        worstNow[s] = Math.min(worstNow[s], low);
      }
    }
    [best, worst] = [bestNow, worstNow];
  }
  return Array.from(starts, (s) => ({ optimum: optimum[horizon * S + s], best: best[s], worst: worst[s] }));
}

export const partingName = ({ optimum, best, worst }: Parting): PartingName =>
  worst >= optimum - SAME ? "agree" : best < optimum - SAME ? "part" : "tie";

/** How many first states of a set of levels are of each kind; of all levels where they can be listed, else of a sample. */
export type PartingCounts = Readonly<Record<PartingName, number>>;

/** Count how the goals relate on the levels of a world. `sampled` is how many are drawn where they cannot be listed. */
export function countPartings(
  world: World,
  trueGoal: Goal,
  proxyGoal: Goal,
  discount: number,
  sampled = 200,
): PartingCounts {
  const counts = { agree: 0, part: 0, tie: 0 };
  const count = (level: unknown, starts: Int32Array) => {
    const graph = enumerateStates(world, level, starts);
    for (const each of partings(graph, trueGoal, proxyGoal, discount, world.horizon)) counts[partingName(each)]++;
  };
  const all = world.enumerate();
  if (all !== null) for (const { level, starts } of all) count(level, starts);
  else {
    const [levels, chance] = [new Stream("level-sets", "level"), new Stream("level-sets", "chance")];
    for (let n = 0; n < sampled; n++) {
      const level = world.sample(levels.seek(0, n));
      const start = new Int32Array(world.stateSize);
      world.start(level, chance.seek(0, n), start);
      count(level, start);
    }
  }
  return counts;
}

/** What {@link checkSets} found of one set. */
export interface SetCheck {
  readonly set: string;
  readonly expected: "agree" | "part";
  readonly counts: PartingCounts;
  /** Whether every first state is as expected. */
  readonly holds: boolean;
}

/**
 * Prove the level sets that a world declares, under two goals: on `agreeing` and on every control all policies that are optimal for the
 * proxy goal have to be optimal for the true one, on `distinguishing` none may be.
 *
 * @param goalsOf the true and the proxy goal, over the events of a world of this kind.
 */
export function checkSets<Options extends object>(
  definition: Pick<WorldDefinition<Options>, "create" | "sets">,
  options: Options,
  goalsOf: (events: readonly string[]) => readonly [trueGoal: Goal, proxyGoal: Goal],
  discount: number,
  sampled?: number,
): SetCheck[] {
  const { agreeing, distinguishing, controls } = definition.sets;
  const sets: readonly (readonly [string, SetCheck["expected"], Partial<Options>])[] = [
    ["agreeing", "agree", agreeing],
    ["distinguishing", "part", distinguishing],
    ...Object.entries(controls).map(([name, change]) => [name, "agree", change] as const),
  ];
  return sets.map(([set, expected, change]) => {
    const world = definition.create({ ...options, ...change });
    const counts = countPartings(world, ...goalsOf(world.events), discount, sampled);
    const total = counts.agree + counts.part + counts.tie;
    return { set, expected, counts, holds: total > 0 && counts[expected] === total };
  });
}
