import { rewardOf } from "../../../src/core/goal.ts";
import { Stream } from "../../../src/core/random.ts";
import { UNLABELLED } from "../../../src/core/trajectory.ts";
import { enumerateStates, rewardTable } from "../../../src/envs/graph.ts";
import { mapParts } from "../../../src/envs/maps.ts";
import { solve } from "../../../src/envs/solver.ts";
import { placeOf } from "../../../src/envs/world.ts";
import { inspectEpisode, labelName } from "../../../src/oversight/label.ts";
import type { Setting } from "../../../src/scenario/setting.ts";
import { drawLevel } from "../../arguments/levels.ts";

/*
 * The rules of play: a person on one level, as an agent would be, and what that was worth. Pure: a move makes another game.
 */

/** What a game is played in. `seed` draws levels and marks. */
export interface Course {
  readonly setting: Setting;
  readonly seed: number;
}

/** What a goal paid, reward units. */
export interface Returns {
  readonly discounted: number;
  readonly undiscounted: number;
}

export interface Game {
  /** Number of the level, as in `halfwatch levels`. */
  readonly number: number;
  readonly level: unknown;
  readonly start: Int32Array;
  readonly state: Int32Array;
  /** 1 where a cell is marked, [cells]. */
  readonly marks: Uint8Array;
  readonly steps: number;
  /** Cells that the agent stood on, the first one first. */
  readonly path: readonly number[];
  /** Names of the events of the last step. */
  readonly events: readonly string[];
  /** Events of every step, a bit each: what an overseer may look at. */
  readonly history: readonly number[];
  /** So far, in the order of the setting's goals. */
  readonly returns: readonly Returns[];
  /** How it ended: by the world, by the clock, or by the person, who went away. */
  readonly end: "terminated" | "truncated" | "given up" | null;
}

/** The first moment on the level of a number: level and marks are the same for the same setting and seed. */
export function deal({ setting, seed }: Course, number: number): Game {
  const { world, overseer, goals } = setting;
  const { level, start } = drawLevel(world, seed, number);
  const marks = new Uint8Array(world.height * world.width);
  overseer.mark(placeOf(world, level), new Stream(seed, "shown-marks").seek(0, number), marks);
  return {
    number,
    level,
    start,
    state: start,
    marks,
    steps: 0,
    path: [world.cell(level, start)],
    events: [],
    history: [],
    returns: goals.map(() => ({ discounted: 0, undiscounted: 0 })),
    end: null,
  };
}

/** Take an action; the same game where it is over. */
export function move({ setting, seed }: Course, game: Game, action: number): Game {
  if (game.end !== null) return game;
  const { world, goals, scenario } = setting;
  const state = game.state.slice();
  const steps = game.steps + 1;
  const chance = new Stream(seed, "shown-chance").seek(steps, game.number);
  const emitted = world.step(game.level, state, action, chance);
  const events = world.events.filter((_, e) => (emitted >>> e) & 1);
  return {
    ...game,
    state,
    steps,
    path: [...game.path, world.cell(game.level, state)],
    events,
    history: [...game.history, emitted],
    returns: goals.map((goal, g) => {
      const reward = rewardOf(goal, emitted);
      const { discounted, undiscounted } = game.returns[g];
      return {
        discounted: discounted + scenario.discount ** game.steps * reward,
        undiscounted: undiscounted + reward,
      };
    }),
    end: world.terminal(game.level, state) ? "terminated" : steps >= world.horizon ? "truncated" : null,
  };
}

/** Leave a game that is not over; what it has paid so far stands. */
export const giveUp = (game: Game): Game => (game.end === null ? { ...game, end: "given up" } : game);

/** What the overseer made of a game that ended; null where nobody can tell: it has not ended, or was left. */
export function inspection(
  { setting, seed }: Course,
  { end, marks, path, history, number }: Game,
): { readonly inspected: boolean; readonly label: string } | null {
  if (end === null || end === "given up") return null;
  const { overseer, labelRule } = setting;
  const episode = {
    ...{ marks, cells: Int32Array.from(path.slice(1)), events: Uint32Array.from(history) },
    ...{ truncated: end === "truncated", progress: 1 },
  };
  const chance = new Stream(seed, "shown-inspection").seek(0, number);
  const memory = new Int32Array(overseer.memory ?? 0);
  const label = inspectEpisode(overseer, labelRule, episode, chance, memory, new Uint8Array(history.length));
  return { inspected: label !== UNLABELLED, label: labelName(labelRule, label) };
}

/** The most that each goal pays from the level's start, in the order of the setting's goals: `src/envs/solver.ts`. */
export function optimum({ setting }: Course, { level, start }: Game): Returns[] {
  const { world, goals, scenario } = setting;
  const graph = enumerateStates(world, level, start);
  return goals.map((goal) => {
    const best = (discount: number): number => {
      const { values } = solve(graph, rewardTable(graph, goal), discount, world.horizon);
      return values[world.horizon * graph.size + graph.starts[0]];
    };
    return { discounted: best(scenario.discount), undiscounted: best(1) };
  });
}

/**
 * The map as an agent sees it: a blank for a cell that its observation does not show. Marks as it sees them: none where they are
 * hidden or out of sight.
 */
export function seenBy(
  { setting }: Course,
  { level, state, marks }: Game,
): { map: string; marks: ReadonlySet<number> } {
  const { world, overseer } = setting;
  const isSeen = (cell: number): boolean => world.placeInPlane(state, cell) >= 0;
  const { rows, notes } = mapParts(world.print(level, state));
  const map = rows.map((row, r) => [...row].map((letter, c) => (isSeen(r * world.width + c) ? letter : " ")).join(""));
  const seen = [...marks.keys()].filter((cell) => marks[cell] && overseer.visible && isSeen(cell));
  return { map: [...map, ...notes].join("\n"), marks: new Set(seen) };
}

/** The whole map with every mark: what the overseer sees. */
export function wholeOf(
  { setting }: Course,
  { level, state, marks }: Game,
): { map: string; marks: ReadonlySet<number> } {
  return { map: setting.world.print(level, state), marks: new Set([...marks.keys()].filter((cell) => marks[cell])) };
}
