// Dense layers: matrix products over one block of rows, SIMD128; multiplications and additions fuse in one of the builds only, see madd.ts.
//
// Layout. Activations are panels of eight columns, [columns / 8][BLOCK_ROWS][8]: four rows of a panel are 128 contiguous bytes,
// so that every load of an inner loop is a base plus a constant. Weights are [width / 8][inputs][8]: eight inputs of a panel
// are 256 contiguous bytes.
//
// A tile is 4 x 8: eight accumulators stay in registers, and a step is two loads of the panel, four splat loads, eight
// multiplications and eight additions. One step is one turn of the loop, on purpose: V8 orders the pure operations of a basic block
// as it likes, and of an unrolled one it loads first and computes last, spilling half of it (measured: half the speed).
// Each element of a result is one chain of sums: the bias, then the inputs in ascending order. So a row's result does not depend
// on the rows beside it.
//
// `rows` is a multiple of four: rows past the block's last are computed too, and carry a gradient of zero.

import { madd } from "./madd";
import { PANEL_BYTES } from "./panel";

/** output = max(floor, input W + bias); `input` has `inputs` columns, `output` has `width`, both multiples of eight; floor 0 is ReLU. */
export function denseForward(
  input: usize,
  inputs: u32,
  weights: usize,
  bias: usize,
  output: usize,
  width: u32,
  rows: u32,
  floor: f32,
): void {
  const panelEnd = input + <usize>(inputs >> 3) * PANEL_BYTES;
  const least = f32x4.splat(floor);
  for (let column: u32 = 0; column < width; column += 8) {
    const bias0 = v128.load(bias);
    const bias1 = v128.load(bias, 16);
    for (let row: usize = 0; row < <usize>rows * 32; row += 128) {
      let c00 = bias0, c01 = bias1, c10 = bias0, c11 = bias1, c20 = bias0, c21 = bias1, c30 = bias0, c31 = bias1;
      let b0: v128, b1: v128, s: v128;
      let b = weights;
      let panel = input + row;
      do {
        let a = panel;
        do {
          b0 = v128.load(b);
          b1 = v128.load(b, 16);
          s = v128.load32_splat(a);
          c00 = madd(c00, s, b0);
          c01 = madd(c01, s, b1);
          s = v128.load32_splat(a, 32);
          c10 = madd(c10, s, b0);
          c11 = madd(c11, s, b1);
          s = v128.load32_splat(a, 64);
          c20 = madd(c20, s, b0);
          c21 = madd(c21, s, b1);
          s = v128.load32_splat(a, 96);
          c30 = madd(c30, s, b0);
          c31 = madd(c31, s, b1);
          a += 4;
          b += 32;
        } while (a < panel + 32);
        panel += PANEL_BYTES;
      } while (panel < panelEnd);
      // pmax(x, floor) keeps NaN: a diverged network must not look alive.
      const c = output + row;
      v128.store(c, f32x4.pmax(c00, least));
      v128.store(c, f32x4.pmax(c01, least), 16);
      v128.store(c, f32x4.pmax(c10, least), 32);
      v128.store(c, f32x4.pmax(c11, least), 48);
      v128.store(c, f32x4.pmax(c20, least), 64);
      v128.store(c, f32x4.pmax(c21, least), 80);
      v128.store(c, f32x4.pmax(c30, least), 96);
      v128.store(c, f32x4.pmax(c31, least), 112);
    }
    weights += <usize>inputs * 32;
    bias += 32;
    output += PANEL_BYTES;
  }
}

/**
 * inputDelta = (delta W^T) where activation > floor, else 0: the gradient below a dense layer, through the ReLU beneath it (floor 0).
 * `transposed` is W^T in panels, [inputs / 8][width][8].
 */
