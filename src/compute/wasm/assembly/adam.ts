// From the chunks' gradients to new parameters, slice by slice. All buffers have one layout (records.ts), so everything here is
// elementwise; only a slice's sum of squares has an order, which is fixed: eight f64 lanes, then the lanes.

import { CHUNKS } from "../../fused/constants";
import { Group, Hyper, Model, Slice } from "./records";

@inline
export function sliceAt(model: Model, index: u32): Slice {
  return changetype<Slice>(model.slices + <usize>index * offsetof<Slice>());
}

/**
 * Add the chunks' gradients, in the order of the chunks, into the first one's place; leave the others zero for the next
 * minibatch; write the slice's sum of squares.
 */
export function reduceSlice(model: Model, index: u32): void {
  const slice = sliceAt(model, index);
  const chunkBytes = <usize>model.parameterBytes;
  const zero = f32x4.splat(0);
  let q0 = f64x2.splat(0), q1 = f64x2.splat(0), q2 = f64x2.splat(0), q3 = f64x2.splat(0);
  const start = model.gradients + slice.start;
  const end = start + slice.bytes;
  for (let at = start; at < end; at += 32) {
    let s0 = v128.load(at);
    let s1 = v128.load(at, 16);
    let from = at;
    for (let chunk = 1; chunk < CHUNKS; chunk++) {
      from += chunkBytes;
      s0 = f32x4.add(s0, v128.load(from));
      s1 = f32x4.add(s1, v128.load(from, 16));
      v128.store(from, zero);
      v128.store(from, zero, 16);
    }
    v128.store(at, s0);
    v128.store(at, s1, 16);
    const low0 = f64x2.promote_low_f32x4(s0);
    const high0 = f64x2.promote_low_f32x4(v128.shuffle<f32>(s0, s0, 2, 3, 2, 3));
    const low1 = f64x2.promote_low_f32x4(s1);
    const high1 = f64x2.promote_low_f32x4(v128.shuffle<f32>(s1, s1, 2, 3, 2, 3));
    q0 = f64x2.add(q0, f64x2.mul(low0, low0));
    q1 = f64x2.add(q1, f64x2.mul(high0, high0));
    q2 = f64x2.add(q2, f64x2.mul(low1, low1));
    q3 = f64x2.add(q3, f64x2.mul(high1, high1));
  }
  const q = f64x2.add(f64x2.add(q0, q1), f64x2.add(q2, q3));
  store<f64>(model.squares + (<usize>index << 3), f64x2.extract_lane(q, 0) + f64x2.extract_lane(q, 1));
}

/**
 * Adam on one slice, then zero its gradient for the next minibatch. A group that nothing can move is left alone, whole.
 *
 *     m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2
 *     parameter -= stepSize m / (sqrt(v secondScale) + adamEps)
 *
 * Padding: g = m = v = 0, so it steps by 0 / adamEps = 0 and stays.
 */
export function stepSlice(model: Model, index: u32): void {
  const slice = sliceAt(model, index);
  const group = changetype<Group>(slice.group);
  const gradient = model.gradients + slice.start;
  if (!group.active) {
    memory.fill(gradient, 0, slice.bytes);
    return;
  }
  const hyper = changetype<Hyper>(model.hyper);
  const zero = f32x4.splat(0);
  const scale = f32x4.splat(group.gradientScale);
  const keep1 = f32x4.splat(<f32>hyper.beta1);
  const take1 = f32x4.splat(<f32>(1.0 - hyper.beta1));
  const keep2 = f32x4.splat(<f32>hyper.beta2);
  const take2 = f32x4.splat(<f32>(1.0 - hyper.beta2));
  const stepSize = f32x4.splat(group.stepSize);
  const secondScale = f32x4.splat(group.secondScale);
  const eps = f32x4.splat(<f32>hyper.adamEps);
  const parameters = model.parameters + slice.start;
  const first = model.firstMoments + slice.start;
  const second = model.secondMoments + slice.start;
  for (let i: usize = 0; i < slice.bytes; i += 16) {
    const g = f32x4.mul(v128.load(gradient + i), scale);
    v128.store(gradient + i, zero);
    const m = f32x4.add(f32x4.mul(keep1, v128.load(first + i)), f32x4.mul(take1, g));
    const v = f32x4.add(f32x4.mul(keep2, v128.load(second + i)), f32x4.mul(take2, f32x4.mul(g, g)));
    v128.store(first + i, m);
    v128.store(second + i, v);
    const spread = f32x4.add(f32x4.sqrt(f32x4.mul(v, secondScale)), eps);
    v128.store(parameters + i, f32x4.sub(v128.load(parameters + i), f32x4.div(f32x4.mul(stepSize, m), spread)));
  }
}
