import { createObservations, type Observations } from "./observations.ts";

/**
 * What the learner may see of a rollout. What it may not see is the {@link Ledger}; the overseer is the only door
 * between the two, and what it lets through are {@link Labels}. No function of `agents/` names the ledger.
 *
 * Rows are time-major, [capacity, worlds]: slot t of world n is row t * worlds + n. The current window fills the slots
 * from `window` on, the same for all worlds. The steps of an episode that began in earlier windows (`tails: carry`) stand just
 * before it: world n's first slot is `first[n]` <= `window`, so that an episode is always one unbroken run of slots.
 */
export interface Trajectory {
  readonly worlds: number;
  /** Slots per world: window + rollout. */
  readonly capacity: number;
  /** First slot of the current window: horizon - 1 where tails are carried, else 0. */
  readonly window: number;
  /** First filled slot of each world, [worlds]. */
  readonly first: Int32Array;
  readonly observations: Observations;
  readonly actions: Uint8Array;
  /** The module that the gate weighed most when the row was acted on, the first of equals, [rows]. */
  readonly choice: Uint8Array;
  /** ln of the probability that the acting policy gave the action, [rows]. */
  readonly logProbabilities: Float64Array;
  /** The critic's value of the row's observation when it was acted on, [rows], reward units. */
  readonly values: Float64Array;
  /** The critic's value of the step's own final observation where `truncated`, else unspecified, [rows]. */
  readonly finalValues: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  /** Number of the row's episode in its world, [rows]. */
  readonly episode: Int32Array;
  /** The critic's value of each world's current observation when the window ends, [worlds]; bootstraps the tails. */
  readonly bootstrap: Float64Array;
}

/** What only the overseer and the evaluator may see, row by row beside the trajectory. */
export interface Ledger {
  /** Reward of the step under the true goal, [rows]. */
  readonly trueReward: Float64Array;
  /** Reward of the step under the proxy goal, [rows]. */
  readonly proxyReward: Float64Array;
  /** Events of the step, [rows]. */
  readonly events: Uint32Array;
  /** On an episode's last row: its last event that is a key of the routes, as an index into them; -1 if none. Elsewhere -1, [rows]. */
  readonly outcome: Int8Array;
  /** On an episode's last row: 1 if the overseer inspects the episode. Elsewhere 0, [rows]. */
  readonly inspected: Uint8Array;
}

/** Label values below the route indices. */
export const UNLABELLED = -2;
export const NOTHING = -1;

/**
 * What the overseer lets the learner know, row by row beside the trajectory.
 * An episode's label stands on all of its rows, first step to last.
 */
export interface Labels {
  /** `UNLABELLED`, `NOTHING` (inspected, no route's event), or an index into the scenario's routes, [rows]. */
  readonly label: Int8Array;
  /** Reward of the step under the proxy goal: what anyone can see, [rows]. */
  readonly proxyReward: Float64Array;
  /** Reward of the step under the true goal on rows of inspected episodes (and on every row where the arm is shown everything); 0 elsewhere, [rows]. */
  readonly trueReward: Float64Array;
}

/** Room for `rollout` steps of `worlds` worlds, with `window` slots before them for carried tails. */
export function createTrajectory(worlds: number, window: number, rollout: number, stride: number): Trajectory {
  const capacity = window + rollout;
  const rows = worlds * capacity;
  return {
    worlds,
    capacity,
    window,
    first: new Int32Array(worlds).fill(window),
    observations: createObservations(rows, stride),
    actions: new Uint8Array(rows),
    choice: new Uint8Array(rows),
    logProbabilities: new Float64Array(rows),
    values: new Float64Array(rows),
    finalValues: new Float64Array(rows),
    terminated: new Uint8Array(rows),
    truncated: new Uint8Array(rows),
    episode: new Int32Array(rows),
    bootstrap: new Float64Array(worlds),
  };
}

export function createLedger(rows: number): Ledger {
  return {
    trueReward: new Float64Array(rows),
    proxyReward: new Float64Array(rows),
    events: new Uint32Array(rows),
    outcome: new Int8Array(rows),
    inspected: new Uint8Array(rows),
  };
}

export function createLabels(rows: number): Labels {
  return {
    label: new Int8Array(rows).fill(UNLABELLED),
    proxyReward: new Float64Array(rows),
    trueReward: new Float64Array(rows),
  };
}
