import type { Hyper } from "../engine.ts";
import type { Group, NetworkLayout } from "../layout.ts";
import type { Tensor, Tf } from "./backends.ts";

/** Parameters and moments of Q replicas, each [Q, S]. */
export interface AdamState {
  readonly parameters: Tensor;
  readonly firstMoments: Tensor;
  readonly secondMoments: Tensor;
}

/** Numbers of one step: a row for each replica, a column for each group. */
export interface AdamNumbers {
  /** Whether a row of the minibatch can move the group. */
  readonly isMovable: readonly (readonly boolean[])[];
  /** Steps that the group will have taken. */
  readonly steps: readonly (readonly number[])[];
  readonly hypers: readonly Hyper[];
}

/** A norm that nothing exceeds. */
const NO_BOUND = 3e38;

/** Sum of squares of each group's gradient, [Q, G]. */
export function squaredNorms(tf: Tf, groups: readonly Group[], gradient: Tensor): Tensor {
  const [Q] = gradient.shape;
  const squares = tf.square(gradient);
  return tf.concat(
    groups.map(({ start, end }) => tf.sum(tf.slice(squares, [0, start], [Q, end - start]), 1, true)),
    1,
  );
}

/**
 * Clipping by norm, then Adam, as in ../reference/adam.ts, on all groups of all replicas at once: what differs between groups is spread
 * over their parameters by `groupOf` [S]. A group that may not move, and all groups of a replica with a gradient that is not finite,
 * keep parameters and moments to the bit.
 */
export function adamStep(
  tf: Tf,
  layout: NetworkLayout,
  groupOf: Tensor,
  state: AdamState,
  gradient: Tensor,
  squares: Tensor,
  { isMovable, steps, hypers }: AdamNumbers,
): AdamState {
  const { groups } = layout;
  const table = (of: (q: number, g: number) => number): Tensor =>
    tf.tensor2d(
      Float32Array.from({ length: hypers.length * groups.length }, (_, i) =>
        of(Math.floor(i / groups.length), i % groups.length),
      ),
      [hypers.length, groups.length],
    );
  const column = (of: (hyper: Hyper) => number): Tensor => tf.tensor2d(hypers.map(of), [hypers.length, 1]);
  const spread = (byGroup: Tensor): Tensor => tf.gather(byGroup, groupOf, 1);

  const isShared = table((q, g) => (hypers[q].clip === "policy" && groups[g].name !== "critic" ? 1 : 0));
  const policy = tf.sum(
    tf.mul(
      squares,
      table((_, g) => (groups[g].name === "critic" ? 0 : 1)),
    ),
    1,
    true,
  );
  const bounded = tf.sqrt(tf.where(tf.cast(isShared, "bool"), tf.mul(policy, tf.onesLike(squares)), squares));
  const bound = column(({ maxGradNorm }) => (maxGradNorm > 0 ? maxGradNorm : NO_BOUND));
  const clipped = tf.mul(gradient, spread(tf.div(bound, tf.maximum(bounded, bound))));

  const finite = tf.min(tf.cast(tf.isFinite(squares), "float32"), 1, true);
  const movable = table((q, g) => (isMovable[q][g] ? 1 : 0));
  const moves = tf.cast(spread(tf.mul(movable, finite)), "bool");
  const rate = table((q, g) => hypers[q].learningRate / (1 - hypers[q].beta1 ** Math.max(1, steps[q][g])));
  const spreadScale = table((q, g) => 1 / Math.sqrt(1 - hypers[q].beta2 ** Math.max(1, steps[q][g])));

  const average = (old: Tensor, now: Tensor, beta: (hyper: Hyper) => number): Tensor =>
    tf.add(
      tf.mul(old, column(beta)),
      tf.mul(
        now,
        column((hyper) => 1 - beta(hyper)),
      ),
    );
  const firstMoments = average(state.firstMoments, clipped, ({ beta1 }) => beta1);
  const secondMoments = average(state.secondMoments, tf.square(clipped), ({ beta2 }) => beta2);
  const root = tf.add(
    tf.mul(tf.sqrt(secondMoments), spread(spreadScale)),
    column(({ adamEps }) => adamEps),
  );
  const parameters = tf.sub(state.parameters, tf.div(tf.mul(firstMoments, spread(rate)), root));
  return {
    parameters: tf.where(moves, parameters, state.parameters),
    firstMoments: tf.where(moves, firstMoments, state.firstMoments),
    secondMoments: tf.where(moves, secondMoments, state.secondMoments),
  };
}

/** The group of each parameter, [S]. */
export function groupIndices({ groups, size }: NetworkLayout): Int32Array {
  const indices = new Int32Array(size);
  groups.forEach(({ start, end }, g) => {
    indices.fill(g, start, end);
  });
  return indices;
}
