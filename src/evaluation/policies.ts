import type { ForwardOutput, Model } from "../compute/engine.ts";
import type { Goal } from "../core/goal.ts";
import { createObservations } from "../core/observations.ts";
import { enumerateStates, rewardTable, type StateGraph } from "../envs/graph.ts";
import { observeMarked } from "../envs/observe.ts";
import { greedyPolicy, type PolicyRule, solve } from "../envs/solver.ts";
import type { World } from "../envs/world.ts";
import type { Overseer } from "../oversight/overseer.ts";
import type { View } from "../routing/views.ts";
import type { Policy } from "./evaluate.ts";
import type { Situation, Task } from "./situation.ts";

/** Every action alike. */
export function randomPolicy(): Policy {
  return {
    name: "random",
    modules: [],
    act: async (tasks) =>
      tasks.map(({ graph }) => ({ policy: new Float64Array(graph.size * graph.actions).fill(1 / graph.actions) })),
  };
}

/** The exact optimum of a reward table of each task, ties between best actions broken uniformly. */
export function optimalPolicy(
  name: string,
  reward: (task: Task) => Float64Array,
  discount: number,
  horizon: number,
): Policy {
  return {
    name,
    modules: [],
    act: async (tasks) =>
      tasks.map((task) => ({ policy: greedyPolicy(solve(task.graph, reward(task), discount, horizon)) })),
  };
}

/** The exact optimum of a situation's goal. @throws RangeError for a goal that it has not. */
export function optimalForGoal(situation: Situation, goalName: string): Policy {
  const { goals, discount, world } = situation;
  const goal = goals.find(({ name }) => name === goalName);
  if (goal === undefined) throw new RangeError(`optimalForGoal: unknown goal ${goalName}`);
  return optimalPolicy(`optimal:${goalName}`, ({ graph }) => rewardTable(graph, goal), discount, world.horizon);
}

/**
 * The shortest way to what a goal rewards most, blind to the object of an event: uniform over the moves that shorten the way as if that
 * object were floor, over all moves where there is no way. @throws RangeError where the event has no object in this world.
 */
export function blindPolicy(event: string, goal: Goal, world: World): Policy {
  const best = goal.rewards.indexOf(Math.max(...goal.rewards));
  return {
    name: `blind:${event}`,
    modules: [],
    act: async (tasks) =>
      tasks.map(({ level, graph }) => {
        const seen = world.without?.(level, event) ?? null;
        if (seen === null) throw new RangeError(`blindPolicy: world ${world.kind} has no object of event ${event}`);
        // Every state is a first state here, so that states keep their numbers, also beyond the object.
        return { policy: shorteningMoves(enumerateStates(world, seen, graph.states), best, graph.size) };
      }),
  };
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

/**
 * A network under a view, in a world whose marks it is shown if the overseer's are visible. `greedy`: it takes its most probable
 * action, ties shared; else it draws.
 */
export function networkPolicy(
  model: Model,
  view: View,
  { world, overseer: { visible } }: { readonly world: World; readonly overseer: Pick<Overseer, "visible"> },
  { greedy = false }: { readonly greedy?: boolean } = {},
): Policy {
  const { actions: A, modules } = model.spec;
  const K = modules.length;
  const cells = world.height * world.width;
  let output: ForwardOutput = {
    logProbabilities: new Float64Array(0),
    probabilities: new Float64Array(0),
    values: new Float64Array(0),
    weights: new Float64Array(0),
  };
  return {
    name: view.name,
    modules,
    async act(tasks) {
      const rows = tasks.reduce((sum, { graph }) => sum + graph.size, 0);
      const observations = createObservations(rows, world.maxActive + (visible ? cells : 0));
      let row = 0;
      for (const { level, graph, marks } of tasks) {
        for (let s = 0; s < graph.size; s++, row++) {
          const state = graph.states.subarray(s * graph.stateSize, (s + 1) * graph.stateSize);
          observations.counts[row] = observeMarked(
            world,
            level,
            state,
            visible ? marks : null,
            observations.indices,
            row * observations.stride,
          );
        }
      }
      if (output.values.length < rows) {
        output = {
          logProbabilities: new Float64Array(rows * A),
          probabilities: new Float64Array(rows * A),
          values: new Float64Array(rows),
          weights: new Float64Array(rows * K),
        };
      }
      await model.forward(observations, 0, rows, view.lnScale, output);
      row = 0;
      return tasks.map(({ graph }) => {
        const policy = output.probabilities.slice(row * A, (row + graph.size) * A);
        const weights = output.weights.slice(row * K, (row + graph.size) * K);
        row += graph.size;
        if (greedy) makeGreedy(policy, A);
        return { policy, weights };
      });
    },
  };
}

/** A policy whose every action is replaced, with probability `noise`, by one drawn uniformly. */
export function noisyPolicy(policy: Policy, noise: number): Policy {
  const blurInto = (row: Float64Array) => {
    for (let a = 0; a < row.length; a++) row[a] = (1 - noise) * row[a] + noise / row.length;
  };
  return {
    ...policy,
    name: `${policy.name} with noise ${noise}`,
    act: async (tasks) =>
      (await policy.act(tasks)).map((acting, i) => {
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

/** Replace each row of probabilities [S, A] by a uniform choice among its greatest entries. */
function makeGreedy(probabilities: Float64Array, A: number): void {
  for (let s = 0; s < probabilities.length; s += A) {
    const row = probabilities.subarray(s, s + A);
    const best = Math.max(...row);
    const ties = row.reduce((count, p) => count + (p === best ? 1 : 0), 0);
    for (let a = 0; a < A; a++) row[a] = row[a] === best ? 1 / ties : 0;
  }
}
