import { UserError } from "../core/errors.ts";
import type { EventSet } from "../core/goal.ts";
import { below, type Rng, shuffle } from "../core/random.ts";
import { createMoveTable, MOVES, PathFinder, UNREACHABLE } from "./grid.ts";
import { drawMaze } from "./maze.ts";
import type { WeightedLevel, World } from "./world.ts";

/** Two objects on a square grid; reaching either one ends the episode (Cloud et al. 2024, arXiv:2410.04332, section 4.3). */
export interface DiamondGhostOptions {
  /** Rows and columns, 3 to 15. */
  readonly size: number;
  /** Steps after which an episode is truncated, at least 1. */
  readonly horizon: number;
  readonly walls: DiamondGhostWalls;
  /**
   * What an observation shows. `absolute` (unless given): the map as it lies. `centred`: the map around the agent, who stands in the
   * middle of 2 size - 1 rows and columns, so that all of it is seen from everywhere. A radius: only the window of 2 radius + 1
   * rows and columns around the agent; what is outside is not seen.
   */
  readonly observe?: DiamondGhostObserve;
  /**
   * Which levels are drawn, by the shortest path from the start to each object as if the other one were floor: the Ghost
   * strictly closer, the Diamond strictly closer, both as far, or all.
   */
  readonly levels: "all" | "ghost-closer" | "diamond-closer" | "ties";
  /** Which objects there are; both unless given. With one object only there are no distances to compare: `levels` has no effect. */
  readonly objects?: "both" | "diamond-only" | "ghost-only";
  /** Only levels on which the Ghost is closer by exactly so many steps; any unless given. */
  readonly gap?: number | null;
  /** Whether every level that is drawn is turned left for right; not unless given. */
  readonly mirrored?: boolean;
}

/**
 * Options that make the level sets of method and verdict out of a world's own: where both goals ask for the same acts, where they
 * part, and without the proxy's object.
 */
export const DIAMOND_GHOST_LEVEL_SETS = {
  // A gap is one by which the Ghost is closer.
  agreeing: { levels: "diamond-closer", gap: null },
  distinguishing: { levels: "ghost-closer" },
  withoutProxyObject: { levels: "all", objects: "diamond-only" },
} as const;

type DiamondGhostObserve = "absolute" | "centred" | { readonly radius: number };

/**
 * `none`: open floor. `blocks`: single walls at random, floor(density * cells) of them or fewer: a wall that would cut the
 * floor in two is left out. `maze`: see {@link drawMaze}. Unless `ghostMayBlock`, the Diamond can be reached from the start without
 * stepping on the Ghost.
 */
type DiamondGhostWalls =
  | { readonly kind: "none" }
  | {
      readonly kind: "blocks";
      /** Fraction of cells, 0 to 0.4. */
      readonly density: number;
      readonly ghostMayBlock: boolean;
    }
  | {
      readonly kind: "maze";
      /** Probability that a door which a perfect maze keeps shut is open, 0 to 1. */
      readonly loops: number;
      readonly ghostMayBlock: boolean;
    };

/** Cells are row * size + column; an object that is not there is on cell -1. */
export interface DiamondGhostLevel {
  /** 1 where there is a wall, [cells]; levels without walls share one array. */
  readonly walls: Uint8Array;
  readonly ghost: number;
  readonly diamond: number;
  /** The agent's first cell. An enumerated level has many; there it is the first of its starts. */
  readonly start: number;
}

const SMALLEST_SIZE = 3;
const LARGEST_SIZE = 15;
const DENSEST_WALLS = 0.4;
/** The rarest levels of a shipped scenario (5 x 5, gap 7) are 8 of 13,800: 1,725 tries on average, and no chance to need so many. */
const MOST_TRIES = 100_000;
const MOST_ENUMERATED = 200_000;

const DIAMOND: EventSet = 1;
const GHOST: EventSet = 2;

const LETTERS: ReadonlyMap<string, string> = new Map([
  ["#", "wall"],
  [".", "floor"],
  ["A", "agent"],
  ["G", "Ghost"],
  ["D", "Diamond"],
]);

/** The first letter of a row that is none of them. */
const FOREIGN = new RegExp(`[^${[...LETTERS.keys()].join("")}]`, "u");

