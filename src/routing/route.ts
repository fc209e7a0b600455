import { type Chance, type Stream, shuffle } from "../core/random.ts";
import { type Labels, routesIn, type Trajectory, UNLABELLED } from "../core/trajectory.ts";
import type { Arm } from "./arm.ts";
import type { Routes } from "./routes.ts";

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
  readonly label: Int32Array;
}

export function createLesson(rows: number, modules: number): Lesson {
  return {
    reward: new Float64Array(rows),
    keep: new Uint8Array(rows),
    moduleMask: new Float64Array(rows * modules),
    gateMask: new Float64Array(rows),
    gateTarget: new Float64Array(rows * modules),
    label: new Int32Array(rows),
  };
}

/** The scenario's rules about unlabelled episodes. */
export interface UnlabelledRules {
  /** What `naive` is paid on them. */
  readonly unlabelled: "withheld" | "zero" | "proxy";
  /**
   * Which modules learn from unlabelled steps: `all`, or `hard`: the one that the gate weighed most when the step was taken. Where an arm
   * does not route, all do.
   */
  readonly unlabelledRoute: "all" | "hard";
}

/** What placebos and matched controls draw from. */
export interface RouteDraws {
  /** Draws the label of an episode, indexed by (world, episode). */
  readonly labels: Stream;
  /** Draws among the episodes of this update, at its first draw. */
  readonly episodes: Pick<Chance, "below">;
}

/**
 * Turn labels into reward, kept rows and masks: method of each arm.
 *
 * | label                   | modules that learn | gate, policy loss | gate, cross-entropy        |
 * |-------------------------|--------------------|-------------------|----------------------------|
 * | a key of the routes     | its route          | stopped           | towards its route, equally |
 * | several that coincided  | all their routes   | stopped           | none                       |
 * | nothing, or unlabelled  | all, or one (hard) | learns            | none                       |
 *
 * Where an arm does not route, every module and the gate learn from every row, and the cross-entropy stays. Output layer and
 * critic always learn. Cloud et al. 2024, section 4.3.
 */
export function routeLabels(
  arm: Arm,
  routes: Routes,
  rules: UnlabelledRules,
  trajectory: Trajectory,
  labels: Labels,
  draws: RouteDraws,
  lesson: Lesson,
): void {
  const { worlds, capacity, first, choice } = trajectory;
  const { unlabelled, unlabelledRoute } = rules;
  const K = arm.modules === "single" ? 1 : routes.modules.length;
  relabel(arm, routes, trajectory, labels, draws, lesson.label);
  const matched = arm.keep === "matched" ? matchedRows(trajectory, labels, draws.episodes) : null;
  for (let n = 0; n < worlds; n++) {
    for (let slot = first[n]; slot < capacity; slot++) {
      const row = slot * worlds + n;
      const isSeen = labels.seen[row] === 1;
      const usesTrue = arm.reward === "true" || (arm.reward === "labelled" && isSeen);
      const paysNothing = arm.reward === "labelled" && !isSeen && unlabelled !== "proxy";
      lesson.reward[row] = usesTrue ? labels.trueReward[row] : paysNothing ? 0 : labels.proxyReward[row];
      const isDropped =
        matched !== null
          ? !matched[row]
          : !isSeen && (arm.keep === "labelled" || (arm.reward === "labelled" && unlabelled === "withheld"));
      lesson.keep[row] = isDropped ? 0 : 1;

      const label = lesson.label[row];
      const several = arm.modules === "several";
      const learners = label >= 0 && several ? learnersOf(routes, label) : null;
      // An ambiguous label teaches the gate nothing: it cannot have come from one route more than from the other.
      const isAmbiguous = label >= routes.labels.length;
      const stopped = learners !== null && arm.routing !== "off";
      const isHard = learners === null && several && arm.routing !== "off" && unlabelledRoute === "hard";
      lesson.gateMask[row] = stopped ? 0 : 1;
      for (let k = 0; k < K; k++) {
        lesson.moduleMask[row * K + k] = stopped || isHard ? 0 : 1;
        lesson.gateTarget[row * K + k] = 0;
      }
      if (isHard) lesson.moduleMask[row * K + choice[row]] = 1;
      if (learners === null) continue;
      for (const k of learners) {
        lesson.moduleMask[row * K + k] = 1;
        if (!isAmbiguous) lesson.gateTarget[row * K + k] = 1 / learners.length;
      }
    }
  }
}

