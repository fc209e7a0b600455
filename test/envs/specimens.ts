import { UserError } from "../../src/core/errors.ts";
import type { Chance } from "../../src/core/random.ts";
import type { World } from "../../src/envs/world.ts";

export interface CorridorLevel {
  /** Probability that a step slips backwards. */
  readonly slip: number;
}

/**
 * A corridor of five cells with ice: a stochastic world with two state words (cell, coins taken), a random first cell, an event
 * that ends nothing (`coin` at cell 1) and one that does (`exit` at cell 4). For tests of what diamond-ghost cannot show.
 */
export function createCorridor(options: { horizon: number; slippery: boolean }): World<CorridorLevel> {
  const { horizon, slippery } = options;
  return {
    kind: "corridor",
    actions: ["left", "right"],
    events: ["coin", "exit"],
    horizon,
    height: 1,
    width: 5,
    planeHeight: 1,
    planeWidth: 5,
    planes: ["agent", "taken"],
    features: 6,
    maxActive: 2,
    stateSize: 2,
    hasWalls: false,
    mostSites: 1,
    deterministic: !slippery,
    letters: new Map([
      [".", "floor"],
      ["A", "agent"],
      ["a", "agent with the coin"],
    ]),
    sample: (chance: Chance) => ({ slip: slippery ? (chance.flip(0.5) ? 0.25 : 0.5) : 0 }),
    start(_level, chance, state) {
      state[0] = slippery ? chance.below(4) : 0;
      state[1] = 0;
    },
    step(level, state, action, chance) {
      const slipped = slippery && chance.flip(level.slip);
      const direction = (action === 1) === slipped ? -1 : 1;
      state[0] = Math.max(0, Math.min(4, state[0] + direction));
      if (state[0] === 4) return 2;
      if (state[0] !== 1 || state[1] === 1) return 0;
      state[1] = 1;
      return 1;
    },
    terminal: (_level, state) => state[0] === 4,
    observe(_level, state, out, at) {
      out[at] = state[0];
      if (state[1] === 0) return 1;
      out[at + 1] = 5;
      return 2;
    },
    placeInPlane: (_state, cell) => cell,
    cell: (_level, state) => state[0],
    sites: () => [4],
    parse(map, state) {
      const [row] = map.trim().split(";");
      const cell = row.search(/[Aa]/);
      if (!/^[.Aa]{5}$/.test(row) || cell < 0) {
        throw new UserError(`map row 1, column 1: found '${row}', expected . and A or a`);
      }
      state[0] = cell;
      state[1] = row[cell] === "a" ? 1 : 0;
      return { slip: Number(map.trim().split(";")[1]) };
    },
    print: (level, state) =>
      `${[0, 1, 2, 3, 4].map((c) => (c === state[0] ? (state[1] ? "a" : "A") : ".")).join("")};${level.slip}`,
    enumerate: () => (slippery ? null : [{ level: { slip: 0 }, weight: 1, starts: Int32Array.of(0, 0) }]),
  };
}
