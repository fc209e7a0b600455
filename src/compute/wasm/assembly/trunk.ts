// Trunks: convolutions with ReLU and without padding before a network's first dense layer.
//
// A place of a trunk's output is `channels` columns, so that activations are panels of eight columns as everywhere, place after place. The
// first convolution reads the observation's ones: each is added, times nothing, into the few places whose windows hold it. Every other
// one is a dense layer for each of its places: a place's window is copied together from the panels below (im2col, a row of the window is
// contiguous there) and multiplied by the kernels of dense.ts.
//
// A row's sums are over its own features in their order, or over its window in a fixed order: no row depends on the rows beside it.

import { denseBackward, denseBiasGradient, denseForward, denseWeightGradient, transposeDense } from "./dense";
import { PANEL_BYTES } from "./panel";
import { Model, Network, TrunkLayer } from "./records";

@inline
function trunkAt(network: Network, depth: u32): TrunkLayer {
  return changetype<TrunkLayer>(network.trunk + <usize>depth * offsetof<TrunkLayer>());
}

/** Bytes of the panels of one place with so many channels. */
@inline
function placeBytes(channels: u32): usize {
  return <usize>(channels >> 3) * PANEL_BYTES;
}

/** The activations of a trunk's last convolution. */
export function trunkOutput(network: Network, scratch: usize): usize {
  return scratch + trunkAt(network, network.trunkDepth - 1).activation;
}

/**
 * target[place] += weights[dy, dx, plane] for each place whose window holds the feature at (dy, dx); with `scatter`, the other way
 * round: weights[dy, dx, plane] += target[place]. `target` is [places, channels], `weights` [kernel, kernel, planes, channels]; which
 * they are stands in the layer's table, see records.ts.
 */
@inline
function eachWindow(layer: TrunkLayer, feature: usize, weights: usize, target: usize, scatter: bool): void {
  const entry = layer.windows + feature * 12;
  const bytes = <usize>layer.channels * 4;
  let targetRow = target + load<u32>(entry);
  let weightRow = weights + load<u32>(entry, 4);
  const rows = load<u16>(entry, 8);
  const columnBytes = <usize>load<u16>(entry, 10) * bytes;
  for (let row: u32 = 0; row < rows; row++) {
    let t = targetRow;
    let place = weightRow;
    const rowEnd = t + columnBytes;
    while (t < rowEnd) {
      let w = place;
      const end = t + bytes;
      do {
        const sum = f32x4.add(v128.load(t), v128.load(w));
        const sum2 = f32x4.add(v128.load(t, 16), v128.load(w, 16));
        const to = scatter ? w : t;
        v128.store(to, sum);
        v128.store(to, sum2, 16);
        t += 32;
        w += 32;
      } while (t < end);
      place -= layer.columnStep;
    }
    targetRow += <usize>layer.outWidth * bytes;
    weightRow -= layer.rowStep;
  }
}

/** Copy the window of the place (outY, outX) together: its rows' panels, one after another. */
@inline
function gather(layer: TrunkLayer, outY: u32, outX: u32, input: usize, patch: usize): void {
  const bytes = placeBytes(layer.planes);
  const rowBytes = <usize>layer.kernel * bytes;
  let from = input + <usize>(outY * layer.stride * layer.width + outX * layer.stride) * bytes;
  for (let dy: u32 = 0; dy < layer.kernel; dy++) {
    memory.copy(patch, from, rowBytes);
    patch += rowBytes;
    from += <usize>layer.width * bytes;
  }
}

/** Add a window's gradient to that of the places it came from: the reverse of `gather`. */
@inline
function spread(layer: TrunkLayer, outY: u32, outX: u32, patch: usize, below: usize, rows: u32): void {
  const bytes = placeBytes(layer.planes);
  const rowBytes = <usize>layer.kernel * bytes;
  let to = below + <usize>(outY * layer.stride * layer.width + outX * layer.stride) * bytes;
  for (let dy: u32 = 0; dy < layer.kernel; dy++) {
    for (let panel: usize = 0; panel < rowBytes; panel += PANEL_BYTES) {
      for (let i = panel; i < panel + <usize>rows * 32; i += 16) {
        v128.store(to + i, f32x4.add(v128.load(to + i), v128.load(patch + i)));
      }
    }
    patch += rowBytes;
    to += <usize>layer.width * bytes;
  }
}

