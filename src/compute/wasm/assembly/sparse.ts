// First layers: an observation is the set of its ones, so input times weights is a sum of weight rows, and the weight gradient a
// scatter into them. Rows are summed in the order of the row's features, after the bias.

import { BLOCK_ROWS } from "../../fused/constants";
import { PANEL_BYTES } from "./panel";

/**
 * output = max(floor, bias + sum of the weight rows of a row's features) for the rows whose numbers stand at `rowNumbers`; floor 0 is
 * ReLU. `weights` [features, width], `output` in panels. Rows past `rows` up to a multiple of four become max(floor, bias): finite
 * values, as the dense kernels need them.
 */
export function sparseForward(
  rowNumbers: usize,
  rows: u32,
  stride: u32,
  counts: usize,
  features: usize,
  weights: usize,
  bias: usize,
  output: usize,
  width: u32,
  floor: f32,
): void {
  const least = f32x4.splat(floor);
  const rowBytes = <usize>width * 4;
  const paddedRows = (rows + 3) & ~3;
  for (let row: u32 = 0; row < paddedRows; row++) {
    let from: usize = 0;
    let to: usize = 0;
    if (row < rows) {
      const number = <usize>load<u32>(rowNumbers + (<usize>row << 2));
      from = features + number * stride * 2;
      to = from + (<usize>load<u16>(counts + number * 2) << 1);
    }
    let out = output + (<usize>row << 5);
    let column: usize = 0;
    // Four panels at a time: eight accumulators.
    for (; column + 128 <= rowBytes; column += 128) {
      let s0 = v128.load(bias + column), s1 = v128.load(bias + column, 16);
      let s2 = v128.load(bias + column, 32), s3 = v128.load(bias + column, 48);
      let s4 = v128.load(bias + column, 64), s5 = v128.load(bias + column, 80);
      let s6 = v128.load(bias + column, 96), s7 = v128.load(bias + column, 112);
      for (let f = from; f < to; f += 2) {
        const w = weights + <usize>load<u16>(f) * rowBytes + column;
        s0 = f32x4.add(s0, v128.load(w));
        s1 = f32x4.add(s1, v128.load(w, 16));
        s2 = f32x4.add(s2, v128.load(w, 32));
        s3 = f32x4.add(s3, v128.load(w, 48));
        s4 = f32x4.add(s4, v128.load(w, 64));
        s5 = f32x4.add(s5, v128.load(w, 80));
        s6 = f32x4.add(s6, v128.load(w, 96));
        s7 = f32x4.add(s7, v128.load(w, 112));
      }
      v128.store(out, f32x4.pmax(s0, least));
      v128.store(out, f32x4.pmax(s1, least), 16);
      v128.store(out, f32x4.pmax(s2, least), PANEL_BYTES);
      v128.store(out, f32x4.pmax(s3, least), PANEL_BYTES + 16);
      v128.store(out, f32x4.pmax(s4, least), 2 * PANEL_BYTES);
      v128.store(out, f32x4.pmax(s5, least), 2 * PANEL_BYTES + 16);
      v128.store(out, f32x4.pmax(s6, least), 3 * PANEL_BYTES);
      v128.store(out, f32x4.pmax(s7, least), 3 * PANEL_BYTES + 16);
      out += 4 * PANEL_BYTES;
    }
    for (; column < rowBytes; column += 32) {
      let s0 = v128.load(bias + column), s1 = v128.load(bias + column, 16);
      for (let f = from; f < to; f += 2) {
        const w = weights + <usize>load<u16>(f) * rowBytes + column;
        s0 = f32x4.add(s0, v128.load(w));
        s1 = f32x4.add(s1, v128.load(w, 16));
      }
      v128.store(out, f32x4.pmax(s0, least));
      v128.store(out, f32x4.pmax(s1, least), 16);
      out += PANEL_BYTES;
    }
  }
}

