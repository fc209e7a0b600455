// The mixture of the modules, the distribution over actions, PPO's losses and their gradients, row by row in f64.
// The formulas are those of compute/engine.ts. Networks hand in head sums without bias, f32 [outputs, BLOCK_ROWS].
//
// With u_k = h_k W_out, the row's logits are sum_k w_k u_k + b: mixing after the head is the same sum and touches A numbers instead
// of the layer's width. Backward, with d the gradient at the logits: W_out receives h_k^T (w_k d), the module (mask_k w_k d) W_out^T,
// and the weight w_k itself d . u_k.

import {
  BLOCK_ROWS,
  STAT_CLIPPED,
  STAT_ENTROPY,
  STAT_GATE,
  STAT_KL,
  STAT_POLICY,
  STAT_VALUE,
} from "../layout";
import { exp, expPair, log } from "./math";
import { Hyper, Model, Network } from "./records";

@inline
export function networkAt(model: Model, index: u32): Network {
  return changetype<Network>(model.networks + <usize>index * offsetof<Network>());
}

@inline
function f64At(base: usize, index: u32): f64 {
  return load<f64>(base + (<usize>index << 3));
}

@inline
function f32At(base: usize, index: u32): f64 {
  return <f64>load<f32>(base + (<usize>index << 2));
}

/** One row's element of a head: [outputs, BLOCK_ROWS]. */
@inline
function headAt(base: usize, output: u32, row: u32): usize {
  return base + (<usize>(output * BLOCK_ROWS + row) << 2);
}

/** Places of one row's mixture, f64 each, from `scratch + model.mixture`. All are rounded up to pairs. */
@inline
function pairs(count: u32): usize {
  return <usize>((count + 1) & ~1) << 3;
}

/**
 * Softmax in place: `z` [count] becomes z - max z, `e` the probabilities; returns the sum that divides them, so that
 * z minus its logarithm are theirs. The pad of an odd count takes part in the exponentials and in nothing else.
 */
@inline
function softmax(z: usize, e: usize, count: u32, most: f64): f64 {
  let sum: f64 = 0;
  for (let i: u32 = 0; i < count; i += 2) {
    const at = <usize>i << 3;
    const shifted = f64x2.sub(v128.load(z + at), f64x2.splat(most));
    const exponential = expPair(shifted);
    v128.store(z + at, shifted);
    v128.store(e + at, exponential);
    sum += f64x2.extract_lane(exponential, 0);
    if (i + 1 < count) sum += f64x2.extract_lane(exponential, 1);
  }
  for (let at: usize = 0; at < <usize>count << 3; at += 16) {
    v128.store(e + at, f64x2.div(v128.load(e + at), f64x2.splat(sum)));
  }
  return sum;
}

/**
 * The mixture of one row at `scratch + model.mixture`: w [K], ln w up to a constant [K], ln pi [A], pi [A]; returns the sum
 * whose logarithm is that constant, for only rows with a gate target want it.
 * Acting and learning both come through here, so that the ratio of an unchanged policy is exactly 1.
 */
export function mixRow(model: Model, scratch: usize, row: u32, lnScale: usize): f64 {
  const K = model.modules;
  const A = model.actions;
  const w = scratch + model.mixture;
  const lnW = w + pairs(K);
  const lnPi = lnW + pairs(K);
  const pi = lnPi + pairs(A);

  let gateSum: f64 = 1;
  if (K == 1) {
    store<f64>(w, 1.0);
    store<f64>(lnW, 0.0);
  } else {
    let most = -Infinity;
    const gate = networkAt(model, K);
    const outputs: u32 = model.learned ? gate.outputs : 0;
    for (let k: u32 = 0; k < K; k++) {
      let z = f64At(lnScale, k);
      // Two modules share one logit: (z, 0).
      if (k < outputs) {
        z += <f64>load<f32>(headAt(scratch + gate.head, k, row)) + f32At(model.parameters + gate.headBias, k);
      }
      store<f64>(lnW + (<usize>k << 3), z);
      most = max(most, z);
    }
    gateSum = softmax(lnW, w, K, most);
  }

  const bias = model.parameters + networkAt(model, 0).headBias;
  let most = -Infinity;
  for (let a: u32 = 0; a < A; a++) {
    let logit = f32At(bias, a);
    for (let k: u32 = 0; k < K; k++) {
      const weight = f64At(w, k);
      // An ablated module is not even read.
      if (weight != 0) logit += weight * <f64>load<f32>(headAt(scratch + networkAt(model, k).head, a, row));
    }
    store<f64>(lnPi + (<usize>a << 3), logit);
    most = max(most, logit);
  }
  const lnSum = log(softmax(lnPi, pi, A, most));
  for (let a: u32 = 0; a < A; a++) store<f64>(lnPi + (<usize>a << 3), f64At(lnPi, a) - lnSum);
  return gateSum;
}

