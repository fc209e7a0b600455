import type { Model, TrainState } from "../compute/engine.ts";
import { type Ledger, type Trajectory, UNLABELLED } from "../core/trajectory.ts";
import type { EnvBatch, EnvBatchState } from "../envs/batch.ts";
import type { Recording } from "./recorder.ts";

/**
 * What one update leaves to the next, beside the model: the worlds, the tails that wait before the window, and what was counted.
 * Random streams are indexed by world, episode and update, so they leave nothing.
 */
export interface Loop {
  readonly batch: EnvBatch<unknown>;
  readonly trajectory: Trajectory;
  readonly ledger: Ledger;
  readonly recording: Recording;
  readonly counts: { episodes: number; labelled: number };
}

/** A {@link Loop} as a file holds it. */
export interface LoopState {
  /** Updates made. */
  readonly update: number;
  readonly episodes: number;
  readonly labelled: number;
  /** By name; the names and their lengths follow from the scenario. */
  readonly arrays: Readonly<Record<string, Float64Array | Int32Array>>;
}

/** All that training needs to go on as if it had never stopped. */
export interface Saved {
  readonly state: TrainState;
  readonly loop: LoopState;
}

/** Copy the model and the loop as they stand after `update` updates. */
export async function saveLoop(model: Model, loop: Loop, update: number): Promise<Saved> {
  const arrays: Record<string, Float64Array | Int32Array> = {};
  for (const [name, view] of Object.entries(viewsOf(loop))) {
    arrays[name] = view instanceof Float64Array ? view.slice() : Int32Array.from(view);
  }
  for (const [name, values] of Object.entries(loop.batch.getState())) {
    arrays[`batch.${name}`] = name === "draws" ? Float64Array.from(values) : Int32Array.from(values);
  }
  return { state: await model.getState(), loop: { update, ...loop.counts, arrays } };
}

/**
 * Put a saved state into a model and a loop that were built from the same setting, arm and seed. Returns the number of updates made.
 *
 * @throws RangeError when it is the state of another loop.
 */
export async function restoreLoop({ state, loop: saved }: Saved, model: Model, loop: Loop): Promise<number> {
  const arrays = new Map(Object.entries(saved.arrays));
  const take = (name: string): Float64Array | Int32Array => {
    const values = arrays.get(name);
    if (values === undefined) throw new RangeError(`restoreLoop: the saved state has no array ${name}`);
    arrays.delete(name);
    return values;
  };
  for (const [name, view] of Object.entries(viewsOf(loop))) {
    const values = take(name);
    if (values.length !== view.length) {
      throw new RangeError(`restoreLoop: ${name} has ${values.length} elements, expected ${view.length}`);
    }
    view.set(values);
  }
  loop.ledger.label.fill(UNLABELLED, 0, tailRows(loop.trajectory));
  const part = (name: keyof EnvBatchState) => [...take(`batch.${name}`)];
  loop.batch.setState({
    episode: part("episode"),
    steps: part("steps"),
    draws: part("draws"),
    states: part("states"),
    marks: part("marks"),
  });
  const [stranger] = arrays.keys();
  if (stranger !== undefined) throw new RangeError(`restoreLoop: the saved state has an unknown array ${stranger}`);
  loop.counts.episodes = saved.episodes;
  loop.counts.labelled = saved.labelled;
  await model.setState(state);
  return saved.update;
}

/** Rows before the window: where tails wait. No episode ends in them. */
function tailRows({ window, worlds }: Trajectory): number {
  return window * worlds;
}

/** The buffers of a loop that outlive an update, as views on it: what is saved is what is restored. */
function viewsOf({ trajectory, ledger, recording: { paths, memory } }: Loop) {
  const rows = tailRows(trajectory);
  const { first, observations, actions, choice, logProbabilities, values, episode } = trajectory;
  return {
    "path.steps": paths.steps,
    "path.cells": paths.cells,
    "path.events": paths.events,
    memory,
    first,
    "tail.counts": observations.counts.subarray(0, rows),
    "tail.indices": observations.indices.subarray(0, rows * observations.stride),
    "tail.actions": actions.subarray(0, rows),
    "tail.choice": choice.subarray(0, rows),
    "tail.logProbabilities": logProbabilities.subarray(0, rows),
    "tail.values": values.subarray(0, rows),
    "tail.episode": episode.subarray(0, rows),
    "tail.trueReward": ledger.trueReward.subarray(0, rows),
    "tail.proxyReward": ledger.proxyReward.subarray(0, rows),
    "tail.events": ledger.events.subarray(0, rows),
  };
}
