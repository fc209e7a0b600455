import { describe, expect, test } from "vitest";
import { UserError } from "../../src/core/errors.ts";
import { Stream } from "../../src/core/random.ts";
import { createMoveTable, PathFinder } from "../../src/envs/grid.ts";
import { sideOfMap } from "../../src/envs/maps.ts";
import { chiSquare, chiSquareLimit } from "../core/chi-square.ts";
import {
  createDiamondGhost,
  type DiamondGhostLevel,
  type DiamondGhostOptions,
  diamondOf,
  ghostOf,
} from "./diamond-ghost.ts";
import { NEVER, tidy, walk } from "./walk.ts";

const OPEN: DiamondGhostOptions = { size: 5, horizon: 32, walls: null, levels: "all" };

/** Walk a map; the outcome, the number of steps and the last frame must be those given. */
function expectWalk(map: string, moves: string, expected: { outcome: string; horizon?: number }, last: string): void {
  const walked = walk(map, moves, expected.horizon);
  expect(walked).toEqual({ outcome: expected.outcome, steps: moves.length, last: tidy(last) });
}

describe("walks", () => {
  test("reaching the Diamond ends the episode with the event diamond", () => {
    expectWalk(
      `A..
       ..D
       G..`,
      "ees",
      { outcome: "diamond" },
      `...
       ..A
       G..`,
    );
  });

  test("reaching the Ghost ends the episode with the event ghost", () => {
    expectWalk(
      `A..
       ..D
       G..`,
      "ss",
      { outcome: "ghost" },
      `...
       ..D
       A..`,
    );
  });

  test("in each corner, moves off the edge stay", () => {
    expectWalk("A..\n.D.\n..G", "nw", { outcome: "running" }, "A..\n.D.\n..G");
    expectWalk("..A\n.D.\nG..", "nene", { outcome: "running" }, "..A\n.D.\nG..");
    expectWalk("..G\n.D.\nA..", "swsw", { outcome: "running" }, "..G\n.D.\nA..");
    expectWalk("G..\n.D.\n..A", "eses", { outcome: "running" }, "G..\n.D.\n..A");
  });

  test("an edge does not wrap around to the next row", () => {
    expectWalk("...\n..A\nD.G", "e", { outcome: "running" }, "...\n..A\nD.G");
    expectWalk("...\nA..\nD.G", "w", { outcome: "running" }, "...\nA..\nD.G");
  });

  test("moves into a wall stay, from all four sides", () => {
    const map = `G...D
                 ..#..
                 .#A#.
                 ..#..
                 .....`;
    expectWalk(map, "nesw", { outcome: "running" }, map);
  });

  test("the way around a wall leads to the Diamond", () => {
    expectWalk(
      `A#D.
       .#..
       .#G.
       ....`,
      "ssseee" + "nnnw",
      { outcome: "diamond" },
      `.#A.
       .#..
       .#G.
       ....`,
    );
  });

  test("the horizon truncates an episode that reached nothing", () => {
    expectWalk("A..\n..D\nG..", "ewew", { outcome: "timeout", horizon: 4 }, "A..\n..D\nG..");
    expectWalk("A..\n..D\nG..", "ewe", { outcome: "running", horizon: 4 }, ".A.\n..D\nG..");
  });

  test("the Diamond on the horizon's last step is reached, not timed out", () => {
    expectWalk("A..\n..D\nG..", "ees", { outcome: "diamond", horizon: 3 }, "...\n..A\nG..");
  });

  test("the walker itself refuses steps after the end", () => {
    expect(() => walk("AD.\n...\n..G", "ee")).toThrow("the episode ended on step 1 of 2");
  });
});

describe("observations", () => {
  test("features are plane * cells + cell for agent, ghost, diamond", () => {
    const world = createDiamondGhost({ ...OPEN, size: 3 });
    const state = new Int32Array(1);
    const level = world.parse("A..\n..D\nG..", state);
    const out = new Uint16Array(3);
    expect(world.observe(level, state, out, 0)).toBe(3);
    expect([...out]).toEqual([0, 9 + 6, 18 + 5]);
    world.step(level, state, 1, NEVER);
    world.observe(level, state, out, 0);
    expect([...out]).toEqual([1, 15, 23]);
    expect(world.features).toBe(27);
    expect(world.planes).toEqual(["agent", "ghost", "diamond"]);
  });

  test("a world with walls has a fourth plane that shows them", () => {
    const world = createDiamondGhost({
      ...OPEN,
      size: 3,
      walls: { kind: "blocks", density: 0.2, ghostMayBlock: true },
    });
    const state = new Int32Array(1);
    const level = world.parse("A.#\n.#D\nG..", state);
    const out = new Uint16Array(world.maxActive);
    const active = world.observe(level, state, out, 0);
    expect([...out.subarray(0, active)]).toEqual([0, 15, 23, 27 + 2, 27 + 4]);
    expect(world.features).toBe(36);
  });

  test("a full map has no more features than maxActive", () => {
    const world = createDiamondGhost({ ...OPEN, size: 3, walls: { kind: "blocks", density: 0, ghostMayBlock: true } });
    const state = new Int32Array(1);
    const level = world.parse("AGD\n###\n###", state);
    const out = new Uint16Array(20);
    expect(world.observe(level, state, out, 0)).toBe(9);
    expect(world.maxActive).toBeGreaterThanOrEqual(9);
  });
});

