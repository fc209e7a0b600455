// The mixture of the modules, the distribution over actions, PPO's losses and their gradients. The formulas are those of
// compute/engine.ts, computed in f64, two rows to a vector. Networks hand in head sums without bias, f32 [outputs, BLOCK_ROWS].
//
// With u_k = h_k W_out, a row's logits are sum_k w_k u_k + b: mixing after the head is the same sum and touches A numbers instead
// of the layer's width. Backward, with d the gradient at the logits: W_out receives h_k^T (w_k d), the module (mask_k w_k d) W_out^T,
// and the weight w_k itself d . u_k.
//
// A block's mixture stands at `scratch + model.mixture`, f64, each [.., BLOCK_ROWS]:
//   w [K]   z [K], the gate's logits less their maximum   S [1], the sum of exp z, so ln w = z - ln S
//   ln pi [A]   pi [A], later the gradient at the logits   d . u_k [K]

import {
  BLOCK_ROWS,
  STAT_CLIPPED,
  STAT_ENTROPY,
  STAT_GATE,
  STAT_KL,
  STAT_POLICY,
  STAT_VALUE,
} from "../../fused/constants";
import { expPair, logPair } from "./math";
import { Hyper, Model, Network } from "./records";

/** Bytes of one f64 and one f32 per row of a block. */
const F64_ROWS: usize = BLOCK_ROWS * 8;
const F32_ROWS: usize = BLOCK_ROWS * 4;

@inline
export function networkAt(model: Model, index: usize): Network {
  return changetype<Network>(model.networks + index * offsetof<Network>());
}

@inline
function pair(x: f64): v128 {
  return f64x2.splat(x);
}

@inline
function f32At(base: usize, index: usize): f64 {
  return <f64>load<f32>(base + (index << 2));
}

/** Two f32 of a head, as f64. */
@inline
function loadHead(at: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(at));
}

@inline
function storeHead(at: usize, x: v128): void {
  v128.store64_lane(at, f32x4.demote_f64x2_zero(x), 0);
}

/** What two rows hold at `base`, an f32 per training row. */
@inline
function gather(base: usize, number0: usize, number1: usize): v128 {
  return f64x2.replace_lane(pair(f32At(base, number0)), 1, f32At(base, number1));
}

/** To the nearest f32 and back. */
@inline
function rounded(x: v128): v128 {
  return f64x2.promote_low_f32x4(f32x4.demote_f64x2_zero(x));
}

/** Softmax over `count` columns of two rows: `z` becomes z - max z, `e` the probabilities; returns the sum that divides them. */
@inline
function softmax(z: usize, e: usize, count: usize, most: v128): v128 {
  let sum = pair(0);
  for (let i: usize = 0; i < count; i++) {
    const shifted = f64x2.sub(v128.load(z + i * F64_ROWS), most);
    const exponential = expPair(shifted);
    v128.store(z + i * F64_ROWS, shifted);
    v128.store(e + i * F64_ROWS, exponential);
    sum = f64x2.add(sum, exponential);
  }
  for (let i: usize = 0; i < count; i++) {
    v128.store(e + i * F64_ROWS, f64x2.div(v128.load(e + i * F64_ROWS), sum));
  }
  return sum;
}

/**
 * The mixture of a block's rows. Acting and learning both come through here, so that the ratio of an unchanged policy is
 * exactly 1. `rows` is even; a row past the block's last gives numbers that nobody reads.
 */
