import type { Goal } from "../core/goal.ts";
import { enumerateStates, rewardTable, type StateGraph, uniformStarts } from "../envs/graph.ts";
import { greedyPolicy, type PolicyRule, solve } from "../envs/solver.ts";
import type { World } from "../envs/world.ts";
import type { Acting, Mind, Standing } from "./mind.ts";
import type { Situation, Task } from "./situation.ts";

/** Every action alike. */
export function randomMind(world: World): Mind {
  return scriptedMind(world, {
    name: "random",
    timed: false,
    over: ({ graph }) => ({ policy: new Float64Array(graph.size * graph.actions).fill(1 / graph.actions) }),
  });
}

/** The exact optimum of a reward table of each task, ties between best actions broken uniformly. Its value is that of the state. */
export function optimumOf(name: string, reward: (task: Task) => Float64Array, world: World, discount: number): Mind {
  const over = (task: Task): Acting => {
    const { graph } = task;
    const solution = solve(graph, reward(task), discount, world.horizon);
    return { policy: greedyPolicy(solution), value: (stepsLeft, s) => solution.values[stepsLeft * graph.size + s] };
  };
  return scriptedMind(world, { name, timed: true, over });
}

/** The exact optimum of a goal. */
export function optimalMind(world: World, goal: Goal, discount: number): Mind {
  return optimumOf(`optimal:${goal.name}`, ({ graph }) => rewardTable(graph, goal), world, discount);
}

/** The exact optimum of a situation's goal. @throws RangeError for a goal that it has not. */
export function optimalForGoal({ world, goals, discount }: Situation, goalName: string): Mind {
  const goal = goals.find(({ name }) => name === goalName);
  if (goal === undefined) throw new RangeError(`optimalForGoal: unknown goal ${goalName}`);
  return optimalMind(world, goal, discount);
}

/**
 * The shortest way to what a goal rewards most, blind to the object of an event: uniform over the moves that shorten the way as if that
 * object were floor, over all moves where there is no way. @throws RangeError where the event has no object in this world.
 */
export function blindMind(event: string, goal: Goal, world: World): Mind {
  const best = goal.rewards.indexOf(Math.max(...goal.rewards));
  const over = ({ level, graph }: Task): Acting => {
    const seen = world.without?.(level, event) ?? null;
    if (seen === null) throw new RangeError(`blindMind: world ${world.kind} has no object of event ${event}`);
    // Every state is a first state here, so that states keep their numbers, also beyond the object.
    return { policy: shorteningMoves(enumerateStates(world, seen, graph.states), best, graph.size) };
  };
  return scriptedMind(world, { name: `blind:${event}`, timed: false, over });
}

/**
 * Uniform over the moves that shorten the way to an event, or over all where none does, for the first `size` states, [size, A]. Where an
 * action has several outcomes, the best of them counts: the way that chance allows.
 */
function shorteningMoves(graph: StateGraph, event: number, size: number): Float64Array {
  const { size: S, actions: A, first, next, eventSets } = graph;
  const stepsLeft = new Float64Array(S).fill(Infinity);
  const after = (i: number) => {
    let least = Infinity;
    for (let o = first[i]; o < first[i + 1]; o++) {
      least = Math.min(least, (eventSets[o] >>> event) & 1 ? 0 : stepsLeft[next[o]]);
    }
    return least;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = 0; i < S * A; i++) {
      const steps = after(i) + 1;
      if (steps >= stepsLeft[Math.floor(i / A)]) continue;
      stepsLeft[Math.floor(i / A)] = steps;
      changed = true;
    }
  }
  const policy = new Float64Array(size * A);
  for (let s = 0; s < size; s++) {
    const row = policy.subarray(s * A, (s + 1) * A);
    for (let a = 0; a < A; a++) row[a] = after(s * A + a) < stepsLeft[s] ? 1 : 0;
    if (row.every((p) => p === 0)) row.fill(1);
    const ways = row.reduce((sum, p) => sum + p, 0);
    for (let a = 0; a < A; a++) row[a] /= ways;
  }
  return policy;
}

/** As it is evaluated, a mind whose every action is replaced, with probability `noise`, by one drawn uniformly. */
export function noisyMind(
  { modules, over }: Pick<Mind, "modules" | "over">,
  noise: number,
): Pick<Mind, "modules" | "over"> {
  const blurInto = (row: Float64Array) => {
    for (let a = 0; a < row.length; a++) row[a] = (1 - noise) * row[a] + noise / row.length;
  };
  return {
    modules,
    over: async (tasks) =>
      (await over(tasks)).map((acting, i) => {
        const { policy: inner } = acting;
        if (typeof inner === "function") {
          const rule: PolicyRule = (h, s, out) => {
            inner(h, s, out);
            blurInto(out);
          };
          return { ...acting, policy: rule };
        }
        const table = inner.slice();
        const A = tasks[i].graph.actions;
        for (let at = 0; at < table.length; at += A) blurInto(table.subarray(at, at + A));
        return { ...acting, policy: table };
      }),
  };
}

interface Script {
  readonly name: string;
  readonly timed: boolean;
  over(task: Task): Acting;
}

/** A mind without modules, from what it does in the states of one task. */
function scriptedMind(world: World, { name, timed, over }: Script): Mind {
  const A = world.actions.length;
  const find = createFinder(world, over);
  const rows = (standings: readonly Standing[]): Float64Array => {
    const probabilities = new Float64Array(standings.length * A);
    standings.forEach((standing, i) => {
      const { acting, index } = find(standing);
      const row = probabilities.subarray(i * A, (i + 1) * A);
      if (typeof acting.policy === "function") acting.policy(standing.stepsLeft, index, row);
      else row.set(acting.policy.subarray(index * A, (index + 1) * A));
    });
    return probabilities;
  };
  return {
    name,
    views: [name],
    modules: [],
    timed,
    over: async (tasks) => tasks.map(over),
    act: async (standings) => rows(standings),
    consult: async (standings) => {
      const probabilities = rows(standings);
      return standings.map((standing, row) => {
        const { acting, index } = find(standing);
        return {
          probabilities: { [name]: [...probabilities.subarray(row * A, (row + 1) * A)] },
          gate: {},
          value: acting.value?.(standing.stepsLeft, index) ?? null,
        };
      });
    },
  };
}

/** What a script does on a level, and which of the level's states is meant. */
interface Found {
  readonly acting: Acting;
  /** The standing's state in the level's graph. */
  readonly index: number;
}

/** Levels worked out so far that are kept. */
const KEPT = 8;

/** Works levels out under their marks as they are asked about; the latest are remembered. */
function createFinder(world: World, over: Script["over"]): (standing: Standing) => Found {
  const known: { level: unknown; marks: Uint8Array; acting: Acting; indices: Map<string, number> }[] = [];
  return ({ level, state, marks }) => {
    const key = state.join();
    let entry = known.find((each) => each.level === level && each.marks === marks && each.indices.has(key));
    if (entry === undefined) {
      const graph = enumerateStates(world, level, state);
      const acting = over({ level, graph, starts: uniformStarts(graph), marks, weight: 1 });
      entry = { level, marks, acting, indices: indicesOf(graph) };
      known.unshift(entry);
      known.length = Math.min(known.length, KEPT);
    }
    return { acting: entry.acting, index: entry.indices.get(key) ?? 0 };
  };
}

/** Number of each state by its words. */
export function indicesOf({ states, stateSize, size }: StateGraph): Map<string, number> {
  return new Map(
    Array.from({ length: size }, (_, s) => [states.subarray(s * stateSize, (s + 1) * stateSize).join(), s] as const),
  );
}