/** weightGradient[feature] += delta[row] for each of a row's features. */
export function sparseWeightGradient(
  rowNumbers: usize,
  rows: u32,
  stride: u32,
  counts: usize,
  features: usize,
  delta: usize,
  width: u32,
  weightGradient: usize,
): void {
  const rowBytes = <usize>width * 4;
  for (let row: u32 = 0; row < rows; row++) {
    const number = <usize>load<u32>(rowNumbers + (<usize>row << 2));
    const from = features + number * stride * 2;
    const to = from + (<usize>load<u16>(counts + number * 2) << 1);
    let d = delta + (<usize>row << 5);
    let column: usize = 0;
    for (; column + 128 <= rowBytes; column += 128) {
      const d0 = v128.load(d), d1 = v128.load(d, 16);
      const d2 = v128.load(d, PANEL_BYTES), d3 = v128.load(d, PANEL_BYTES + 16);
      const d4 = v128.load(d, 2 * PANEL_BYTES), d5 = v128.load(d, 2 * PANEL_BYTES + 16);
      const d6 = v128.load(d, 3 * PANEL_BYTES), d7 = v128.load(d, 3 * PANEL_BYTES + 16);
      for (let f = from; f < to; f += 2) {
        const g = weightGradient + <usize>load<u16>(f) * rowBytes + column;
        v128.store(g, f32x4.add(v128.load(g), d0));
        v128.store(g, f32x4.add(v128.load(g, 16), d1), 16);
        v128.store(g, f32x4.add(v128.load(g, 32), d2), 32);
        v128.store(g, f32x4.add(v128.load(g, 48), d3), 48);
        v128.store(g, f32x4.add(v128.load(g, 64), d4), 64);
        v128.store(g, f32x4.add(v128.load(g, 80), d5), 80);
        v128.store(g, f32x4.add(v128.load(g, 96), d6), 96);
        v128.store(g, f32x4.add(v128.load(g, 112), d7), 112);
      }
      d += 4 * PANEL_BYTES;
    }
    for (; column < rowBytes; column += 32) {
      const d0 = v128.load(d), d1 = v128.load(d, 16);
      for (let f = from; f < to; f += 2) {
        const g = weightGradient + <usize>load<u16>(f) * rowBytes + column;
        v128.store(g, f32x4.add(v128.load(g), d0));
        v128.store(g, f32x4.add(v128.load(g, 16), d1), 16);
      }
      d += PANEL_BYTES;
    }
  }
}

/** A head that reads the features (no hidden layers): output[j] = sum of weights[j, feature]; `output` [outputs, BLOCK_ROWS]. */
export function sparseHeadForward(
  rowNumbers: usize,
  rows: u32,
  stride: u32,
  counts: usize,
  features: usize,
  weights: usize,
  inputs: u32,
  outputs: u32,
  output: usize,
): void {
  for (let row: u32 = 0; row < rows; row++) {
    const number = <usize>load<u32>(rowNumbers + (<usize>row << 2));
    const from = features + number * stride * 2;
    const to = from + (<usize>load<u16>(counts + number * 2) << 1);
    for (let j: u32 = 0; j < outputs; j++) {
      const w = weights + <usize>(j * inputs) * 4;
      let sum: f32 = 0;
      for (let f = from; f < to; f += 2) sum += load<f32>(w + (<usize>load<u16>(f) << 2));
      store<f32>(output + <usize>(j * BLOCK_ROWS + row) * 4, sum);
    }
  }
}

/** The weight gradient of such a head. */
export function sparseHeadWeightGradient(
  rowNumbers: usize,
  rows: u32,
  stride: u32,
  counts: usize,
  features: usize,
  delta: usize,
  inputs: u32,
  outputs: u32,
  weightGradient: usize,
): void {
  for (let row: u32 = 0; row < rows; row++) {
    const number = <usize>load<u32>(rowNumbers + (<usize>row << 2));
    const from = features + number * stride * 2;
    const to = from + (<usize>load<u16>(counts + number * 2) << 1);
    for (let j: u32 = 0; j < outputs; j++) {
      const d = load<f32>(delta + <usize>(j * BLOCK_ROWS + row) * 4);
      for (let f = from; f < to; f += 2) {
        const g = weightGradient + (<usize>(j * inputs) + load<u16>(f)) * 4;
        store<f32>(g, load<f32>(g) + d);
      }
    }
  }
}
