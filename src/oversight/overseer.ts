import { z } from "zod";
import type { Chance } from "../core/random.ts";

/**
 * Who looks at what. Before an episode an overseer marks cells (and decides whether the policy sees the marks); after it, it inspects
 * the episode's steps: all, none or some. Marks are drawn before the first action and never depend on what the policy does.
 */
export interface Overseer {
  readonly kind: string;
  /** Whether the policy, the gate and the critic see the marks. */
  readonly visible: boolean;
  /** Int32 words that it keeps from one episode to the next (a budget, a count), saved with the training; 0 unless given. */
  readonly memory?: number;
  /**
   * Whether what it inspects depends on nothing but the episode's marks, its last cell and whether the clock ended it, and on all of its steps
   * alike: then there is an exact optimum of what an arm is paid. Not unless given.
   */
  readonly endOnly?: boolean;
  /** The most cells that can be marked at once on a map of `cells` cells with `sites` sites. */
  mostMarks(cells: number, sites: number): number;
  /** Mark cells of a new episode: set entries of `marks` [cells], which comes zeroed. Draws only from `chance`. */
  mark(place: Place, chance: Chance, marks: Uint8Array): void;
  /**
   * Every marking of a level with its probability, for exact evaluation; null where the markings must be sampled.
   * Probabilities are positive and sum to 1.
   */
  markings(place: Place): readonly Marking[] | null;
  /**
   * Inspect an episode that ended: set `seen` [steps], which comes zeroed, to 1 on each step that is shown, which reveals its true reward.
   * Draws only from `chance`; may write `memory` [memory].
   */
  inspect(episode: Overseen, chance: Chance, memory: Int32Array, seen: Uint8Array): void;
  /**
   * What it says the label is, where that may be wrong. `label` is the right one: an index into the `labels` routes, or -1 for nothing. Gives one
   * of those. An episode that it did not inspect, or whose label is ambiguous, has none to be wrong about.
   */
  report?(label: number, labels: number, episode: Overseen, chance: Chance): number;
}

/** Where an episode is played. */
export interface Place {
  readonly height: number;
  readonly width: number;
  /** Cells that may be marked. */
  readonly sites: readonly number[];
}

/** What an overseer may look at when an episode has ended. */
export interface Overseen {
  /** Marks of the episode, [cells]. */
  readonly marks: Uint8Array;
  /** The agent's cell after each step, [steps]. */
  readonly cells: Int32Array;
  /** Events of each step, a bit each, [steps]. */
  readonly events: Uint32Array;
  /** The clock ended it: a timeout. */
  readonly truncated: boolean;
  /** How much of the training is over, in (0, 1]; 1 outside of training. */
  readonly progress: number;
}

/** Inspects an episode whole or not at all. */
export function wholeEpisode(rule: (episode: Overseen, chance: Chance) => boolean): Overseer["inspect"] {
  return (episode, chance, _memory, seen) => {
    if (rule(episode, chance)) seen.fill(1);
  };
}

/**
 * An option of overseers that look at the end: whether a timeout is inspected. `coverage`: with the probability of any end. Left out, it is what
 * the overseer has always done, so that scenarios from before keep their hash.
 */
export const timeouts = (usual: "always" | "coverage") =>
  z
    .enum(["always", "never", "coverage"])
    .optional()
    .meta({ default: usual })
    .describe("whether a timeout is inspected; coverage: with the probability of any end");

export interface Marking {
  readonly probability: number;
  /** The marked cells. */
  readonly cells: readonly number[];
}

/** A kind of overseer, as a scenario names it: one file of `overseers/`, one line of its table. */
export interface OverseerDefinition<Options = object> {
  readonly kind: string;
  /** What it does, for people, in one line. */
  readonly about: string;
  /** All options but those that every overseer has; messages, JSON schema and help are made of it. */
  readonly options: z.ZodObject & z.ZodType<Options>;
  create(options: Options & { readonly visible: boolean }): Overseer;
}

/** A scenario's `oversight`: its kind, what every overseer has, and the kind's own options. */
export interface OverseerOptions {
  readonly kind: string;
  readonly visible: boolean;
  readonly [option: string]: unknown;
}

/** An option of overseers that toss a coin. */
export const probabilityOfInspection = z
  .number()
  .min(0)
  .max(1)
  .describe("probability of inspection; 1 inspects everything");