export function denseBackward(
  delta: usize,
  width: u32,
  transposed: usize,
  activation: usize,
  inputDelta: usize,
  inputs: u32,
  rows: u32,
  floor: f32,
): void {
  const panelEnd = delta + <usize>(width >> 3) * PANEL_BYTES;
  const zero = f32x4.splat(0);
  const least = f32x4.splat(floor);
  for (let column: u32 = 0; column < inputs; column += 8) {
    for (let row: usize = 0; row < <usize>rows * 32; row += 128) {
      let c00 = zero, c01 = zero, c10 = zero, c11 = zero, c20 = zero, c21 = zero, c30 = zero, c31 = zero;
      let b0: v128, b1: v128, s: v128;
      let b = transposed;
      let panel = delta + row;
      do {
        let a = panel;
        do {
          b0 = v128.load(b);
          b1 = v128.load(b, 16);
          s = v128.load32_splat(a);
          c00 = madd(c00, s, b0);
          c01 = madd(c01, s, b1);
          s = v128.load32_splat(a, 32);
          c10 = madd(c10, s, b0);
          c11 = madd(c11, s, b1);
          s = v128.load32_splat(a, 64);
          c20 = madd(c20, s, b0);
          c21 = madd(c21, s, b1);
          s = v128.load32_splat(a, 96);
          c30 = madd(c30, s, b0);
          c31 = madd(c31, s, b1);
          a += 4;
          b += 32;
        } while (a < panel + 32);
        panel += PANEL_BYTES;
      } while (panel < panelEnd);
      const c = inputDelta + row;
      const h = activation + row;
      v128.store(c, v128.and(c00, f32x4.gt(v128.load(h), least)));
      v128.store(c, v128.and(c01, f32x4.gt(v128.load(h, 16), least)), 16);
      v128.store(c, v128.and(c10, f32x4.gt(v128.load(h, 32), least)), 32);
      v128.store(c, v128.and(c11, f32x4.gt(v128.load(h, 48), least)), 48);
      v128.store(c, v128.and(c20, f32x4.gt(v128.load(h, 64), least)), 64);
      v128.store(c, v128.and(c21, f32x4.gt(v128.load(h, 80), least)), 80);
      v128.store(c, v128.and(c30, f32x4.gt(v128.load(h, 96), least)), 96);
      v128.store(c, v128.and(c31, f32x4.gt(v128.load(h, 112), least)), 112);
    }
    transposed += <usize>width * 32;
    activation += PANEL_BYTES;
    inputDelta += PANEL_BYTES;
  }
}

/** weightGradient += input^T delta, in the weights' layout: each 4 x 8 tile of it is 128 contiguous bytes. */
export function denseWeightGradient(
  input: usize,
  inputs: u32,
  delta: usize,
  width: u32,
  weightGradient: usize,
  rows: u32,
): void {
  for (let column: u32 = 0; column < width; column += 8) {
    const deltaEnd = delta + <usize>rows * 32;
    for (let i: u32 = 0; i < inputs; i += 4) {
      const c = weightGradient;
      let c00 = v128.load(c), c01 = v128.load(c, 16), c10 = v128.load(c, 32), c11 = v128.load(c, 48);
      let c20 = v128.load(c, 64), c21 = v128.load(c, 80), c30 = v128.load(c, 96), c31 = v128.load(c, 112);
      let b0: v128, b1: v128, s: v128;
      let a = input + <usize>(i >> 3) * PANEL_BYTES + ((i & 4) << 2);
      let b = delta;
      do {
        b0 = v128.load(b);
        b1 = v128.load(b, 16);
        s = v128.load32_splat(a);
        c00 = madd(c00, s, b0);
        c01 = madd(c01, s, b1);
        s = v128.load32_splat(a, 4);
        c10 = madd(c10, s, b0);
        c11 = madd(c11, s, b1);
        s = v128.load32_splat(a, 8);
        c20 = madd(c20, s, b0);
        c21 = madd(c21, s, b1);
        s = v128.load32_splat(a, 12);
        c30 = madd(c30, s, b0);
        c31 = madd(c31, s, b1);
        a += 32;
        b += 32;
      } while (b < deltaEnd);
      v128.store(c, c00);
      v128.store(c, c01, 16);
      v128.store(c, c10, 32);
      v128.store(c, c11, 48);
      v128.store(c, c20, 64);
      v128.store(c, c21, 80);
      v128.store(c, c30, 96);
      v128.store(c, c31, 112);
      weightGradient += 128;
    }
    delta += PANEL_BYTES;
  }
}

/** biasGradient += the column sums of `delta`. */
export function denseBiasGradient(delta: usize, width: u32, biasGradient: usize, rows: u32): void {
  for (let column: u32 = 0; column < width; column += 8) {
    // Two chains a half panel, even and odd rows: one would wait for each addition.
    let even0 = v128.load(biasGradient), even1 = v128.load(biasGradient, 16);
    let odd0 = f32x4.splat(0), odd1 = f32x4.splat(0);
    const end = delta + <usize>rows * 32;
    for (let a = delta; a < end; a += 64) {
      even0 = f32x4.add(even0, v128.load(a));
      even1 = f32x4.add(even1, v128.load(a, 16));
      odd0 = f32x4.add(odd0, v128.load(a, 32));
      odd1 = f32x4.add(odd1, v128.load(a, 48));
    }
    v128.store(biasGradient, f32x4.add(even0, odd0));
    v128.store(biasGradient, f32x4.add(even1, odd1), 16);
    biasGradient += 32;
    delta += PANEL_BYTES;
  }
}

/** Panels of W^T from panels of W. */
export function transposeDense(weights: usize, inputs: u32, width: u32, transposed: usize): void {
  for (let column: u32 = 0; column < width; column += 8) {
    for (let i: u32 = 0; i < inputs; i++) {
      // Row i of the panel: outputs column .. column + 7 of input i; they go to rows column .. of panel i / 8, column i % 8.
      const target = transposed + (<usize>(i >> 3) * width + column) * 32 + ((i & 7) << 2);
      for (let o: usize = 0; o < 8; o++) store<f32>(target + o * 32, load<f32>(weights + o * 4));
      weights += 32;
    }
  }
}
