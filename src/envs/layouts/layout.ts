import type { Chance } from "../../core/random.ts";
import { createBlocks } from "./blocks.ts";
import { drawMaze } from "./maze.ts";

/** How the walls of a level are drawn; null: open floor. A layout without a kind is `blocks`. */
export type Layout =
  | {
      readonly kind?: "blocks" | undefined;
      /** Fraction of the cells that are walls, at most. */
      readonly density: number;
    }
  | {
      readonly kind: "maze";
      /** Probability that a door which a perfect maze keeps shut is open. */
      readonly loops: number;
    }
  | null;

/** Draws the walls of levels, 1 where there is a wall, [height * width]. Open levels share one array. */
export function createLayout(height: number, width: number, layout: Layout): (chance: Chance) => Uint8Array {
  if (layout === null) {
    const none = new Uint8Array(height * width);
    return () => none;
  }
  if (layout.kind === "maze") return (chance) => drawMaze(height, width, layout.loops, chance);
  const drawBlocks = createBlocks(height, width);
  return (chance) => drawBlocks(layout.density, chance);
}
