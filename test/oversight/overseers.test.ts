import { describe, expect, test } from "vitest";
import { type Chance, Stream } from "../../src/core/random.ts";
import type { Overseer } from "../../src/oversight/overseer.ts";
import { createOverseer, OVERSEERS } from "../../src/oversight/overseers/table.ts";
import { chiSquare, chiSquareLimit } from "../core/chi-square.ts";
import { DEVIATION_LIMIT, deviations } from "./binomial.ts";

const CELLS = 9;
const SITES = [2, 7];
const PLACE = { height: 3, width: 3, sites: SITES };
const full = createOverseer({ kind: "full", visible: true });
const none = createOverseer({ kind: "none", visible: true });
const episode = (coverage: number) => createOverseer({ kind: "episode", coverage, visible: true });
const terminal = (coverage: number, spurious = 0) =>
  createOverseer({ kind: "terminal", coverage, spurious, visible: true });

/** Draws the given numbers, and not one more. */
function scripted(...numbers: number[]): Chance {
  const next = () => {
    const number = numbers.shift();
    if (number === undefined) throw new Error("the overseer drew a number too many");
    return number;
  };
  return { below: (n) => Math.floor(next() * n), flip: (p) => next() < p };
}

function marksOf(overseer: Overseer, chance: Chance): number[] {
  const marks = new Uint8Array(CELLS);
  overseer.mark(PLACE, chance, marks);
  return [...marks.keys()].filter((cell) => marks[cell]);
}

function inspects(
  overseer: Overseer,
  marked: readonly number[],
  cell: number,
  truncated = false,
  draws: readonly number[] = [],
): boolean {
  const marks = new Uint8Array(CELLS);
  for (const each of marked) marks[each] = 1;
  const seen = new Uint8Array(3);
  // Three steps, of which the last ends on the cell.
  const episode = { marks, cells: Int32Array.of(0, 1, cell), events: new Uint32Array(3), truncated, progress: 1 };
  overseer.inspect(episode, scripted(...draws), new Int32Array(0), seen);
  expect(new Set(seen).size).toBe(1);
  return seen[0] === 1;
}

describe("full", () => {
  test("marks every site, draws nothing, and inspects whatever happened", () => {
    expect(marksOf(full, scripted())).toEqual([2, 7]);
    expect(inspects(full, [2, 7], 2)).toBe(true);
    expect(inspects(full, [2, 7], 4, true)).toBe(true);
  });
});

describe("none", () => {
  test("marks no site, draws nothing, and inspects nothing, timeouts included", () => {
    expect(marksOf(none, scripted())).toEqual([]);
    expect(inspects(none, [], 2)).toBe(false);
    expect(inspects(none, [], 4, true)).toBe(false);
  });
});

describe("episode", () => {
  test("tosses one coin for the whole episode: all sites are marked, or none", () => {
    expect(marksOf(episode(0.3), scripted(0.29))).toEqual([2, 7]);
    expect(marksOf(episode(0.3), scripted(0.3))).toEqual([]);
  });

  test("inspects by its coin however the episode ends: on either site, or by the clock", () => {
    for (const [cell, truncated] of [
      [2, false],
      [7, false],
      [4, true],
    ] as const) {
      expect(inspects(episode(0.3), [2, 7], cell, truncated)).toBe(true);
      expect(inspects(episode(0.3), [], cell, truncated)).toBe(false);
    }
  });
});