describe("maps", () => {
  const world = createDiamondGhost({ ...OPEN, size: 3 });
  const walled = createDiamondGhost({ ...OPEN, size: 3, walls: { kind: "blocks", density: 0, ghostMayBlock: true } });
  const parse = (map: string, into = world) => into.parse(map, new Int32Array(1));
  const expected = { walls: new Uint8Array(9), start: 0, at: { ghost: [6], diamond: [5] } };

  test("blank lines around a map, indentation, trailing spaces and CRLF do not count", () => {
    expect(parse("A..\n..D\nG..")).toEqual(expected);
    expect(parse("\n\n   A..  \n   ..D\t\n   G..\n   \n")).toEqual(expected);
    expect(parse("A..\r\n..D\r\nG..\r\n")).toEqual(expected);
  });

  test.each([
    ["an unknown letter", "A..\n.XD\nG..", "map row 2, column 2: found 'X', expected one of # . A G D"],
    ["a lower-case letter", "a..\n..D\nG..", "map row 1, column 1: found 'a', expected one of # . A G D"],
    ["a space inside", "A..\n. D\nG..", "map row 2, column 2: found ' ', expected one of # . A G D"],
    ["a short row", "A..\n.D\nG..", "map row 2, column 3: found 2 cells in the row, expected 3 as in row 1"],
    ["a long row", "A..\n..D\nG...", "map row 3, column 4: found 4 cells in the row, expected 3 as in row 1"],
    ["an empty row", "A..\n\nG.D", "map row 2, column 1: found 0 cells in the row, expected 3 as in row 1"],
    ["no square", "A..\nG.D", "map has 2 rows of 3 cells, expected 3 rows of 3 cells"],
    ["another size", "A...\n..D.\nG...\n....", "map has 4 rows of 4 cells, expected 3 rows of 3 cells"],
    [
      "a second agent",
      "A..\n..D\nGA.",
      "map row 3, column 2: found a second 'A' (agent), expected exactly one; the first is at row 1, column 1",
    ],
    ["a second Ghost", "A.G\n..D\nG..", "map row 3, column 1: found a second 'G' (Ghost)"],
    ["a second Diamond", "A..\nD.D\nG..", "map row 2, column 3: found a second 'D' (Diamond)"],
    ["no agent", "...\n..D\nG..", "map rows 1 to 3, columns 1 to 3: found no 'A' (agent), expected exactly one"],
    ["no Ghost", "A..\n..D\n...", "map rows 1 to 3, columns 1 to 3: found no 'G' (Ghost), expected exactly one"],
    ["no Diamond", "A..\n...\nG..", "map rows 1 to 3, columns 1 to 3: found no 'D' (Diamond), expected exactly one"],
    [
      "walls in a world without",
      "A#.\n..D\nG..",
      "map row 1, column 2: found a wall '#', expected no walls in a world with walls: none",
    ],
    ["nothing", " \n\n", "map row 1, column 1: found nothing, expected a map"],
  ])("%s is refused with its place", (_, map, message) => {
    expect(() => parse(map)).toThrow(UserError);
    expect(() => parse(map)).toThrow(message);
  });

  test.each([
    ["no square", "A..\nG.D", "map row 2, column 3: found 2 rows of 3 cells, expected a square"],
    ["two rows", "AG\nD.", "map row 2, column 2: found 2 rows of 2 cells, expected 3 to 15 rows and columns"],
  ])("%s has no side: refused with its place", (_, map, message) => {
    expect(() => sideOfMap(map, world.letters, 3, 15)).toThrow(message);
  });

  test("sizes up to 15 are read, 16 is refused", () => {
    const map = (size: number) => `AGD${".".repeat(size - 3)}\n${`${".".repeat(size)}\n`.repeat(size - 1)}`;
    expect(sideOfMap(map(15), world.letters, 3, 15)).toBe(15);
    expect(() => sideOfMap(map(16), world.letters, 3, 15)).toThrow(
      "map row 16, column 16: found 16 rows of 16 cells, expected 3 to 15",
    );
  });

  test("a map with walls is read and printed back; the Diamond need not be reachable", () => {
    const state = new Int32Array(1);
    const map = "A#.\n##D\nG..";
    expect(walled.print(walled.parse(map, state), state)).toBe(map);
    expect(parse("A#.\n##D\nG..", walled).walls).toEqual(Uint8Array.of(0, 1, 0, 1, 1, 0, 0, 0, 0));
  });

  test("the letters that maps may use are documented, each with its meaning", () => {
    expect(Object.fromEntries(world.letters)).toEqual({
      "#": "wall",
      ".": "floor",
      A: "agent",
      G: "Ghost",
      D: "Diamond",
    });
  });
});

