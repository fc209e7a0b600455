import type { Goal } from "../core/goal.ts";
import { Stream } from "../core/random.ts";
import { enumerateStates, rewardTable, type StateGraph, uniformStarts } from "../envs/graph.ts";
import { evaluatePolicy, returnOf, solve } from "../envs/solver.ts";
import { placeOf, type World } from "../envs/world.ts";
import type { Overseer } from "../oversight/overseer.ts";

/** One level under one marking: the unit of exact evaluation. */
export interface Task {
  readonly level: unknown;
  readonly graph: StateGraph;
  /** Distribution of first states, [S]. */
  readonly starts: Float64Array;
  /** Marked cells, [cells]. */
  readonly marks: Uint8Array;
  /** Probability of the task; the weights of a situation sum to 1. */
  readonly weight: number;
}

/** What a test distribution is worth at its limits, per goal: discounted return per episode. */
export interface Bounds {
  /** The exact optimum of the goal. */
  readonly optimum: Float64Array;
  /** The policy that picks every action alike. */
  readonly random: Float64Array;
}

/**
 * A test distribution: levels and marks with their probabilities, and the goals that price what happens there.
 */
export interface Situation {
  readonly world: World;
  readonly overseer: Overseer;
  readonly goals: readonly Goal[];
  readonly discount: number;
  readonly tasks: readonly Task[];
  /** First states counted over all levels, where all were enumerated; else the number of levels drawn. */
  readonly levels: number;
  /** Whether every level and marking is there with its own probability, so that results are exact. */
  readonly exact: boolean;
  readonly bounds: Bounds;
}

/**
 * Lay out a test distribution: all levels where the world can enumerate them, else `count` drawn from the seed `levels/<seed>`; all
 * markings of each, or one drawn where the overseer cannot enumerate them.
 */
export function createSituation(
  world: World,
  overseer: Overseer,
  goals: readonly Goal[],
  discount: number,
  count: number,
  seed: number,
): Situation {
  const cells = world.height * world.width;
  const enumerated = world.enumerate();
  const tasks: Task[] = [];
  let levels = 0;
  let exact = enumerated !== null;
  const markStream = new Stream(seed, "evaluation", "marks");
  const add = (level: unknown, graph: StateGraph, weight: number) => {
    const starts = uniformStarts(graph);
    const place = placeOf(world, level);
    const markings = overseer.markings(place);
    if (markings === null) {
      const marks = new Uint8Array(cells);
      overseer.mark(place, markStream.seek(tasks.length), marks);
      exact = false;
      tasks.push({ level, graph, starts, marks, weight });
      return;
    }
    for (const { probability, cells: marked } of markings) {
      const marks = new Uint8Array(cells);
      for (const cell of marked) marks[cell] = 1;
      tasks.push({ level, graph, starts, marks, weight: weight * probability });
    }
  };
  if (enumerated !== null) {
    for (const { level, weight, starts } of enumerated) {
      levels += starts.length / world.stateSize;
      add(level, enumerateStates(world, level, starts), weight);
    }
  } else {
    const levelStream = new Stream(seed, "evaluation", "levels");
    const chance = new Stream(seed, "evaluation", "chance");
    const state = new Int32Array(world.stateSize);
    for (levels = 0; levels < count; levels++) {
      const level = world.sample(levelStream.seek(levels));
      world.start(level, chance.seek(levels), state);
      add(level, enumerateStates(world, level, state), 1 / count);
    }
  }
  let bounds: Bounds | undefined;
  return {
    world,
    overseer,
    goals,
    discount,
    tasks,
    levels,
    exact,
    get bounds() {
      bounds ??= computeBounds(tasks, goals, discount, world.horizon, 0);
      return bounds;
    },
  };
}

/** The bounds where every action is replaced, with probability `noise`, by a uniform one: what is the best to be had then. */
export function noisyBounds({ tasks, goals, discount, world }: Situation, noise: number): Bounds {
  return computeBounds(tasks, goals, discount, world.horizon, noise);
}

function computeBounds(
  tasks: readonly Task[],
  goals: readonly Goal[],
  discount: number,
  horizon: number,
  noise: number,
): Bounds {
  const optimum = new Float64Array(goals.length);
  const random = new Float64Array(goals.length);
  // Neither bound looks at marks, so the markings of a level, which share its graph, are added up first.
  const weights = new Map<StateGraph, { weight: number; starts: Float64Array }>();
  for (const { graph, starts, weight } of tasks) {
    const entry = weights.get(graph);
    if (entry === undefined) weights.set(graph, { weight, starts });
    else entry.weight += weight;
  }
  for (const [graph, { weight, starts }] of weights) {
    const uniform = new Float64Array(graph.size * graph.actions).fill(1 / graph.actions);
    const { eventCounts } = evaluatePolicy(graph, starts, uniform, horizon);
    goals.forEach((goal, g) => {
      const { values } = solve(graph, rewardTable(graph, goal), discount, horizon, noise);
      for (let s = 0; s < graph.size; s++) optimum[g] += weight * starts[s] * values[horizon * graph.size + s];
      random[g] += weight * returnOf(eventCounts, goal, discount).discounted;
    });
  }
  return { optimum, random };
}