/** ln pi as it crosses the border: an f32 value, so that storing it in f32 loses nothing. */
@inline
function rounded(lnPi: f64): f64 {
  return <f64>(<f32>lnPi);
}

/** The critic's value of a row, an f32 value. */
@inline
function valueOf(model: Model, scratch: usize, row: u32): f64 {
  const critic = networkAt(model, model.networkCount - 1);
  return <f64>(load<f32>(headAt(scratch + critic.head, 0, row)) + load<f32>(model.parameters + critic.headBias));
}

/** Forward: write row `row` of the block to row `target` of the staged output. */
export function emitRow(model: Model, scratch: usize, row: u32, target: u32): void {
  mixRow(model, scratch, row, model.lnScale);
  const K = model.modules;
  const A = model.actions;
  const w = scratch + model.mixture;
  const lnPi = w + 2 * pairs(K);
  const pi = lnPi + pairs(A);
  for (let k: u32 = 0; k < K; k++) store<f64>(model.outWeights + (<usize>(target * K + k) << 3), f64At(w, k));
  for (let a: u32 = 0; a < A; a++) {
    store<f64>(model.outLogProbabilities + (<usize>(target * A + a) << 3), rounded(f64At(lnPi, a)));
    store<f64>(model.outProbabilities + (<usize>(target * A + a) << 3), f64At(pi, a));
  }
  store<f64>(model.outValues + (<usize>target << 3), valueOf(model, scratch, row));
}

/**
 * The loss of one row and its gradients at all heads; `number` is the row's place among the training rows.
 * Adds to the chunk's `stats`, and to the heads' bias gradients in `gradient`.
 */