describe("terminal", () => {
  test("tosses a coin per site", () => {
    expect(marksOf(terminal(0.3), scripted(0.29, 0.29))).toEqual([2, 7]);
    expect(marksOf(terminal(0.3), scripted(0.29, 0.3))).toEqual([2]);
    expect(marksOf(terminal(0.3), scripted(0.3, 0.29))).toEqual([7]);
    expect(marksOf(terminal(0.3), scripted(0.3, 0.3))).toEqual([]);
  });

  test("inspects an end on a marked site, not one on the other site; a timeout always", () => {
    expect(inspects(terminal(0.3), [2], 2)).toBe(true);
    expect(inspects(terminal(0.3), [2], 7)).toBe(false);
    expect(inspects(terminal(0.3), [], 4, true)).toBe(true);
  });

  test("spurious marks do not change what is inspected: an end on an unmarked site stays unseen among them", () => {
    const everywhereElse = [0, 1, 3, 4, 5, 6, 8];
    expect(inspects(terminal(0.3, 0.9), everywhereElse, 2)).toBe(false);
    expect(inspects(terminal(0.3, 0.9), [...everywhereElse, 7], 7)).toBe(true);
  });

  test("the marks of the sites are the same with spurious marks and without, draw for draw", () => {
    for (let e = 0; e < 500; e++) {
      const stream = new Stream(3, "oversight");
      const clean = marksOf(terminal(0.4), stream.seek(0, e));
      const noisy = marksOf(terminal(0.4, 0.5), stream.seek(0, e));
      expect(noisy.filter((cell) => SITES.includes(cell))).toEqual(clean);
    }
  });
});

test("coverage 0 never marks a site and coverage 1 always does, though a draw may be 0 or almost 1", () => {
  for (const draw of [0, 1 - 2 ** -32]) {
    const draws = () => scripted(draw, draw);
    expect(marksOf(terminal(0), draws())).toEqual([]);
    expect(marksOf(terminal(1), draws())).toEqual([2, 7]);
    expect(marksOf(episode(0), draws())).toEqual([]);
    expect(marksOf(episode(1), draws())).toEqual([2, 7]);
  }
});

describe("frequencies over 20,000 episodes", () => {
  const EPISODES = 20_000;

  /** How often each cell is marked. */
  function markCounts(overseer: Overseer, seed: number): Int32Array {
    const counts = new Int32Array(CELLS);
    const stream = new Stream(seed, "oversight");
    for (let e = 0; e < EPISODES; e++) for (const cell of marksOf(overseer, stream.seek(e % 8, e))) counts[cell]++;
    return counts;
  }

  test.each([0.01, 0.1, 0.5, 0.8])("a site is marked with probability coverage = %s", (coverage) => {
    for (const overseer of [episode(coverage), terminal(coverage), terminal(coverage, 0.3)]) {
      const counts = markCounts(overseer, 5);
      for (const site of SITES) expect(deviations(counts[site], EPISODES, coverage)).toBeLessThan(DEVIATION_LIMIT);
    }
  });

  test("any other cell is marked with probability spurious, whatever the coverage", () => {
    for (const coverage of [0, 0.2, 1]) {
      const counts = markCounts(terminal(coverage, 0.3), 7);
      for (let cell = 0; cell < CELLS; cell++) {
        if (!SITES.includes(cell)) expect(deviations(counts[cell], EPISODES, 0.3)).toBeLessThan(DEVIATION_LIMIT);
      }
    }
  });

  test("an end is inspected with probability coverage, and the two sites' coins are independent", () => {
    const overseer = terminal(0.3);
    const stream = new Stream(11, "oversight");
    const table = new Int32Array(4);
    for (let e = 0; e < EPISODES; e++) {
      const marks = marksOf(overseer, stream.seek(0, e));
      const seen = SITES.map((cell) => (inspects(overseer, marks, cell) ? 1 : 0));
      table[seen[0] * 2 + seen[1]]++;
    }
    expect(deviations(table[2] + table[3], EPISODES, 0.3)).toBeLessThan(DEVIATION_LIMIT);
    // .7 * .7, .7 * .3, .3 * .7, .3 * .3
    const expected = [0.49, 0.21, 0.21, 0.09].map((p) => p * EPISODES);
    expect(chiSquare(table, expected)).toBeLessThan(chiSquareLimit(3));
  });

  test.each([
    ["full", full],
    ["none", none],
    ["episode at .3", episode(0.3)],
    ["episode at 0", episode(0)],
    ["episode at 1", episode(1)],
    ["terminal at .3", terminal(0.3)],
    ["terminal at 0", terminal(0)],
    ["terminal at 1", terminal(1)],
  ])(
    "%s: the markings listed for exact evaluation have the frequencies of the marks drawn, and sum to 1",
    (_, overseer) => {
      const markings = overseer.markings(PLACE);
      if (markings === null) throw new Error("there is no list of markings");
      expect(markings.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12);
      for (const { probability } of markings) expect(probability).toBeGreaterThan(0);
      const keys = markings.map(({ cells }) => [...cells].sort().join());
      expect(new Set(keys).size).toBe(keys.length);
      const counts = new Int32Array(markings.length);
      const stream = new Stream(13, "oversight");
      for (let e = 0; e < EPISODES; e++) {
        const index = keys.indexOf(marksOf(overseer, stream.seek(0, e)).join());
        expect(index).toBeGreaterThanOrEqual(0);
        counts[index]++;
      }
      markings.forEach(({ probability }, i) => {
        if (probability === 1) expect(counts[i]).toBe(EPISODES);
        else expect(deviations(counts[i], EPISODES, probability)).toBeLessThan(DEVIATION_LIMIT);
      });
    },
  );
});

