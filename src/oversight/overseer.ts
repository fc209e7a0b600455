import { z } from "zod";
import type { Chance } from "../core/random.ts";

/**
 * Who looks at what. Before an episode an overseer marks cells (and decides whether the policy sees the marks); after it, it
 * inspects the episode or not. Marks are drawn before the first action and never depend on what the policy does.
 */
export interface Overseer {
  readonly kind: string;
  /** Whether the policy, the gate and the critic see the marks. */
  readonly visible: boolean;
  /** The most cells that can be marked at once on a map of `cells` cells with `sites` sites. */
  mostMarks(cells: number, sites: number): number;
  /** Mark cells of a new episode: set entries of `marks` [cells], which comes zeroed. Draws only from `chance`. */
  mark(sites: readonly number[], chance: Chance, marks: Uint8Array): void;
  /** Whether the episode that just ended is inspected, which reveals its true reward and its label. */
  inspects(end: EpisodeEnd): boolean;
  /**
   * Every marking of a level's sites with its probability, for exact evaluation; null where the markings must be sampled.
   * Probabilities are positive and sum to 1.
   */
  markings(sites: readonly number[]): readonly Marking[] | null;
}

/** What an overseer may look at when an episode has ended. */
export interface EpisodeEnd {
  /** Marks of the episode, [cells]. */
  readonly marks: Uint8Array;
  /** The cell on which the episode ended. */
  readonly cell: number;
  /** The clock ended it: a timeout. */
  readonly truncated: boolean;
}

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