export function mixBlock(model: Model, scratch: usize, rows: u32, lnScale: usize): void {
  const K = <usize>model.modules;
  const A = <usize>model.actions;
  const parameters = model.parameters;
  const bias = parameters + networkAt(model, 0).headBias;
  const gate = networkAt(model, K);
  const gateOutputs: usize = model.learned ? <usize>gate.outputs : 0;
  const gateBias = parameters + gate.headBias;
  for (let row: usize = 0; row < rows; row += 2) {
    const w = scratch + model.mixture + row * 8;
    const z = w + K * F64_ROWS;
    const S = z + K * F64_ROWS;
    const lnPi = S + F64_ROWS;
    const pi = lnPi + A * F64_ROWS;

    if (K == 1) {
      v128.store(w, pair(1));
      v128.store(z, pair(0));
      v128.store(S, pair(1));
    } else {
      let most = pair(-Infinity);
      for (let k: usize = 0; k < K; k++) {
        let logit = v128.load64_splat(lnScale + (k << 3));
        // Two modules share one logit: (z, 0).
        if (k < gateOutputs) {
          const sum = loadHead(scratch + gate.head + k * F32_ROWS + row * 4);
          logit = f64x2.add(logit, f64x2.add(sum, pair(f32At(gateBias, k))));
        }
        v128.store(z + k * F64_ROWS, logit);
        most = f64x2.pmax(most, logit);
      }
      v128.store(S, softmax(z, w, K, most));
    }

    let most = pair(-Infinity);
    for (let a: usize = 0; a < A; a++) {
      let logit = pair(f32At(bias, a));
      for (let k: usize = 0; k < K; k++) {
        const weight = v128.load(w + k * F64_ROWS);
        const u = loadHead(scratch + networkAt(model, k).head + a * F32_ROWS + row * 4);
        // An ablated module adds 0 whatever it says, infinities too.
        logit = f64x2.add(logit, v128.and(f64x2.mul(weight, u), f64x2.ne(weight, pair(0))));
      }
      v128.store(lnPi + a * F64_ROWS, logit);
      most = f64x2.pmax(most, logit);
    }
    const lnSum = logPair(softmax(lnPi, pi, A, most));
    for (let a: usize = 0; a < A; a++) {
      v128.store(lnPi + a * F64_ROWS, f64x2.sub(v128.load(lnPi + a * F64_ROWS), lnSum));
    }
  }
}

/** The critic's values of two rows: f32 values. */
@inline
function valuesOf(model: Model, scratch: usize, row: usize): v128 {
  const critic = networkAt(model, model.networkCount - 1);
  return rounded(f64x2.add(loadHead(scratch + critic.head + row * 4), pair(f32At(model.parameters + critic.headBias, 0))));
}

/** Forward: write a block's rows to rows `target` .. of the staged output, where ln pi and values are f32 values. */
export function emitBlock(model: Model, scratch: usize, rows: u32, target: u32): void {
  const K = <usize>model.modules;
  const A = <usize>model.actions;
  for (let row: usize = 0; row < rows; row++) {
    const w = scratch + model.mixture + row * 8;
    const lnPi = w + (2 * K + 1) * F64_ROWS;
    const pi = lnPi + A * F64_ROWS;
    const to = <usize>target + row;
    const outWeights = model.outWeights + to * K * 8;
    for (let k: usize = 0; k < K; k++) store<f64>(outWeights + (k << 3), load<f64>(w + k * F64_ROWS));
    const outLogProbabilities = model.outLogProbabilities + to * A * 8;
    const outProbabilities = model.outProbabilities + to * A * 8;
    for (let a: usize = 0; a < A; a++) {
      store<f64>(outLogProbabilities + (a << 3), <f64>(<f32>load<f64>(lnPi + a * F64_ROWS)));
      store<f64>(outProbabilities + (a << 3), load<f64>(pi + a * F64_ROWS));
    }
    store<f64>(model.outValues + to * 8, f64x2.extract_lane(valuesOf(model, scratch, row), 0));
  }
}

/**
 * The losses of a block's rows and their gradients at all heads. Adds to the chunk's `stats` [STATS] (two lanes each), and to the
 * heads' bias gradients in `gradient`. Rows from `rows` up to a multiple
 * of four get gradients of zero.
 */
