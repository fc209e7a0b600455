import type { Trajectory } from "../core/trajectory.ts";

export interface GaeInput {
  /** Slots and worlds. */
  readonly T: number;
  readonly N: number;
  readonly gamma: number;
  readonly lambda: number;
  readonly rewards: Float64Array;
  readonly values: Float64Array;
  /** Value of the state that each step led to; read where the step did not terminate. */
  readonly nextValues: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
}

/**
 * Generalised advantage estimates for one rollout.
 *
 *     delta[t] = r[t] + gamma * v'[t] * (1 - terminated[t]) - v[t]
 *     A[t]     = delta[t] + gamma * lambda * (1 - done[t]) * A[t+1]
 *
 * `nextValues` (v') is the critic's value of the state the step led to, taken before auto-reset: a truncated step bootstraps
 * from its own last state, never from the first state of the next episode (Pardo et al. 2018, arXiv:1712.00378).
 *
 * Shapes: every array is flat and time-major, [T, N], element (t, n) at t * N + n.
 * Units:  rewards, values and the result in reward units; gamma and lambda in [0, 1].
 * Writes: `advantages` [T, N].
 *
 * @throws RangeError when an array is not T * N long.
 * @see Schulman et al. 2016, arXiv:1506.02438, section 3.
 */
export function gaeInto(input: GaeInput, advantages: Float64Array): void {
  const { T, N, gamma, lambda, rewards, values, nextValues, terminated, truncated } = input;
  for (const [name, array] of Object.entries({ rewards, values, nextValues, terminated, truncated, advantages })) {
    if (array.length !== T * N) {
      throw new RangeError(`gae: ${name} has ${array.length} elements, expected T * N = ${T} * ${N} = ${T * N}`);
    }
  }
  for (let n = 0; n < N; n++) {
    let next = 0; // A[t+1]; zero past the end of the rollout
    for (let t = T - 1; t >= 0; t--) {
      const i = t * N + n;
      const bootstrap = terminated[i] ? 0 : nextValues[i];
      const delta = rewards[i] + gamma * bootstrap - values[i];
      const done = terminated[i] || truncated[i];
      next = delta + (done ? 0 : gamma * lambda * next);
      advantages[i] = next;
    }
  }
}

/**
 * Discounted returns to the end of the episode or of the window, whichever comes first, with nothing after it; and what they are above
 * the critic's value.
 *
 *     R[t] = r[t] + gamma * (1 - done[t]) * R[t+1]          A[t] = R[t] - v[t]
 *
 * Williams 1992 (REINFORCE with a baseline). Shapes as in {@link gaeInto}. Writes: `advantages`, `returns` [T, N].
 */
export function returnsInto(
  input: Omit<GaeInput, "lambda" | "nextValues">,
  advantages: Float64Array,
  returns: Float64Array,
): void {
  const { T, N, values } = input;
  const nothing = new Float64Array(T * N);
  // Advantages over a critic of zeros are the returns.
  gaeInto({ ...input, lambda: 1, values: nothing, nextValues: nothing }, returns);
  for (let row = 0; row < T * N; row++) advantages[row] = returns[row] - values[row];
}

/**
 * Value of the state that each step led to: the step's own final observation where it was truncated, the world's current
 * observation at the window's end, else the next step's. Unspecified where the step terminated. Writes: `nextValues` [capacity, worlds].
 */
export function nextValuesInto(trajectory: Trajectory, nextValues: Float64Array): void {
  const { worlds: N, capacity, values, finalValues, truncated, bootstrap } = trajectory;
  for (let n = 0; n < N; n++) {
    for (let slot = trajectory.first[n]; slot < capacity; slot++) {
      const row = slot * N + n;
      nextValues[row] = truncated[row] ? finalValues[row] : slot === capacity - 1 ? bootstrap[n] : values[row + N];
    }
  }
}
