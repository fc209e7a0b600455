import type { EnvBatch } from "./batch.ts";

/** What has happened so far in the episode that each world of a batch plays. H = horizon. */
export interface Paths {
  readonly horizon: number;
  /** Steps taken, [worlds]. */
  readonly steps: Int32Array;
  /** The agent's cell after each step, [worlds, H]. */
  readonly cells: Int32Array;
  /** Events of each step, a bit each, [worlds, H]. */
  readonly events: Uint32Array;
}

export function createPaths(worlds: number, horizon: number): Paths {
  return {
    horizon,
    steps: new Int32Array(worlds),
    cells: new Int32Array(worlds * horizon),
    events: new Uint32Array(worlds * horizon),
  };
}

/** An episode that ended: views on the paths, which hold until its world takes another step. */
export interface EndedPath {
  readonly cells: Int32Array;
  readonly events: Uint32Array;
}

/** Add the step that the batch has just made in world n; returns the episode where the step ended it. */
export function follow<Level>(paths: Paths, batch: EnvBatch<Level>, n: number): EndedPath | null {
  const { horizon, steps, cells, events } = paths;
  const begin = n * horizon;
  const at = begin + steps[n];
  const isOver = batch.terminated[n] === 1 || batch.truncated[n] === 1;
  events[at] = batch.events[n];
  cells[at] = isOver ? batch.finalCell[n] : batch.world.cell(batch.level(n), batch.state(n));
  if (!isOver) {
    steps[n]++;
    return null;
  }
  steps[n] = 0;
  return { cells: cells.subarray(begin, at + 1), events: events.subarray(begin, at + 1) };
}