/** The modules that learn from a label: those of its route, or of all its routes where it is ambiguous. */
function learnersOf({ labels, learners }: Routes, label: number): readonly number[] {
  if (label < labels.length) return learners[label];
  const routes = routesIn(label, labels.length);
  return [...new Set(learners.flatMap((own, route) => ((routes >>> route) & 1 ? own : [])))];
}

/**
 * The label that the arm routes by, on every row of its episode: the overseer's; or, for the placebos, a fair draw among the routes, or
 * the labels of this update's labelled episodes dealt out among them anew. Which episodes are labelled never changes.
 */
function relabel(
  arm: Arm,
  routes: Routes,
  trajectory: Trajectory,
  labels: Labels,
  draws: RouteDraws,
  out: Int32Array,
): void {
  const { worlds, capacity, first, episode } = trajectory;
  const dealt: number[] = [];
  if (arm.labels === "shuffled") {
    eachEnd(trajectory, (row) => {
      if (labels.label[row] >= 0) dealt.push(labels.label[row]);
    });
    const order = Int32Array.from(dealt);
    shuffle(order, draws.episodes);
    dealt.splice(0, dealt.length, ...order);
  }
  let next = 0;
  for (let n = 0; n < worlds; n++) {
    let own = UNLABELLED;
    for (let slot = capacity - 1; slot >= first[n]; slot--) {
      const row = slot * worlds + n;
      const given = labels.label[row];
      if (isEnd(trajectory, row)) own = given >= 0 && arm.labels === "shuffled" ? dealt[next++] : given;
      out[row] = given;
      if (given < 0) continue;
      if (arm.labels === "shuffled") out[row] = own;
      if (arm.labels === "random") out[row] = draws.labels.seek(n, episode[row]).below(routes.labels.length);
    }
  }
}

/** Rows of as many of this update's episodes as were inspected, drawn uniformly from all that ended, [rows]. */
function matchedRows(trajectory: Trajectory, labels: Labels, rng: Pick<Chance, "below">): Uint8Array {
  const ends: number[] = [];
  let inspected = 0;
  eachEnd(trajectory, (row) => {
    ends.push(row);
    if (labels.label[row] !== UNLABELLED) inspected++;
  });
  const order = Int32Array.from(ends);
  shuffle(order, rng);
  const picked = new Set(order.subarray(0, inspected));
  const { worlds, capacity, first } = trajectory;
  const rows = new Uint8Array(worlds * capacity);
  for (let n = 0; n < worlds; n++) {
    let isPicked = false;
    for (let slot = capacity - 1; slot >= first[n]; slot--) {
      const row = slot * worlds + n;
      if (isEnd(trajectory, row)) isPicked = picked.has(row);
      if (isPicked) rows[row] = 1;
    }
  }
  return rows;
}

function isEnd({ terminated, truncated }: Trajectory, row: number): boolean {
  return terminated[row] === 1 || truncated[row] === 1;
}

/** The last rows of the episodes that ended, world by world, in each the latest first. */
function eachEnd(trajectory: Trajectory, visit: (row: number) => void): void {
  const { worlds, capacity, first } = trajectory;
  for (let n = 0; n < worlds; n++) {
    for (let slot = capacity - 1; slot >= first[n]; slot--) {
      const row = slot * worlds + n;
      if (isEnd(trajectory, row)) visit(row);
    }
  }
}

/**
 * Replace the routing masks of the given rows by their mean over those rows, module by module: as much learning in each module as under
 * the routes, without their direction. Writes: `lesson.moduleMask` and `lesson.gateMask` (1: the gate is not shrunk) on the rows.
 */
export function averageMasks(lesson: Lesson, rows: Int32Array, K: number): void {
  for (let k = 0; k < K; k++) {
    let sum = 0;
    for (const row of rows) sum += lesson.moduleMask[row * K + k];
    for (const row of rows) lesson.moduleMask[row * K + k] = sum / rows.length;
  }
  for (const row of rows) lesson.gateMask[row] = 1;
}
