import type { Sight } from "./sight.ts";

/** The map as it lies: a plane for the agent, and one for the walls where there are any. */
export function createAbsoluteSight(height: number, width: number, hasWalls: boolean): Sight {
  return {
    height,
    width,
    before: ["agent"],
    after: hasWalls ? ["wall"] : [],
    // In a map that a person drew, every cell but the agent's may be a wall.
    maxActive: hasWalls ? height * width : 1,
    place: (_agent, cell) => cell,
    groundInto(walls, _agent, base, out, at) {
      if (!hasWalls) return at;
      let end = at;
      for (let cell = 0; cell < walls.length; cell++) if (walls[cell]) out[end++] = base + cell;
      return end;
    },
  };
}
