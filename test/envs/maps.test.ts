import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { enumerateStates, rewardTable } from "../../src/envs/graph.ts";
import { createMoveTable, PathFinder, UNREACHABLE } from "../../src/envs/grid.ts";
import { bestActions, solve } from "../../src/envs/solver.ts";
import { arbitraryMap, mirror, transpose } from "./maps.ts";
import { NEVER, worldFor } from "./walk.ts";

function distancesOf(map: string) {
  const world = worldFor(map);
  const { walls } = world.parse(map, new Int32Array(1));
  const cells = world.height * world.width;
  const paths = new PathFinder(createMoveTable(world.height, world.width));
  const rows = Array.from({ length: cells }, (_, source) => {
    const distances = new Int32Array(cells);
    paths.distancesInto(walls, source, -1, distances);
    return distances;
  });
  const floor = [...walls.keys()].filter((cell) => !walls[cell]);
  return { rows, floor, walls };
}

/** Values by cell with 20 steps left and best first actions, under Diamond +1, Ghost -1. */
function solutionOf(map: string) {
  const world = worldFor(map);
  const state = new Int32Array(1);
  const level = world.parse(map, state);
  const graph = enumerateStates(world, level, state);
  const goal = { name: "true", rewards: Float64Array.of(1, -1) };
  const solution = solve(graph, rewardTable(graph, goal), 0.9, 20);
  const byCell = new Map<number, { value: number; best: number[] }>();
  for (let s = 0; s < graph.size; s++) {
    byCell.set(graph.cell[s], { value: solution.values[20 * graph.size + s], best: bestActions(solution, 20, s) });
  }
  return { byCell, size: world.width };
}

describe("random maps", () => {
  test("print after parse is the identity", () => {
    fc.assert(
      fc.property(arbitraryMap, (map) => {
        const world = worldFor(map);
        const state = new Int32Array(1);
        expect(world.print(world.parse(map, state), state)).toBe(map);
      }),
    );
  });

  test("the agent never stands in a wall and moves one cell at most", () => {
    fc.assert(
      fc.property(arbitraryMap, fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 60 }), (map, actions) => {
        const world = worldFor(map);
        const state = new Int32Array(1);
        const level = world.parse(map, state);
        const { rows } = distancesOf(map);
        for (const action of actions) {
          if (world.terminal(level, state)) break;
          const [before] = state;
          world.step(level, state, action, NEVER);
          expect(level.walls[state[0]]).toBe(0);
          expect(rows[before][state[0]]).toBeLessThanOrEqual(1);
          expect(rows[before][state[0]]).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  test("distances are symmetric, obey the triangle inequality, and are 1 between neighbours on floor", () => {
    fc.assert(
      fc.property(arbitraryMap, (map) => {
        const { rows, floor } = distancesOf(map);
        const size = Math.sqrt(rows.length);
        for (const a of floor) {
          expect(rows[a][a]).toBe(0);
          for (const b of floor) {
            expect(rows[a][b]).toBe(rows[b][a]);
            if (a !== b && b - a === size) expect(rows[a][b]).toBe(1);
            if (rows[a][b] === UNREACHABLE) continue;
            for (const c of floor) {
              if (rows[b][c] === UNREACHABLE) expect(rows[a][c]).toBe(UNREACHABLE);
              else if (rows[a][c] > rows[a][b] + rows[b][c]) throw new Error(`${a} ${b} ${c} breaks the triangle`);
            }
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  test.each([
    ["in a mirror", mirror, [0, 3, 2, 1], (cell: number, size: number) => cell - 2 * (cell % size) + size - 1],
    [
      "transposed",
      transpose,
      [3, 2, 1, 0],
      (cell: number, size: number) => (cell % size) * size + Math.floor(cell / size),
    ],
  ])("a map %s has the solution %s", (_, reflect, actions, place) => {
    fc.assert(
      fc.property(arbitraryMap, (map) => {
        const { byCell, size } = solutionOf(map);
        const reflected = solutionOf(reflect(map)).byCell;
        expect(reflected.size).toBe(byCell.size);
        for (const [cell, { value, best }] of byCell) {
          const there = reflected.get(place(cell, size));
          expect(there?.value).toBe(value);
          expect(there?.best).toEqual(best.map((action) => actions[action]).sort());
        }
      }),
    );
  });
});