describe("timeouts", () => {
  const of = (kind: string, timeouts: string) =>
    createOverseer({ kind, coverage: 0.3, spurious: 0, timeouts, visible: true });

  test("terminal: never, always, or with the coverage's probability, for which alone it draws", () => {
    expect(inspects(of("terminal", "never"), [4], 4, true)).toBe(false);
    expect(inspects(of("terminal", "always"), [], 4, true)).toBe(true);
    expect(inspects(of("terminal", "coverage"), [], 4, true, [0.29])).toBe(true);
    expect(inspects(of("terminal", "coverage"), [4], 4, true, [0.3])).toBe(false);
    // Ends are as they were.
    expect(inspects(of("terminal", "never"), [4], 4)).toBe(true);
    expect(inspects(of("terminal", "coverage"), [], 4)).toBe(false);
  });

  test("episode: never, always, or as the episode's coin fell", () => {
    expect(inspects(of("episode", "never"), SITES, 4, true)).toBe(false);
    expect(inspects(of("episode", "always"), [], 4, true)).toBe(true);
    expect(inspects(of("episode", "coverage"), SITES, 4, true)).toBe(true);
    expect(inspects(of("episode", "coverage"), [], 4, true)).toBe(false);
    expect(inspects(of("episode", "never"), SITES, 4)).toBe(true);
  });

  test("left out, they are what they were: terminal inspects all, episode those of its coin", () => {
    expect(inspects(terminal(0), [], 4, true)).toBe(true);
    expect(inspects(episode(0), [], 4, true)).toBe(false);
  });
});

test("markings with spurious marks are not listed: they must be sampled", () => {
  expect(terminal(0.3, 0.1).markings(PLACE)).toBeNull();
});

test("no overseer marks more cells than it announces", () => {
  const overseers = [full, none, episode(1), terminal(1), terminal(1, 1), terminal(0, 1)];
  const marked = overseers.map((overseer) => marksOf(overseer, new Stream(1)).length);
  const announced = overseers.map((overseer) => overseer.mostMarks(CELLS, SITES.length));
  // spurious marks at coverage 0 may stand anywhere but on the two sites: 9 - 2 = 7 of the 9 announced
  expect(marked).toEqual([2, 0, 2, 2, 9, 7]);
  expect(announced).toEqual([2, 0, 2, 2, 9, 9]);
});

test("createOverseer makes what its options name, keeps `visible`, and refuses an unknown kind by its name", () => {
  for (const visible of [true, false]) {
    for (const kind of OVERSEERS.keys()) {
      const overseer = createOverseer({ kind, visible, coverage: 0.5, spurious: 0 });
      expect([overseer.kind, overseer.visible]).toEqual([kind, visible]);
    }
  }
  expect(() => createOverseer({ kind: "sleepy", visible: true })).toThrow(/^createOverseer: unknown kind .*sleepy/);
});
