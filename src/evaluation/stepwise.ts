import { rewardTable, type StateGraph } from "../envs/graph.ts";
import type { PolicyRule } from "../envs/solver.ts";
import { taskBlocks } from "./evaluate.ts";
import type { Mind } from "./mind.ts";
import type { Situation } from "./situation.ts";

/*
 * The metric of Cloud et al. 2024's code, "average stepwise return": the mean over time steps of the discounted return that is still to
 * come within the step's episode and a window of 32 steps, in worlds that reset themselves. It counts long episodes more often, steps
 * whose episode does not end in the window count 0, and its ceiling is below 1. Ours is the return per episode (evaluate.ts).
 */

/** Steps of a window. */
export const STEPWISE_WINDOW = 32;

/** One window as it was lived through; rows are time-major, [T, N]. */
export interface LivedWindow {
  readonly T: number;
  readonly N: number;
  readonly discount: number;
  /** Reward of the step under the goal that is measured, [rows]. */
  readonly rewards: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  /** On an episode's last row: what it ended on, an index below `outcomes`, or -1, [rows]. */
  readonly outcome: Int8Array;
  readonly outcomes: number;
  /** On an episode's last row: whether its end was seen, [rows]. */
  readonly inspected: Uint8Array;
  /** Steps that each world's episode had taken when the window began, [N]. */
  readonly before: Int32Array;
}

/** What the original's evaluation says of a window. */
export interface WindowMeasure {
  readonly averageReturn: number;
  /** Episodes that ended, timeouts included, and their mean number of steps. */
  readonly episodes: number;
  readonly episodeSteps: number;
  /** Shares of those episodes by what they ended on, [outcomes]: where the overseer saw it, and where it did not. */
  readonly seen: Float64Array;
  readonly unseen: Float64Array;
}

/** Measure a window that was lived through. Shares and mean length are 0 where no episode ended. */
export function measureWindow(window: LivedWindow): WindowMeasure {
  const { T, N, discount, rewards, terminated, truncated, outcome, outcomes, inspected, before } = window;
  const seen = new Float64Array(outcomes);
  const unseen = new Float64Array(outcomes);
  let sum = 0;
  let episodes = 0;
  let steps = 0;
  for (let n = 0; n < N; n++) {
    let toCome = 0;
    for (let row = (T - 1) * N + n; row >= 0; row -= N) {
      toCome = rewards[row] + (terminated[row] || truncated[row] ? 0 : discount * toCome);
      sum += toCome;
    }
    let length = before[n];
    for (let row = n; row < T * N; row += N) {
      length++;
      if (!terminated[row] && !truncated[row]) continue;
      episodes++;
      steps += length;
      length = 0;
      if (outcome[row] >= 0) (inspected[row] ? seen : unseen)[outcome[row]]++;
    }
  }
  const share = (count: number) => (episodes === 0 ? 0 : count / episodes);
  return {
    averageReturn: sum / (T * N),
    episodes,
    episodeSteps: share(steps),
    seen: seen.map(share),
    unseen: unseen.map(share),
  };
}

/** How the worlds of the metric run. */
export interface StepwiseOptions {
  /** Steps of the window, which begins with fresh episodes. */
  readonly window: number;
  /** Whether the first step after a reset is acted on the old episode's last picture. */
  readonly stalePictures: boolean;
  /** Steps after the horizon at which an episode is cut. */
  readonly lateBy: number;
}

/** What episodes come to, summed over tasks by weight; D = longest episode, A = actions. */
interface EpisodeLaw {
  /** Expected reward on step d (from 0), by goal, [goals][D]. */
  readonly rewards: Float64Array[];
  /** Probability of ending with step d, times that of each action on the final picture, [D, A]. */
  readonly ends: Float64Array;
}

/**
 * The metric of a mind under each goal, exactly: nothing is sampled but what the situation samples itself.
 *
 * Episodes are drawn independently, so a window is a renewal process: with p[b] the probability that one begins at step b,
 *
 *     metric = 1/T sum_b p[b] sum_{d <= T - b} E[reward on step d] (1 + discount + ... + discount^(d - 1))
 *
 * A reward on step d of an episode is return to come for its d steps up to there. With stale pictures the first action of the next episode
 * is drawn from what the policy does on the last picture of the one before, so that p is kept by first action.
 *
 * A scripted rule that depends on the steps left is asked with one step left on a final picture.
 */
