// A 1x1 convolution C [planes, channels], c [channels] before a layer W [channels * cells, width], b [width], without a ReLU between them,
// is one first layer over the features p * cells + cell:
//
//   S[(p, cell)]  = sum_ch C[p, ch] W[(ch, cell)]                 s = b + sum_ch c[ch] sum_cell W[(ch, cell)]
//
// So the networks run S and s on sparse observations, and their gradients dS and ds are chained once per optimiser step:
//
//   dW[(ch, cell)] = sum_p C[p, ch] dS[(p, cell)] + c[ch] ds      db = ds
//   dC[p, ch]      = sum_cell dS[(p, cell)] . W[(ch, cell)]       dc[ch] = sum_cell ds . W[(ch, cell)]
//
// Some hundred thousand multiplications, by one thread: no order of summation depends on the number of threads.

import { reduceSlice } from "./adam";
import { Convolution, Model } from "./records";

@inline
function convolutionAt(model: Model, index: u32): Convolution {
  return changetype<Convolution>(model.convolutions + <usize>index * offsetof<Convolution>());
}

/** to [bytes] = from * factor, or to += from * factor. */
@inline
function scaleInto(from: usize, factor: f32, to: usize, bytes: usize): void {
  const s = f32x4.splat(factor);
  for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, f32x4.mul(s, v128.load(from + i)));
}

@inline
function addScaled(from: usize, factor: f32, to: usize, bytes: usize): void {
  const s = f32x4.splat(factor);
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(to + i, f32x4.add(v128.load(to + i), f32x4.mul(s, v128.load(from + i))));
  }
}

/** a . b, summed in f64: thousands of terms of either sign. */
function dot(a: usize, b: usize, bytes: usize): f64 {
  let low = f64x2.splat(0), high = f64x2.splat(0);
  for (let i: usize = 0; i < bytes; i += 16) {
    const x = v128.load(a + i);
    const y = v128.load(b + i);
    low = f64x2.add(low, f64x2.mul(f64x2.promote_low_f32x4(x), f64x2.promote_low_f32x4(y)));
    const x2 = f64x2.promote_low_f32x4(v128.shuffle<f32>(x, x, 2, 3, 2, 3));
    const y2 = f64x2.promote_low_f32x4(v128.shuffle<f32>(y, y, 2, 3, 2, 3));
    high = f64x2.add(high, f64x2.mul(x2, y2));
  }
  const sum = f64x2.add(low, high);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

/** Bring the first layers that convolutions make up to date with the parameters. */
export function seeAll(model: Model): void {
  for (let index: u32 = 0; index < model.convolutionCount; index++) {
    const conv = convolutionAt(model, index);
    const rowBytes = <usize>conv.width * 4;
    const weight = model.parameters + conv.weight;
    const layer = model.parameters + conv.layerWeight;
    let seen = model.parameters + conv.seenWeight;
    for (let p: u32 = 0; p < conv.planes; p++) {
      for (let cell: u32 = 0; cell < conv.cells; cell++) {
        for (let ch: u32 = 0; ch < conv.channels; ch++) {
          const factor = load<f32>(weight + (<usize>(p * conv.channels + ch) << 2));
          const row = layer + <usize>(ch * conv.cells + cell) * rowBytes;
          if (ch == 0) scaleInto(row, factor, seen, rowBytes);
          else addScaled(row, factor, seen, rowBytes);
        }
        seen += rowBytes;
      }
    }
    for (let column: usize = 0; column < rowBytes; column += 4) {
      let sum = <f64>load<f32>(model.parameters + conv.layerBias + column);
      let row = layer + column;
      for (let ch: u32 = 0; ch < conv.channels; ch++) {
        const factor = <f64>load<f32>(model.parameters + conv.bias + (<usize>ch << 2));
        for (let cell: u32 = 0; cell < conv.cells; cell++) {
          sum += factor * <f64>load<f32>(row);
          row += rowBytes;
        }
      }
      store<f32>(model.parameters + conv.seenBias + column, <f32>sum);
    }
  }
}

/**
 * From the gradients at the first layers that convolutions make to those of the parameters, which are still zero; between the backward
 * pass and the reduction. Leaves the former zero for the next minibatch.
 */
export function chainAll(model: Model): void {
  for (let slice: u32 = 0; slice < model.seenSliceCount; slice++) reduceSlice(model, model.sliceCount + slice);
  for (let index: u32 = 0; index < model.convolutionCount; index++) {
    const conv = convolutionAt(model, index);
    const rowBytes = <usize>conv.width * 4;
    const layer = model.parameters + conv.layerWeight;
    const seen = model.gradients + conv.seenWeight;
    const seenBias = model.gradients + conv.seenBias;
    const layerGradient = model.gradients + conv.layerWeight;
    for (let ch: u32 = 0; ch < conv.channels; ch++) {
      const bias = load<f32>(model.parameters + conv.bias + (<usize>ch << 2));
      let biasSum: f64 = 0;
      for (let cell: u32 = 0; cell < conv.cells; cell++) {
        const row = <usize>(ch * conv.cells + cell) * rowBytes;
        scaleInto(seenBias, bias, layerGradient + row, rowBytes);
        biasSum += dot(seenBias, layer + row, rowBytes);
      }
      store<f32>(model.gradients + conv.bias + (<usize>ch << 2), <f32>biasSum);
      for (let p: u32 = 0; p < conv.planes; p++) {
        const at = <usize>conv.weight + (<usize>(p * conv.channels + ch) << 2);
        const factor = load<f32>(model.parameters + at);
        let sum: f64 = 0;
        for (let cell: u32 = 0; cell < conv.cells; cell++) {
          const row = <usize>(ch * conv.cells + cell) * rowBytes;
          const from = seen + <usize>(p * conv.cells + cell) * rowBytes;
          addScaled(from, factor, layerGradient + row, rowBytes);
          sum += dot(from, layer + row, rowBytes);
        }
        store<f32>(model.gradients + at, <f32>sum);
      }
    }
    memory.copy(model.gradients + conv.layerBias, seenBias, rowBytes);
    memory.fill(seen, 0, <usize>(conv.planes * conv.cells) * rowBytes);
    memory.fill(seenBias, 0, rowBytes);
  }
}
