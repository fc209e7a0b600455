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
  /** On an episode's last row: the label that the overseer gives it. Elsewhere `UNLABELLED`, [rows]. */
  readonly label: Int32Array;
  /** 1 on the steps of an ended episode that the overseer shows, [rows]. */
  readonly seen: Uint8Array;
}

/** Label values below the route indices. Values from the number of routes on are ambiguous: {@link routesIn}. */
export const UNLABELLED = -2;
export const NOTHING = -1;

/** The label of a set of routes, a bit each, of which there are `count`: an index where it is one, `NOTHING` where it is none. */
export function labelOfRoutes(routes: number, count: number): number {
  if (routes === 0) return NOTHING;
  return (routes & (routes - 1)) === 0 ? 31 - Math.clz32(routes) : count + routes;
}

/** The routes of a label, a bit each: none of `NOTHING` and `UNLABELLED`, several where it is ambiguous. */
export function routesIn(label: number, count: number): number {
  return label < 0 ? 0 : label < count ? 1 << label : label - count;
}

/**
 * What the overseer lets the learner know, row by row beside the trajectory.
 * An episode's label stands on all of its rows, first step to last.
 */
export interface Labels {
  /**
   * `UNLABELLED`, `NOTHING` (inspected, no route's event), an index into the scenario's routes, or a value from their number on where
   * several coincided, [rows].
   */
  readonly label: Int32Array;
  /** 1 where the overseer shows the step, [rows]: its true reward is known. */
  readonly seen: Uint8Array;
  /** Reward of the step under the proxy goal: what anyone can see, [rows]. */
  readonly proxyReward: Float64Array;
  /** Reward of the step under the true goal on the rows that are seen (and on every row where the arm is shown everything); 0 elsewhere, [rows]. */
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
    label: new Int32Array(rows).fill(UNLABELLED),
    seen: new Uint8Array(rows),
  };
}

export function createLabels(rows: number): Labels {
  return {
    label: new Int32Array(rows).fill(UNLABELLED),
    seen: new Uint8Array(rows),
    proxyReward: new Float64Array(rows),
    trueReward: new Float64Array(rows),
  };
}
