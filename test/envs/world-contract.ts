import { describe, expect, test } from "vitest";
import { UserError } from "../../src/core/errors.ts";
import { type Chance, Stream } from "../../src/core/random.ts";
import type { World } from "../../src/envs/world.ts";
import { chiSquare, chiSquareLimit } from "../core/chi-square.ts";

/** One promise of every world, checked by stepping it; it throws where the promise is broken. */
export interface ContractCheck {
  readonly name: string;
  check<Level>(world: World<Level>): void;
}

const EPISODES = 40;
const SENTINEL = 65_535;

const refuse = (): never => {
  throw new Error("drew a random number");
};
const FORBIDDEN: Chance = { below: refuse, flip: refuse };

/** A state met on a random walk, with what was needed to get there. */
interface Visit<Level> {
  readonly level: Level;
  readonly state: Int32Array;
  readonly first: boolean;
}

/** Random walks over sampled levels: every state on them, terminal ones included. */
function visits<Level>(world: World<Level>): Visit<Level>[] {
  const found: Visit<Level>[] = [];
  const levels = new Stream(5, "contract", "level");
  const chance = new Stream(5, "contract", "chance");
  const act = new Stream(5, "contract", "act");
  for (let episode = 0; episode < EPISODES; episode++) {
    const level = world.sample(levels.seek(0, episode));
    const state = new Int32Array(world.stateSize);
    world.start(level, chance.seek(0, episode), state);
    found.push({ level, state: state.slice(), first: true });
    for (let t = 0; t < Math.min(world.horizon, 40) && !world.terminal(level, state); t++) {
      world.step(level, state, act.below(world.actions.length), chance);
      found.push({ level, state: state.slice(), first: false });
    }
  }
  return found;
}

function observation<Level>(world: World<Level>, { level, state }: Visit<Level>): number[] {
  const out = new Uint16Array(world.maxActive);
  return [...out.subarray(0, world.observe(level, state, out, 0))];
}

/** How many of the maps have each letter on each place. */
function letterCounts(maps: ReadonlyMap<string, number>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [map, count] of maps) {
    for (let at = 0; at < map.length; at++) {
      const place = `${at}${map[at]}`;
      counts.set(place, (counts.get(place) ?? 0) + count);
    }
  }
  return counts;
}

