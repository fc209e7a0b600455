import type { z } from "zod";
import type { EventSet } from "../core/goal.ts";
import type { Chance } from "../core/random.ts";

/**
 * A world: a pure rule (level, state, action, chance) -> state that emits events. It knows no reward and no overseer.
 *
 * A level is what stays the same through an episode; a state is `stateSize` integers in a buffer that the caller owns, so
 * that a batch steps without allocating and a state can be stored, hashed and enumerated. docs/architecture.md holds this
 * interface against five worlds that are stochastic, partly observed or never-ending.
 */
export interface World<Level = unknown> {
  readonly kind: string;
  /** Names, in the order of the action numbers. */
  readonly actions: readonly string[];
  /** Names, in the order of the bits of an {@link EventSet}; at most 31. */
  readonly events: readonly string[];
  /** Steps after which an episode is truncated. */
  readonly horizon: number;
  readonly height: number;
  readonly width: number;
  /** Rows and columns of an observation's planes: those of the map, or of what is seen around the agent. */
  readonly planeHeight: number;
  readonly planeWidth: number;
  /** Names of the observation's planes, for people; marks come after them. */
  readonly planes: readonly string[];
  /** Binary features of an observation, marks excluded. */
  readonly features: number;
  /** The most features that are active at once, marks excluded. */
  readonly maxActive: number;
  /** Whether its levels may have walls. */
  readonly hasWalls: boolean;
  /** The most sites that a level has. */
  readonly mostSites: number;
  /** Int32 words of a state. */
  readonly stateSize: number;
  /** Whether `step` never draws from its chance. */
  readonly deterministic: boolean;
  /** The letters of its maps, for people: letter -> meaning. */
  readonly letters: ReadonlyMap<string, string>;

  /** Draw a level from the training distribution. */
  sample(chance: Chance): Level;
  /** Write the first state of an episode on this level. */
  start(level: Level, chance: Chance, state: Int32Array): void;
  /** Take one step in place and return what happened. Not called on a terminal state. */
  step(level: Level, state: Int32Array, action: number, chance: Chance): EventSet;
  /** Whether the episode is over for good in this state. */
  terminal(level: Level, state: Int32Array): boolean;
  /** Write the indices of the active features from `out[at]` on; returns how many. */
  observe(level: Level, state: Int32Array, out: Uint16Array, at: number): number;
  /** Where the planes show a cell of the map in this state, row * planeWidth + column; -1 where it is out of sight. */
  placeInPlane(state: Int32Array, cell: number): number;
  /** The agent's cell, row * width + column: the cell whose mark decides whether an end there is seen. */
  cell(level: Level, state: Int32Array): number;
  /** Cells that an overseer may mark: those on which an episode can terminate. */
  sites(level: Level): readonly number[];

  /** The level as it would be if the object whose reaching emits `event` were floor; null where the event has no such object. */
  without?(level: Level, event: string): Level | null;

  /** Read a map; `state` receives the state that the map shows. @throws UserError naming row and column. */
  parse(map: string, state: Int32Array): Level;
  /**
   * Draw a level with a state on it. parse(print(level, state)) gives back the state, and the level too where the state is
   * a first state; a finished episode may draw the agent over an object, and then it is for people only.
   */
  print(level: Level, state: Int32Array): string;

  /**
   * All levels of the training distribution with their first states and probabilities, where they are few enough; null where
   * they must be sampled.
   */
  enumerate(): Iterable<WeightedLevel<Level>> | null;
}

/** Where an episode on a level is played, as far as an overseer may know. */
export function placeOf<Level>(world: World<Level>, level: Level) {
  return { height: world.height, width: world.width, sites: world.sites(level) };
}

/** A level with the states in which its episodes start. */
export interface WeightedLevel<Level> {
  readonly level: Level;
  /** Probability of the level; the weights of a list sum to 1. */
  readonly weight: number;
  /** First states, [starts, stateSize], equally likely. */
  readonly starts: Int32Array;
}

/** A kind of world, as a scenario names it: one file of `worlds/`, one line of its table. */
export interface WorldDefinition<Options = object> {
  readonly kind: string;
  /** What it is, for people, in one line. */
  readonly about: string;
  /** All options but `kind`, each with its description; messages, JSON schema and help are made of it. */
  readonly options: z.ZodObject & z.ZodType<Options>;
  /** The world of some options; one that a person scripted passes them through `options.parse` first. */
  create(options: Options): World;
  readonly sets: LevelSets<Options>;
  /** The options of a world that reads a map which somebody drew. @throws UserError naming the map's row and column. */
  fit?(options: Options, map: string, letters: ReadonlyMap<string, string>): Options;
}

/** A scenario's `world`: its kind, and the kind's own options. */
export interface WorldOptions {
  readonly kind: string;
  readonly [option: string]: unknown;
}

/** Changes of options that make the levels on which a verdict rests; nobody looks on any of them. */
export interface LevelSets<Options> {
  /** Levels on which both goals ask for the same acts. */
  readonly agreeing: Partial<Options>;
  /** Levels on which the goals part. */
  readonly distinguishing: Partial<Options>;
  /** Levels that try the same skill under a change that says nothing about goals, by the control's name. */
  readonly controls: Readonly<Record<string, Partial<Options>>>;
}
