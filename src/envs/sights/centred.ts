import type { Sight } from "./sight.ts";

/**
 * The map around the agent, `up` rows and `left` columns on each side. The agent's place is always the same, so it has no plane; floor
 * instead of wall says where the map ends too, with fewer ones.
 */
export function createCentredSight(height: number, width: number, up: number, left: number): Sight {
  const [rows, columns] = [2 * up + 1, 2 * left + 1];
  return {
    height: rows,
    width: columns,
    before: [],
    after: ["floor"],
    maxActive: Math.min(rows * columns, height * width),
    place(agent, cell) {
      const row = Math.floor(cell / width) - Math.floor(agent / width) + up;
      const column = (cell % width) - (agent % width) + left;
      return row >= 0 && row < rows && column >= 0 && column < columns ? row * columns + column : -1;
    },
    groundInto(walls, agent, base, out, at) {
      let end = at;
      const top = Math.floor(agent / width) - up;
      const first = (agent % width) - left;
      for (let row = Math.max(0, top); row < Math.min(height, top + rows); row++) {
        for (let column = Math.max(0, first); column < Math.min(width, first + columns); column++) {
          if (!walls[row * width + column]) out[end++] = base + (row - top) * columns + column - first;
        }
      }
      return end;
    },
  };
}
