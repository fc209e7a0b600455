import type { z } from "zod";
import type { GridLevel } from "../../src/envs/grid-world.ts";
import type { World } from "../../src/envs/world.ts";
import { diamondGhost } from "../../src/envs/worlds/diamond-ghost.ts";

export type DiamondGhostOptions = z.input<typeof diamondGhost.options>;
export type DiamondGhostLevel = GridLevel<"ghost" | "diamond">;

/** The world with the options that are given and the defaults of the others. */
export const createDiamondGhost = (options: DiamondGhostOptions = {}): World<DiamondGhostLevel> =>
  diamondGhost.create(diamondGhost.options.parse(options)) as World<DiamondGhostLevel>;

/** The cell of an object of which there is one; -1 where there is none. */
export const ghostOf = ({ at }: DiamondGhostLevel): number => at.ghost[0] ?? -1;
export const diamondOf = ({ at }: DiamondGhostLevel): number => at.diamond[0] ?? -1;
