import type { PpoOptions } from "../agents/ppo.ts";
import { QUIRKS, type Quirk, type TrainOptions } from "./schema.ts";

/** What the training loop does, whatever the algorithm is called. */
export interface LoopOptions extends PpoOptions {
  readonly gaeLambda: number;
  readonly tails: "carry" | "all" | "drop";
  /** What follows a cut: the critic's value, or nothing (discounted returns to the window's end, `gaeLambda` 1). */
  readonly bootstrap: boolean;
  readonly quirks: ReadonlySet<Quirk>;
}

/**
 * The options of the loop. `reinforce` is PPO with one step per batch: the ratio of an unchanged policy is exactly 1, so the surrogate's
 * gradient is -A grad ln pi and nothing is clipped (docs/ppo.md, "reinforce").
 */
export function loopOptions(train: TrainOptions): LoopOptions {
  const quirks = quirksOf(train);
  if (train.algorithm === "ppo") return { ...train, bootstrap: true, quirks };
  return {
    ...train,
    epochs: 1,
    minibatches: 1,
    gaeLambda: 1,
    clipRange: NO_CLIP,
    valueClip: 0,
    normaliseAdvantages: "none",
    tails: quirks.has("unfinishedTails") ? "all" : train.tails,
    bootstrap: false,
    quirks,
  };
}

/** Far beyond any ratio: also of rows that waited for their episode's end (`tails: carry`). */
const NO_CLIP = 1e6;

/**
 * What the original code does beside its paper (Cloud et al. 2024's public code, method of docs/ppo.md), each by itself:
 *
 * - `staleObservation`: the first step after an automatic reset is acted on the old episode's last picture;
 * - `lateTimeout`: an episode is cut one step after the horizon;
 * - `unfinishedTails`: steps of episodes still running at the window's end count as "reached nothing": return 0, routed to all, kept;
 * - `linearCritic`: the critic has no ReLU;
 * - `keptFraction`: the loss of an arm that drops rows is multiplied by the fraction that it keeps.
 */
export function quirksOf(train: TrainOptions): ReadonlySet<Quirk> {
  if (train.algorithm === "ppo" || train.quirks === "none") return new Set();
  return new Set(train.quirks === "original" ? QUIRKS : train.quirks);
}