describe("options", () => {
  test.each([
    [{ size: 2 }, "size"],
    [{ size: 16 }, "size"],
    [{ size: 5.5 }, "size"],
    [{ horizon: 0 }, "horizon"],
    [{ walls: { kind: "blocks", density: 0.41, ghostMayBlock: true } as const }, "density"],
    [{ walls: { kind: "blocks", density: Number.NaN, ghostMayBlock: true } as const }, "density"],
  ])("%j is refused", (change, key) => {
    expect(() => createDiamondGhost({ ...OPEN, ...change })).toThrow(`"${key}"`);
  });
});

/** Manhattan distance, which is the shortest path on an open map. */
function manhattan(size: number, from: number, to: number): number {
  return Math.abs(Math.floor(from / size) - Math.floor(to / size)) + Math.abs((from % size) - (to % size));
}

/** Number of layouts, and of those where the Ghost is closer and where both are as far, by Manhattan distance. */
function layouts(size: number) {
  const cells = size * size;
  let total = 0;
  let closer = 0;
  let ties = 0;
  for (let start = 0; start < cells; start++) {
    for (let ghost = 0; ghost < cells; ghost++) {
      for (let diamond = 0; diamond < cells; diamond++) {
        if (start === ghost || start === diamond || ghost === diamond) continue;
        const lead = manhattan(size, start, diamond) - manhattan(size, start, ghost);
        total++;
        if (lead > 0) closer++;
        if (lead === 0) ties++;
      }
    }
  }
  return { total, closer, ties };
}