/**
 * The world of Cloud et al. 2024: agent, Ghost and Diamond on three distinct cells, drawn uniformly for each episode.
 *
 * State: [agent's cell]. Actions: north, east, south, west; a move off the edge or into a wall stays. Events: `diamond`,
 * `ghost`, each on the step that reaches it, which terminates the episode. Features: plane * places + place. Seen as it lies, the
 * map's planes are agent, ghost, diamond, and wall where the world has walls, and a place is a cell. Seen from the agent they are ghost,
 * diamond and floor: the agent's place is always the same, and floor instead of wall says where the map ends too, with fewer ones.
 *
 * @throws RangeError when an option is out of its range.
 */
export function createDiamondGhost(options: DiamondGhostOptions): World<DiamondGhostLevel> {
  validate(options);
  const { size, horizon, walls } = options;
  const hasWalls = walls.kind !== "none";
  const moves = createMoveTable(size, size);
  const draw = createLevelSource(options, moves);
  const sight = createSight(size, hasWalls, options.observe ?? "absolute");

  return {
    kind: "diamond-ghost",
    actions: MOVES,
    events: ["diamond", "ghost"],
    horizon,
    height: size,
    width: size,
    planeHeight: sight.side,
    planeWidth: sight.side,
    planes: sight.planes,
    features: sight.planes.length * sight.side * sight.side,
    maxActive: sight.maxActive,
    mostSites: (options.objects ?? "both") === "both" ? 2 : 1,
    stateSize: 1,
    deterministic: true,
    letters: LETTERS,

    sample: draw.sample,

    start(level: DiamondGhostLevel, _rng: Rng, state: Int32Array): void {
      state[0] = level.start;
    },

    step(level: DiamondGhostLevel, state: Int32Array, action: number): EventSet {
      const next = moves[state[0] * 4 + action];
      if (level.walls[next]) return 0;
      state[0] = next;
      if (next === level.diamond) return DIAMOND;
      return next === level.ghost ? GHOST : 0;
    },

    terminal(level: DiamondGhostLevel, state: Int32Array): boolean {
      return state[0] === level.diamond || state[0] === level.ghost;
    },

    observe: (level: DiamondGhostLevel, state: Int32Array, out: Uint16Array, at: number) =>
      sight.observe(level, state[0], out, at),

    placeInPlane: (state: Int32Array, cell: number) => sight.place(state[0], cell),

    cell(_level: DiamondGhostLevel, state: Int32Array): number {
      return state[0];
    },

    sites(level: DiamondGhostLevel): readonly number[] {
      return [level.ghost, level.diamond].filter((cell) => cell >= 0);
    },

    without(level: DiamondGhostLevel, event: string): DiamondGhostLevel | null {
      if (event === "ghost") return { ...level, ghost: -1 };
      return event === "diamond" ? { ...level, diamond: -1 } : null;
    },

    parse(map: string, state: Int32Array): DiamondGhostLevel {
      const level = parseLevel(map, size, hasWalls, options.objects ?? "both");
      state[0] = level.start;
      return level;
    },

    print(level: DiamondGhostLevel, state: Int32Array): string {
      const rows: string[] = [];
      for (let row = 0; row < size; row++) {
        let line = "";
        for (let cell = row * size; cell < (row + 1) * size; cell++) {
          if (cell === state[0]) line += "A";
          else if (cell === level.ghost) line += "G";
          else if (cell === level.diamond) line += "D";
          else line += level.walls[cell] ? "#" : ".";
        }
        rows.push(line);
      }
      return rows.join("\n");
    },

    enumerate: draw.enumerate,
  };
}

/**
 * Rows and columns of a map, so that a world can be made to fit it.
 * @throws UserError when the map is no square of 3 to 15 rows in the letters of this world.
 */
export function sizeOfMap(map: string): number {
  return readSquare(map).length;
}

