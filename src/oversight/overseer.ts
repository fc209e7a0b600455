import type { Rng } from "../core/random.ts";

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
  /** Mark cells of a new episode: set entries of `marks` [cells], which comes zeroed. Draws only from `rng`. */
  mark(sites: readonly number[], rng: Rng, marks: Uint8Array): void;
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
