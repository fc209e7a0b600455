import { type EventSet, type Goal, rewardOf } from "../core/goal.ts";
import { everyWay } from "../envs/chance.ts";
import { rewardTable } from "../envs/graph.ts";
import { placeOf, type World } from "../envs/world.ts";
import type { Overseer } from "../oversight/overseer.ts";
import type { Arm } from "../routing/arm.ts";
import type { Mind } from "./mind.ts";
import { optimumOf } from "./scripted-minds.ts";
import type { Situation, Task } from "./situation.ts";

/** What an arm is trained on: enough to say what its own reward would have it do. */
export interface Objective {
  readonly arm: Arm;
  readonly world: World;
  /** The overseer of training, not that of the test. */
  readonly overseer: Overseer;
  readonly unlabelled: "withheld" | "zero" | "proxy";
  readonly trueGoal: Goal;
  readonly proxyGoal: Goal;
  readonly discount: number;
}

/** A mind, or why there is none. */
export type Theory = { readonly mind: Mind } | { readonly none: string };

/**
 * The exact optimum of an arm's own expected training reward, to be evaluated in a situation: the theory line of the arm's `full` view.
 *
 *     r(step) = P(inspected) * true reward + (1 - P(inspected)) * what the arm is paid unlabelled
 *
 * With visible marks the policy may depend on them, and P is 0 or 1 given the marks; with hidden marks P is the mean over all markings.
 * On diamond-ghost with visible marks the naive optimum's undiscounted true return in training is the coverage itself; with hidden
 * marks it goes for a nearer Ghost if and only if discount^gap < 1 - 2 coverage.
 *
 * There is none where unlabelled episodes are left out and visible marks tell which those are (nothing is learned about them), where
 * markings cannot be enumerated, where events happen before the end that decides what they pay, and where the situation shows marks that never occur in training.
 */
export function armOptimum(objective: Objective, situation: Situation): Theory {
  const { arm, world, unlabelled, trueGoal, proxyGoal, discount } = objective;
  const optimum = (reward: (task: Task) => Float64Array): Theory => ({
    mind: optimumOf(`optimal:${arm.name}`, reward, situation.world, discount),
  });
  if (arm.reward !== "labelled") {
    const goal = arm.reward === "true" ? trueGoal : proxyGoal;
    return optimum(({ graph }) => rewardTable(graph, goal));
  }

  const keepsAll = arm.keep === "all" && unlabelled !== "withheld";
  const inspections = new Map<Task, Float64Array>();
  let anySeen = false;
  for (const task of situation.tasks) {
    const inspection = inspectionProbabilities(objective, task);
    if (typeof inspection === "string") return { none: inspection };
    inspections.set(task, inspection);
    const atSites = world.sites(task.level).map((site) => inspection[site]);
    anySeen ||= atSites.some((p) => p > 0);
    if (task.graph.eventSets.some((events, o) => events !== 0 && !task.graph.terminal[task.graph.next[o]])) {
      return { none: "an event before the episode's end is paid by how the episode ends" };
    }
    if (!keepsAll && objective.overseer.visible && atSites.some((p) => p < 1)) {
      return { none: "it learns nothing about episodes that it can see are not inspected" };
    }
  }
  if (!keepsAll && !anySeen) return { none: "no episode that reaches anything is ever inspected" };

  const price = (events: EventSet, p: number) =>
    p * rewardOf(trueGoal, events) + (!keepsAll || unlabelled === "zero" ? 0 : (1 - p) * rewardOf(proxyGoal, events));
  return optimum((task) => {
    const { graph } = task;
    const inspection = inspections.get(task) ?? inspectionProbabilities(objective, task);
    if (typeof inspection === "string")
      throw new RangeError(`armOptimum: ${arm.name} has no optimum here: ${inspection}`);
    return Float64Array.from(graph.eventSets, (events, o) => price(events, inspection[graph.cell[graph.next[o]]]));
  });
}

/**
 * Probability that an episode which terminates on each cell is inspected in training, given what the policy sees of the task, [cells];
 * or why there is no such number.
 */
function inspectionProbabilities({ overseer, world }: Objective, task: Task): Float64Array | string {
  if (overseer.endOnly !== true) return `what overseer ${overseer.kind} inspects depends on more than the end`;
  const markings = overseer.markings(placeOf(world, task.level));
  if (markings === null) return "spurious marks are sampled, not enumerated";
  const masks = markings.map(({ probability, cells }) => {
    const marks = new Uint8Array(task.marks.length);
    for (const cell of cells) marks[cell] = 1;
    return { probability, marks };
  });
  const possible = overseer.visible
    ? masks.filter(({ marks }) => marks.every((mark, c) => mark === task.marks[c]))
    : masks;
  if (possible.length === 0) return "it shows marks that never occur in training";
  const total = possible.reduce((sum, { probability }) => sum + probability, 0);
  return Float64Array.from({ length: task.marks.length }, (_, cell) =>
    possible.reduce(
      (sum, { probability, marks }) => sum + (probability / total) * inspectionAt(overseer, marks, cell),
      0,
    ),
  );
}

/** Probability that an overseer which looks at the end inspects an episode that terminates on a cell. */
function inspectionAt(overseer: Overseer, marks: Uint8Array, cell: number): number {
  const end = { marks, cells: Int32Array.of(cell), events: Uint32Array.of(0), truncated: false, progress: 1 };
  let sum = 0;
  everyWay(
    (chance) => {
      const seen = new Uint8Array(1);
      overseer.inspect(end, chance, new Int32Array(overseer.memory ?? 0), seen);
      return seen[0];
    },
    (seen, probability) => {
      sum += seen * probability;
    },
  );
  return sum;
}
