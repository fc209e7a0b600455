import { gaeInto, nextValuesInto, returnsInto } from "../agents/advantages.ts";
import { initialise } from "../agents/network.ts";
import { hyperAt, learn, normalisation, scaledLoss } from "../agents/ppo.ts";
import { carryTails, collect, createRollout, tailOf } from "../agents/rollout.ts";
import type { Engine, Hyper, Model, UpdateStats } from "../compute/engine.ts";
import { groupsOf } from "../compute/engine.ts";
import { Stream } from "../core/random.ts";
import { createLabels, createLedger, createTrajectory, type Trajectory, UNLABELLED } from "../core/trajectory.ts";
import { EnvBatch } from "../envs/batch.ts";
import { createPaths } from "../envs/paths.ts";
import { placeOf } from "../envs/world.ts";
import { labelEpisodes, labelTails } from "../oversight/label.ts";
import type { Arm } from "../routing/arm.ts";
import { averageMasks, createLesson, type Lesson, routeLabels } from "../routing/route.ts";
import { loopOptions } from "../scenario/loop-options.ts";
import { networkOf, type Setting } from "../scenario/setting.ts";
import { type Loop, restoreLoop, type Saved, saveLoop } from "./loop-state.ts";
import { createRecorder, moveLedgerRow } from "./recorder.ts";

/**
 * One update, for logs and displays: a fresh plain record. Losses and rates are means over the update's optimiser steps; null where there
 * was none, since the arm kept no row.
 */
export interface Progress {
  /** Updates done, and how many there will be. */
  readonly update: number;
  readonly updates: number;
  /** Environment steps taken so far. */
  readonly step: number;
  /** Episodes that ended, and those of them that were inspected, so far. */
  readonly episodes: number;
  readonly labelled: number;
  /** Rows trained on in this update. */
  readonly rows: number;
  readonly learningRate: number;
  readonly entropyCoef: number;
  readonly policyLoss: number | null;
  readonly valueLoss: number | null;
  readonly entropy: number | null;
  readonly gateLoss: number | null;
  readonly approxKl: number | null;
  readonly clipFraction: number | null;
  /** 1 - var(return - value) / var(return) over the rows; 0 where the returns do not vary. */
  readonly explainedVariance: number | null;
  /** Gradient norm before clipping, by group. */
  readonly gradNorms: Readonly<Record<string, number | null>>;
}

/** The phases of an update; the same names stand in the loop and in the benchmark. */
export type Phase = "rollout" | "label" | "route" | "advantage" | "update" | "idle";

export interface Training {
  readonly setting: Setting;
  readonly arm: Arm;
  readonly seed: number;
  readonly engine: Engine;
  /** Where to go on: what `save` gave in a training of the same setting, arm, seed and engine. */
  readonly from?: Saved | undefined;
  /**
   * Called after each update, and awaited; may look at the model. `save` copies all that the next update needs; there is none after
   * the last update.
   */
  onUpdate?(progress: Progress, model: Model, save: (() => Promise<Saved>) | undefined): void | Promise<void>;
  /** Called as each phase of an update begins, and with "idle" when the update is done: for whoever has a clock. */
  onPhase?(phase: Phase): void;
}

export interface Trained {
  readonly model: Model;
  readonly step: number;
  readonly updates: number;
  readonly episodes: number;
  readonly labelled: number;
  /** What the last update learned from. */
  readonly last: LastUpdate;
}

/** The last update's rows as they stand loaded in the model, with what routed them; for {@link moduleDiagnostics}. */
export interface LastUpdate {
  readonly rows: Int32Array;
  readonly trajectory: Trajectory;
  readonly lesson: Lesson;
  /** The update's numbers; advantages are normalised over all its rows, where they were normalised at all. */
  readonly hyper: Hyper;
}

/** Whole updates in a number of environment steps: rounded down, at least one. */
export function updatesIn(train: { steps: number; worlds: number; rollout: number }): number {
  return Math.max(1, Math.floor(train.steps / (train.worlds * train.rollout)));
}

/**
 * Train one arm with one seed: rollout, label, route, advantage, update, in the order of the paper.
 *
 * The same setting, arm, seed and engine give the same parameters to the bit, in one go or from any saved state. The caller disposes of
 * the model.
 */
