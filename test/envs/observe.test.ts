import { describe, expect, test } from "vitest";
import { Stream } from "../../src/core/random.ts";
import { observedFeatures, observeMarked } from "../../src/envs/observe.ts";
import { createDiamondGhost, type DiamondGhostOptions } from "./diamond-ghost.ts";

type Observe = NonNullable<DiamondGhostOptions["observe"]>;

const MAP = "A#..D\n.#.#.\n.....\n.#.#.\nG.#..";

function worldThat(observe: Observe, walls = true) {
  return createDiamondGhost({
    size: 5,
    horizon: 32,
    walls: walls ? { kind: "blocks", density: 0.2, ghostMayBlock: true } : null,
    levels: "all",
    observe,
  });
}

/** The observation of a map as pictures, one a plane, marks last: `*` where a feature is on. */
function pictures(observe: Observe, map: string, marked: readonly number[] = []): string[] {
  const world = worldThat(observe, map.includes("#"));
  const state = new Int32Array(world.stateSize);
  const level = world.parse(map, state);
  const marks = new Uint8Array(25);
  for (const cell of marked) marks[cell] = 1;
  const out = new Uint16Array(world.maxActive + marked.length);
  const count = observeMarked(world, level, state, marks, out, 0);
  const active = new Set(out.subarray(0, count));
  // No feature twice, such as one for a mark that is out of sight.
  expect(active.size).toBe(count);
  const { planeHeight, planeWidth } = world;
  expect(observedFeatures(world, true)).toBe((world.planes.length + 1) * planeHeight * planeWidth);
  return Array.from({ length: world.planes.length + 1 }, (_, plane) =>
    Array.from({ length: planeHeight }, (_, row) =>
      Array.from({ length: planeWidth }, (_, column) =>
        active.has((plane * planeHeight + row) * planeWidth + column) ? "*" : ".",
      ).join(""),
    ).join("\n"),
  );
}

describe("a map as it lies", () => {
  test("shows each letter where it stands, and marks on their cells", () => {
    const plane = (letter: string) => MAP.replace(/[^\n]/g, (found) => (found === letter ? "*" : "."));
    expect(pictures("absolute", MAP, [4, 20])).toEqual([
      plane("A"),
      plane("G"),
      plane("D"),
      plane("#"),
      "....*\n.....\n.....\n.....\n*....",
    ]);
  });
});

describe("a window of radius 1", () => {
  test("shows the agent's neighbours: objects, floor and marks, and nothing beyond the edge", () => {
    const near = "GD#\n.A.\n#.."
      .split("\n")
      .map((row) => `${row}..`)
      .concat([".....", "....."])
      .join("\n");
    const [ghost, diamond, floor, marks] = pictures({ radius: 1 }, near, [0, 24]);
    expect(ghost).toBe("*..\n...\n...");
    expect(diamond).toBe(".*.\n...\n...");
    expect(floor).toBe("**.\n***\n.**");
    // The mark on cell 24 is out of sight.
    expect(marks).toBe("*..\n...\n...");
  });

  test("in a corner, what is outside is no floor, also on a map without walls", () => {
    const [ghost, diamond, floor] = pictures({ radius: 1 }, "A....\n.....\n.....\n.....\nG...D");
    expect([ghost, diamond]).toEqual(["...\n...\n...", "...\n...\n..."]);
    expect(floor).toBe("...\n.**\n.**");
  });
});

/** What the planes should hold, read off the printed map, letter by letter. */
function expectCentred(observe: Observe, radius: number): void {
  const world = worldThat(observe);
  expect([world.planeHeight, world.planeWidth]).toEqual([2 * radius + 1, 2 * radius + 1]);
  const levels = new Stream(4, "level");
  const state = new Int32Array(1);
  for (let k = 0; k < 60; k++) {
    const level = world.sample(levels.seek(k));
    world.start(level, levels, state);
    for (let steps = 0; steps < 8 && !world.terminal(level, state); steps++) {
      const rows = world.print(level, state).split("\n");
      const agentRow = rows.findIndex((row) => row.includes("A"));
      const agentColumn = rows[agentRow].indexOf("A");
      const expected: number[] = [];
      for (const [plane, shows] of [/G/, /D/, /[.AGD]/].entries()) {
        for (let row = 0; row <= 2 * radius; row++) {
          for (let column = 0; column <= 2 * radius; column++) {
            const letter = rows[agentRow + row - radius]?.[agentColumn + column - radius] ?? "#";
            if (shows.test(letter)) expected.push((plane * (2 * radius + 1) + row) * (2 * radius + 1) + column);
          }
        }
      }
      const out = new Uint16Array(world.maxActive);
      expect([...out.subarray(0, world.observe(level, state, out, 0))]).toEqual(expected);
      world.step(level, state, steps % 4, levels);
    }
  }
}

test("a centred map is the printed map, shifted so that the agent stands in the middle", () => {
  expectCentred("centred", 4);
});

test.each([1, 2, 3, 6])("a window of radius %i is the printed map's part around the agent", (radius) => {
  expectCentred({ radius }, radius);
});

test("from a centred map the whole map can be read: different states never look alike", () => {
  const world = worldThat("centred");
  const state = new Int32Array(1);
  const seen = new Map<string, string>();
  for (let k = 0; k < 500; k++) {
    const level = world.sample(new Stream(5, "level").seek(k));
    world.start(level, new Stream(5, "chance"), state);
    const out = new Uint16Array(world.maxActive);
    const key = out.subarray(0, world.observe(level, state, out, 0)).join();
    const map = world.print(level, state);
    expect(seen.get(key) ?? map).toBe(map);
    seen.set(key, map);
  }
});
