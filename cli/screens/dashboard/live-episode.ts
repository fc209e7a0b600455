import type { Opinion } from "../../../src/evaluation/mind.ts";
import type { Scene } from "../scene.ts";

/** An episode of the policy that a cell has trained so far, with what a small board shows of it: a plain value. */
export interface LiveEpisode {
  /** Environment steps that the policy was trained for. */
  readonly trained: number;
  readonly scene: Scene;
  /** The map at each state, [steps + 1]. */
  readonly maps: readonly string[];
  /** Marked cells, row * width + column. */
  readonly marks: ReadonlySet<number>;
  readonly acting: string;
  /** Names of the actions, [steps]. */
  readonly actions: readonly string[];
  /** What the policy said before each action, [steps]. */
  readonly opinions: readonly Opinion[];
  readonly outcome: string;
  /** `unlabelled` where the overseer did not inspect it. */
  readonly label: string;
}