export function lossRow(
  model: Model,
  scratch: usize,
  row: u32,
  number: u32,
  gradient: usize,
  stats: usize,
): void {
  const gateSum = mixRow(model, scratch, row, model.zeroScale);
  const hyper = changetype<Hyper>(model.hyper);
  const K = model.modules;
  const A = model.actions;
  const w = scratch + model.mixture;
  const lnW = w + pairs(K);
  const lnPi = lnW + pairs(K);
  const pi = lnPi + pairs(A);

  // Policy: -min(ratio A', clamp(ratio) A').
  const action = <u32>load<u8>(model.taken + number);
  const lnRatio = rounded(f64At(lnPi, action)) - f32At(model.oldLogProbabilities, number);
  const ratio = exp(lnRatio);
  const advantage = (f32At(model.advantages, number) - hyper.advantageMean) * hyper.advantageScale;
  const unclipped = ratio * advantage;
  const clipped = min(max(ratio, 1.0 - hyper.clipRange), 1.0 + hyper.clipRange) * advantage;
  const slope = unclipped <= clipped ? -unclipped : 0.0;
  let entropy: f64 = 0;
  for (let a: u32 = 0; a < A; a++) entropy -= f64At(pi, a) * f64At(lnPi, a);
  addTo(stats, STAT_POLICY, -min(unclipped, clipped));
  addTo(stats, STAT_ENTROPY, entropy);
  addTo(stats, STAT_KL, ratio - 1.0 - lnRatio);
  if (abs(ratio - 1.0) > hyper.clipRange) addTo(stats, STAT_CLIPPED, 1.0);

  // Gradient at the logits, in the place of pi: slope ([a = action] - pi) + entropyCoef pi (ln pi + H), per row.
  const outputBias = gradient + networkAt(model, 0).headBias;
  for (let a: u32 = 0; a < A; a++) {
    const p = f64At(pi, a);
    const chosen = a == action ? 1.0 : 0.0;
    const d = hyper.perRow * (slope * (chosen - p) + hyper.entropyCoef * p * (f64At(lnPi, a) + entropy));
    store<f64>(pi + (<usize>a << 3), d);
    addBias(outputBias, a, d);
  }

  // Modules, each with its share of the gradient; the head's weights see it without the mask. A mask of 0 is a store of 0, not a
  // product with it: an overflowed gradient stays out of a module that may not learn from it.
  let meanSlope: f64 = 0;
  for (let k: u32 = 0; k < K; k++) {
    const module = networkAt(model, k);
    const weight = f64At(w, k);
    const mask = f32At(model.moduleMask, number * K + k);
    let along: f64 = 0;
    for (let a: u32 = 0; a < A; a++) {
      const d = f64At(pi, a);
      store<f32>(headAt(scratch + module.headDelta, a, row), <f32>(weight * d));
      store<f32>(headAt(scratch + module.delta, a, row), mask == 0 ? 0 : <f32>(mask * weight * d));
      along += d * <f64>load<f32>(headAt(scratch + module.head, a, row));
    }
    meanSlope += weight * along;
  }

  // Gate: the policy's gradient behind the gate's mask, and the cross-entropy's.
  let total: f64 = 0;
  let crossEntropy: f64 = 0;
  for (let k: u32 = 0; k < K; k++) {
    const target = f32At(model.gateTarget, number * K + k);
    if (target != 0) {
      total += target;
      crossEntropy -= target * f64At(lnW, k);
    }
  }
  if (total != 0) addTo(stats, STAT_GATE, crossEntropy + total * log(gateSum));
  if (model.learned) {
    const gate = networkAt(model, K);
    const gateMask = f32At(model.gateMask, number);
    const targetScale = hyper.gateCoef * hyper.perTarget;
    for (let k: u32 = 0; k < gate.outputs; k++) {
      const module = networkAt(model, k);
      let along: f64 = 0;
      for (let a: u32 = 0; a < A; a++) along += f64At(pi, a) * <f64>load<f32>(headAt(scratch + module.head, a, row));
      const weight = f64At(w, k);
      let d: f64 = gateMask == 0 ? 0 : gateMask * weight * (along - meanSlope);
      d += targetScale * (total * weight - f32At(model.gateTarget, number * K + k));
      store<f32>(headAt(scratch + gate.delta, k, row), <f32>d);
      addBias(gradient + gate.headBias, k, d);
    }
  }

  // Critic: 0.5 (V - R)^2, or the larger of it and the clipped one.
  const critic = networkAt(model, model.networkCount - 1);
  const value = valueOf(model, scratch, row);
  const oldValue = f32At(model.oldValues, number);
  const target = f32At(model.returns, number);
  const error = value - target;
  let valueLoss = 0.5 * error * error;
  let valueSlope = error;
  const c = hyper.valueClip;
  // Inside the range both sides are one number; comparing them would compare rounding errors.
  if (c > 0 && abs(value - oldValue) > c) {
    const heldError = oldValue + min(max(value - oldValue, -c), c) - target;
    const heldLoss = 0.5 * heldError * heldError;
    if (heldLoss > valueLoss) {
      valueLoss = heldLoss;
      valueSlope = 0;
    }
  }
  addTo(stats, STAT_VALUE, valueLoss);
  const d = hyper.valueCoef * hyper.perRow * valueSlope;
  store<f32>(headAt(scratch + critic.delta, 0, row), <f32>d);
  addBias(gradient + critic.headBias, 0, d);
}

/** Rows past the block's last carry no gradient. */
export function clearRow(model: Model, scratch: usize, row: u32): void {
  for (let n: u32 = 0; n < model.networkCount; n++) {
    const network = networkAt(model, n);
    for (let j: u32 = 0; j < network.outputs; j++) {
      store<f32>(headAt(scratch + network.delta, j, row), 0);
      store<f32>(headAt(scratch + network.headDelta, j, row), 0);
    }
  }
}

@inline
function addTo(stats: usize, stat: u32, x: f64): void {
  const at = stats + (<usize>stat << 3);
  store<f64>(at, load<f64>(at) + x);
}

@inline
function addBias(biases: usize, output: u32, d: f64): void {
  const at = biases + (<usize>output << 2);
  store<f32>(at, load<f32>(at) + <f32>d);
}
