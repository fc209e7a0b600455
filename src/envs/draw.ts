import type { Chance } from "../core/random.ts";
import { createMoveTable, PathFinder } from "./grid.ts";
import { createLayout, type Layout } from "./layouts/layout.ts";

/** What a world draws its levels with. */
export interface Draw extends Chance {
  readonly height: number;
  readonly width: number;
  /** The walls of the world's layout, 1 where there is one, [cells]. */
  walls(): Uint8Array;
  /** A cell without a wall that is none of `taken`, each as likely as any other. */
  floor(walls: Uint8Array, ...taken: readonly number[]): number;
  /** `n` such cells, all different, ascending. */
  floors(n: number, walls: Uint8Array, ...taken: readonly number[]): number[];
  /**
   * Moves from `source` to each cell, -1 where there is no way, [cells]: the same array each time. `obstacle` is one more cell that nobody
   * can enter.
   */
  distances(walls: Uint8Array, source: number, obstacle?: number): Int32Array;
}

/**
 * Makes draws for grids of one shape. `sampled` tries cells until one is free; `followed` chooses among the free ones, so that every way of
 * it has a place to go: for enumeration.
 */
export function createDraws(height: number, width: number, layout: Layout) {
  const cells = height * width;
  const paths = new PathFinder(createMoveTable(height, width));
  const distances = new Int32Array(cells);
  const drawWalls = createLayout(height, width, layout);

  function draws(chance: Chance, floor: Draw["floor"]): Draw {
    return {
      height,
      width,
      below: (n) => chance.below(n),
      flip: (p) => chance.flip(p),
      walls: () => drawWalls(chance),
      floor,
      floors(n, walls, ...taken) {
        const found: number[] = [];
        while (found.length < n) found.push(floor(walls, ...taken, ...found));
        return found.sort((a, b) => a - b);
      },
      distances(walls, source, obstacle = -1) {
        paths.distancesInto(walls, source, obstacle, distances);
        return distances;
      },
    };
  }
  return {
    /** Without a wall; shared by open levels. */
    openFloor: new Uint8Array(cells),
    sampled: (chance: Chance): Draw =>
      draws(chance, (walls, ...taken) => {
        for (;;) {
          const cell = chance.below(cells);
          if (!walls[cell] && !taken.includes(cell)) return cell;
        }
      }),
    followed: (chance: Chance): Draw =>
      draws(chance, (walls, ...taken) => {
        const isFree = (cell: number) => !walls[cell] && !taken.includes(cell);
        let free = 0;
        for (let cell = 0; cell < cells; cell++) if (isFree(cell)) free++;
        let left = chance.below(free);
        let cell = 0;
        while (!isFree(cell) || left-- > 0) cell++;
        return cell;
      }),
  };
}
