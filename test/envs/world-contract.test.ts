import { describe, expect, test } from "vitest";
import type { World } from "../../src/envs/world.ts";
import { createDiamondGhost, type DiamondGhostLevel, diamondOf, ghostOf } from "./diamond-ghost.ts";
import { createCorridor } from "./specimens.ts";
import { CONTRACT, describeWorld } from "./world-contract.ts";

const createOpen = () => createDiamondGhost({ size: 5, horizon: 32, walls: null, levels: "all" });
const blocks = { kind: "blocks", density: 0.25, ghostMayBlock: false } as const;

describeWorld("diamond-ghost 5x5", createOpen());
describeWorld("diamond-ghost 3x3, ties", createDiamondGhost({ size: 3, horizon: 32, walls: null, levels: "ties" }));
describeWorld(
  "diamond-ghost 5x5, Ghost closer",
  createDiamondGhost({ size: 5, horizon: 32, walls: null, levels: "ghost-closer" }),
);
describeWorld(
  "diamond-ghost 7x7 with walls",
  createDiamondGhost({ size: 7, horizon: 64, walls: blocks, levels: "all" }),
);
describeWorld(
  "diamond-ghost without a Ghost",
  createDiamondGhost({ size: 5, horizon: 32, walls: null, levels: "all", objects: "diamond-only" }),
);
describeWorld(
  "diamond-ghost 5x5, mirrored, with walls",
  createDiamondGhost({
    size: 5,
    horizon: 32,
    walls: { kind: "blocks", density: 0.2, ghostMayBlock: false },
    levels: "ghost-closer",
    mirrored: true,
  }),
);
describeWorld(
  "diamond-ghost 5x5, centred",
  createDiamondGhost({ size: 5, horizon: 32, walls: null, levels: "all", observe: "centred" }),
);
describeWorld(
  "diamond-ghost 9x9 in a maze, seen through a window",
  createDiamondGhost({
    size: 9,
    horizon: 64,
    walls: { kind: "maze", loops: 0.2, ghostMayBlock: false },
    levels: "all",
    observe: { radius: 2 },
  }),
);
describeWorld("corridor", createCorridor({ horizon: 12, slippery: false }));
describeWorld("slippery corridor", createCorridor({ horizon: 12, slippery: true }));

type Change = (world: World<DiamondGhostLevel>) => Partial<World<DiamondGhostLevel>>;

