import type { Stream } from "../core/random.ts";
import { type Labels, type Trajectory, UNLABELLED } from "../core/trajectory.ts";
import type { Arm, Routes } from "./arms.ts";

/** What an arm makes of the labels, row by row beside the trajectory. K = modules. */
export interface Lesson {
  /** Reward that the learner is paid, [rows]. */
  readonly reward: Float64Array;
  /** 1 where the arm trains on the row, [rows]. */
  readonly keep: Uint8Array;
  /** Routing mask: who learns, [rows, K]. */
  readonly moduleMask: Float64Array;
  /** Whether the gate learns from the policy's loss, [rows]. */
  readonly gateMask: Float64Array;
  /** Target of the gate's cross-entropy, [rows, K]; all 0 on rows without one. */
  readonly gateTarget: Float64Array;
  /** The label that the arm routed by, [rows]; differs from the overseer's where labels are random. */
  readonly label: Int8Array;
}

export function createLesson(rows: number, modules: number): Lesson {
  return {
    reward: new Float64Array(rows),
    keep: new Uint8Array(rows),
    moduleMask: new Float64Array(rows * modules),
    gateMask: new Float64Array(rows),
    gateTarget: new Float64Array(rows * modules),
    label: new Int8Array(rows),
  };
}

/**
 * Turn labels into reward, kept rows and masks: method of each arm.
 *
 * | label                   | modules that learn | gate, policy loss | gate, cross-entropy        |
 * |-------------------------|--------------------|-------------------|----------------------------|
 * | a key of the routes     | its route          | stopped           | towards its route, equally |
 * | nothing, or unlabelled  | all                | learns            | none                       |
 *
 * Where an arm does not route, every module and the gate learn from every row, and the cross-entropy stays. Output layer and
 * critic always learn. Cloud et al. 2024, section 4.3.
 *
 * `unlabelled` is the scenario's rule for what `naive` is paid on unlabelled episodes. `randomLabels` is the stream of the placebo's
 * draws, indexed by (world, episode).
 */
export function routeLabels(
  arm: Arm,
  routes: Routes,
  unlabelled: "withheld" | "zero" | "proxy",
  trajectory: Trajectory,
  labels: Labels,
  randomLabels: Stream,
  lesson: Lesson,
): void {
  const { worlds, capacity, first, episode } = trajectory;
  const K = arm.modules === "single" ? 1 : routes.modules.length;
  for (let n = 0; n < worlds; n++) {
    for (let slot = first[n]; slot < capacity; slot++) {
      const row = slot * worlds + n;
      const given = labels.label[row];
      const isLabelled = given !== UNLABELLED;
      const usesTrue = arm.reward === "true" || (arm.reward === "labelled" && isLabelled);
      const paysNothing = arm.reward === "labelled" && !isLabelled && unlabelled !== "proxy";
      lesson.reward[row] = usesTrue ? labels.trueReward[row] : paysNothing ? 0 : labels.proxyReward[row];
      const dropped =
        !isLabelled && (arm.keep === "labelled" || (arm.reward === "labelled" && unlabelled === "withheld"));
      lesson.keep[row] = dropped ? 0 : 1;

      let label = given;
      if (label >= 0 && arm.labels === "random") {
        label = randomLabels.seek(n, episode[row]).below(routes.labels.length);
      }
      lesson.label[row] = label;
      const learners = label >= 0 && arm.modules === "several" ? routes.learners[label] : null;
      const stopped = learners !== null && arm.routing === "labels";
      lesson.gateMask[row] = stopped ? 0 : 1;
      for (let k = 0; k < K; k++) {
        lesson.moduleMask[row * K + k] = stopped ? 0 : 1;
        lesson.gateTarget[row * K + k] = 0;
      }
      if (learners === null) continue;
      for (const k of learners) {
        lesson.moduleMask[row * K + k] = 1;
        lesson.gateTarget[row * K + k] = 1 / learners.length;
      }
    }
  }
}
