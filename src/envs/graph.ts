import type { Goal } from "../core/goal.ts";
import { rewardOf } from "../core/goal.ts";
import type { Chance } from "../core/random.ts";
import { everyWay } from "./chance.ts";
import type { World } from "./world.ts";

/**
 * The states that a level's episodes can pass through, and where each action may lead: S states, A actions, O outcomes.
 *
 * A level as plain tables, so that values and rates are computed instead of sampled. Action a in state s has the outcomes
 * first[s * A + a] to first[s * A + a + 1] - 1; in a deterministic world that is one, of probability 1 and with the action's own number.
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
  /** Where the outcomes of each action begin, [S * A + 1]. */
  readonly first: Int32Array;
  /** Probability of each outcome of its action, [O]; those of one action sum to 1. */
  readonly probability: Float64Array;
  /** State that each outcome leads to, [O]; a terminal state leads to itself. */
  readonly next: Int32Array;
  /** Set of events that each outcome emits, [O]; none from a terminal state. */
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
 * @throws RangeError when `starts` is not a whole number of states, or when there are more than `mostStates` states (1,000,000 unless
 * given).
 */
export function enumerateStates<Level>(
  world: World<Level>,
  level: Level,
  starts: Int32Array,
  mostStates = MOST_STATES,
): StateGraph {
  const { stateSize } = world;
  const actions = world.actions.length;
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

  const first: number[] = [];
  const probability: number[] = [];
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
      const begin = next.length;
      first.push(begin);
      const add = (to: number, events: number, p: number): void => {
        // Ways of chance that come to the same are one outcome.
        let o = begin;
        while (o < next.length && (next[o] !== to || eventSets[o] !== events)) o++;
        probability[o] = o < next.length ? probability[o] + p : p;
        next[o] = to;
        eventSets[o] = events;
      };
      if (over) add(s, 0, 1);
      else if (world.deterministic) {
        read(s);
        const events = world.step(level, state, action, NO_CHANCE);
        add(indexOf(state), events, 1);
      } else {
        everyWay(
          (chance) => {
            read(s);
            return world.step(level, state, action, chance);
          },
          (events, p) => add(indexOf(state), events, p),
        );
      }
    }
  }

  return {
    size: indices.size,
    actions,
    events: world.events.length,
    cells: world.height * world.width,
    stateSize,
    states: Int32Array.from(states),
    first: Int32Array.from([...first, next.length]),
    probability: Float64Array.from(probability),
    next: Int32Array.from(next),
    eventSets: Uint32Array.from(eventSets),
    terminal: Uint8Array.from(terminal),
    cell: Int32Array.from(cell),
    starts: startIndices,
  };
}

const refuse = (): never => {
  throw new Error("a world that calls itself deterministic drew from chance");
};
const NO_CHANCE: Chance = { below: refuse, flip: refuse };

/** The likeliest outcome of an action, the first of equals. */
export function likeliestOutcome({ actions, first, probability }: StateGraph, state: number, action: number): number {
  const begin = first[state * actions + action];
  const of = probability.subarray(begin, first[state * actions + action + 1]);
  return begin + of.indexOf(Math.max(...of));
}

/** The distribution of first states, [S]: the graph's starts equally likely. */
export function uniformStarts(graph: StateGraph): Float64Array {
  const distribution = new Float64Array(graph.size);
  for (const start of graph.starts) distribution[start] += 1 / graph.starts.length;
  return distribution;
}

/** Reward of each outcome under a goal, [O], reward units. */
export function rewardTable(graph: StateGraph, goal: Goal): Float64Array {
  const table = new Float64Array(graph.eventSets.length);
  for (let i = 0; i < table.length; i++) table[i] = rewardOf(goal, graph.eventSets[i]);
  return table;
}
