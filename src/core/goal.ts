/**
 * A goal: what each event is worth. Worlds emit events and know no reward; a goal is data in the scenario.
 */
export interface Goal {
  readonly name: string;
  /** Reward of each of the world's events, [events], in the world's order; events not named pay 0. */
  readonly rewards: Float64Array;
}

/** A set of events, bit i for the world's event i (at most 31). */
export type EventSet = number;

/** Reward of a set of events under a goal: the sum over the events in it. */
export function rewardOf(goal: Goal, events: EventSet): number {
  let reward = 0;
  for (let event = 0, rest = events; rest !== 0; event++, rest >>>= 1) {
    if (rest & 1) reward += goal.rewards[event];
  }
  return reward;
}
