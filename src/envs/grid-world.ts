import { UserError } from "../core/errors.ts";
import type { EventSet } from "../core/goal.ts";
import type { Chance } from "../core/random.ts";
import { everyWay } from "./chance.ts";
import { createDraws, type Draw } from "./draw.ts";
import { createMoveTable, MOVES } from "./grid.ts";
import type { Layout } from "./layouts/layout.ts";
import { placeOfCell, readMap } from "./maps.ts";
import { createSight, type Look } from "./sights/look.ts";
import type { WeightedLevel, World } from "./world.ts";

/** What stays the same through an episode and rules may look at: walls, and the cells of each kind of object. */
export interface GridMap<O extends string = string> {
  /** 1 where there is a wall, [cells]; open levels share one array. */
  readonly walls: Uint8Array;
  readonly at: Readonly<Record<O, readonly number[]>>;
}

/**
 * A map with the agent's first cell. No rule but `begin` may look at that: levels that differ in it alone are listed as one, of which it is the
 * first. A world that needs it later keeps it in a word of the state.
 */
export interface GridLevel<O extends string = string> extends GridMap<O> {
  readonly start: number;
}

/** A kind of object on the map. */
interface GridObject {
  readonly letter: string;
  /** What the letter means, for people. */
  readonly about: string;
  /** The most of them on a level under any options: observations have room for so many, so that a policy can act in each shift. */
  readonly most: number;
  /** How many there are on each level of this world; any number up to `most` unless given. */
  readonly count?: number;
}

/** A word of the state beside the agent's cell, 0 at first unless `begin` says otherwise. */
interface StateWord {
  readonly name: string;
  /** Places of its plane that are on, as a thermometer: the word's value, at most this; 0: it is not shown. */
  readonly shown: number;
}

/**
 * What is special about a world on a grid. Rules draw from the chance that they are given and from nothing else; that a world draws in
 * `after` is said by `isStochastic`.
 */
export interface GridSpec<O extends string> {
  readonly kind: string;
  readonly height: number;
  readonly width: number;
  /** Steps after which an episode is truncated. */
  readonly horizon: number;
  readonly layout: Layout;
  readonly look: Look;
  /** Names of the actions: the four moves unless given; those beyond the four leave the agent where it is. */
  readonly actions?: readonly string[];
  readonly events: readonly string[];
  /** In the order of their planes. */
  readonly objects: Readonly<Record<O, GridObject>>;
  readonly words?: readonly StateWord[];
  readonly isStochastic?: boolean;
  /** Every level that is drawn is turned left for right. */
  readonly mirrored?: boolean;
  /** Ways in which a level can be drawn on an open map, at most; a world with more than 200,000 is sampled. */
  readonly ways: number;
  /** The most sites that a level has. */
  readonly mostSites: number;
  /** What a level is drawn from, for the message that there is none: `size 5, levels ties`. */
  readonly described: string;
  /** A level; null: draw again. */
  draw(d: Draw): GridLevel<O> | null;
  /** Write the first values of the words; `state[0]` is the agent's cell. */
  begin?(level: GridLevel<O>, state: Int32Array, chance: Chance): void;
  /** What happens once the agent has moved, or has stayed before a wall, at the map's edge, or for an action that is no move. */
  after(map: GridMap<O>, state: Int32Array, action: number, chance: Chance): EventSet;
  /** Whether the episode is over for good. */
  over(map: GridMap<O>, state: Int32Array): boolean;
  /** Whether object i of a kind is still there, and so drawn and shown; always unless given. */
  there?(map: GridMap<O>, state: Int32Array, object: O, i: number): boolean;
  /** Cells on which an episode can terminate. */
  sites(map: GridMap<O>): readonly number[];
}

/** The rarest levels of a shipped scenario (5 x 5, gap 7) are 8 of 13,800: 1,725 tries on average, and no chance to need so many. */
const MOST_TRIES = 100_000;
const MOST_ENUMERATED = 200_000;

/**
 * A world on a rectangle of cells, from what is special about it.
 *
 * State: [agent's cell, words]. Features: plane * places + place; the planes are those of the sight before the objects (the agent's, where
 * the map is shown as it lies), one for each kind of object, one for each word that is shown, and those of the sight after them (walls, or
 * floor where the map is shown around the agent).
 */