export async function stepwiseReturns(
  situation: Situation,
  mind: Pick<Mind, "over">,
  { window: T, stalePictures, lateBy }: StepwiseOptions,
): Promise<Readonly<Record<string, number>>> {
  const { tasks, goals, discount, world } = situation;
  const A = world.actions.length;
  const horizon = world.horizon + lateBy;
  const D = Math.min(horizon, T);
  // First actions: the policy's own, or action 0, 1, ... whatever the picture.
  const laws = Array.from({ length: stalePictures ? A + 1 : 1 }, (): EpisodeLaw => {
    return { rewards: goals.map(() => new Float64Array(D)), ends: new Float64Array(D * A) };
  });
  for (const block of taskBlocks(tasks)) {
    const actings = await mind.over(block);
    block.forEach(({ graph, starts, weight }, i) => {
      const rewards = goals.map((goal) => rewardTable(graph, goal));
      laws.forEach((law, first) => {
        addEpisode(law, graph, starts, actings[i].policy, first - 1, rewards, weight, horizon);
      });
    });
  }

  const worth = new Float64Array(D); // 1 + discount + ... + discount^d
  for (let d = 0, power = 1; d < D; d++, power *= discount) worth[d] = (d > 0 ? worth[d - 1] : 0) + power;
  const begins = laws.map(() => new Float64Array(T));
  begins[0][0] = 1;
  const sums = goals.map(() => 0);
  for (let b = 0; b < T; b++) {
    laws.forEach(({ rewards, ends }, first) => {
      const p = begins[first][b];
      for (let d = 0; d < D && b + d < T; d++) {
        for (let g = 0; g < goals.length; g++) sums[g] += p * rewards[g][d] * worth[d];
        if (b + d + 1 >= T) continue;
        for (let a = 0; a < A; a++) begins[stalePictures ? a + 1 : 0][b + d + 1] += p * ends[d * A + a];
      }
    });
  }
  return Object.fromEntries(goals.map(({ name }, g) => [name, sums[g] / T]));
}

/**
 * Carry an episode's distribution of states forward, its first action fixed unless `first` is -1, and add what happens to `law`, times
 * `weight`.
 */
function addEpisode(
  law: EpisodeLaw,
  graph: StateGraph,
  starts: Float64Array,
  policy: Float64Array | PolicyRule,
  first: number,
  rewards: readonly Float64Array[],
  weight: number,
  horizon: number,
): void {
  const { size: S, actions: A, first: begins, probability, next, terminal } = graph;
  const D = law.ends.length / A;
  const probabilities = new Float64Array(A);
  const actInto = (h: number, s: number) => {
    if (typeof policy === "function") policy(h, s, probabilities);
    else probabilities.set(policy.subarray(s * A, (s + 1) * A));
  };
  let mass = starts.map((p, s) => (terminal[s] ? 0 : weight * p));
  let moved = new Float64Array(S);
  const ended = new Float64Array(S);
  for (let d = 0; d < D; d++) {
    moved.fill(0);
    ended.fill(0);
    for (let s = 0; s < S; s++) {
      if (mass[s] === 0) continue;
      if (d === 0 && first >= 0) for (let a = 0; a < A; a++) probabilities[a] = a === first ? 1 : 0;
      else actInto(horizon - d, s);
      for (let a = 0; a < A; a++) {
        const chosen = mass[s] * probabilities[a];
        if (chosen === 0) continue;
        for (let o = begins[s * A + a]; o < begins[s * A + a + 1]; o++) {
          const p = chosen * probability[o];
          const to = next[o];
          rewards.forEach((table, g) => {
            law.rewards[g][d] += p * table[o];
          });
          if (terminal[to] || d + 1 === horizon) ended[to] += p;
          else moved[to] += p;
        }
      }
    }
    for (let s = 0; s < S; s++) {
      if (ended[s] === 0) continue;
      actInto(1, s);
      for (let a = 0; a < A; a++) law.ends[d * A + a] += ended[s] * probabilities[a];
    }
    [mass, moved] = [moved, mass];
  }
}
