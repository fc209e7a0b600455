import type { ForwardOutput, Model } from "../compute/engine.ts";
import { copyObservation, createObservations, type Observations } from "../core/observations.ts";
import type { Stream } from "../core/random.ts";
import type { Trajectory } from "../core/trajectory.ts";

/** The worlds as the learner meets them: observations and ends, no rewards. */
export interface Worlds {
  /** The current observation of world n goes to row firstRow + n. */
  observeInto(observations: Observations, firstRow: number): void;
  /** One step of every world; worlds that end start anew, so the next observation is the new episode's. */
  step(actions: Uint8Array): void;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  /** Number of the episode that the last step belonged to, [worlds]. */
  readonly episode: Int32Array;
  /** Row n: the last step's own final observation, where its episode ended. */
  readonly finals: Observations;
}

/** Buffers that live as long as the training. */
export interface Rollout {
  readonly trajectory: Trajectory;
  readonly forward: ForwardOutput;
  readonly lnScale: Float64Array;
  readonly actions: Uint8Array;
  /** Final observations of truncated steps, and the rows they belong to. */
  readonly finals: Observations;
  readonly finalRows: Int32Array;
}

export function createForwardOutput(rows: number, actions: number, modules: number): ForwardOutput {
  return {
    logProbabilities: new Float64Array(rows * actions),
    probabilities: new Float64Array(rows * actions),
    values: new Float64Array(rows),
    weights: new Float64Array(rows * modules),
  };
}

export function createRollout(trajectory: Trajectory, actions: number, modules: number, horizon: number): Rollout {
  const { worlds, capacity, window, observations } = trajectory;
  // A world is truncated at most once every `horizon` steps, and an episode under way may be truncated at once.
  const most = worlds * (1 + Math.ceil((capacity - window) / horizon));
  return {
    trajectory,
    forward: createForwardOutput(Math.max(worlds, most), actions, modules),
    lnScale: new Float64Array(modules),
    actions: new Uint8Array(worlds),
    finals: createObservations(Math.max(worlds, most), observations.stride),
    finalRows: new Int32Array(most),
  };
}

/**
 * Play one window: `rollout` steps of every world with the full mixture policy.
 *
 * The action at step s (counted from the start of training) of world n is drawn by the `act` stream at (n, s), by inversion of the
 * cumulative probabilities. `afterStep(firstRow)` is called after each step, while the worlds still show what happened, so that the
 * caller can keep the ledger; the learner's side does not know it.
 *
 * `pictures: "stale"` shows a world's first step after an automatic reset within the window the old episode's last observation: the policy
 * acts on the old picture in the new episode (a fault of Cloud et al. 2024's code, to be repeated). `current` is right.
 *
 * Writes: the trajectory's slots from `window` on; final values of truncated steps; the bootstrap values.
 */
export async function collect(
  model: Model,
  worlds: Worlds,
  act: Stream,
  firstStep: number,
  rollout: Rollout,
  afterStep: (firstRow: number) => void,
  pictures: "current" | "stale" = "current",
): Promise<void> {
  const { trajectory, forward, lnScale, actions, finals, finalRows } = rollout;
  const { worlds: N, capacity, window } = trajectory;
  const A = model.spec.actions;
  const K = model.spec.modules.length;
  let truncations = 0;
  for (let slot = window; slot < capacity; slot++) {
    const firstRow = slot * N;
    worlds.observeInto(trajectory.observations, firstRow);
    for (let n = 0; pictures === "stale" && slot > window && n < N; n++) {
      const before = firstRow - N + n;
      if (trajectory.terminated[before] || trajectory.truncated[before]) {
        copyObservation(worlds.finals, n, trajectory.observations, firstRow + n);
      }
    }
    await model.forward(trajectory.observations, firstRow, N, lnScale, forward);
    for (let n = 0; n < N; n++) {
      const action = sample(forward.probabilities, n * A, A, act.seek(n, firstStep + slot - window).next());
      actions[n] = action;
      trajectory.actions[firstRow + n] = action;
      trajectory.choice[firstRow + n] = greatest(forward.weights, n * K, K);
      trajectory.logProbabilities[firstRow + n] = forward.logProbabilities[n * A + action];
      trajectory.values[firstRow + n] = forward.values[n];
    }
    worlds.step(actions);
    for (let n = 0; n < N; n++) {
      trajectory.terminated[firstRow + n] = worlds.terminated[n];
      trajectory.truncated[firstRow + n] = worlds.truncated[n];
      trajectory.episode[firstRow + n] = worlds.episode[n];
      if (worlds.truncated[n]) {
        copyObservation(worlds.finals, n, finals, truncations);
        finalRows[truncations++] = firstRow + n;
      }
    }
    afterStep(firstRow);
  }
  if (truncations > 0) {
    await model.forward(finals, 0, truncations, lnScale, forward);
    for (let i = 0; i < truncations; i++) trajectory.finalValues[finalRows[i]] = forward.values[i];
  }
  worlds.observeInto(finals, 0);
  await model.forward(finals, 0, N, lnScale, forward);
  for (let n = 0; n < N; n++) trajectory.bootstrap[n] = forward.values[n];
}

/** Index of the greatest of `count` numbers at `offset`, the first of equals. */
function greatest(values: Float64Array, offset: number, count: number): number {
  let best = 0;
  for (let k = 1; k < count; k++) if (values[offset + k] > values[offset + best]) best = k;
  return best;
}

/** Index drawn from `count` probabilities at `offset` by a uniform number u in [0, 1): the first whose cumulative sum exceeds u. */
export function sample(probabilities: Float64Array, offset: number, count: number, u: number): number {
  let cumulative = 0;
  for (let a = 0; a < count - 1; a++) {
    cumulative += probabilities[offset + a];
    if (u < cumulative) return a;
  }
  return count - 1;
}

/**
 * After an update: move each world's unfinished tail to just before the window, where the next window continues it.
 * `move(from, to)` moves a row of whatever the caller keeps beside the trajectory. Writes: the trajectory's slots before `window`, `first`.
 */
export function carryTails(trajectory: Trajectory, move: (from: number, to: number) => void): void {
  const { worlds, capacity, window, first } = trajectory;
  for (let n = 0; n < worlds; n++) {
    const begin = tailOf(trajectory, n);
    const shift = capacity - window;
    for (let slot = begin; slot < capacity; slot++) {
      const from = slot * worlds + n;
      const to = (slot - shift) * worlds + n;
      copyObservation(trajectory.observations, from, trajectory.observations, to);
      trajectory.actions[to] = trajectory.actions[from];
      trajectory.choice[to] = trajectory.choice[from];
      trajectory.logProbabilities[to] = trajectory.logProbabilities[from];
      trajectory.values[to] = trajectory.values[from];
      trajectory.terminated[to] = 0;
      trajectory.truncated[to] = 0;
      trajectory.episode[to] = trajectory.episode[from];
      move(from, to);
    }
    first[n] = begin - shift;
  }
}

/** World n's first slot after its last finished episode: where its unfinished tail begins; `capacity` if there is none. */
export function tailOf(trajectory: Trajectory, n: number): number {
  const { worlds, capacity, first, terminated, truncated } = trajectory;
  let slot = capacity;
  while (slot > first[n] && !terminated[(slot - 1) * worlds + n] && !truncated[(slot - 1) * worlds + n]) slot--;
  return slot;
}