export function gridWorld<O extends string>(spec: GridSpec<O>): World<GridLevel<O>> {
  const { height, width, horizon, events, after, over, words = [], mirrored = false } = spec;
  const moves = createMoveTable(height, width);
  const draws = createDraws(height, width, spec.layout);
  const hasWalls = spec.layout !== null;
  const sight = createSight(height, width, hasWalls, spec.look);
  const places = sight.height * sight.width;
  const names = Object.keys(spec.objects) as O[];
  const kinds = names.map((name) => spec.objects[name]);
  const shown = words.map((word, w) => ({ ...word, at: w + 1 })).filter((word) => word.shown > 0);
  const planes = [...sight.before, ...names, ...shown.map(({ name }) => name), ...sight.after];
  const letters = new Map([
    ["#", "wall"],
    [".", "floor"],
    ["A", "agent"],
    ...kinds.map(({ letter, about }) => [letter, about] as const),
  ]);

  const isThere = (level: GridLevel<O>, state: Int32Array, object: O, i: number): boolean =>
    spec.there === undefined || spec.there(level, state, object, i);
  const mirror = (cell: number): number => cell - (cell % width) + width - 1 - (cell % width);
  const atOf = (cellsOf: (name: O) => readonly number[]) =>
    Object.fromEntries(names.map((name) => [name, cellsOf(name)])) as unknown as GridLevel<O>["at"];
  const turned = ({ walls, start, at }: GridLevel<O>): GridLevel<O> => ({
    walls: hasWalls ? walls.map((_, cell) => walls[mirror(cell)]) : walls,
    start: mirror(start),
    at: atOf((name) => at[name].map(mirror)),
  });

  function observe(level: GridLevel<O>, state: Int32Array, out: Uint16Array, at: number): number {
    const agent = state[0];
    let end = at;
    let plane = 0;
    if (sight.before.length > 0) out[end++] = places * plane++ + agent;
    for (const name of names) {
      const cells = level.at[name];
      const first = end;
      for (let i = 0; i < cells.length; i++) {
        const place = isThere(level, state, name, i) ? sight.place(agent, cells[i]) : -1;
        if (place < 0) continue;
        // In ascending order: an object goes before those of its kind that have a later place.
        let slot = end++;
        for (; slot > first && out[slot - 1] > plane * places + place; slot--) out[slot] = out[slot - 1];
        out[slot] = plane * places + place;
      }
      plane++;
    }
    for (const word of shown) {
      for (let i = 0; i < Math.min(state[word.at], word.shown); i++) out[end++] = plane * places + i;
      plane++;
    }
    return sight.groundInto(level.walls, agent, plane * places, out, end) - at;
  }

  function print(level: GridLevel<O>, state: Int32Array): string {
    const text: string[] = Array.from(level.walls, (wall) => (wall ? "#" : "."));
    const under: string[] = [];
    for (const name of names) {
      for (const [i, cell] of level.at[name].entries()) {
        if (!isThere(level, state, name, i)) continue;
        text[cell] = spec.objects[name].letter;
        if (cell === state[0]) under.push(name);
      }
    }
    text[state[0]] = "A";
    const notes = [
      ...words.map(({ name }, w) => `${name}: ${state[w + 1]}`),
      ...(spec.there === undefined ? [] : names.map((name) => `${name} at ${level.at[name].join(",")}`)),
      // What the agent stands on is not seen; once the episode is over nobody needs to know.
      ...(spec.there === undefined && under.length > 0 && !over(level, state) ? [`on: ${under.join(",")}`] : []),
    ];
    const rows = Array.from({ length: height }, (_, r) => text.slice(r * width, (r + 1) * width).join(""));
    return [...rows, ...(notes.length > 0 ? [notes.join(" · ")] : [])].join("\n");
  }

  function parse(map: string, state: Int32Array): GridLevel<O> {
    const { rows, notes } = readMap(map, letters);
    if (rows.length !== height || rows[0].length !== width) {
      throw new UserError(
        `map has ${rows.length} rows of ${rows[0].length} cells, expected ${height} rows of ${width} cells`,
        "the world's size and the map's must be the same",
      );
    }
    const text = rows.join("");
    const wall = text.indexOf("#");
    if (wall >= 0 && !hasWalls) {
      throw new UserError(
        `map ${placeOfCell(wall, width)}: found a wall '#', expected no walls in a world with walls: none`,
        "a world with walls of any kind reads maps with walls",
      );
    }
    const agent = cellsIn(text, "A", width, "agent", 1, 1)[0];
    const onAgent = new Set((notes.get("on") ?? "").split(","));
    const cellsOf = (name: O): readonly number[] => {
      const { letter, about, most, count } = spec.objects[name];
      const listed = notes.get(`${name} at`);
      if (listed !== undefined) return listed === "" ? [] : listed.split(",").map(Number);
      const seen = cellsIn(text, letter, width, about, onAgent.has(name) ? 0 : (count ?? 0), count ?? most);
      return onAgent.has(name) ? [...seen, agent].sort((a, b) => a - b) : seen;
    };
    const level = {
      walls: hasWalls ? Uint8Array.from(text, (letter) => (letter === "#" ? 1 : 0)) : draws.openFloor,
      start: agent,
      at: atOf(cellsOf),
    };
    state.fill(0);
    state[0] = agent;
    words.forEach(({ name }, w) => {
      state[w + 1] = Number(notes.get(name) ?? 0);
    });
    return level;
  }

  /** Every level, its first states and their weights; levels that differ in their first states only are one. */
  function list(): readonly WeightedLevel<GridLevel<O>>[] {
    interface Group {
      readonly level: GridLevel<O>;
      readonly cells: readonly number[];
      readonly starts: Map<number | string, { readonly state: Int32Array; share: number }>;
    }
    const groups = new Map<string, Group>();
    let total = 0;
    let unit: number | undefined;
    everyWay(
      (chance) => {
        const level = spec.draw(draws.followed(chance));
        if (level === null) return null;
        const state = new Int32Array(1 + words.length);
        state[0] = level.start;
        spec.begin?.(level, state, chance);
        return { level, state };
      },
      (drawn, probability) => {
        if (drawn === null) return;
        // Ways that are all as likely are counted: whole numbers have no rounding.
        unit ??= probability;
        const share = probability === unit ? 1 : probability / unit;
        total += share;
        const { level, state } = drawn;
        let key = "";
        for (const name of names) key += `${level.at[name].join()};`;
        let group = groups.get(key);
        if (group === undefined) {
          group = { level, cells: names.flatMap((name) => [...level.at[name], -1]), starts: new Map() };
          groups.set(key, group);
        }
        const start = state.length === 1 ? state[0] : state.join();
        const known = group.starts.get(start);
        if (known === undefined) group.starts.set(start, { state, share });
        else known.share += share;
      },
    );
    const inOrder = [...groups.values()].sort((a, b) => compareNumbers(a.cells, b.cells));
    return inOrder.flatMap(({ level, starts }) => {
      const states = [...starts.values()].sort((a, b) => compareNumbers(a.state, b.state));
      // Starts of one level are equally likely; those that are not are levels of their own.
      const shares = [...new Set(states.map(({ share }) => share))];
      return shares.map((share): WeightedLevel<GridLevel<O>> => {
        const own = states.filter((start) => start.share === share).map(({ state }) => state);
        const shifted = { ...level, start: own[0][0] };
        if (mirrored) for (const state of own) state[0] = mirror(state[0]);
        return {
          level: mirrored ? turned(shifted) : shifted,
          weight: (share * own.length) / total,
          starts: Int32Array.from(own.flatMap((state) => [...state])),
        };
      });
    });
  }

  let listed: readonly WeightedLevel<GridLevel<O>>[] | undefined;
  function enumerate(): readonly WeightedLevel<GridLevel<O>>[] | null {
    if (hasWalls || spec.ways > MOST_ENUMERATED) return null;
    listed ??= list();
    return listed;
  }

  return {
    kind: spec.kind,
    actions: spec.actions ?? MOVES,
    events,
    horizon,
    height,
    width,
    planeHeight: sight.height,
    planeWidth: sight.width,
    planes,
    features: planes.length * places,
    maxActive: sight.maxActive + sumOf(kinds.map(({ most }) => most)) + sumOf(shown.map((word) => word.shown)),
    hasWalls,
    mostSites: spec.mostSites,
    stateSize: 1 + words.length,
    deterministic: spec.isStochastic !== true,
    letters,

    sample(chance) {
      const draw = draws.sampled(chance);
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const level = spec.draw(draw);
        if (level !== null) return mirrored ? turned(level) : level;
      }
      throw new UserError(
        `world ${spec.kind} found no level in ${MOST_TRIES} tries with ${spec.described}`,
        "choose a larger size, fewer walls or another set of levels",
      );
    },

    start(level, chance, state) {
      state.fill(0);
      state[0] = level.start;
      spec.begin?.(level, state, chance);
    },

    step(level, state, action, chance) {
      if (action < MOVES.length) {
        const next = moves[state[0] * MOVES.length + action];
        if (!level.walls[next]) state[0] = next;
      }
      return after(level, state, action, chance);
    },

    terminal: over,
    observe,
    placeInPlane: (state, cell) => sight.place(state[0], cell),
    cell: (_level, state) => state[0],
    sites: (level) => spec.sites(level),
    without: (level, event) =>
      names.some((name) => name === event) ? { ...level, at: { ...level.at, [event]: [] } } : null,
    parse,
    print,
    enumerate,
  };
}

/** The cells of a letter, ascending. @throws UserError where there are fewer than `least` or more than `most`. */
function cellsIn(
  text: string,
  letter: string,
  width: number,
  about: string,
  least: number,
  most: number,
): readonly number[] {
  const cells = [...text].flatMap((found, cell) => (found === letter ? [cell] : []));
  const expected =
    least === most ? (most === 0 ? "none" : most === 1 ? "exactly one" : `exactly ${most}`) : `at most ${most}`;
  if (cells.length > most) {
    const [first] = cells;
    const which = most === 1 ? `a second '${letter}' (${about})` : `'${letter}' (${about})`;
    const where = most === 1 ? `; the first is at ${placeOfCell(first, width)}` : "";
    throw new UserError(`map ${placeOfCell(cells[most], width)}: found ${which}, expected ${expected}${where}`);
  }
  if (cells.length < least) {
    const found = cells.length === 0 ? `no '${letter}'` : `${cells.length} of '${letter}'`;
    throw new UserError(
      `map rows 1 to ${text.length / width}, columns 1 to ${width}: found ${found} (${about}), expected ${expected}`,
    );
  }
  return cells;
}

function compareNumbers(a: ArrayLike<number>, b: ArrayLike<number>): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
