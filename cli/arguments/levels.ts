import { Stream } from "../../src/core/random.ts";
import { enumerateStates } from "../../src/envs/graph.ts";
import type { World } from "../../src/envs/world.ts";

/** A level with the state in which its episode starts. */
export interface StartedLevel {
  readonly level: unknown;
  readonly start: Int32Array;
}

/** The level of a number: the same for the same world and seed, whichever command asks. */
export function drawLevel(world: World, seed: number, number: number): StartedLevel {
  const level = world.sample(new Stream(seed, "shown-level").seek(0, number));
  const start = new Int32Array(world.stateSize);
  world.start(level, new Stream(seed, "shown-start").seek(0, number), start);
  return { level, start };
}

/** For each event the fewest steps in which it can happen, if chance helps; null where it cannot. */
export function fewestSteps(world: World, { level, start }: StartedLevel): Map<string, number | null> {
  const graph = enumerateStates(world, level, start);
  const steps = new Int32Array(graph.size).fill(-1);
  steps[graph.starts[0]] = 0;
  const fewest = new Map<string, number | null>(world.events.map((event) => [event, null]));
  const queue = [graph.starts[0]];
  for (const s of queue) {
    if (graph.terminal[s]) continue;
    for (let o = graph.first[s * graph.actions]; o < graph.first[(s + 1) * graph.actions]; o++) {
      for (const [bit, event] of world.events.entries()) {
        if ((graph.eventSets[o] >>> bit) & 1 && fewest.get(event) === null) fewest.set(event, steps[s] + 1);
      }
      const next = graph.next[o];
      if (steps[next] === -1) {
        steps[next] = steps[s] + 1;
        queue.push(next);
      }
    }
  }
  return fewest;
}