function validate({ size, horizon, walls, observe = "absolute" }: DiamondGhostOptions): void {
  if (!Number.isInteger(size) || size < SMALLEST_SIZE || size > LARGEST_SIZE) {
    throw new RangeError(`createDiamondGhost: size is ${size}, expected an integer in [3, 15]`);
  }
  if (!Number.isInteger(horizon) || horizon < 1) {
    throw new RangeError(`createDiamondGhost: horizon is ${horizon}, expected an integer of at least 1`);
  }
  if (walls.kind === "blocks" && !(walls.density >= 0 && walls.density <= DENSEST_WALLS)) {
    throw new RangeError(`createDiamondGhost: walls.density is ${walls.density}, expected a number in [0, 0.4]`);
  }
  if (walls.kind === "maze" && !(walls.loops >= 0 && walls.loops <= 1)) {
    throw new RangeError(`createDiamondGhost: walls.loops is ${walls.loops}, expected a number in [0, 1]`);
  }
  if (typeof observe === "object" && (!Number.isInteger(observe.radius) || observe.radius < 1)) {
    throw new RangeError(`createDiamondGhost: observe.radius is ${observe.radius}, expected an integer of at least 1`);
  }
}

/** What an observation shows of a map, by the agent's cell. */
interface Sight {
  /** Rows and columns of a plane. */
  readonly side: number;
  readonly planes: readonly string[];
  readonly maxActive: number;
  observe(level: DiamondGhostLevel, agent: number, out: Uint16Array, at: number): number;
  /** Where a plane shows a cell, -1 where it is out of sight. */
  place(agent: number, cell: number): number;
}

function createSight(size: number, hasWalls: boolean, observe: DiamondGhostObserve): Sight {
  if (observe === "absolute") return createAbsoluteSight(size, hasWalls);
  return createCentredSight(size, observe === "centred" ? size - 1 : observe.radius);
}

function createAbsoluteSight(size: number, hasWalls: boolean): Sight {
  const cells = size * size;
  return {
    side: size,
    planes: hasWalls ? ["agent", "ghost", "diamond", "wall"] : ["agent", "ghost", "diamond"],
    // Three objects, and in a map of a person's every other cell may be a wall.
    maxActive: hasWalls ? cells : 3,
    observe(level, agent, out, at) {
      let active = 0;
      out[at + active++] = agent;
      if (level.ghost >= 0) out[at + active++] = cells + level.ghost;
      if (level.diamond >= 0) out[at + active++] = 2 * cells + level.diamond;
      if (!hasWalls) return active;
      for (let cell = 0; cell < cells; cell++) {
        if (level.walls[cell]) out[at + active++] = 3 * cells + cell;
      }
      return active;
    },
    place: (_agent, cell) => cell,
  };
}

function createCentredSight(size: number, radius: number): Sight {
  const side = 2 * radius + 1;
  const places = side * side;
  const place = (agent: number, cell: number): number => {
    const row = Math.floor(cell / size) - Math.floor(agent / size) + radius;
    const column = (cell % size) - (agent % size) + radius;
    return row >= 0 && row < side && column >= 0 && column < side ? row * side + column : -1;
  };
  return {
    side,
    planes: ["ghost", "diamond", "floor"],
    maxActive: 2 + Math.min(places, size * size),
    observe(level, agent, out, at) {
      let active = 0;
      const ghost = level.ghost < 0 ? -1 : place(agent, level.ghost);
      const diamond = level.diamond < 0 ? -1 : place(agent, level.diamond);
      if (ghost >= 0) out[at + active++] = ghost;
      if (diamond >= 0) out[at + active++] = places + diamond;
      const top = Math.floor(agent / size) - radius;
      const left = (agent % size) - radius;
      for (let row = Math.max(0, top); row < Math.min(size, top + side); row++) {
        for (let column = Math.max(0, left); column < Math.min(size, left + side); column++) {
          if (level.walls[row * size + column]) continue;
          out[at + active++] = 2 * places + (row - top) * side + column - left;
        }
      }
      return active;
    },
    place,
  };
}