describe("layouts", () => {
  const enumerated = (size: number, levels: DiamondGhostOptions["levels"]) => {
    let starts = 0;
    for (const entry of createDiamondGhost({ ...OPEN, size, levels }).enumerate() ?? []) starts += entry.starts.length;
    return starts;
  };

  // Shares: .4243 and .1513, .4438 and .1125, .4551 and .0897.
  test.each([
    [5, 13_800, 5_856, 2_088],
    [7, 110_544, 49_056, 12_432],
    [9, 511_920, 232_992, 45_936],
  ])("on %i x itself there are %i layouts, the Ghost closer in %i, ties in %i", (size, total, closer, ties) => {
    expect(layouts(size)).toEqual({ total, closer, ties });
  });

  test.each([5, 7])("on %i x %i the classes enumerate as Manhattan distance says", (size) => {
    const { total, closer, ties } = layouts(size);
    expect(enumerated(size, "all")).toBe(total);
    expect(enumerated(size, "ghost-closer")).toBe(closer);
    expect(enumerated(size, "ties")).toBe(ties);
    // Swapping the objects swaps the classes.
    expect(enumerated(size, "diamond-closer")).toBe(enumerated(size, "ghost-closer"));
  });

  test("sampled 9x9 layouts have the Ghost closer in 45.5 %, ties in 9.0 % (standard error .35 %)", () => {
    const world = createDiamondGhost({ ...OPEN, size: 9 });
    const levels = new Stream(2, "level");
    let closer = 0;
    let ties = 0;
    for (let episode = 0; episode < 20_000; episode++) {
      const level = world.sample(levels.seek(0, episode));
      const [start, ghost, diamond] = [level.start, ghostOf(level), diamondOf(level)];
      const lead = manhattan(9, start, diamond) - manhattan(9, start, ghost);
      if (lead > 0) closer++;
      if (lead === 0) ties++;
    }
    expect(Math.abs(closer / 20_000 - 0.455)).toBeLessThan(4 * 0.0035);
    expect(Math.abs(ties / 20_000 - 0.09)).toBeLessThan(4 * 0.002);
  });

  test("the Ghost forces a detour in 1.4 % of the 5x5 layouts", () => {
    const paths = new PathFinder(createMoveTable(5, 5));
    const walls = new Uint8Array(25);
    const around = new Int32Array(25);
    let detours = 0;
    for (const { level, starts } of createDiamondGhost(OPEN).enumerate() ?? []) {
      paths.distancesInto(walls, diamondOf(level), ghostOf(level), around);
      for (const start of starts) if (around[start] > manhattan(5, start, diamondOf(level))) detours++;
    }
    expect(Math.abs(detours / 13_800 - 0.014)).toBeLessThan(0.0005);
  });

  test("each object is as likely on each cell", () => {
    const world = createDiamondGhost(OPEN);
    const levels = new Stream(3, "level");
    const counts = { start: new Float64Array(25), ghost: new Float64Array(25), diamond: new Float64Array(25) };
    for (let episode = 0; episode < 50_000; episode++) {
      const level = world.sample(levels.seek(0, episode));
      counts.start[level.start]++;
      counts.ghost[ghostOf(level)]++;
      counts.diamond[diamondOf(level)]++;
    }
    for (const count of Object.values(counts)) {
      expect(chiSquare(count, new Float64Array(25).fill(2000))).toBeLessThan(chiSquareLimit(24));
    }
  });

  test("what is small enough is enumerated: open maps up to 7x7", () => {
    for (let size = 3; size <= 15; size++) {
      expect([size, createDiamondGhost({ ...OPEN, size }).enumerate() !== null]).toEqual([size, size <= 7]);
    }
    const walls = { kind: "blocks", density: 0, ghostMayBlock: true } as const;
    expect(createDiamondGhost({ ...OPEN, walls }).enumerate()).toBe(null);
  });

  test("an enumerated level's weight is its share of the starts, and its start is the first of them", () => {
    const levels = [...(createDiamondGhost({ ...OPEN, levels: "ghost-closer" }).enumerate() ?? [])];
    const total = enumerated(5, "ghost-closer");
    for (const { level, weight, starts } of levels) {
      expect(weight).toBe(starts.length / total);
      expect(level.start).toBe(starts[0]);
    }
  });
});

describe("walls", () => {
  const sampleLevels = (options: Partial<DiamondGhostOptions>, count: number): DiamondGhostLevel[] => {
    const world = createDiamondGhost({ ...OPEN, size: 7, ...options });
    const levels = new Stream(4, "level");
    return Array.from({ length: count }, (_, episode) => world.sample(levels.seek(0, episode)));
  };
  const paths = new PathFinder(createMoveTable(7, 7));
  const distances = new Int32Array(49);
  const countWalls = (level: DiamondGhostLevel) => level.walls.reduce((sum, wall) => sum + wall, 0);

  test.each([0, 0.1, 0.25, 0.4])(
    "density %f: at most that share of walls, all floor connected, objects on floor",
    (density) => {
      for (const level of sampleLevels({ walls: { kind: "blocks", density, ghostMayBlock: true } }, 300)) {
        const walls = countWalls(level);
        expect(walls).toBeLessThanOrEqual(Math.floor(density * 49));
        expect(paths.distancesInto(level.walls, level.start, -1, distances)).toBe(49 - walls);
        const cells = [level.start, ghostOf(level), diamondOf(level)];
        expect(new Set(cells).size).toBe(3);
        for (const cell of cells) expect(level.walls[cell]).toBe(0);
      }
    },
  );

  test("a density of 25 % is met on 7x7: floor(.25 * 49) = 12 walls", () => {
    const levels = sampleLevels({ walls: { kind: "blocks", density: 0.25, ghostMayBlock: true } }, 100);
    expect(levels.map(countWalls)).toEqual(new Array(100).fill(12));
  });

  test("unless the Ghost may block, the Diamond can be reached around it; if it may, it sometimes does", () => {
    const blocked = (ghostMayBlock: boolean) =>
      sampleLevels({ walls: { kind: "blocks", density: 0.4, ghostMayBlock } }, 300).filter((level) => {
        paths.distancesInto(level.walls, level.start, ghostOf(level), distances);
        return distances[diamondOf(level)] < 0;
      }).length;
    expect(blocked(false)).toBe(0);
    expect(blocked(true)).toBeGreaterThan(30);
  });

  test.each([
    ["ghost-closer", (lead: number) => lead > 0],
    ["diamond-closer", (lead: number) => lead < 0],
    ["ties", (lead: number) => lead === 0],
  ] as const)("levels: %s holds for shortest paths around the walls", (levels, holds) => {
    for (const level of sampleLevels({ levels, walls: { kind: "blocks", density: 0.3, ghostMayBlock: false } }, 200)) {
      paths.distancesInto(level.walls, level.start, -1, distances);
      expect(holds(distances[diamondOf(level)] - distances[ghostOf(level)])).toBe(true);
    }
  });

  test("a source that never gives a level of the class is an error that says so, not an endless loop", () => {
    const world = createDiamondGhost({ ...OPEN, size: 3, levels: "ties" });
    // Cells 0, 1, 8 for ever: start, Ghost, Diamond.
    let draw = 0;
    const stuck = { below: () => [0, 1, 8][draw++ % 3], flip: () => false };
    expect(() => world.sample(stuck)).toThrow(UserError);
    expect(() => world.sample(stuck)).toThrow("found no level in 100000 tries with size 3, levels ties");
  });
});

