// One block of rows through the networks, forward and backward.

import { BLOCK_ROWS } from "../../fused/constants";
import { denseBackward, denseBiasGradient, denseForward, denseWeightGradient, transposeDense } from "./dense";
import { headBackward, headForward, headWeightGradient } from "./heads";
import { networkAt } from "./loss";
import { Layer, Model, Network } from "./records";
import { sparseForward, sparseHeadForward, sparseHeadWeightGradient, sparseWeightGradient } from "./sparse";
import { transposeTrunk, trunkBackward, trunkForward, trunkOutput } from "./trunk";

@inline
function layerAt(network: Network, depth: u32): Layer {
  return changetype<Layer>(network.layers + <usize>depth * offsetof<Layer>());
}

/** All networks' activations and head sums of `rows` rows. */
export function forwardBlock(
  model: Model,
  scratch: usize,
  rows: u32,
  stride: u32,
  counts: usize,
  features: usize,
): void {
  const rowNumbers = scratch + model.rows;
  const parameters = model.parameters;
  const paddedRows = (rows + 3) & ~3;
  for (let n: u32 = 0; n < model.networkCount; n++) {
    const network = networkAt(model, n);
    if (network.depth == 0) {
      sparseHeadForward(
        rowNumbers, rows, stride, counts, features,
        parameters + network.headWeight, network.inputs, network.outputs, scratch + network.head,
      );
      continue;
    }
    let depth: u32 = 0;
    let input: usize;
    if (network.trunkDepth > 0) {
      trunkForward(model, network, scratch, rowNumbers, rows, stride, counts, features);
      input = trunkOutput(network, scratch);
    } else {
      const first = layerAt(network, depth++);
      input = scratch + first.activation;
      sparseForward(
        rowNumbers, rows, stride, counts, features,
        parameters + first.weight, parameters + first.bias, input, first.width, network.floor,
      );
    }
    for (; depth < network.depth; depth++) {
      const layer = layerAt(network, depth);
      const output = scratch + layer.activation;
      denseForward(
        input, layer.inputs, parameters + layer.weight, parameters + layer.bias, output, layer.width, paddedRows, network.floor,
      );
      input = output;
    }
    headForward(
      input, network.inputs, parameters + network.headWeight, network.outputs, scratch + network.head, paddedRows,
    );
  }
}

/** Whether some row of a head's gradient [outputs, BLOCK_ROWS] is not zero. */
function anyDelta(delta: usize, outputs: u32, rows: u32): bool {
  let any = i32x4.splat(0);
  for (let j: u32 = 0; j < outputs; j++) {
    for (let row: usize = 0; row < rows; row += 4) any = v128.or(any, v128.load(delta + row * 4));
    delta += BLOCK_ROWS * 4;
  }
  // Shift the signs out: -0 is zero.
  return v128.any_true(i32x4.shl(any, 1));
}

/** Add the gradient of `rows` rows, whose heads' gradients stand in the scratch, to `gradient`. */
export function backwardBlock(
  model: Model,
  scratch: usize,
  rows: u32,
  stride: u32,
  counts: usize,
  features: usize,
  gradient: usize,
): void {
  const rowNumbers = scratch + model.rows;
  const parameters = model.parameters;
  const paddedRows = (rows + 3) & ~3;
  for (let n: u32 = 0; n < model.networkCount; n++) {
    const network = networkAt(model, n);
    if (network.depth == 0) {
      sparseHeadWeightGradient(
        rowNumbers, rows, stride, counts, features,
        scratch + network.headDelta, network.inputs, network.outputs, gradient + network.headWeight,
      );
      continue;
    }
    let depth = network.depth - 1;
    let layer = layerAt(network, depth);
    const top = scratch + layer.activation;
    headWeightGradient(
      scratch + network.headDelta, network.outputs, top, network.inputs, gradient + network.headWeight, paddedRows,
    );
    // No row of the block may teach this network: its gradient is zero without computing it.
    if (!anyDelta(scratch + network.delta, network.outputs, paddedRows)) continue;
    let delta = scratch + model.ping;
    let below = scratch + model.pong;
    headBackward(
      scratch + network.delta, network.outputs, parameters + network.headWeight, network.inputs, top, delta, paddedRows,
      network.floor,
    );
    for (;;) {
      denseBiasGradient(delta, layer.width, gradient + layer.bias, paddedRows);
      if (depth == 0 && network.trunkDepth == 0) break;
      const input = depth > 0 ? scratch + layerAt(network, depth - 1).activation : trunkOutput(network, scratch);
      denseWeightGradient(input, layer.inputs, delta, layer.width, gradient + layer.weight, paddedRows);
      denseBackward(delta, layer.width, layer.transposed, input, below, layer.inputs, paddedRows, network.floor);
      const free = delta;
      delta = below;
      below = free;
      if (depth == 0) break;
      layer = layerAt(network, --depth);
    }
    if (network.trunkDepth > 0) {
      trunkBackward(model, network, scratch, rowNumbers, rows, stride, counts, features, gradient, delta, below);
      continue;
    }
    sparseWeightGradient(
      rowNumbers, rows, stride, counts, features, delta, layer.width, gradient + layer.weight,
    );
  }
}

/** Bring every dense layer's transposed weights up to date. */
export function transposeAll(model: Model): void {
  for (let n: u32 = 0; n < model.networkCount; n++) {
    const network = networkAt(model, n);
    transposeTrunk(model, network);
    for (let depth: u32 = network.trunkDepth > 0 ? 0 : 1; depth < network.depth; depth++) {
      const layer = layerAt(network, depth);
      transposeDense(model.parameters + layer.weight, layer.inputs, layer.width, layer.transposed);
    }
  }
}