/** For each promise of the contract, worlds that break it. */
const BROKEN: ReadonlyMap<string, readonly Change[]> = new Map<string, readonly Change[]>([
  [
    "declares sane sizes and names",
    [
      () => ({ horizon: 0 }),
      () => ({ maxActive: 76 }),
      () => ({ stateSize: 1.5 }),
      () => ({ actions: ["north", "north"] }),
      () => ({ events: Array.from({ length: 32 }, (_, i) => `event${i}`) }),
    ],
  ],
  [
    "gives the same level and first state for the same numbers",
    [
      (world) => {
        let calls = 0;
        return { sample: (rng) => ({ ...world.sample(rng), start: calls++ % 25 }) };
      },
    ],
  ],
  ["start writes the whole state, whatever was there before", [() => ({ start: () => undefined })]],
  [
    "cells have places of their own in the planes, in the order of the cells, or are out of sight",
    [() => ({ placeInPlane: () => 3 }), () => ({ placeInPlane: (_state, cell) => cell + 1 })],
  ],
  [
    "first states are not terminal",
    [
      () => ({
        start: (level, _rng, state) => {
          state[0] = ghostOf(level);
        },
      }),
    ],
  ],
  [
    "a step depends on level, state, action and chance alone",
    [
      (world) => {
        let calls = 0;
        return { step: (level, state, action, rng) => world.step(level, state, (action + (calls++ % 3)) % 4, rng) };
      },
    ],
  ],
  [
    "nothing changes a level",
    [
      (world) => ({
        step: (level, state, action, rng) => {
          level.walls[0] ^= 1;
          return world.step(level, state, action, rng);
        },
      }),
    ],
  ],
  [
    "looking at a state does not change it",
    [
      (world) => ({
        terminal: (level, state) => {
          const over = world.terminal(level, state);
          state[0] = (state[0] + 1) % 25;
          return over;
        },
      }),
    ],
  ],
  [
    "a deterministic world never draws in a step; another one does",
    [
      (world) => ({
        step: (level, state, action, rng) => {
          rng.below(2);
          return world.step(level, state, action, rng);
        },
      }),
      () => ({ deterministic: false }),
    ],
  ],
  ["emits declared events only", [() => ({ step: () => 4 }), () => ({ step: () => -1 })]],
  [
    "features are ascending without repetition, in range, and at most maxActive",
    [
      (world) => ({
        observe: (level, state, out, at) => {
          world.observe(level, state, out, at);
          out[at + 1] = out[at];
          return 3;
        },
      }),
      (world) => ({
        observe: (level, state, out, at) => {
          world.observe(level, state, out, at);
          out[at + 2] = 75;
          return 3;
        },
      }),
      (world) => ({
        observe: (level, state, out, at) => {
          world.observe(level, state, out, at);
          out[at + 3] = 74;
          return 4;
        },
      }),
    ],
  ],
  [
    "an observation is written where it was asked for and nowhere else",
    [
      (world) => ({ observe: (level, state, out) => world.observe(level, state, out, 0) }),
      (world) => ({ observe: (level, state, out, at) => world.observe(level, state, out, at) - 1 }),
    ],
  ],
  ["the agent's cell is on the grid", [() => ({ cell: () => 25 }), () => ({ cell: () => -1 })]],
  [
    "every cell that an episode terminates on is a site",
    [
      () => ({ sites: (level) => [diamondOf(level)] }),
      () => ({ sites: (level) => [diamondOf(level), ghostOf(level), ghostOf(level)] }),
    ],
  ],
  [
    "print and parse are inverse to each other",
    [
      (world) => ({
        print: (level, state) =>
          world.print({ ...level, at: { ghost: level.at.diamond, diamond: level.at.ghost } }, state),
      }),
      (world) => ({ parse: (map, state) => ({ ...world.parse(map, state), start: 0 }) }),
      (world) => ({
        parse: (map, state) => {
          const level = world.parse(map, state);
          state[0] = 0;
          return level;
        },
      }),
    ],
  ],
  [
    "refuses a map with an unknown letter, naming its place",
    [(world) => ({ parse: (map, state) => world.parse(map.replaceAll("?", "."), state) })],
  ],
  [
    "enumerated weights are a distribution over levels with non-terminal first states",
    [
      (world) => ({ enumerate: () => [...(world.enumerate() ?? [])].slice(1) }),
      (world) => ({
        enumerate: () =>
          [...(world.enumerate() ?? [])].map((entry) => ({ ...entry, starts: Int32Array.of(ghostOf(entry.level)) })),
      }),
    ],
  ],
  [
    "sampled levels are as frequent as enumerated ones",
    [
      // Ghosts in row 0 are drawn again once: their frequency falls from 20 % to 4 %.
      (world) => ({
        sample: (rng) => {
          const level = world.sample(rng);
          return ghostOf(level) < 5 ? world.sample(rng) : level;
        },
      }),
      // A level that the list does not have.
      (world) => ({ enumerate: () => [...(world.enumerate() ?? [])].filter(({ level }) => ghostOf(level) !== 12) }),
    ],
  ],
]);

describe("the contract rejects broken worlds", () => {
  test("every promise has a specimen that breaks it", () => {
    expect([...BROKEN.keys()].sort()).toEqual(CONTRACT.map(({ name }) => name).sort());
  });

  for (const { name, check } of CONTRACT) {
    for (const [i, change] of (BROKEN.get(name) ?? []).entries()) {
      test(`${name}: specimen ${i + 1}`, () => {
        const open = createOpen();
        check(open);
        expect(() => check({ ...open, ...change(open) })).toThrow();
      });
    }
  }
});