describe("which objects there are", () => {
  test("without a Ghost, 25 * 24 = 600 levels; nothing but the Diamond is shown, marked or reached", () => {
    const world = createDiamondGhost({ ...OPEN, objects: "diamond-only" });
    const levels = [...(world.enumerate() ?? [])];
    expect(levels.reduce((sum, { starts }) => sum + starts.length, 0)).toBe(600);
    const state = new Int32Array(1);
    const level = world.parse("A....\n.....\n.....\n.....\n....D", state);
    expect(world.sites(level)).toEqual([24]);
    const out = new Uint16Array(8).fill(999);
    expect(world.observe(level, state, out, 0)).toBe(2);
    expect([...out.subarray(0, 3)]).toEqual([0, 50 + 24, 999]); // agent plane, Diamond plane
  });

  test("with the Ghost only, a map with a Diamond is refused, and one without is read", () => {
    const world = createDiamondGhost({ ...OPEN, size: 3, objects: "ghost-only" });
    const state = new Int32Array(1);
    expect(() => world.parse("A..\n..D\nG..", state)).toThrow("row 2, column 3: found 'D' (Diamond), expected none");
    expect(world.parse("A..\n...\nG..", state)).toMatchObject({ at: { ghost: [6], diamond: [] }, start: 0 });
  });

  test("which objects there are does not change the levels with both", () => {
    const plain = createDiamondGhost(OPEN);
    const stated = createDiamondGhost({ ...OPEN, objects: "both", mirrored: false });
    for (let n = 0; n < 100; n++) {
      expect(stated.sample(new Stream("levels").seek(0, n))).toEqual(plain.sample(new Stream("levels").seek(0, n)));
    }
  });
});

test("by gap, the layouts with the Ghost closer add up: gaps 1 to 7 are all 5,856 of them, and there is no eighth", () => {
  const levels = (gap: number) => {
    const world = createDiamondGhost({ ...OPEN, gap });
    return [...(world.enumerate() ?? [])].reduce((sum, { starts }) => sum + starts.length, 0);
  };
  const counts = [1, 2, 3, 4, 5, 6, 7].map(levels);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(5856);
  expect(Math.min(...counts)).toBeGreaterThan(0);
  expect(levels(8)).toBe(0);
});

test("the rarest levels of a gap are found, also where it takes more than 10,000 tries: 8 of 13,800 are of gap 7", () => {
  const world = createDiamondGhost({ ...OPEN, gap: 7 });
  for (const number of [1045, 1283, 1366]) {
    const level = world.sample(new Stream("levels").seek(0, number));
    const [start, ghost, diamond] = [level.start, ghostOf(level), diamondOf(level)];
    // From one corner to the other it is eight steps; the Ghost is beside the start.
    const [row, column] = [
      Math.abs(Math.floor(start / 5) - Math.floor(diamond / 5)),
      Math.abs((start % 5) - (diamond % 5)),
    ];
    expect([row, column]).toEqual([4, 4]);
    expect([1, 5]).toContain(Math.abs(start - ghost));
  }
});

test("a mirrored world draws the same levels turned left for right, walls and all", () => {
  const options: DiamondGhostOptions = {
    ...OPEN,
    walls: { kind: "blocks", density: 0.25, ghostMayBlock: false },
  };
  const [plain, mirrored] = [createDiamondGhost(options), createDiamondGhost({ ...options, mirrored: true })];
  for (let n = 0; n < 50; n++) {
    const draw = (world: typeof plain) => {
      const level = world.sample(new Stream("mirror").seek(0, n));
      return world.print(level, Int32Array.of(level.start)).split("\n");
    };
    expect(draw(mirrored)).toEqual(draw(plain).map((row) => [...row].reverse().join("")));
  }
});
