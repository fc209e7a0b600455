import { describe, expect, test } from "vitest";
import { Stream } from "../../src/core/random.ts";
import { createMoveTable, PathFinder, UNREACHABLE } from "../../src/envs/grid.ts";
import { drawMaze } from "../../src/envs/layouts/maze.ts";
import { createDiamondGhost, diamondOf, ghostOf } from "./diamond-ghost.ts";

const SIZES = [3, 4, 7, 10, 13, 15];

/** Mazes of a size, their free cells counted, and how many of them are reached from the corner. */
function mazes(size: number, loops: number, count: number) {
  const paths = new PathFinder(createMoveTable(size, size));
  const rng = new Stream(1, "maze", String(size));
  return Array.from({ length: count }, (_, k) => {
    const walls = drawMaze(size, size, loops, rng.seek(k));
    const floor = walls.reduce((sum, wall) => sum + 1 - wall, 0);
    return { walls, floor, reached: paths.distancesInto(walls, 0, -1, new Int32Array(size * size)) };
  });
}

describe("drawMaze", () => {
  test.each(SIZES)("of size %i, perfect: connected, and one door less than there are rooms, so a tree", (size) => {
    const rooms = Math.ceil(size / 2) ** 2;
    for (const { walls, floor, reached } of mazes(size, 0, 30)) {
      expect(floor).toBe(2 * rooms - 1);
      expect(reached).toBe(floor);
      for (let cell = 0; cell < size * size; cell++) {
        const [row, column] = [Math.floor(cell / size) % 2, (cell % size) % 2];
        if (row === 0 && column === 0) expect(walls[cell]).toBe(0);
        if (row === 1 && column === 1) expect(walls[cell]).toBe(1);
      }
    }
  });

  test("an even size leaves its last row and column walled", () => {
    for (const { walls } of mazes(10, 1, 5)) {
      for (let i = 0; i < 10; i++) expect([walls[90 + i], walls[10 * i + 9]]).toEqual([1, 1]);
    }
  });

  test("loops is the probability that a shut door opens: 13x13 has 49 rooms, 84 doors, 36 of them shut", () => {
    const open = (loops: number) => mazes(13, loops, 400).map(({ floor }) => floor - 49 - 48);
    expect(new Set(open(1))).toEqual(new Set([36]));
    const opened = open(0.25).reduce((sum, doors) => sum + doors, 0);
    const draws = 400 * 36;
    expect(Math.abs(opened - draws / 4)).toBeLessThan(4 * Math.sqrt((draws * 3) / 16));
  });

  test("of 2 x 2 rooms, each of the four spanning trees is as frequent", () => {
    const counts = new Map<string, number>();
    for (const { walls } of mazes(3, 0, 4000)) counts.set(walls.join(""), (counts.get(walls.join("")) ?? 0) + 1);
    expect(counts.size).toBe(4);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(4 * Math.sqrt(4000 * (3 / 16)));
  });
});

describe("levels in a maze", () => {
  const size = 9;
  const paths = new PathFinder(createMoveTable(size, size));
  const distances = new Int32Array(size * size);
  const world = (walls: { loops: number; ghostMayBlock: boolean }, levels: "all" | "ghost-closer" = "all") =>
    createDiamondGhost({ size, horizon: 64, walls: { kind: "maze", ...walls }, levels });

  test("the Diamond can be reached around the Ghost, unless the Ghost may block; then it sometimes cannot", () => {
    const blocked = (ghostMayBlock: boolean): number => {
      const source = world({ loops: 0, ghostMayBlock });
      return Array.from({ length: 200 }, (_, k) => source.sample(new Stream(2, "level").seek(k))).filter((level) => {
        paths.distancesInto(level.walls, level.start, ghostOf(level), distances);
        return distances[diamondOf(level)] === UNREACHABLE;
      }).length;
    };
    expect(blocked(false)).toBe(0);
    expect(blocked(true)).toBeGreaterThan(20);
  });

  test("sets of levels are by distances in the maze, not over its walls", () => {
    const source = world({ loops: 0.2, ghostMayBlock: false }, "ghost-closer");
    for (let k = 0; k < 100; k++) {
      const level = source.sample(new Stream(3, "level").seek(k));
      paths.distancesInto(level.walls, level.start, -1, distances);
      expect(distances[ghostOf(level)]).toBeLessThan(distances[diamondOf(level)]);
    }
  });
});
