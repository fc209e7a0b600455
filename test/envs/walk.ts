import { createObservations } from "../../src/core/observations.ts";
import { type Chance, Stream } from "../../src/core/random.ts";
import { EnvBatch } from "../../src/envs/batch.ts";
import { sideOfMap } from "../../src/envs/maps.ts";
import type { World } from "../../src/envs/world.ts";
import { createDiamondGhost, type DiamondGhostLevel } from "./diamond-ghost.ts";

const LETTERS = createDiamondGhost().letters;

/** Chance that no rule should ask; where one does, it gets the first of all outcomes. */
export const NEVER: Chance = { below: () => 0, flip: () => false };

/** The world that fits a map: its size, with walls where the map has any. */
export function worldFor(map: string, horizon = 32): World<DiamondGhostLevel> {
  return createDiamondGhost({
    size: sideOfMap(map, LETTERS, 3, 15),
    horizon,
    walls: map.includes("#") ? { kind: "blocks", density: 0, ghostMayBlock: true } : null,
    levels: "all",
  });
}

/** A map without its indentation, as `print` writes it. */
export function tidy(map: string): string {
  return map
    .trim()
    .split("\n")
    .map((line) => line.trim())
    .join("\n");
}

export interface Walked {
  /** Name of the event that ended the episode, "timeout", or "running". */
  readonly outcome: string;
  readonly steps: number;
  /** The map after the last step taken. */
  readonly last: string;
}

/**
 * Walk a map through a real batch: one letter of `n e s w` per step. Steps after the end are an error of the test.
 */
export function walk(map: string, moves: string, horizon = 32): Walked {
  const world = worldFor(map, horizon);
  const level = world.parse(map, new Int32Array(1));
  const batch = new EnvBatch({
    world: { ...world, sample: () => level },
    worlds: 1,
    levels: new Stream(0, "level"),
    chance: new Stream(0, "chance"),
    begin: () => undefined,
    maxActive: world.maxActive,
    visible: false,
  });
  batch.observeInto(createObservations(1, world.maxActive), 0);
  for (const [i, move] of [...moves].entries()) {
    batch.step(Uint8Array.of("nesw".indexOf(move)));
    if (!batch.terminated[0] && !batch.truncated[0]) continue;
    if (i < moves.length - 1) throw new Error(`walk: the episode ended on step ${i + 1} of ${moves.length}`);
    const ended = batch.terminated[0]
      ? world.events.filter((_, event) => (batch.events[0] >> event) & 1).join("+")
      : "timeout";
    return { outcome: ended, steps: i + 1, last: world.print(level, Int32Array.of(batch.finalCell[0])) };
  }
  return { outcome: "running", steps: moves.length, last: world.print(level, batch.state(0)) };
}