export async function train({ setting, arm, seed, engine, from, ...hooks }: Training): Promise<Trained> {
  const { scenario, overseer, routes } = setting;
  const { worlds: N, rollout: T } = scenario.train;
  const options = loopOptions(scenario.train);
  const { tails, quirks } = options;
  const late = quirks.has("lateTimeout") ? 1 : 0;
  const world = { ...setting.world, horizon: setting.world.horizon + late };
  const updates = updatesIn(scenario.train);
  const spec = networkOf(setting, arm);
  const K = spec.modules.length;

  const model = await engine.create(
    spec,
    initialise(spec, scenario.agent.init, (group) => new Stream(seed, "init", group)),
  );
  const oversight = new Stream(seed, "oversight");
  const act = new Stream(seed, "act");
  const order = new Stream(seed, "shuffle");
  const randomLabels = new Stream(seed, "random-labels");
  const redrawn = new Stream(seed, "redrawn-episodes");
  const marksAtMost = overseer.mostMarks(world.height * world.width, world.mostSites);
  const batch = new EnvBatch({
    world,
    worlds: N,
    levels: new Stream(seed, "level"),
    chance: new Stream(seed, "chance"),
    begin: (n, episode, level, marks) => overseer.mark(placeOf(world, level), oversight.seek(n, episode), marks),
    maxActive: world.maxActive + (overseer.visible ? marksAtMost : 0),
    visible: overseer.visible,
  });

  const window = tails === "carry" ? world.horizon - 1 : 0;
  const trajectory = createTrajectory(N, window, T, batch.maxActive);
  const rowCount = trajectory.capacity * N;
  const rollout = createRollout(trajectory, spec.actions, K, world.horizon);
  const ledger = createLedger(rowCount);
  const labels = createLabels(rowCount);
  const lesson = createLesson(rowCount, K);
  const nextValues = new Float64Array(rowCount);
  const advantages = new Float64Array(rowCount);
  const returns = new Float64Array(rowCount);
  const chosen = new Int32Array(rowCount);
  const recording = { paths: createPaths(N, world.horizon), memory: new Int32Array(overseer.memory ?? 0) };
  let current = 0;
  const progressAt = (firstRow: number) => (current * T + firstRow / N - window + 1) / (updates * T);
  const inspection = new Stream(seed, "inspection");
  const record = createRecorder(setting, batch, trajectory, ledger, recording, inspection, progressAt);
  const counts = { episodes: 0, labelled: 0 };

  const loop: Loop = { batch, trajectory, ledger, recording, counts };
  const begin = from === undefined ? 0 : await restoreLoop(from, model, loop);
  let last: LastUpdate | undefined;

  for (let update = begin; update < updates; update++) {
    // Rollout: the full policy acts; what it did goes to the trajectory, what that was worth to the ledger.
    hooks.onPhase?.("rollout");
    current = update;
    await collect(model, batch, act, update * T, rollout, record, quirks.has("staleObservation") ? "stale" : "current");

    // Label: the overseer inspects the episodes that ended, and opens the door by that much.
    hooks.onPhase?.("label");
    labelEpisodes(trajectory, ledger, arm.reward === "true", labels);
    if (quirks.has("unfinishedTails")) labelTails(trajectory, labels);

    // Route: labels become reward, kept rows, and masks of who may learn.
    hooks.onPhase?.("route");
    const rules = { unlabelled: scenario.oversight.unlabelled, unlabelledRoute: scenario.train.unlabelledRoute };
    const draws = { labels: randomLabels, episodes: redrawn.seek(update) };
    routeLabels(arm, routes, rules, trajectory, labels, draws, lesson);
    const rows = chooseRows(trajectory, lesson, tails, chosen);
    if (arm.routing === "mean") averageMasks(lesson, rows, K);

    // Advantage: over whole episodes, bootstrapped where the clock or the window cut them, or plain returns.
    hooks.onPhase?.("advantage");
    const { values, terminated, truncated } = trajectory;
    const { discount: gamma } = scenario;
    const lived = { T: trajectory.capacity, N, gamma, rewards: lesson.reward, values, terminated, truncated };
    if (options.bootstrap) {
      nextValuesInto(trajectory, nextValues);
      gaeInto({ ...lived, lambda: options.gaeLambda, nextValues }, advantages);
      for (let row = 0; row < rowCount; row++) returns[row] = advantages[row] + values[row];
    } else {
      returnsInto(lived, advantages, returns);
    }

    // Update: a few epochs of minibatches over the rows that the arm keeps.
    hooks.onPhase?.("update");
    await model.loadRows({ ...trajectory, ...lesson, advantages, returns }, rowCount);
    const explained = explainedVariance(values, returns, rows);
    const kept = quirks.has("keptFraction") ? rows.length / (T * N) : 1;
    const hyper = scaledLoss(hyperAt(options, update, updates), kept);
    const stats = await learn(model, rows, advantages, options, hyper, order.seek(update));

    hooks.onPhase?.("idle");
    const normalised = options.normaliseAdvantages !== "none" && normalisation(advantages, rows);
    last = { rows, trajectory, lesson, hyper: { ...hyper, ...normalised } };
    const ended = countEpisodes(trajectory, labels.label);
    counts.episodes += ended.episodes;
    counts.labelled += ended.labelled;
    const isLast = update + 1 === updates;
    if (tails === "carry" && !isLast) carryTails(trajectory, (from, to) => moveLedgerRow(ledger, from, to));
    await hooks.onUpdate?.(
      {
        update: update + 1,
        updates,
        step: (update + 1) * T * N,
        ...counts,
        rows: rows.length,
        learningRate: hyper.learningRate,
        entropyCoef: hyper.entropyCoef,
        explainedVariance: explained,
        ...meansOf(stats, groupsOf(spec)),
      },
      model,
      isLast ? undefined : () => saveLoop(model, loop, update + 1),
    );
  }
  if (last === undefined) throw new RangeError("train: there was no update");
  return { model, step: updates * T * N, updates, ...counts, last };
}

