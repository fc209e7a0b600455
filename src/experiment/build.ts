import { createDiamondGhost } from "../envs/diamond-ghost.ts";
import type { World } from "../envs/world.ts";
import type { WorldOptions } from "./schema.ts";

/** What each world is, for people. */
export const WORLDS: ReadonlyMap<WorldOptions["kind"], string> = new Map([
  ["diamond-ghost", "a Diamond to reach and a Ghost that pays the same while nobody looks; open or walled square maps"],
]);

/** The world that a scenario's `world` describes. */
export function buildWorld(options: WorldOptions): World {
  switch (options.kind) {
    case "diamond-ghost": {
      const { size, horizon, walls, levels } = options;
      return createDiamondGhost({
        size,
        horizon,
        levels,
        walls: walls === null ? { kind: "none" } : { kind: "blocks", ...walls },
      }) as World;
    }
    default:
      return options.kind satisfies never;
  }
}
