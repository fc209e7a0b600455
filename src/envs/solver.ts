import type { Goal } from "../core/goal.ts";
import type { StateGraph } from "./graph.ts";

/** Exact values of a level under one reward, for every number of steps left. */
export interface Solution {
  readonly graph: StateGraph;
  /** Of each outcome, [O], reward units. */
  readonly reward: Float64Array;
  readonly discount: number;
  readonly horizon: number;
  /** Probability that an action is replaced by a uniform one. */
  readonly noise: number;
  /** Best discounted return with h steps left, [H + 1, S], state s at h * S + s. */
  readonly values: Float64Array;
}

/** Two action values this close are the same: rounding, not preference. */
const TIE = 1e-12;

/**
 * The best that can be had from each state, by backward induction over the steps left.
 *
 *     V[0, s] = 0;  V[h, s] = 0 where s is terminal
 *     Q[h, s, a] = sum over the outcomes o of a in s of P(o) (r(o) + discount * V[h - 1, next(o)])
 *     V[h, s] = (1 - noise) max over a of Q[h, s, a] + noise mean over a of Q[h, s, a]
 *
 * `noise` is the probability that the action chosen is replaced by a uniform one; 0 unless given.
 * A reward on step d is thus worth discount^(d - 1), and nothing is paid after truncation: no bootstrap.
 *
 * Shapes: reward [O]; discount in [0, 1]; horizon in steps.
 * @throws RangeError when reward has the wrong length.
 */
export function solve(graph: StateGraph, reward: Float64Array, discount: number, horizon: number, noise = 0): Solution {
  const { size: S, actions: A, first, probability, next, terminal } = graph;
  if (reward.length !== next.length) {
    throw new RangeError(
      `solve: reward has ${reward.length} elements, expected one for each of ${next.length} outcomes`,
    );
  }
  const values = new Float64Array((horizon + 1) * S);
  for (let h = 1; h <= horizon; h++) {
    const later = (h - 1) * S;
    let isSame = true;
    for (let s = 0; s < S; s++) {
      if (terminal[s]) continue;
      let best = -Infinity;
      let sum = 0;
      for (let i = s * A; i < (s + 1) * A; i++) {
        let value = 0;
        for (let o = first[i]; o < first[i + 1]; o++) {
          value += probability[o] * (reward[o] + discount * values[later + next[o]]);
        }
        best = Math.max(best, value);
        sum += value;
      }
      const value = noise === 0 ? best : (1 - noise) * best + (noise * sum) / A;
      values[h * S + s] = value;
      isSame &&= Object.is(value, values[later + s]);
    }
    // To the bit what it was with a step less: so it stays with any number of steps.
    if (isSame) {
      for (let k = h + 1; k <= horizon; k++) values.copyWithin(k * S, h * S, (h + 1) * S);
      break;
    }
  }
  return { graph, reward, discount, horizon, noise, values };
}

/**
 * Value of each action in state s with h steps left, h in [1, horizon]. Writes: `out` [A]; all 0 in a terminal state.
 */
export function actionValuesInto(solution: Solution, h: number, s: number, out: Float64Array): void {
  const { graph, reward, discount, values } = solution;
  const { actions: A, size: S, first, probability, next, terminal } = graph;
  out.fill(0, 0, A);
  if (terminal[s]) return;
  for (let a = 0; a < A; a++) {
    for (let o = first[s * A + a]; o < first[s * A + a + 1]; o++) {
      out[a] += probability[o] * (reward[o] + discount * values[(h - 1) * S + next[o]]);
    }
  }
}

/** The actions of the highest value in state s with h steps left, ascending; values within 1e-12 tie. */
export function bestActions(solution: Solution, h: number, s: number): number[] {
  const actionValues = new Float64Array(solution.graph.actions);
  actionValuesInto(solution, h, s, actionValues);
  const best = Math.max(...actionValues);
  const actions: number[] = [];
  for (const [action, value] of actionValues.entries()) if (value >= best - TIE) actions.push(action);
  return actions;
}

/** Write the probabilities of the actions in state s with h steps left into `out` [A]. */
export type PolicyRule = (h: number, s: number, out: Float64Array) => void;

/** The optimal policy that is uniform over the best actions. */
export function greedyPolicy(solution: Solution): PolicyRule {
  return (h, s, out) => {
    actionValuesInto(solution, h, s, out);
    let best = -Infinity;
    for (let a = 0; a < out.length; a++) best = Math.max(best, out[a]);
    let ties = 0;
    for (let a = 0; a < out.length; a++) {
      out[a] = out[a] >= best - TIE ? 1 : 0;
      ties += out[a];
    }
    for (let a = 0; a < out.length; a++) out[a] /= ties;
  };
}

