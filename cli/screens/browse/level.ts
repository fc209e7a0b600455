import { enumerateStates, likeliestOutcome, rewardTable } from "../../../src/envs/graph.ts";
import { bestActions, solve } from "../../../src/envs/solver.ts";
import type { Setting } from "../../../src/scenario/setting.ts";
import { drawLevel, fewestSteps } from "../../arguments/levels.ts";

/** Which object is nearer, as in the level sets of `src/envs`: the true goal's, the proxy goal's, neither. */
export type LevelClass = "agreeing" | "distinguishing" | "tie";

/** What a goal asks for on a level. */
interface Way {
  /** Best discounted return from the start. */
  readonly value: number;
  /** The action on each cell of one best way, by cell; no cells where nothing is worth a step. */
  readonly actions: ReadonlyMap<number, number>;
}

/** A level with what is known of it. */
export interface ShownLevel {
  readonly number: number;
  readonly map: string;
  /** Null where an object is missing. */
  readonly kind: LevelClass | null;
  readonly trueWay: Way;
  readonly proxyWay: Way;
}

/**
 * Of which class the level of a number is: by the fewest steps to the object that only the true goal's best event needs, and to the one
 * that the proxy goal alone rewards, each as if the other were floor. Null where one of them is missing.
 */
export function classOf({ world, trueGoal, proxyGoal }: Setting, seed: number, number: number): LevelClass | null {
  const { level, start } = drawLevel(world, seed, number);
  const wanted = world.events.find((_, e) => trueGoal.rewards[e] > 0);
  const mistaken = world.events.find((_, e) => proxyGoal.rewards[e] > 0 && trueGoal.rewards[e] <= 0);
  if (wanted === undefined || mistaken === undefined) return null;
  const stepsTo = (event: string, other: string): number | null => {
    const alone = world.without?.(level, other);
    return alone == null ? null : (fewestSteps(world, { level: alone, start }).get(event) ?? null);
  };
  const [near, far] = [stepsTo(wanted, mistaken), stepsTo(mistaken, wanted)];
  if (near === null || far === null) return null;
  return near < far ? "agreeing" : near > far ? "distinguishing" : "tie";
}

/** The level of a number, solved for both goals. */
export function showLevel(setting: Setting, seed: number, number: number): ShownLevel {
  const { world, trueGoal, proxyGoal, scenario } = setting;
  const { level, start } = drawLevel(world, seed, number);
  const graph = enumerateStates(world, level, start);
  const wayOf = (goal: typeof trueGoal): Way => {
    const solution = solve(graph, rewardTable(graph, goal), scenario.discount, world.horizon);
    const value = solution.values[world.horizon * graph.size + graph.starts[0]];
    const actions = new Map<number, number>();
    let s = graph.starts[0];
    for (let left = world.horizon; value > 0 && left > 0 && !graph.terminal[s]; left--) {
      const [action] = bestActions(solution, left, s);
      actions.set(graph.cell[s], action);
      s = graph.next[likeliestOutcome(graph, s, action)];
    }
    return { value, actions };
  };
  return {
    number,
    map: world.print(level, start),
    kind: classOf(setting, seed, number),
    trueWay: wayOf(trueGoal),
    proxyWay: wayOf(proxyGoal),
  };
}