export function lossBlock(
  model: Model,
  scratch: usize,
  rows: u32,
  gradient: usize,
  stats: usize,
): void {
  const rowNumbers = scratch + model.rows;
  const paddedRows = (rows + 3) & ~3;
  for (let row = rows; row < paddedRows; row++) {
    // Some row that exists: what is read of it is masked out.
    store<u32>(rowNumbers + (<usize>row << 2), load<u32>(rowNumbers));
  }
  mixBlock(model, scratch, paddedRows, model.zeroScale);
  const hyper = changetype<Hyper>(model.hyper);
  const K = <usize>model.modules;
  const A = <usize>model.actions;
  const critic = networkAt(model, model.networkCount - 1);
  const gate = networkAt(model, K);
  const zero = pair(0);
  const one = pair(1);
  const perRow = pair(hyper.perRow);
  const low = pair(1.0 - hyper.clipRange);
  const high = pair(1.0 + hyper.clipRange);
  const logitDelta = scratch + model.logitDelta;

  for (let row: usize = 0; row < paddedRows; row += 2) {
    const number0 = <usize>load<u32>(rowNumbers + row * 4);
    const number1 = <usize>load<u32>(rowNumbers + row * 4, 4);
    const live = i64x2.replace_lane(
      i64x2.splat(<u32>row < rows ? -1 : 0),
      1,
      <u32>row + 1 < rows ? -1 : 0,
    );
    const w = scratch + model.mixture + row * 8;
    const z = w + K * F64_ROWS;
    const S = z + K * F64_ROWS;
    const lnPi = S + F64_ROWS;
    const pi = lnPi + A * F64_ROWS;

    // Policy: -min(ratio A', clamp(ratio) A').
    const action0 = <usize>load<u8>(model.taken + number0);
    const action1 = <usize>load<u8>(model.taken + number1);
    const lnNew = rounded(
      f64x2.replace_lane(
        v128.load64_zero(lnPi + action0 * F64_ROWS),
        1,
        load<f64>(lnPi + action1 * F64_ROWS, 8),
      ),
    );
    const lnRatio = f64x2.sub(lnNew, gather(model.oldLogProbabilities, number0, number1));
    const ratio = expPair(lnRatio);
    const advantage = f64x2.mul(
      f64x2.sub(gather(model.advantages, number0, number1), pair(hyper.advantageMean)),
      pair(hyper.advantageScale),
    );
    const unclipped = f64x2.mul(ratio, advantage);
    const clipped = f64x2.mul(f64x2.min(f64x2.max(ratio, low), high), advantage);
    const slope = v128.and(f64x2.neg(unclipped), f64x2.le(unclipped, clipped));
    let entropy = zero;
    for (let a: usize = 0; a < A; a++) {
      entropy = f64x2.sub(entropy, f64x2.mul(v128.load(pi + a * F64_ROWS), v128.load(lnPi + a * F64_ROWS)));
    }
    addTo(stats, STAT_POLICY, f64x2.neg(f64x2.min(unclipped, clipped)), live);
    addTo(stats, STAT_ENTROPY, entropy, live);
    addTo(stats, STAT_KL, f64x2.sub(f64x2.sub(ratio, one), lnRatio), live);
    const far = f64x2.gt(f64x2.abs(f64x2.sub(ratio, one)), pair(hyper.clipRange));
    addTo(stats, STAT_CLIPPED, v128.and(one, far), live);

    // Gradient at the logits: perRow (slope ([a = action] - pi) + entropyCoef pi (ln pi + H)), in the place of pi.
    for (let a: usize = 0; a < A; a++) {
      const p = v128.load(pi + a * F64_ROWS);
      const chosen = f64x2.replace_lane(pair(a == action0 ? 1.0 : 0.0), 1, a == action1 ? 1.0 : 0.0);
      const policy = f64x2.mul(slope, f64x2.sub(chosen, p));
      const spread = f64x2.mul(f64x2.mul(pair(hyper.entropyCoef), p), f64x2.add(v128.load(lnPi + a * F64_ROWS), entropy));
      const d = v128.and(f64x2.mul(perRow, f64x2.add(policy, spread)), live);
      v128.store(pi + a * F64_ROWS, d);
      storeHead(logitDelta + a * F32_ROWS + row * 4, d);
    }

    // Modules, each with its share of the gradient; the head's weights see it without the mask. A mask of 0 puts 0, it is not a
    // factor: an overflowed gradient stays out of a module that may not learn from it.
    const slopes = pi + A * F64_ROWS;
    let meanSlope = zero;
    for (let k: usize = 0; k < K; k++) {
      const module = networkAt(model, k);
      const weight = v128.load(w + k * F64_ROWS);
      const mask = gather(model.moduleMask, number0 * K + k, number1 * K + k);
      const open = f64x2.ne(mask, zero);
      const share = f64x2.mul(mask, weight);
      const head = scratch + module.head + row * 4;
      const delta = scratch + module.delta + row * 4;
      const headDelta = scratch + module.headDelta + row * 4;
      let along = zero;
      for (let a: usize = 0; a < A; a++) {
        const d = v128.load(pi + a * F64_ROWS);
        storeHead(headDelta + a * F32_ROWS, f64x2.mul(weight, d));
        storeHead(delta + a * F32_ROWS, v128.and(f64x2.mul(share, d), open));
        along = f64x2.add(along, f64x2.mul(d, loadHead(head + a * F32_ROWS)));
      }
      meanSlope = f64x2.add(meanSlope, f64x2.mul(weight, along));
      v128.store(slopes + k * F64_ROWS, along);
    }

    // Gate: the policy's gradient behind the gate's mask, and the cross-entropy's.
    let total = zero;
    let crossEntropy = zero;
    for (let k: usize = 0; k < K; k++) {
      const target = gather(model.gateTarget, number0 * K + k, number1 * K + k);
      total = f64x2.add(total, target);
      // A target of 0 adds 0, also at w_k = 0.
      const term = f64x2.mul(target, v128.load(z + k * F64_ROWS));
      crossEntropy = f64x2.sub(crossEntropy, v128.and(term, f64x2.ne(target, zero)));
    }
    if (v128.any_true(f64x2.ne(total, zero))) {
      addTo(stats, STAT_GATE, f64x2.add(crossEntropy, f64x2.mul(total, logPair(v128.load(S)))), live);
    }
    if (model.learned) {
      const gateMask = gather(model.gateMask, number0, number1);
      const open = f64x2.ne(gateMask, zero);
      const targetScale = pair(hyper.gateCoef * hyper.perTarget);
      for (let k: usize = 0; k < gate.outputs; k++) {
        const weight = v128.load(w + k * F64_ROWS);
        const along = v128.load(slopes + k * F64_ROWS);
        const policy = f64x2.mul(f64x2.mul(gateMask, weight), f64x2.sub(along, meanSlope));
        const target = gather(model.gateTarget, number0 * K + k, number1 * K + k);
        const cross = f64x2.mul(targetScale, f64x2.sub(f64x2.mul(total, weight), target));
        const d = f64x2.add(v128.and(policy, open), cross);
        storeHead(scratch + gate.delta + k * F32_ROWS + row * 4, v128.and(d, live));
      }
    }

    // Critic: 0.5 (V - R)^2, or the larger of it and the clipped one.
    const value = valuesOf(model, scratch, row);
    const target = gather(model.returns, number0, number1);
    const error = f64x2.sub(value, target);
    let valueLoss = f64x2.mul(f64x2.mul(pair(0.5), error), error);
    let valueSlope = error;
    if (hyper.valueClip > 0) {
      const c = pair(hyper.valueClip);
      const oldValue = gather(model.oldValues, number0, number1);
      const moved = f64x2.sub(value, oldValue);
      const held = f64x2.add(oldValue, f64x2.min(f64x2.max(moved, f64x2.neg(c)), c));
      const heldError = f64x2.sub(held, target);
      const heldLoss = f64x2.mul(f64x2.mul(pair(0.5), heldError), heldError);
      // Inside the range both sides are one number; comparing them would compare rounding errors.
      const holds = v128.and(f64x2.gt(f64x2.abs(moved), c), f64x2.gt(heldLoss, valueLoss));
      valueLoss = v128.bitselect(heldLoss, valueLoss, holds);
      valueSlope = v128.andnot(valueSlope, holds);
    }
    addTo(stats, STAT_VALUE, valueLoss, live);
    const d = f64x2.mul(pair(hyper.valueCoef * hyper.perRow), valueSlope);
    storeHead(scratch + critic.delta + row * 4, v128.and(d, live));
  }

  addBiases(logitDelta, A, paddedRows, gradient + networkAt(model, 0).headBias);
  addBiases(scratch + critic.delta, 1, paddedRows, gradient + critic.headBias);
  if (model.learned) addBiases(scratch + gate.delta, gate.outputs, paddedRows, gradient + gate.headBias);
}

@inline
function addTo(stats: usize, stat: u32, x: v128, live: v128): void {
  const at = stats + (<usize>stat << 4);
  v128.store(at, f64x2.add(v128.load(at), v128.and(x, live)));
}

/** biases[j] += sum over rows of delta[j, row]. */
function addBiases(delta: usize, outputs: usize, rows: u32, biases: usize): void {
  for (let j: usize = 0; j < outputs; j++) {
    let sum = f32x4.splat(0);
    for (let row: usize = 0; row < rows; row += 4) sum = f32x4.add(sum, v128.load(delta + row * 4));
    const low = f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1);
    const high = f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3);
    store<f32>(biases, load<f32>(biases) + (low + high));
    biases += 4;
    delta += F32_ROWS;
  }
}
