import { createObservations, type Observations } from "./observations.ts";

/**
 * What the learner may see of a rollout. What it may not see is the {@link Ledger}; the overseer is the only door
 * between the two, and what it lets through are {@link Labels}. No function of `agents/` names the ledger.
 *
 * Rows are time-major: slot t of world n is row t * N + n. A world's first `carried[n]` slots were played in earlier
 * windows (`tails: carry`), its slots up to `length[n]` are filled.
 */
export interface Trajectory {
  readonly worlds: number;
  /** Slots per world: rollout + horizon - 1, so that a carried tail always fits. */
  readonly capacity: number;
  readonly observations: Observations;
  readonly actions: Uint8Array;
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
  /** Slots of earlier windows at the front of each world, [worlds]. */
  readonly carried: Int32Array;
  /** Filled slots of each world, [worlds]. */
  readonly length: Int32Array;
}

/** What only the overseer and the evaluator may see, row by row beside the trajectory. */
export interface Ledger {
  /** Reward of the step under the true goal, [rows]. */
  readonly trueReward: Float64Array;
  /** Reward of the step under the proxy goal, [rows]. */
  readonly proxyReward: Float64Array;
  /** Events of the step, [rows]. */
  readonly events: Uint32Array;
  /** Last event of the row's episode that is a route, as an index into the routes, on the episode's last row; else -1. */
  readonly outcome: Int8Array;
  /** Whether the overseer inspects the episode that ends on this row, decided by its rule, [rows]; 0 elsewhere. */
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

export function createTrajectory(worlds: number, capacity: number, stride: number): Trajectory {
  const rows = worlds * capacity;
  return {
    worlds,
    capacity,
    observations: createObservations(rows, stride),
    actions: new Uint8Array(rows),
    logProbabilities: new Float64Array(rows),
    values: new Float64Array(rows),
    finalValues: new Float64Array(rows),
    terminated: new Uint8Array(rows),
    truncated: new Uint8Array(rows),
    episode: new Int32Array(rows),
    carried: new Int32Array(worlds),
    length: new Int32Array(worlds),
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
