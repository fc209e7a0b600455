import { createDiamondGhost } from "../envs/diamond-ghost.ts";
import type { World } from "../envs/world.ts";
import type { WorldOptions } from "./schema.ts";

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
