// Heads: a few outputs over many inputs (four action logits, one value, one gate logit). Eight-column panels would be mostly padding,
// so a head's weights are [outputs, inputs] and its sums are dot products; its outputs and their gradients are
// [outputs, BLOCK_ROWS], four rows to a vector.

import { BLOCK_ROWS } from "../../fused/constants";
import { madd } from "./madd";
import { PANEL_BYTES } from "./panel";

/** The sums of the four lanes of each of four vectors. */
@inline
function laneSums(a: v128, b: v128, c: v128, d: v128): v128 {
  // (a0 a1 a2 a3), (b0 ..), ... -> the columns added pairwise: (0 + 2) + (1 + 3)
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 1, 4, 5), v128.shuffle<f32>(a, b, 2, 3, 6, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 1, 4, 5), v128.shuffle<f32>(c, d, 2, 3, 6, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 2, 4, 6), v128.shuffle<f32>(ab, cd, 1, 3, 5, 7));
}

/** output[j, row] = sum over i of input[row, i] weights[j, i], without bias. `rows` is a multiple of four. */
export function headForward(input: usize, inputs: u32, weights: usize, outputs: u32, output: usize, rows: u32): void {
  const panelEnd = input + <usize>(inputs >> 3) * PANEL_BYTES;
  const zero = f32x4.splat(0);
  for (let j: u32 = 0; j < outputs; j++) {
    for (let row: usize = 0; row < rows; row += 4) {
      let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
      let w = weights;
      for (let a = input + row * 32; a < panelEnd; a += PANEL_BYTES) {
        const w0 = v128.load(w);
        const w1 = v128.load(w, 16);
        s0 = madd(s0, w0, v128.load(a));
        s1 = madd(s1, w0, v128.load(a, 32));
        s2 = madd(s2, w0, v128.load(a, 64));
        s3 = madd(s3, w0, v128.load(a, 96));
        s0 = madd(s0, w1, v128.load(a, 16));
        s1 = madd(s1, w1, v128.load(a, 48));
        s2 = madd(s2, w1, v128.load(a, 80));
        s3 = madd(s3, w1, v128.load(a, 112));
        w += 32;
      }
      v128.store(output + row * 4, laneSums(s0, s1, s2, s3));
    }
    weights += <usize>inputs * 4;
    output += BLOCK_ROWS * 4;
  }
}

/** inputDelta[row, i] = sum over j of delta[j, row] weights[j, i] where input > floor, else 0. `rows` is a multiple of four. */
export function headBackward(
  delta: usize,
  outputs: u32,
  weights: usize,
  inputs: u32,
  input: usize,
  inputDelta: usize,
  rows: u32,
  floor: f32,
): void {
  const zero = f32x4.splat(0);
  const least = f32x4.splat(floor);
  const weightsStride = <usize>inputs * 4;
  for (let column: u32 = 0; column < inputs; column += 8) {
    for (let row: usize = 0; row < rows; row += 4) {
      let c00 = zero, c01 = zero, c10 = zero, c11 = zero, c20 = zero, c21 = zero, c30 = zero, c31 = zero;
      let d = delta + row * 4;
      let w = weights;
      for (let j: u32 = 0; j < outputs; j++) {
        const w0 = v128.load(w);
        const w1 = v128.load(w, 16);
        let s = v128.load32_splat(d);
        c00 = madd(c00, s, w0);
        c01 = madd(c01, s, w1);
        s = v128.load32_splat(d, 4);
        c10 = madd(c10, s, w0);
        c11 = madd(c11, s, w1);
        s = v128.load32_splat(d, 8);
        c20 = madd(c20, s, w0);
        c21 = madd(c21, s, w1);
        s = v128.load32_splat(d, 12);
        c30 = madd(c30, s, w0);
        c31 = madd(c31, s, w1);
        d += BLOCK_ROWS * 4;
        w += weightsStride;
      }
      const h = input + row * 32;
      const c = inputDelta + row * 32;
      v128.store(c, v128.and(c00, f32x4.gt(v128.load(h), least)));
      v128.store(c, v128.and(c01, f32x4.gt(v128.load(h, 16), least)), 16);
      v128.store(c, v128.and(c10, f32x4.gt(v128.load(h, 32), least)), 32);
      v128.store(c, v128.and(c11, f32x4.gt(v128.load(h, 48), least)), 48);
      v128.store(c, v128.and(c20, f32x4.gt(v128.load(h, 64), least)), 64);
      v128.store(c, v128.and(c21, f32x4.gt(v128.load(h, 80), least)), 80);
      v128.store(c, v128.and(c30, f32x4.gt(v128.load(h, 96), least)), 96);
      v128.store(c, v128.and(c31, f32x4.gt(v128.load(h, 112), least)), 112);
    }
    weights += 32;
    input += PANEL_BYTES;
    inputDelta += PANEL_BYTES;
  }
}

/** weightGradient[j, i] += sum over rows of delta[j, row] input[row, i]. */
export function headWeightGradient(
  delta: usize,
  outputs: u32,
  input: usize,
  inputs: u32,
  weightGradient: usize,
  rows: u32,
): void {
  const stride = <usize>inputs * 4;
  for (let column: u32 = 0; column < inputs; column += 8) {
    let d = delta;
    let g = weightGradient;
    let j: u32 = 0;
    for (; j + 4 <= outputs; j += 4) {
      const g1 = g + stride;
      const g2 = g1 + stride;
      const g3 = g2 + stride;
      let c00 = v128.load(g), c01 = v128.load(g, 16), c10 = v128.load(g1), c11 = v128.load(g1, 16);
      let c20 = v128.load(g2), c21 = v128.load(g2, 16), c30 = v128.load(g3), c31 = v128.load(g3, 16);
      for (let row: usize = 0; row < rows; row++) {
        const a0 = v128.load(input + row * 32);
        const a1 = v128.load(input + row * 32, 16);
        const e = d + row * 4;
        let s = v128.load32_splat(e);
        c00 = madd(c00, s, a0);
        c01 = madd(c01, s, a1);
        s = v128.load32_splat(e, BLOCK_ROWS * 4);
        c10 = madd(c10, s, a0);
        c11 = madd(c11, s, a1);
        s = v128.load32_splat(e, 2 * BLOCK_ROWS * 4);
        c20 = madd(c20, s, a0);
        c21 = madd(c21, s, a1);
        s = v128.load32_splat(e, 3 * BLOCK_ROWS * 4);
        c30 = madd(c30, s, a0);
        c31 = madd(c31, s, a1);
      }
      v128.store(g, c00);
      v128.store(g, c01, 16);
      v128.store(g1, c10);
      v128.store(g1, c11, 16);
      v128.store(g2, c20);
      v128.store(g2, c21, 16);
      v128.store(g3, c30);
      v128.store(g3, c31, 16);
      g = g3 + stride;
      d += 4 * BLOCK_ROWS * 4;
    }
    for (; j < outputs; j++) {
      let c0 = v128.load(g), c1 = v128.load(g, 16);
      for (let row: usize = 0; row < rows; row++) {
        const s = v128.load32_splat(d + row * 4);
        c0 = madd(c0, s, v128.load(input + row * 32));
        c1 = madd(c1, s, v128.load(input + row * 32, 16));
      }
      v128.store(g, c0);
      v128.store(g, c1, 16);
      g += stride;
      d += BLOCK_ROWS * 4;
    }
    weightGradient += 32;
    input += PANEL_BYTES;
  }
}