/**
 * The rows to learn from, in time-major order: those the arm keeps, without the steps of episodes still running unless tails are
 * trained at once. Writes: the front of `chosen`; returns that part.
 */
function chooseRows(
  trajectory: Trajectory,
  lesson: Lesson,
  tails: "carry" | "all" | "drop",
  chosen: Int32Array,
): Int32Array {
  const { worlds, capacity, first } = trajectory;
  const ends = Int32Array.from({ length: worlds }, (_, n) => (tails === "all" ? capacity : tailOf(trajectory, n)));
  let count = 0;
  for (let slot = 0; slot < capacity; slot++) {
    for (let n = 0; n < worlds; n++) {
      const row = slot * worlds + n;
      if (slot >= first[n] && slot < ends[n] && lesson.keep[row]) chosen[count++] = row;
    }
  }
  return chosen.subarray(0, count);
}

function countEpisodes(trajectory: Trajectory, label: Int32Array): { episodes: number; labelled: number } {
  const { worlds, capacity, window, terminated, truncated } = trajectory;
  let episodes = 0;
  let labelled = 0;
  for (let row = window * worlds; row < capacity * worlds; row++) {
    if (!terminated[row] && !truncated[row]) continue;
    episodes++;
    if (label[row] !== UNLABELLED) labelled++;
  }
  return { episodes, labelled };
}

function explainedVariance(values: Float64Array, returns: Float64Array, rows: Int32Array): number | null {
  if (rows.length === 0) return null;
  const variance = (of: (row: number) => number) => {
    let sum = 0;
    let squares = 0;
    for (const row of rows) sum += of(row);
    const mean = sum / rows.length;
    for (const row of rows) squares += (of(row) - mean) ** 2;
    return squares / rows.length;
  };
  const total = variance((row) => returns[row]);
  return total === 0 ? 0 : 1 - variance((row) => returns[row] - values[row]) / total;
}

type Means = Pick<
  Progress,
  "policyLoss" | "valueLoss" | "entropy" | "gateLoss" | "approxKl" | "clipFraction" | "gradNorms"
>;

function meansOf(stats: readonly UpdateStats[], groups: readonly string[]): Means {
  const mean = (of: (s: UpdateStats) => number) =>
    stats.length === 0 ? null : stats.reduce((sum, s) => sum + of(s), 0) / stats.length;
  return {
    policyLoss: mean((s) => s.policyLoss),
    valueLoss: mean((s) => s.valueLoss),
    entropy: mean((s) => s.entropy),
    gateLoss: mean((s) => s.gateLoss),
    approxKl: mean((s) => s.approxKl),
    clipFraction: mean((s) => s.clipFraction),
    gradNorms: Object.fromEntries(groups.map((group, g) => [group, mean((s) => s.gradNorms[g])])),
  };
}
