import { createAbsoluteSight } from "./absolute.ts";
import { createCentredSight } from "./centred.ts";
import type { Sight } from "./sight.ts";

/**
 * What an observation shows. `absolute`: the map as it lies. `centred`: the map around the agent, who stands in the middle of
 * 2 height - 1 rows and 2 width - 1 columns, so that all of it is seen from everywhere. A radius: only the window of 2 radius + 1 rows and
 * columns around the agent; what is outside is not seen.
 */
export type Look = "absolute" | "centred" | { readonly radius: number };

/** The sight of a look on a map. */
export function createSight(height: number, width: number, hasWalls: boolean, look: Look): Sight {
  if (look === "absolute") return createAbsoluteSight(height, width, hasWalls);
  const [up, left] = look === "centred" ? [height - 1, width - 1] : [look.radius, look.radius];
  return createCentredSight(height, width, up, left);
}
