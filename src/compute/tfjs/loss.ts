import type { Hyper } from "../engine.ts";
import type { Tensor, Tf } from "./backends.ts";
import type { ForwardTrace, Slopes } from "./network.ts";

/** A minibatch over Q replicas; columns are [Q, B, 1]. */
export interface Minibatch {
  /** 1 / rows of the replica's own minibatch; 0 on rows that only fill up, so that every mean is over a replica's own rows. */
  readonly share: Tensor;
  /** [Q, B] */
  readonly action: Tensor;
  readonly logProbability: Tensor;
  readonly oldValue: Tensor;
  readonly advantage: Tensor;
  readonly target: Tensor;
  readonly gateMask: Tensor;
  /** [Q, B, K] */
  readonly moduleMask: Tensor;
  readonly gateTarget: Tensor;
}

/** Numbers of the loss, one for each replica, [Q, 1, 1]. */
export interface LossNumbers {
  readonly advantageMean: Tensor;
  readonly advantageScale: Tensor;
  readonly clipRange: Tensor;
  /** Undefined where it is off for all. */
  readonly valueClip: Tensor | undefined;
  readonly entropyCoef: Tensor;
  readonly valueCoef: Tensor;
  readonly gateCoef: Tensor;
  /** Rows over rows that have a gate target; 0 if there are none. */
  readonly gateShare: Tensor;
}

/** The fields of {@link Hyper} among them. */
export const LOSS_FIELDS = [
  "advantageMean",
  "advantageScale",
  "clipRange",
  "valueClip",
  "entropyCoef",
  "valueCoef",
  "gateCoef",
] as const satisfies readonly (keyof Hyper)[];

/** A value clip of no consequence, for replicas without one beside others that have one. */
export const NO_VALUE_CLIP = 1e30;
/** Ratios above exp(80) are taken for it: beyond exp(88) float32 ends, and with it the arithmetic of clipped rows. */
const LARGEST_LN_RATIO = 80;

/** What {@link lossOf} says of each row before the means are taken: policy, value, entropy, gate, k3, clipped. */
export const STATISTICS = 6;

export interface Loss {
  readonly slopes: Slopes;
  /** Means over each replica's rows, [Q, {@link STATISTICS}]; the gate's over the rows that have a target. */
  readonly means: Tensor;
}

/** The terms of ../reference/loss.ts, rows side by side. */
export function lossOf(tf: Tf, actions: number, trace: ForwardTrace, batch: Minibatch, numbers: LossNumbers): Loss {
  const { share } = batch;
  const { logProbabilities, probabilities } = trace;
  const [Q, B] = batch.action.shape;

  const acted = tf.oneHot(batch.action, actions, 1, 0, "float32");
  const advantage = tf.mul(tf.sub(batch.advantage, numbers.advantageMean), numbers.advantageScale);
  const lnRatio = tf.sub(tf.sum(tf.mul(acted, logProbabilities), 2, true), batch.logProbability);
  const ratio = tf.exp(tf.minimum(lnRatio, LARGEST_LN_RATIO));
  const unclipped = tf.mul(ratio, advantage);
  const [low, high] = [tf.sub(1, numbers.clipRange), tf.add(1, numbers.clipRange)];
  const clipped = tf.mul(tf.minimum(tf.maximum(ratio, low), high), advantage);
  const policy = tf.neg(tf.minimum(unclipped, clipped));
  const policySlope = tf.neg(tf.where(tf.lessEqual(unclipped, clipped), unclipped, tf.zerosLike(unclipped)));

  const plnp = tf.mul(probabilities, logProbabilities);
  const negativeEntropy = tf.sum(plnp, 2, true);
  const towardsAction = tf.mul(policySlope, tf.sub(acted, probabilities));
  const towardsEntropy = tf.mul(tf.sub(plnp, tf.mul(probabilities, negativeEntropy)), numbers.entropyCoef);
  const logits = tf.mul(tf.add(towardsAction, towardsEntropy), share);

  const error = tf.sub(trace.value, batch.target);
  let [value, valueSlope]: [Tensor, Tensor] = [tf.square(error), error];
  if (numbers.valueClip !== undefined) {
    const moved = tf.sub(trace.value, batch.oldValue);
    const bounded = tf.minimum(tf.maximum(moved, tf.neg(numbers.valueClip)), numbers.valueClip);
    const held = tf.square(tf.sub(tf.add(batch.oldValue, bounded), batch.target));
    // Inside the range the two sides are one number; comparing them would compare rounding errors.
    const outside = tf.greater(tf.abs(moved), numbers.valueClip);
    const isHeld = tf.logicalAnd(outside, tf.greater(held, value));
    value = tf.where(isHeld, held, value);
    valueSlope = tf.where(isHeld, tf.zerosLike(error), error);
  }

  let gate: Tensor = tf.zeros([Q, B, 1]);
  let gateLogits: Tensor | undefined;
  if (trace.weights !== undefined && trace.lnWeights !== undefined) {
    gate = tf.mul(tf.neg(tf.sum(tf.mul(batch.gateTarget, trace.lnWeights), 2, true)), numbers.gateShare);
    const total = tf.sum(batch.gateTarget, 2, true);
    const scale = tf.mul(share, tf.mul(numbers.gateShare, numbers.gateCoef));
    gateLogits = tf.mul(tf.sub(tf.mul(total, trace.weights), batch.gateTarget), scale);
  }

  const offRatio = tf.sub(ratio, 1);
  const isClipped = tf.cast(tf.greater(tf.abs(offRatio), numbers.clipRange), "float32");
  const kl = tf.sub(offRatio, lnRatio);
  const terms = tf.concat([policy, tf.mul(value, 0.5), tf.neg(negativeEntropy), gate, kl, isClipped], 2);
  return {
    slopes: {
      logits,
      gateLogits,
      value: tf.mul(valueSlope, tf.mul(share, numbers.valueCoef)),
      moduleMask: batch.moduleMask,
      gateMask: batch.gateMask,
    },
    means: tf.sum(tf.mul(terms, share), 1),
  };
}