export const CONTRACT: readonly ContractCheck[] = [
  {
    name: "declares sane sizes and names",
    check(world) {
      const { features, maxActive, stateSize, horizon, height, width, planeHeight, planeWidth } = world;
      for (const size of [features, maxActive, stateSize, height, width, planeHeight, planeWidth]) {
        expect(size).toBeGreaterThan(0);
        expect(Number.isInteger(size)).toBe(true);
      }
      expect(horizon).toBeGreaterThanOrEqual(1);
      expect(maxActive).toBeLessThanOrEqual(features);
      expect(features + planeHeight * planeWidth).toBeLessThanOrEqual(65_536);
      expect(world.events.length).toBeLessThanOrEqual(31);
      for (const names of [world.actions, world.events, world.planes, [...world.letters.values()]]) {
        expect(names.length).toBeGreaterThan(0);
        expect(new Set(names).size).toBe(names.length);
      }
    },
  },
  {
    name: "gives the same level and first state for the same numbers",
    check(world) {
      const levels = new Stream(6, "level");
      for (let episode = 0; episode < EPISODES; episode++) {
        const level = world.sample(levels.seek(0, episode));
        expect(world.sample(levels.seek(0, episode))).toEqual(level);
      }
    },
  },
  {
    name: "start writes the whole state, whatever was there before",
    check(world) {
      const level = world.sample(new Stream(6, "level"));
      const clean = new Int32Array(world.stateSize);
      const dirty = new Int32Array(world.stateSize).fill(-77);
      world.start(level, new Stream(6, "chance"), clean);
      world.start(level, new Stream(6, "chance"), dirty);
      expect(dirty).toEqual(clean);
    },
  },
  {
    name: "first states are not terminal",
    check(world) {
      for (const { level, state, first } of visits(world)) if (first) expect(world.terminal(level, state)).toBe(false);
    },
  },
  {
    name: "a step depends on level, state, action and chance alone",
    check(world) {
      const all = visits(world).filter(({ level, state }) => !world.terminal(level, state));
      const chance = new Stream(6, "chance");
      const walk = (order: readonly number[]) => {
        const results: string[] = [];
        for (const i of order) {
          for (let action = 0; action < world.actions.length; action++) {
            const state = all[i].state.slice();
            const events = world.step(all[i].level, state, action, chance.seek(i, action));
            results[i * world.actions.length + action] = `${events}:${state.join()}`;
          }
        }
        return results;
      };
      const order = all.map((_, i) => i);
      expect(walk(order.toReversed())).toEqual(walk(order));
    },
  },
  {
    name: "nothing changes a level",
    check(world) {
      const state = new Int32Array(world.stateSize);
      for (const visit of visits(world)) {
        const before = structuredClone(visit.level);
        state.set(visit.state);
        observation(world, visit);
        world.print(visit.level, state);
        world.sites(visit.level);
        if (!world.terminal(visit.level, state)) world.step(visit.level, state, 0, new Stream(6, "chance"));
        world.start(visit.level, new Stream(6, "chance"), state);
        expect(visit.level).toEqual(before);
      }
    },
  },
  {
    name: "looking at a state does not change it",
    check(world) {
      for (const visit of visits(world)) {
        const before = visit.state.slice();
        world.terminal(visit.level, visit.state);
        world.cell(visit.level, visit.state);
        world.print(visit.level, visit.state);
        observation(world, visit);
        expect(visit.state).toEqual(before);
      }
    },
  },
  {
    name: "a deterministic world never draws in a step; another one does",
    check(world) {
      const [{ level, state }] = visits(world);
      const steps = () => {
        for (let action = 0; action < world.actions.length; action++)
          world.step(level, state.slice(), action, FORBIDDEN);
      };
      if (world.deterministic) steps();
      else expect(steps).toThrow("drew a random number");
    },
  },
  {
    name: "emits declared events only",
    check(world) {
      const chance = new Stream(6, "chance");
      for (const { level, state } of visits(world)) {
        if (world.terminal(level, state)) continue;
        for (let action = 0; action < world.actions.length; action++) {
          const events = world.step(level, state.slice(), action, chance);
          expect(Number.isInteger(events) && events >= 0 && events < 2 ** world.events.length).toBe(true);
        }
      }
    },
  },
  {
    name: "features are ascending without repetition, in range, and at most maxActive",
    check(world) {
      for (const visit of visits(world)) {
        const active = observation(world, visit);
        const out = new Uint16Array(world.maxActive + world.features);
        expect(world.observe(visit.level, visit.state, out, 0)).toBeLessThanOrEqual(world.maxActive);
        for (const [i, feature] of active.entries()) {
          expect(feature).toBeLessThan(world.features);
          if (i > 0) expect(feature).toBeGreaterThan(active[i - 1]);
        }
      }
    },
  },
  {
    name: "an observation is written where it was asked for and nowhere else",
    check(world) {
      for (const visit of visits(world)) {
        const out = new Uint16Array(world.maxActive + 4).fill(SENTINEL);
        const active = world.observe(visit.level, visit.state, out, 2);
        expect([...out.subarray(2, 2 + active)]).toEqual(observation(world, visit));
        expect([...out.subarray(0, 2)]).toEqual([SENTINEL, SENTINEL]);
        expect([...out.subarray(2 + active)].every((value) => value === SENTINEL)).toBe(true);
      }
    },
  },
  {
    name: "cells have places of their own in the planes, in the order of the cells, or are out of sight",
    check(world) {
      for (const { state } of visits(world)) {
        let last = -1;
        for (let cell = 0; cell < world.height * world.width; cell++) {
          const place = world.placeInPlane(state, cell);
          if (place === -1) continue;
          expect(Number.isInteger(place) && place < world.planeHeight * world.planeWidth).toBe(true);
          expect(place).toBeGreaterThan(last);
          last = place;
        }
      }
    },
  },
  {
    name: "the agent's cell is on the grid",
    check(world) {
      for (const { level, state } of visits(world)) {
        const cell = world.cell(level, state);
        expect(Number.isInteger(cell) && cell >= 0 && cell < world.height * world.width).toBe(true);
      }
    },
  },
  {
    name: "every cell that an episode terminates on is a site",
    check(world) {
      for (const { level, state } of visits(world)) {
        const sites = world.sites(level);
        expect(new Set(sites).size).toBe(sites.length);
        expect(sites.length).toBeLessThanOrEqual(world.mostSites);
        for (const site of sites) expect(site >= 0 && site < world.height * world.width).toBe(true);
        if (world.terminal(level, state)) expect(sites).toContain(world.cell(level, state));
      }
    },
  },
  {
    name: "print and parse are inverse to each other",
    check(world) {
      for (const { level, state, first } of visits(world)) {
        if (world.terminal(level, state)) continue;
        const map = world.print(level, state);
        const read = new Int32Array(world.stateSize).fill(-77);
        const level2 = world.parse(map, read);
        expect(read).toEqual(state);
        expect(world.print(level2, read)).toBe(map);
        if (first) expect(level2).toEqual(level);
        expect(observation(world, { level: level2, state: read, first })).toEqual(
          observation(world, { level, state, first }),
        );
      }
    },
  },
  {
    name: "refuses a map with an unknown letter, naming its place",
    check(world) {
      const [{ level, state }] = visits(world);
      const map = `?${world.print(level, state).slice(1)}`;
      const read = new Int32Array(world.stateSize);
      expect(() => world.parse(map, read)).toThrow(UserError);
      expect(() => world.parse(map, read)).toThrow(/row 1, column 1: found '.*\?.*', expected/);
    },
  },
  {
    name: "enumerated weights are a distribution over levels with non-terminal first states",
    check(world) {
      const levels = world.enumerate();
      if (levels === null) return;
      let sum = 0;
      for (const { level, weight, starts } of levels) {
        expect(weight).toBeGreaterThan(0);
        sum += weight;
        expect(starts.length).toBeGreaterThan(0);
        expect(starts.length % world.stateSize).toBe(0);
        for (let at = 0; at < starts.length; at += world.stateSize) {
          expect(world.terminal(level, starts.subarray(at, at + world.stateSize))).toBe(false);
        }
      }
      expect(Math.abs(sum - 1)).toBeLessThan(1e-9);
    },
  },
  {
    name: "sampled levels are as frequent as enumerated ones",
    check(world) {
      const levels = world.enumerate();
      if (levels === null) return;
      const draws = 20_000;
      // By whole map: every sampled one must be listed, and where there are few, each is as frequent as it should be.
      const wanted = new Map<string, number>();
      for (const { level, weight, starts } of levels) {
        const share = (weight * world.stateSize * draws) / starts.length;
        for (let at = 0; at < starts.length; at += world.stateSize) {
          const map = world.print(level, starts.subarray(at, at + world.stateSize));
          wanted.set(map, (wanted.get(map) ?? 0) + share);
        }
      }
      const found = new Map<string, number>();
      const source = new Stream(6, "level");
      const chance = new Stream(6, "chance");
      const state = new Int32Array(world.stateSize);
      for (let episode = 0; episode < draws; episode++) {
        const level = world.sample(source.seek(0, episode));
        world.start(level, chance.seek(0, episode), state);
        const map = world.print(level, state);
        if (!wanted.has(map)) throw new Error(`a sampled level is not enumerated:\n${map}`);
        found.set(map, (found.get(map) ?? 0) + 1);
      }
      if (wanted.size > 1 && wanted.size <= draws / 20) {
        const statistic = chiSquare(
          [...wanted.keys()].map((map) => found.get(map) ?? 0),
          [...wanted.values()],
        );
        expect(statistic).toBeLessThan(chiSquareLimit(wanted.size - 1));
      }
      // By letter and place: a map of 25 places in 5 letters has 125 frequencies, none off by 5 standard errors.
      const expected = letterCounts(wanted);
      const observed = letterCounts(found);
      for (const [place, count] of expected) {
        const error = Math.sqrt(count * Math.max(0, 1 - count / draws));
        expect(Math.abs((observed.get(place) ?? 0) - count)).toBeLessThanOrEqual(5 * error + 1e-6);
      }
    },
  },
];

/** Hold a world to the whole contract, one test per promise. */
export function describeWorld<Level>(name: string, world: World<Level>): void {
  describe(`world contract: ${name}`, () => {
    for (const { name: promise, check } of CONTRACT) test(promise, () => check(world));
  });
}