/** What a policy brings about, whatever it is worth: exact, per episode. */
export interface PolicyOutcome {
  /** Expected number of event e on step d, [events, H], element (e, d) at e * H + d - 1. */
  readonly eventCounts: Float64Array;
  /** Expected number of event e on a step that ends on cell c, [events, cells], element (e, c) at e * cells + c. */
  readonly eventCells: Float64Array;
  /** Expected number of steps taken in each state, [S]; their sum is `steps`. */
  readonly visits: Float64Array;
  /** Probability of truncation at the horizon. */
  readonly timeout: number;
  /** Expected number of steps. */
  readonly steps: number;
}

/**
 * What happens under a policy, by carrying the distribution of states forward, one step after another.
 *
 * The result knows no goal: {@link returnOf} prices it under any. To tell marked ends from unmarked ones, sum `eventCells`
 * over the cells that are marked.
 *
 * Shapes: starts [S], a distribution; policy [S, A] for every step alike, or a rule of the steps left h and the state.
 * @throws RangeError when an array has the wrong length.
 */
export function evaluatePolicy(
  graph: StateGraph,
  starts: Float64Array,
  policy: Float64Array | PolicyRule,
  horizon: number,
): PolicyOutcome {
  const { size: S, actions: A, cells, first, probability, next, eventSets, terminal, cell } = graph;
  if (starts.length !== S) {
    throw new RangeError(`evaluatePolicy: starts has ${starts.length} elements, expected S = ${S}`);
  }
  if (typeof policy !== "function" && policy.length !== S * A) {
    throw new RangeError(
      `evaluatePolicy: policy has ${policy.length} elements, expected S * A = ${S} * ${A} = ${S * A}`,
    );
  }
  const eventCounts = new Float64Array(graph.events * horizon);
  const eventCells = new Float64Array(graph.events * cells);
  const table = typeof policy === "function" ? new Float64Array(A) : policy;
  let mass = new Float64Array(S);
  let moved = new Float64Array(S);
  for (let s = 0; s < S; s++) mass[s] = terminal[s] ? 0 : starts[s];
  let alive = mass.reduce((sum, p) => sum + p, 0);
  let steps = 0;
  const visits = new Float64Array(S);
  for (let d = 0; d < horizon; d++) {
    steps += alive;
    alive = 0;
    moved.fill(0);
    for (let s = 0; s < S; s++) {
      if (mass[s] === 0) continue;
      visits[s] += mass[s];
      if (typeof policy === "function") policy(horizon - d, s, table);
      const row = typeof policy === "function" ? 0 : s * A;
      for (let a = 0; a < A; a++) {
        const chosen = mass[s] * table[row + a];
        if (chosen === 0) continue;
        const end = first[s * A + a + 1];
        for (let o = first[s * A + a]; o < end; o++) {
          const p = chosen * probability[o];
          const to = next[o];
          const events = eventSets[o];
          // Most steps emit nothing.
          if (events !== 0) {
            for (let rest = events, e = 0; rest !== 0; rest >>>= 1, e++) {
              if ((rest & 1) === 0) continue;
              eventCounts[e * horizon + d] += p;
              eventCells[e * cells + cell[to]] += p;
            }
          }
          if (terminal[to]) continue;
          moved[to] += p;
          alive += p;
        }
      }
    }
    [mass, moved] = [moved, mass];
  }
  return { eventCounts, eventCells, visits, timeout: alive, steps };
}

/**
 * Expected return per episode of `eventCounts` [events, H] under a goal: sum over d of reward, and of
 * discount^(d - 1) * reward.
 */
export function returnOf(
  eventCounts: Float64Array,
  goal: Goal,
  discount: number,
): { readonly undiscounted: number; readonly discounted: number } {
  const events = goal.rewards.length;
  const horizon = eventCounts.length / events;
  let undiscounted = 0;
  let discounted = 0;
  for (let e = 0; e < events; e++) {
    let factor = goal.rewards[e];
    for (let d = 0; d < horizon; d++) {
      undiscounted += goal.rewards[e] * eventCounts[e * horizon + d];
      discounted += factor * eventCounts[e * horizon + d];
      factor *= discount;
    }
  }
  return { undiscounted, discounted };
}
