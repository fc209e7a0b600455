import { performance } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { UserError } from "../../../src/core/errors.ts";
import { drawBeginning, playAll, standingsOf } from "../../../src/evaluation/record.ts";
import type { CellView } from "../../../src/runner/progress.ts";
import type { CellPlan } from "../../../src/runs/plan.ts";
import { createActors } from "../../policy/actors.ts";
import type { Opened } from "../../tui/screen.ts";
import { sceneOf } from "../scene.ts";
import type { LiveEpisode } from "./live-episode.ts";
import { type Action, type Dashboard, selectedOf } from "./model.ts";

/** Plays episodes of a run's cells, each from the newest file that holds the cell's policy. */
export interface Rehearsal {
  /** Null while there is no such file, or none that can be read. */
  play(plan: CellPlan, number: number): Promise<LiveEpisode | null>;
  dispose(): Promise<void>;
}

/** Episodes under a shift, as the deployed view acts. The engine is made when the first one is played. */
export function createRehearsal(run: string, shift: string): Rehearsal {
  const actors = createActors();
  return {
    async play(plan, number) {
      try {
        const actor = await actors.openPolicy({ path: run, cell: plan, shift });
        try {
          const { stage, mind, seed, step, view } = actor;
          const { world, goals, overseer } = stage;
          const beginning = drawBeginning(stage, seed, number);
          const [trace] = await playAll(stage, mind, [beginning]);
          return {
            trained: step,
            scene: sceneOf(world, goals, overseer.visible),
            maps: trace.states.map((state) => world.print(beginning.level, state)),
            marks: new Set([...beginning.marks.keys()].filter((cell) => beginning.marks[cell] === 1)),
            acting: view,
            actions: trace.actions.map((action) => world.actions[action]),
            opinions: await mind.consult(standingsOf(world, trace)),
            outcome: trace.outcome,
            label: trace.label,
          };
        } finally {
          actor.close();
        }
      } catch (error) {
        // A cell that ends takes its resume file away, and one that begins anew its checkpoints: the next look finds what is there then.
        if (error instanceof UserError) return null;
        throw error;
      }
    },
    dispose: () => actors.dispose(),
  };
}

/** Steps a second, as the player's at its usual speed. */
const PACE = 2;
/** Milliseconds for which the end of an episode stands. */
const HOLD = 1500;
/**
 * The part of one core that loading and playing may take. They are done in the process that draws, never in one that trains: a file is read
 * and one episode played, milliseconds (15 x 15 maps: some ten), and then nothing for two hundred times as long.
 */
const SHARE = 0.005;

/**
 * Keep the selected cell's episode going on a screen that has room for it, until the returned function is called: a step now and then, and
 * at the end another episode of what the policy has become. Nothing is read or computed while the board is not shown. What it throws ends it.
 */
export function keepPlaying(
  screen: Opened<Dashboard, Action>,
  rehearsal: Rehearsal,
  isShown: (model: Dashboard) => boolean,
  onFailed: (error: unknown) => void,
): () => void {
  const stopping = new AbortController();
  const { signal } = stopping;
  const go = async () => {
    let number = 0;
    let ended = 0;
    let rested = 0;
    /** What was played last, as it was then. */
    let played: CellView | null = null;
    while (!signal.aborted) {
      await wait(1000 / PACE, undefined, { signal });
      const model = screen.model();
      const cell = selectedOf(model);
      if (cell === undefined || !isShown(model)) continue;
      const now = performance.now();
      const live = model.live?.cell === cell.plan.id ? model.live : null;
      // What a cell has become in the end is not waited for.
      const isEnd = played?.plan.id === cell.plan.id && played.state !== "done" && cell.state === "done";
      if (!isEnd && live?.episode != null && live.at < live.episode.actions.length) {
        screen.dispatch({ kind: "live-step" });
        ended = now;
        continue;
      }
      if (!isEnd && (now < rested || (live?.episode != null && now < ended + HOLD))) continue;
      played = cell;
      const before = process.cpuUsage();
      const episode = await rehearsal.play(cell.plan, number++);
      const { user, system } = process.cpuUsage(before);
      // The first one starts the engine too, once: a long rest after it would look like a board that does not work.
      if (number > 1) rested = Math.max(now, rested) + (user + system) / 1000 / SHARE;
      screen.dispatch({ kind: "live", cell: cell.plan.id, episode });
    }
  };
  go().catch((error) => {
    if (!signal.aborted) onFailed(error);
  });
  return () => stopping.abort();
}