/** All activations of a trunk for the rows whose numbers stand at `rowNumbers`; those up to a multiple of four are finite. */
export function trunkForward(
  model: Model,
  network: Network,
  scratch: usize,
  rowNumbers: usize,
  rows: u32,
  stride: u32,
  counts: usize,
  features: usize,
): void {
  const parameters = model.parameters;
  const paddedRows = (rows + 3) & ~3;
  const line = scratch + model.line;
  const least = f32x4.splat(0);
  const first = trunkAt(network, 0);
  const bias = parameters + first.bias;
  const biasBytes = <usize>first.channels * 4;
  const lineEnd = line + <usize>(first.outHeight * first.outWidth) * biasBytes;
  for (let row: u32 = 0; row < paddedRows; row++) {
    for (let place = line; place < lineEnd; place += biasBytes) {
      for (let i: usize = 0; i < biasBytes; i += 16) v128.store(place + i, v128.load(bias + i));
    }
    if (row < rows) {
      const number = <usize>load<u32>(rowNumbers + (<usize>row << 2));
      const from = features + number * stride * 2;
      const to = from + (<usize>load<u16>(counts + number * 2) << 1);
      for (let f = from; f < to; f += 2) eachWindow(first, load<u16>(f), parameters + first.weight, line, false);
    }
    let out = scratch + first.activation + (<usize>row << 5);
    for (let panel = line; panel < lineEnd; panel += 32) {
      v128.store(out, f32x4.pmax(v128.load(panel), least));
      v128.store(out, f32x4.pmax(v128.load(panel, 16), least), 16);
      out += PANEL_BYTES;
    }
  }

  const patch = scratch + model.patch;
  let input = scratch + first.activation;
  for (let depth: u32 = 1; depth < network.trunkDepth; depth++) {
    const layer = trunkAt(network, depth);
    const inputs = layer.kernel * layer.kernel * layer.planes;
    let output = scratch + layer.activation;
    for (let y: u32 = 0; y < layer.outHeight; y++) {
      for (let x: u32 = 0; x < layer.outWidth; x++) {
        gather(layer, y, x, input, patch);
        denseForward(
          patch, inputs, parameters + layer.weight, parameters + layer.bias, output, layer.channels, paddedRows, 0,
        );
        output += placeBytes(layer.channels);
      }
    }
    input = scratch + layer.activation;
  }
}

/**
 * Add a trunk's gradient of `rows` rows to `gradient`. `delta` is the gradient at its output, behind the ReLU; it and `below`, another
 * buffer of its size, are overwritten.
 */
export function trunkBackward(
  model: Model,
  network: Network,
  scratch: usize,
  rowNumbers: usize,
  rows: u32,
  stride: u32,
  counts: usize,
  features: usize,
  gradient: usize,
  delta: usize,
  below: usize,
): void {
  const paddedRows = (rows + 3) & ~3;
  const patch = scratch + model.patch;
  const patchDelta = scratch + model.patchDelta;
  for (let depth = network.trunkDepth - 1; depth > 0; depth--) {
    const layer = trunkAt(network, depth);
    const inputs = layer.kernel * layer.kernel * layer.planes;
    const input = scratch + trunkAt(network, depth - 1).activation;
    memory.fill(below, 0, <usize>(layer.height * layer.width) * placeBytes(layer.planes));
    let at = delta;
    for (let y: u32 = 0; y < layer.outHeight; y++) {
      for (let x: u32 = 0; x < layer.outWidth; x++) {
        gather(layer, y, x, input, patch);
        denseBiasGradient(at, layer.channels, gradient + layer.bias, paddedRows);
        denseWeightGradient(patch, inputs, at, layer.channels, gradient + layer.weight, paddedRows);
        // The ReLU below is a place's own, so it may be applied window by window.
        denseBackward(at, layer.channels, layer.transposed, patch, patchDelta, inputs, paddedRows, 0);
        spread(layer, y, x, patchDelta, below, paddedRows);
        at += placeBytes(layer.channels);
      }
    }
    const free = delta;
    delta = below;
    below = free;
  }

  const first = trunkAt(network, 0);
  const places = first.outHeight * first.outWidth;
  for (let place: usize = 0; place < places; place++) {
    denseBiasGradient(delta + place * placeBytes(first.channels), first.channels, gradient + first.bias, paddedRows);
  }
  const line = scratch + model.line;
  const lineEnd = line + <usize>(places * first.channels) * 4;
  for (let row: u32 = 0; row < rows; row++) {
    let from = delta + (<usize>row << 5);
    for (let panel = line; panel < lineEnd; panel += 32) {
      v128.store(panel, v128.load(from));
      v128.store(panel, v128.load(from, 16), 16);
      from += PANEL_BYTES;
    }
    const number = <usize>load<u32>(rowNumbers + (<usize>row << 2));
    const start = features + number * stride * 2;
    const end = start + (<usize>load<u16>(counts + number * 2) << 1);
    for (let f = start; f < end; f += 2) eachWindow(first, load<u16>(f), gradient + first.weight, line, true);
  }
}

/** Bring the transposed weights of a trunk's convolutions up to date. */
export function transposeTrunk(model: Model, network: Network): void {
  for (let depth: u32 = 1; depth < network.trunkDepth; depth++) {
    const layer = trunkAt(network, depth);
    const inputs = layer.kernel * layer.kernel * layer.planes;
    transposeDense(model.parameters + layer.weight, inputs, layer.channels, layer.transposed);
  }
}
