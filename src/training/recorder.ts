import { rewardOf } from "../core/goal.ts";
import type { Stream } from "../core/random.ts";
import { type Ledger, type Trajectory, UNLABELLED } from "../core/trajectory.ts";
import type { EnvBatch } from "../envs/batch.ts";
import { follow, type Paths } from "../envs/paths.ts";
import { inspectEpisode } from "../oversight/label.ts";
import type { Setting } from "../scenario/setting.ts";

/** What the recorder keeps from one step to the next; all of it outlives an update. */
export interface Recording {
  readonly paths: Paths;
  /** The overseer's own, [its memory]. */
  readonly memory: Int32Array;
}

/**
 * Keep the ledger: after each step of the batch, write what happened into the rows from `firstRow` on. Where an episode ended the overseer
 * inspects it: its label stands on its last row, and which steps are seen on all of its rows that are there.
 *
 * World n's episode e is inspected with the chance (n, e) of `inspection`; `progressAt` is how much of the training is over at a row.
 */
export function createRecorder(
  { overseer, trueGoal, proxyGoal, labelRule }: Setting,
  batch: EnvBatch<unknown>,
  trajectory: Trajectory,
  ledger: Ledger,
  { paths, memory }: Recording,
  inspection: Stream,
  progressAt: (firstRow: number) => number,
): (firstRow: number) => void {
  const { worlds } = batch;
  const cells = batch.finalMarks.length / worlds;
  const marks = Array.from({ length: worlds }, (_, n) => batch.finalMarks.subarray(n * cells, (n + 1) * cells));
  const shown = new Uint8Array(paths.horizon);
  return (firstRow) => {
    for (let n = 0; n < worlds; n++) {
      const row = firstRow + n;
      const events = batch.events[n];
      ledger.events[row] = events;
      ledger.trueReward[row] = rewardOf(trueGoal, events);
      ledger.proxyReward[row] = rewardOf(proxyGoal, events);
      ledger.label[row] = UNLABELLED;
      ledger.seen[row] = 0;
      const ended = follow(paths, batch, n);
      if (ended === null) continue;
      const seen = shown.subarray(0, ended.cells.length);
      const truncated = batch.truncated[n] === 1;
      const episode = { marks: marks[n], ...ended, truncated, progress: progressAt(firstRow) };
      const chance = inspection.seek(n, batch.episode[n]);
      ledger.label[row] = inspectEpisode(overseer, labelRule, episode, chance, memory, seen);
      // The first steps of an episode that began in an earlier window are gone where tails are not carried.
      const rows = Math.min(seen.length, (row - n) / worlds - trajectory.first[n] + 1);
      for (let back = 0; back < rows; back++) ledger.seen[row - back * worlds] = seen[seen.length - 1 - back];
    }
  };
}

/** Move a row of a tail that is carried: its episode has not ended, so nothing of it is seen. */
export function moveLedgerRow(ledger: Ledger, from: number, to: number): void {
  ledger.trueReward[to] = ledger.trueReward[from];
  ledger.proxyReward[to] = ledger.proxyReward[from];
  ledger.events[to] = ledger.events[from];
  ledger.label[to] = UNLABELLED;
  ledger.seen[to] = 0;
}