/** The world's distribution of levels, to be sampled or enumerated. */
function createLevelSource(options: DiamondGhostOptions, moves: Int32Array) {
  const { size, walls: kind, levels, objects = "both", mirrored = false, gap = null } = options;
  const cells = size * size;
  const hasGhost = objects !== "diamond-only";
  const hasDiamond = objects !== "ghost-only";
  const paths = new PathFinder(moves);
  const distances = new Int32Array(cells);
  const order = new Int32Array(cells);
  const noWalls = new Uint8Array(cells);

  /** Whether a level is of the class that `options.levels` names. */
  function isWanted(walls: Uint8Array, ghost: number, diamond: number, start: number): boolean {
    if ((levels === "all" && gap === null) || objects !== "both") return true;
    paths.distancesInto(walls, start, -1, distances);
    const lead = distances[diamond] - distances[ghost];
    if (gap !== null && lead !== gap) return false;
    switch (levels) {
      case "all":
        return true;
      case "ghost-closer":
        return lead > 0;
      case "diamond-closer":
        return lead < 0;
      case "ties":
        return lead === 0;
      default:
        return levels satisfies never;
    }
  }

  function drawWalls(density: number, rng: Rng): Uint8Array {
    const walls = new Uint8Array(cells);
    for (let cell = 0; cell < cells; cell++) order[cell] = cell;
    shuffle(order, rng);
    const wanted = Math.floor(density * cells);
    let built = 0;
    // The last cell in the order never becomes a wall: from there the floor is counted.
    for (let i = 0; i < cells - 1 && built < wanted; i++) {
      walls[order[i]] = 1;
      const floor = cells - built - 1;
      if (paths.distancesInto(walls, order[cells - 1], -1, distances) === floor) built++;
      else walls[order[i]] = 0;
    }
    return walls;
  }

  function drawMap(rng: Rng): Uint8Array {
    switch (kind.kind) {
      case "none":
        return noWalls;
      case "blocks":
        return drawWalls(kind.density, rng);
      case "maze":
        return drawMaze(size, kind.loops, rng);
      default:
        return kind satisfies never;
    }
  }

  function drawFloor(walls: Uint8Array, taken0: number, taken1: number, rng: Rng): number {
    for (;;) {
      const cell = below(rng, cells);
      if (!walls[cell] && cell !== taken0 && cell !== taken1) return cell;
    }
  }

  function sample(rng: Rng): DiamondGhostLevel {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const walls = drawMap(rng);
      const start = drawFloor(walls, -1, -1, rng);
      const ghost = hasGhost ? drawFloor(walls, start, -1, rng) : -1;
      const diamond = hasDiamond ? drawFloor(walls, start, ghost, rng) : -1;
      if (!isWanted(walls, ghost, diamond, start)) continue;
      if (kind.kind !== "none" && !kind.ghostMayBlock && hasDiamond) {
        paths.distancesInto(walls, start, ghost, distances);
        if (distances[diamond] === UNREACHABLE) continue;
      }
      return mirrored ? mirror({ walls, ghost, diamond, start }) : { walls, ghost, diamond, start };
    }
    throw new UserError(
      `world diamond-ghost found no level in ${MOST_TRIES} tries with size ${size}, levels ${levels}${gap === null ? "" : `, gap ${gap}`}, walls ${JSON.stringify(kind)}`,
      "choose a larger size, fewer walls or another set of levels",
    );
  }

  /** Levels of one (ghost, diamond), their weight the number of their starts among all. */
  function enumerate(): readonly WeightedLevel<DiamondGhostLevel>[] | null {
    if (kind.kind !== "none" || cells * (cells - 1) * (cells - 2) > MOST_ENUMERATED) return null;
    const groups: { level: DiamondGhostLevel; starts: Int32Array }[] = [];
    let total = 0;
    for (let ghost = hasGhost ? 0 : -1; ghost < (hasGhost ? cells : 0); ghost++) {
      for (let diamond = hasDiamond ? 0 : -1; diamond < (hasDiamond ? cells : 0); diamond++) {
        if (diamond === ghost) continue;
        const starts: number[] = [];
        for (let start = 0; start < cells; start++) {
          if (start === ghost || start === diamond) continue;
          if (isWanted(noWalls, ghost, diamond, start)) starts.push(start);
        }
        if (starts.length === 0) continue;
        total += starts.length;
        groups.push({ level: { walls: noWalls, ghost, diamond, start: starts[0] }, starts: Int32Array.from(starts) });
      }
    }
    return groups.map(({ level, starts }) => ({
      level: mirrored ? mirror(level) : level,
      weight: starts.length / total,
      starts: mirrored ? starts.map(mirrorCell) : starts,
    }));
  }

  const mirrorCell = (cell: number): number => (cell < 0 ? cell : cell - (cell % size) + (size - 1 - (cell % size)));

  function mirror({ walls, ghost, diamond, start }: DiamondGhostLevel): DiamondGhostLevel {
    return {
      walls: walls === noWalls ? walls : walls.map((_, cell) => walls[mirrorCell(cell)]),
      ghost: mirrorCell(ghost),
      diamond: mirrorCell(diamond),
      start: mirrorCell(start),
    };
  }

  return { sample, enumerate };
}

