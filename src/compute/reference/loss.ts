/**
 * The loss of one row and its slopes, before the means over the minibatch are taken. All terms are those of `Hyper`.
 */

/** PPO's clipped surrogate of one row. */
export interface PolicyTerm {
  /** -min(ratio A, clamp(ratio, 1 - clipRange, 1 + clipRange) A). */
  readonly loss: number;
  /** d loss / d ln pi(a|x): -ratio A where the unclipped side is the smaller, else 0. */
  readonly slope: number;
  readonly ratio: number;
  /** k3 = ratio - 1 - ln ratio, never negative. */
  readonly kl: number;
}

/**
 * The clipped surrogate, with `logNew` = ln pi(a|x), `logOld` = ln pi_old(a|x) and the normalised advantage A.
 *
 * The minimum is pessimistic: it is flat once the ratio has moved past the range in the direction that A rewards
 * (A > 0 above 1 + clipRange, A < 0 below 1 - clipRange), and never flat in the opposite one, from which the policy
 * can always come back. Schulman et al. 2017, arXiv:1707.06347, eq. 7 and figure 1.
 */
export function policyTerm(logNew: number, logOld: number, advantage: number, clipRange: number): PolicyTerm {
  const lnRatio = logNew - logOld;
  const ratio = Math.exp(lnRatio);
  const unclipped = ratio * advantage;
  const clipped = clamp(ratio, 1 - clipRange, 1 + clipRange) * advantage;
  return {
    loss: -Math.min(unclipped, clipped),
    slope: unclipped <= clipped ? -unclipped : 0,
    ratio,
    kl: ratio - 1 - lnRatio,
  };
}

/** The critic's loss of one row and its slope at the value. */
export interface ValueTerm {
  readonly loss: number;
  readonly slope: number;
}

/**
 * Squared error, with the value optionally held near the acting critic's.
 *
 *     valueClip = 0:  0.5 (V - R)^2
 *     valueClip = c:  0.5 max((V - R)^2, (V_old + clamp(V - V_old, -c, c) - R)^2)
 */
export function valueTerm(value: number, oldValue: number, target: number, valueClip: number): ValueTerm {
  const error = value - target;
  const plain = { loss: 0.5 * error * error, slope: error };
  // Inside the range the two sides are one number; comparing them would compare rounding errors.
  if (valueClip === 0 || Math.abs(value - oldValue) <= valueClip) return plain;
  const heldError = oldValue + clamp(value - oldValue, -valueClip, valueClip) - target;
  const held = { loss: 0.5 * heldError * heldError, slope: 0 };
  return held.loss > plain.loss ? held : plain;
}

/** Entropy in nats: H = -sum_a p_a ln p_a. */
export function entropyOf(logProbabilities: Float64Array, probabilities: Float64Array): number {
  let entropy = 0;
  for (let a = 0; a < probabilities.length; a++) entropy -= probabilities[a] * logProbabilities[a];
  return entropy;
}

/**
 * Slope of (policy loss - entropyCoef * entropy) at the logits.
 *
 *     d ln p_action / d logit_a = [a = action] - p_a
 *     d H / d logit_a           = -p_a (ln p_a + H)
 *
 * `policySlope` is d(policy loss)/d ln p_action. Writes: all of `out` [A], multiplied by `scale`.
 */
export function logitSlopes(
  row: {
    readonly logProbabilities: Float64Array;
    readonly probabilities: Float64Array;
    readonly action: number;
    readonly entropy: number;
  },
  policySlope: number,
  entropyCoef: number,
  scale: number,
  out: Float64Array,
): void {
  const { logProbabilities, probabilities, action, entropy } = row;
  for (let a = 0; a < out.length; a++) {
    const p = probabilities[a];
    const policy = policySlope * ((a === action ? 1 : 0) - p);
    const entropySlope = -p * (logProbabilities[a] + entropy);
    out[a] = scale * (policy - entropyCoef * entropySlope);
  }
}

/** Cross-entropy of one row's module weights: -sum_k target_k ln w_k. A target of 0 adds 0, also at w_k = 0. */
export function gateTerm(target: Float64Array, lnWeights: Float64Array): number {
  let loss = 0;
  for (let k = 0; k < target.length; k++) if (target[k] !== 0) loss -= target[k] * lnWeights[k];
  return loss;
}

/** Slope of {@link gateTerm} at the gate's logits: (sum_j target_j) w_k - target_k. Writes: `out` [K], times `scale`. */
export function gateSlopes(target: Float64Array, weights: Float64Array, scale: number, out: Float64Array): void {
  let total = 0;
  for (const t of target) total += t;
  for (let k = 0; k < target.length; k++) out[k] = scale * (total * weights[k] - target[k]);
}

function clamp(x: number, low: number, high: number): number {
  return Math.min(Math.max(x, low), high);
}
