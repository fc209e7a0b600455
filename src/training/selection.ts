import { createForwardOutput, sample } from "../agents/rollout.ts";
import type { Model } from "../compute/engine.ts";
import { rewardOf } from "../core/goal.ts";
import { createObservations } from "../core/observations.ts";
import { Stream } from "../core/random.ts";
import { UNLABELLED } from "../core/trajectory.ts";
import { EnvBatch } from "../envs/batch.ts";
import { createPaths, follow } from "../envs/paths.ts";
import { placeOf } from "../envs/world.ts";
import { inspectEpisode } from "../oversight/label.ts";
import { parseView } from "../routing/views.ts";
import type { Selection } from "../scenario/schema.ts";
import type { Setting } from "../scenario/setting.ts";

/** What a checkpoint showed on validation episodes of the training distribution. */
export interface Validation {
  /** Episodes played, and those of them that were inspected: both are costs. */
  readonly episodes: number;
  readonly labelled: number;
  /** Mean discounted true return of those of which every step was seen; null where there was none. */
  readonly trueReturn: number | null;
}

/** A checkpoint as the rules see it. */
export interface Candidate {
  readonly step: number;
  readonly validation: Validation;
  /** Exact discounted true return of the deployed view under the primary shift. */
  readonly trueReturn: number;
}

/** Worlds side by side in validation; each plays the same number of episodes, so that short ones are not favoured. */
const WORLDS = 100;

/**
 * Play validation episodes with the view that would be deployed, under the training overseer, and look at the inspected ones only.
 * Levels, marks and draws are those of `seed` whatever the checkpoint, so that checkpoints are compared on the same episodes.
 *
 * Plays `episodes` rounded up to a multiple of 100. The true return of an uninspected episode is never read.
 */
export async function validate(
  setting: Setting,
  model: Model,
  viewName: string,
  seed: number,
  episodes: number,
): Promise<Validation> {
  const { world, overseer, trueGoal, scenario, labelRule } = setting;
  const { actions: A, modules } = model.spec;
  const view = parseView(viewName, modules);
  const quota = Math.ceil(episodes / WORLDS);
  const oversight = new Stream(seed, "validation", "oversight");
  const act = new Stream(seed, "validation", "act");
  const batch = new EnvBatch({
    world,
    worlds: WORLDS,
    levels: new Stream(seed, "validation", "level"),
    chance: new Stream(seed, "validation", "chance"),
    begin: (n, episode, level, marks) => overseer.mark(placeOf(world, level), oversight.seek(n, episode), marks),
    maxActive:
      world.maxActive + (overseer.visible ? overseer.mostMarks(world.height * world.width, world.mostSites) : 0),
    visible: overseer.visible,
  });
  const cells = world.height * world.width;
  const observations = createObservations(WORLDS, batch.maxActive);
  const output = createForwardOutput(WORLDS, A, modules.length);
  const actions = new Uint8Array(WORLDS);
  const returns = new Float64Array(WORLDS);
  const discounts = new Float64Array(WORLDS).fill(1);
  const paths = createPaths(WORLDS, world.horizon);
  const inspection = new Stream(seed, "validation", "inspection");
  const memory = new Int32Array(overseer.memory ?? 0);
  const shown = new Uint8Array(world.horizon);
  let labelled = 0;
  let whole = 0;
  let sum = 0;
  let finished = 0;
  for (let step = 0; finished < WORLDS * quota; step++) {
    batch.observeInto(observations, 0);
    await model.forward(observations, 0, WORLDS, view.lnScale, output);
    for (let n = 0; n < WORLDS; n++) actions[n] = sample(output.probabilities, n * A, A, act.seek(n, step).next());
    batch.step(actions);
    for (let n = 0; n < WORLDS; n++) {
      if (batch.episode[n] >= quota) continue;
      returns[n] += discounts[n] * rewardOf(trueGoal, batch.events[n]);
      discounts[n] *= scenario.discount;
      const ended = follow(paths, batch, n);
      if (ended === null) continue;
      const marks = batch.finalMarks.subarray(n * cells, (n + 1) * cells);
      const seen = shown.subarray(0, ended.cells.length);
      const episode = { marks, ...ended, truncated: batch.truncated[n] === 1, progress: 1 };
      const label = inspectEpisode(overseer, labelRule, episode, inspection.seek(n, batch.episode[n]), memory, seen);
      // A return is known where all of it was seen.
      if (label !== UNLABELLED) labelled++;
      if (!seen.includes(0)) {
        whole++;
        sum += returns[n];
      }
      finished++;
      returns[n] = 0;
      discounts[n] = 1;
    }
  }
  return { episodes: finished, labelled, trueReturn: whole === 0 ? null : sum / whole };
}

/**
 * The step that a rule chooses among a training's checkpoints, in order of step; the later one of equals.
 *
 * `last`: the final one. `label-legal`: the best by the true return of those validation episodes that the overseer inspected: all
 * that somebody without the ground truth could do. `oracle`: the best by the exact true return under the primary shift: an upper bound
 * that nobody could reach. Their difference in that return, oracle - label-legal, is the *selection leak*.
 *
 * @throws RangeError without any.
 */
export function select(rule: Selection, candidates: readonly Candidate[]): number {
  if (candidates.length === 0) throw new RangeError("select: there is no checkpoint");
  const score = (candidate: Candidate, index: number): number => {
    switch (rule) {
      case "last":
        return index;
      case "label-legal":
        return candidate.validation.trueReturn ?? Number.NEGATIVE_INFINITY;
      case "oracle":
        return candidate.trueReturn;
      default:
        return rule satisfies never;
    }
  };
  let best = 0;
  for (let i = 1; i < candidates.length; i++) {
    if (score(candidates[i], i) >= score(candidates[best], best)) best = i;
  }
  return candidates[best].step;
}