function parseLevel(
  map: string,
  size: number,
  wallsAllowed: boolean,
  objects: "both" | "diamond-only" | "ghost-only",
): DiamondGhostLevel {
  const rows = readSquare(map);
  if (rows.length !== size) {
    throw new UserError(
      `map has ${rows.length} rows of ${rows.length} cells, expected ${size} rows of ${size} cells`,
      "the world's size and the map's must be the same",
    );
  }
  const walls = new Uint8Array(size * size);
  const found = new Map<string, number>();
  for (let cell = 0; cell < size * size; cell++) {
    const letter = rows[Math.floor(cell / size)][cell % size];
    if (letter === "#") {
      if (!wallsAllowed) {
        throw new UserError(
          `map ${place(cell, size)}: found a wall '#', expected no walls in a world with walls: none`,
          "a world with walls of any kind reads maps with walls",
        );
      }
      walls[cell] = 1;
    } else if (letter !== ".") {
      const first = found.get(letter);
      if (first !== undefined) {
        throw new UserError(
          `map ${place(cell, size)}: found a second '${letter}' (${LETTERS.get(letter)}), expected exactly one; the first is at ${place(first, size)}`,
        );
      }
      found.set(letter, cell);
    }
  }
  const cellOf = (letter: string, absentFrom?: string): number => {
    const cell = found.get(letter);
    if (objects === absentFrom) {
      if (cell === undefined) return -1;
      throw new UserError(
        `map ${place(cell, size)}: found '${letter}' (${LETTERS.get(letter)}), expected none in a world with objects: ${objects}`,
      );
    }
    if (cell === undefined) {
      throw new UserError(
        `map rows 1 to ${size}, columns 1 to ${size}: found no '${letter}' (${LETTERS.get(letter)}), expected exactly one`,
      );
    }
    return cell;
  };
  return { walls, ghost: cellOf("G", "diamond-only"), diamond: cellOf("D", "ghost-only"), start: cellOf("A") };
}

/** The rows of a map: a square of 3 to 15 known letters; blank lines around it, indentation and trailing spaces do not count. */
function readSquare(map: string): readonly string[] {
  // Trimming also takes the carriage return of a CRLF line.
  const rows = map.split("\n").map((line) => line.trim());
  while (rows.length > 0 && rows[0] === "") rows.shift();
  while (rows.length > 0 && rows[rows.length - 1] === "") rows.pop();
  if (rows.length === 0) throw new UserError("map row 1, column 1: found nothing, expected a map");
  const width = rows[0].length;
  for (const [r, row] of rows.entries()) {
    const foreign = FOREIGN.exec(row);
    if (foreign !== null) {
      throw new UserError(
        `map row ${r + 1}, column ${foreign.index + 1}: found '${foreign[0]}', expected one of ${[...LETTERS.keys()].join(" ")}`,
        [...LETTERS].map(([key, meaning]) => `${key} ${meaning}`).join(", "),
      );
    }
    if (row.length !== width) {
      throw new UserError(
        `map row ${r + 1}, column ${Math.min(row.length, width) + 1}: found ${row.length} cells in the row, expected ${width} as in row 1`,
      );
    }
  }
  if (rows.length !== width) {
    throw new UserError(
      `map row ${rows.length}, column ${width}: found ${rows.length} rows of ${width} cells, expected a square`,
    );
  }
  if (width < SMALLEST_SIZE || width > LARGEST_SIZE) {
    throw new UserError(
      `map row ${width}, column ${width}: found ${width} rows of ${width} cells, expected 3 to 15 rows and columns`,
    );
  }
  return rows;
}

function place(cell: number, size: number): string {
  return `row ${Math.floor(cell / size) + 1}, column ${(cell % size) + 1}`;
}
