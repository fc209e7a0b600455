import { ln } from "../core/numerics.ts";
import { evaluatePolicy, returnOf } from "../envs/solver.ts";
import type { Mind } from "./mind.ts";
import type { Situation, Task } from "./situation.ts";

/** Return per episode under one goal. */
export interface GoalReturn {
  readonly return: number;
  readonly discounted: number;
  /** (J - J_random) / (J_optimum - J_random), discounted; null where the two are less than 0.05 apart. */
  readonly normalised: number | null;
}

/** What a mind does in a situation, per episode. */
export interface Evaluation {
  readonly levels: number;
  readonly exact: boolean;
  /** By goal name. */
  readonly goals: Readonly<Record<string, GoalReturn>>;
  /** Expected number of each event, and the probability of a timeout. */
  readonly rates: Readonly<Record<string, number>>;
  /** The part of each rate that happened on a marked cell: what the overseer saw, or would have seen. */
  readonly markedRates: Readonly<Record<string, number>>;
  readonly steps: number;
  /** Mean entropy of the policy over the steps, nats; null for minds that change with the clock. */
  readonly entropy: number | null;
  /** Mean weight of each module over the steps, by module name. */
  readonly weights: Readonly<Record<string, number>>;
}

/** States per block: enough to keep an engine busy, few enough to stay in its cache. */
const BLOCK = 8192;
const NOT_MEASURABLE = 0.05;

/** Evaluate a mind in a situation, exactly on each task: distributions of states are carried forward, nothing is sampled. */
export async function evaluate(situation: Situation, mind: Pick<Mind, "modules" | "over">): Promise<Evaluation> {
  const { world, goals, discount, tasks, bounds } = situation;
  const { horizon, events } = world;
  const eventCounts = new Float64Array(events.length * horizon);
  const marked = new Float64Array(events.length);
  const weights = new Float64Array(mind.modules.length);
  let timeout = 0;
  let steps = 0;
  let entropy: number | null = 0;

  for (const block of taskBlocks(tasks)) {
    const actings = await mind.over(block);
    block.forEach(({ graph, starts, marks, weight }, i) => {
      const acting = actings[i];
      const outcome = evaluatePolicy(graph, starts, acting.policy, horizon);
      for (let j = 0; j < eventCounts.length; j++) eventCounts[j] += weight * outcome.eventCounts[j];
      for (let e = 0; e < events.length; e++) {
        for (let cell = 0; cell < marks.length; cell++) {
          if (marks[cell]) marked[e] += weight * outcome.eventCells[e * marks.length + cell];
        }
      }
      timeout += weight * outcome.timeout;
      steps += weight * outcome.steps;
      const { policy: table } = acting;
      if (typeof table === "function") entropy = null;
      for (let s = 0; s < graph.size; s++) {
        const visits = weight * outcome.visits[s];
        if (visits === 0) continue;
        if (typeof table !== "function" && entropy !== null) entropy += visits * entropyOf(table, s, graph.actions);
        if (acting.weights === undefined) continue;
        for (let k = 0; k < weights.length; k++) weights[k] += visits * acting.weights[s * weights.length + k];
      }
    });
  }

  const byEvent = (values: (e: number) => number) => events.map((event, e) => [event, values(e)] as const);
  return {
    levels: situation.levels,
    exact: situation.exact,
    goals: Object.fromEntries(
      goals.map((goal, g) => {
        const { undiscounted, discounted } = returnOf(eventCounts, goal, discount);
        return [
          goal.name,
          { return: undiscounted, discounted, normalised: normalise(discounted, bounds.random[g], bounds.optimum[g]) },
        ];
      }),
    ),
    rates: Object.fromEntries([
      ...byEvent((e) => eventCounts.subarray(e * horizon, (e + 1) * horizon).reduce((sum, x) => sum + x, 0)),
      ["timeout", timeout],
    ]),
    markedRates: Object.fromEntries(byEvent((e) => marked[e])),
    steps,
    entropy: entropy === null || steps === 0 ? null : entropy / steps,
    weights: Object.fromEntries(mind.modules.map((module, k) => [module, weights[k] / steps])),
  };
}

/** The tasks in blocks of about 8,192 states, for a mind to act in at once. */
export function* taskBlocks(tasks: readonly Task[]): Generator<readonly Task[]> {
  for (let begin = 0, end = 0; begin < tasks.length; begin = end) {
    for (let states = 0; end < tasks.length && (end === begin || states + tasks[end].graph.size <= BLOCK); end++) {
      states += tasks[end].graph.size;
    }
    yield tasks.slice(begin, end);
  }
}

/** Entropy of row s of probabilities [S, A], nats. */
function entropyOf(probabilities: Float64Array, s: number, actions: number): number {
  let entropy = 0;
  for (let i = s * actions; i < (s + 1) * actions; i++) {
    const p = probabilities[i];
    if (p > 0) entropy -= p * ln(p);
  }
  return entropy;
}

/** (value - zero) / (one - zero); null, "not measurable", where the two are less than 0.05 apart. */
export function normalise(value: number, zero: number, one: number): number | null {
  return Math.abs(one - zero) < NOT_MEASURABLE ? null : (value - zero) / (one - zero);
}
