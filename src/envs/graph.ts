import type { Goal } from "../core/goal.ts";
import { rewardOf } from "../core/goal.ts";
import type { World } from "./world.ts";

/**
 * The states that a level's episodes can pass through, and where each action leads: S states, A actions.
 *
 * A level of a deterministic world as plain tables, so that values and outcomes are computed instead of sampled.
 */
export interface StateGraph {
  /** S, number of states. */
  readonly size: number;
  /** A, number of actions. */
  readonly actions: number;
  /** Number of the world's events. */
  readonly events: number;
  /** Number of the world's cells, height * width. */
  readonly cells: number;
  /** Int32 words of a state. */
  readonly stateSize: number;
  /** The states themselves, [S, stateSize]; first states come first. */
  readonly states: Int32Array;
  /** State that each action leads to, [S, A]; a terminal state leads to itself. */
  readonly next: Int32Array;
  /** Set of events that each action emits, [S, A]; none from a terminal state. */
  readonly eventSets: Uint32Array;
  /** 1 where the episode is over, [S]. */
  readonly terminal: Uint8Array;
  /** The agent's cell, [S]. */
  readonly cell: Int32Array;
  /** Index of each first state that was given, in that order, [starts]. */
  readonly starts: Int32Array;
}

const MOST_STATES = 1_000_000;

/**
 * All states that can be reached from `starts` [k, stateSize], breadth first.
 *
 * @throws RangeError when the world is stochastic, when `starts` is not a whole number of states, or when there are more than
 * `mostStates` states (1,000,000 unless given).
 */
export function enumerateStates<Level>(
  world: World<Level>,
  level: Level,
  starts: Int32Array,
  mostStates = MOST_STATES,
): StateGraph {
  const { stateSize } = world;
  const actions = world.actions.length;
  if (!world.deterministic) {
    throw new RangeError(`enumerateStates: world ${world.kind} is stochastic, expected a deterministic world`);
  }
  if (starts.length === 0 || starts.length % stateSize !== 0) {
    throw new RangeError(
      `enumerateStates: starts has ${starts.length} elements, expected a positive multiple of stateSize = ${stateSize}`,
    );
  }
  const indices = new Map<number | string, number>();
  const states: number[] = [];
  const keyOf = (state: Int32Array): number | string => (stateSize === 1 ? state[0] : state.join());
  const indexOf = (state: Int32Array): number => {
    const key = keyOf(state);
    const known = indices.get(key);
    if (known !== undefined) return known;
    const index = indices.size;
    if (index >= mostStates) {
      throw new RangeError(
        `enumerateStates: the level has more than ${mostStates} states, expected at most ${mostStates}`,
      );
    }
    indices.set(key, index);
    for (let word = 0; word < stateSize; word++) states.push(state[word]);
    return index;
  };

  const startIndices = new Int32Array(starts.length / stateSize);
  for (let k = 0; k < startIndices.length; k++) {
    startIndices[k] = indexOf(starts.subarray(k * stateSize, (k + 1) * stateSize));
  }

  const next: number[] = [];
  const eventSets: number[] = [];
  const terminal: number[] = [];
  const cell: number[] = [];
  const state = new Int32Array(stateSize);
  const read = (index: number): void => {
    for (let word = 0; word < stateSize; word++) state[word] = states[index * stateSize + word];
  };
  for (let s = 0; s < indices.size; s++) {
    read(s);
    const over = world.terminal(level, state);
    terminal.push(over ? 1 : 0);
    cell.push(world.cell(level, state));
    for (let action = 0; action < actions; action++) {
      if (over) {
        next.push(s);
        eventSets.push(0);
        continue;
      }
      read(s);
      eventSets.push(world.step(level, state, action, NO_CHANCE));
      next.push(indexOf(state));
    }
  }

  return {
    size: indices.size,
    actions,
    events: world.events.length,
    cells: world.height * world.width,
    stateSize,
    states: Int32Array.from(states),
    next: Int32Array.from(next),
    eventSets: Uint32Array.from(eventSets),
    terminal: Uint8Array.from(terminal),
    cell: Int32Array.from(cell),
    starts: startIndices,
  };
}

const NO_CHANCE = {
  next(): number {
    throw new Error("a world that calls itself deterministic drew a random number");
  },
};

/** The distribution of first states, [S]: the graph's starts equally likely. */
export function uniformStarts(graph: StateGraph): Float64Array {
  const distribution = new Float64Array(graph.size);
  for (const start of graph.starts) distribution[start] += 1 / graph.starts.length;
  return distribution;
}

/** Reward of each action in each state under a goal, [S, A], reward units. */
export function rewardTable(graph: StateGraph, goal: Goal): Float64Array {
  const table = new Float64Array(graph.eventSets.length);
  for (let i = 0; i < table.length; i++) table[i] = rewardOf(goal, graph.eventSets[i]);
  return table;
}
