import { type Chance, shuffle } from "../../core/random.ts";
import { createMoveTable, PathFinder } from "../grid.ts";

/**
 * Draws maps with single walls at random, 1 where there is a wall, [height * width]: floor(density * cells) of them, or fewer, since a wall
 * that would cut the floor in two is left out. `density` in [0, 1).
 */
export function createBlocks(height: number, width: number): (density: number, chance: Chance) => Uint8Array {
  const cells = height * width;
  const paths = new PathFinder(createMoveTable(height, width));
  const distances = new Int32Array(cells);
  const order = new Int32Array(cells);
  return (density, chance) => {
    const walls = new Uint8Array(cells);
    for (let cell = 0; cell < cells; cell++) order[cell] = cell;
    shuffle(order, chance);
    const wanted = Math.floor(density * cells);
    let built = 0;
    // The last cell in the order never becomes a wall: from there the floor is counted.
    for (let i = 0; i < cells - 1 && built < wanted; i++) {
      walls[order[i]] = 1;
      const floor = cells - built - 1;
      if (paths.distancesInto(walls, order[cells - 1], -1, distances) === floor) built++;
      else walls[order[i]] = 0;
    }
    return walls;
  };
}
