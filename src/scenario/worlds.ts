import { createDiamondGhost, DIAMOND_GHOST_LEVEL_SETS } from "../envs/diamond-ghost.ts";
import type { World } from "../envs/world.ts";
import type { WorldOptions } from "./schema.ts";

/** What each world is, for people. */
export const WORLDS: ReadonlyMap<WorldOptions["kind"], string> = new Map([
  [
    "diamond-ghost",
    "a Diamond to reach and a Ghost that pays the same while nobody looks; open, walled or mazy square maps",
  ],
]);

/** The world that a scenario's `world` describes. */
export function buildWorld(options: WorldOptions): World {
  switch (options.kind) {
    case "diamond-ghost": {
      const { kind: _kind, walls, observe = "absolute", ...rest } = options;
      return createDiamondGhost({
        ...rest,
        observe,
        walls: walls === null ? { kind: "none" } : walls.kind === "maze" ? walls : { ...walls, kind: "blocks" },
      }) as World;
    }
    default:
      return options.kind satisfies never;
  }
}

/** A set of levels on which a verdict rests, made from the scenario's world by changing some of its options. */
export type LevelSet = "agreeing" | "distinguishing" | "withoutProxyObject";

/** The options of the world with the levels of a set only. */
export function worldOfLevelSet(options: WorldOptions, set: LevelSet): WorldOptions {
  switch (options.kind) {
    case "diamond-ghost":
      return { ...options, objects: "both", ...DIAMOND_GHOST_LEVEL_SETS[set] };
    default:
      return options.kind satisfies never;
  }
}
