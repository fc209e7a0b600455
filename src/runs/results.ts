/*
 * What cells write, for those who read it.
 */

/** What tables show of an evaluation. */
export interface BriefEvaluation {
  /** Discounted return per episode, by goal. */
  readonly discounted: Readonly<Record<string, number>>;
  readonly normalised: Readonly<Record<string, number | null>>;
  readonly rates: Readonly<Record<string, number>>;
  readonly steps: number;
}
