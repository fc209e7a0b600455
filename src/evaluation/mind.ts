import type { PolicyRule } from "../envs/solver.ts";
import type { Task } from "./situation.ts";

/** A state of a level as a mind finds it. */
export interface Standing {
  readonly level: unknown;
  readonly state: Int32Array;
  /** Marked cells, [cells]; whether they are seen is the mind's to know. */
  readonly marks: Uint8Array;
  /** Steps until the episode is truncated, at least 1. */
  readonly stepsLeft: number;
}

/** What a mind has to say of a standing. */
export interface Opinion {
  /** Probabilities of the actions under each view, [actions]: the acting view first, then each module alone. */
  readonly probabilities: Readonly<Record<string, readonly number[]>>;
  /** The gate's weights in the full view, by module; empty where there are no modules. */
  readonly gate: Readonly<Record<string, number>>;
  /** The value of the standing, by the critic or exactly; null where the mind has no idea of it. */
  readonly value: number | null;
}

/** How a mind acts in the states of one task. */
export interface Acting {
  /** Probabilities [S, A], or a rule of the steps left and the state. */
  readonly policy: Float64Array | PolicyRule;
  /** Module weights [S, K], where the mind has several modules. */
  readonly weights?: Float64Array;
  /** The value of a state with some steps left, where the mind knows it exactly. */
  readonly value?: (stepsLeft: number, state: number) => number;
}

/**
 * Whatever acts, and can be asked why: a network under a view, an optimum, a script. It is evaluated by what it does in all states of
 * tasks ({@link Mind.over}), and plays episodes by what it does where it stands ({@link Mind.act}): the two agree.
 */
export interface Mind {
  readonly name: string;
  /** Its views: the acting one first. */
  readonly views: readonly string[];
  /** Module names; empty where it has none. */
  readonly modules: readonly string[];
  /** Whether what it says depends on the steps that are left. */
  readonly timed: boolean;
  /** How it acts in each of the tasks, in their order. */
  over(tasks: readonly Task[]): Promise<Acting[]>;
  /** Probabilities of the actions as it acts, [standings, actions]. What it says of one does not depend on the others. */
  act(standings: readonly Standing[]): Promise<Float64Array>;
  consult(standings: readonly Standing[]): Promise<Opinion[]>;
}
