import type { Observations } from "../../core/observations.ts";
import type { Convolution, Layer, NetworkLayout } from "../layout.ts";
import { backwardTrunk, createTrunkOutputs, forwardTrunk } from "./trunk.ts";

/** What one row's forward pass leaves behind for its backward pass. A = actions, K = modules, H = last hidden width. */
export interface Activations {
  /** Output of each layer of each module. */
  readonly modules: readonly (readonly Float64Array[])[];
  /** Output of each layer of the gate network. */
  readonly gate: readonly Float64Array[];
  /** Output of the gate's convolution, [channels, cells]; empty without one. */
  readonly gateConv: Float64Array;
  /** Output of each layer of the critic; the last holds the value. */
  readonly critic: readonly Float64Array[];
  /** Output of the critic's convolution, [channels, cells]; empty without one. */
  readonly criticConv: Float64Array;
  /** Output of each convolution of each trunk, by group. */
  readonly trunks: ReadonlyMap<string, readonly Float64Array[]>;
  /** z + lnScale, [K]. */
  readonly gateLogits: Float64Array;
  /** ln w, [K]. */
  readonly lnWeights: Float64Array;
  /** w, [K]. */
  readonly weights: Float64Array;
  /** sum_k w_k h_k, [H]. */
  readonly mixed: Float64Array;
  /** [A] */
  readonly logits: Float64Array;
  /** ln pi(a|x), [A]. */
  readonly logProbabilities: Float64Array;
  /** pi(a|x), [A]. */
  readonly probabilities: Float64Array;
}

/** Room for one row's activations. */
export function createActivations(layout: NetworkLayout): Activations {
  const outputs = (layers: readonly Layer[]) => layers.map((layer) => new Float64Array(layer.outputs));
  const convolved = (conv: Convolution | undefined) => new Float64Array(conv ? conv.channels * conv.cells : 0);
  const K = layout.modules.length;
  const A = layout.output.outputs;
  return {
    modules: layout.modules.map(outputs),
    gate: outputs(layout.gate),
    gateConv: convolved(layout.gateConv),
    critic: outputs(layout.critic),
    criticConv: convolved(layout.criticConv),
    trunks: new Map([...layout.trunks].map(([group, layers]) => [group, createTrunkOutputs(layers)])),
    gateLogits: new Float64Array(K),
    lnWeights: new Float64Array(K),
    weights: new Float64Array(K),
    mixed: new Float64Array(layout.output.inputs),
    logits: new Float64Array(A),
    logProbabilities: new Float64Array(A),
    probabilities: new Float64Array(A),
  };
}

/**
 * Forward pass of one row; acting and learning both run this, so that they agree to the bit.
 *
 *     h_k = module_k(x);  w = softmax(z + lnScale);  logits = W (sum_k w_k h_k) + b;  value = critic(x)
 *
 * `lnScale` [K] has a finite entry. Writes: all of `to`.
 */
export function forwardRow(
  layout: NetworkLayout,
  parameters: Float64Array,
  observations: Observations,
  row: number,
  lnScale: Float64Array,
  to: Activations,
): void {
  for (const [group, layers] of layout.trunks) {
    forwardTrunk(layers, parameters, observations, row, trunkOutputs(to, group));
  }
  layout.modules.forEach((layers, k) => {
    forwardLayers(layers, parameters, observations, row, to.modules[k], seenBy(layout.groups[k].name, undefined, to));
  });
  if (layout.criticConv) convolve(layout.criticConv, parameters, observations, row, to.criticConv);
  const seen = seenBy("critic", layout.criticConv && to.criticConv, to);
  forwardLayers(layout.critic, parameters, observations, row, to.critic, seen);

  to.gateLogits.set(lnScale);
  if (layout.gate.length > 0) {
    if (layout.gateConv) convolve(layout.gateConv, parameters, observations, row, to.gateConv);
    const seen = seenBy("gate", layout.gateConv && to.gateConv, to);
    forwardLayers(layout.gate, parameters, observations, row, to.gate, seen);
    // Of two modules only the first has a logit; the second's is 0, and softmax is the logistic function.
    to.gate[to.gate.length - 1].forEach((z, k) => {
      to.gateLogits[k] += z;
    });
  }
  logSoftmax(to.gateLogits, to.lnWeights, to.weights);

  to.mixed.fill(0);
  to.weights.forEach((weight, k) => {
    const hidden = last(to.modules[k]);
    for (let i = 0; i < hidden.length; i++) to.mixed[i] += weight * hidden[i];
  });
  affine(layout.output, parameters, to.mixed, to.logits);
  logSoftmax(to.logits, to.logProbabilities, to.probabilities);
}

/** What the loss sends back into the network for one row. */
export interface RowSlopes {
  /** d(policy and entropy loss)/d logits, [A]. */
  readonly logits: Float64Array;
  /** d(gate loss)/d gate logits, [K]. */
  readonly gateLogits: Float64Array;
  /** d(value loss)/d value, [1]. */
  readonly value: Float64Array;
}

/** Who learns from a row's policy and entropy loss. */
export interface RowMasks {
  /** [K], in [0, 1]. */
  readonly modules: Float64Array;
  /** In [0, 1]. */
  readonly gate: number;
}

/**
 * Backward pass of the row that {@link forwardRow} left in `from`.
 *
 *     delta  = W dlogits                                          gradient at the mixture sum_k w_k h_k
 *     dh_k   = mask_k w_k delta
 *     dz_k   = gateMask w_k delta . (h_k - sum_j w_j h_j) + (cross-entropy's slope)_k
 *
 * The masks stand between a module and the loss, never in the forward pass: what a row teaches is routed, what the
 * agent does is not (Cloud et al. 2024, arXiv:2410.04332).
 *
 * Writes: adds to `gradient` [parameters].
 */
export function backwardRow(
  layout: NetworkLayout,
  parameters: Float64Array,
  observations: Observations,
  row: number,
  from: Activations,
  slopes: RowSlopes,
  masks: RowMasks,
  gradient: Float64Array,
): void {
  const throughTrunk = (group: string, slope: Float64Array) => {
    const layers = layout.trunks.get(group);
    if (layers === undefined) return;
    backwardTrunk(layers, parameters, observations, row, trunkOutputs(from, group), slope, gradient);
  };
  const delta = new Float64Array(layout.output.inputs);
  affineBackward(layout.output, parameters, from.mixed, slopes.logits, gradient, delta);

  layout.modules.forEach((layers, k) => {
    // A masked row is left out rather than multiplied by zero: its contribution is 0 whatever delta holds.
    if (masks.modules[k] === 0) return;
    const scale = masks.modules[k] * from.weights[k];
    const slope = delta.map((d) => scale * d);
    const { name } = layout.groups[k];
    const seen = seenBy(name, undefined, from);
    const below = backwardLayers(layers, parameters, observations, row, from.modules[k], slope, gradient, seen);
    throughTrunk(name, below);
  });

  if (layout.gate.length > 0) {
    const slope = last(from.gate).map((_, k) => {
      const hidden = last(from.modules[k]);
      let policy = 0;
      if (masks.gate !== 0) {
        for (let i = 0; i < delta.length; i++) policy += delta[i] * (hidden[i] - from.mixed[i]);
        policy *= masks.gate * from.weights[k];
      }
      return policy + slopes.gateLogits[k];
    });
    const { gateConv: conv } = layout;
    const seen = seenBy("gate", conv && from.gateConv, from);
    const below = backwardLayers(layout.gate, parameters, observations, row, from.gate, slope, gradient, seen);
    if (conv) convolveBackward(conv, observations, row, below, gradient);
    throughTrunk("gate", below);
  }

  const { criticConv: conv } = layout;
  const seen = seenBy("critic", conv && from.criticConv, from);
  const below = backwardLayers(layout.critic, parameters, observations, row, from.critic, slopes.value, gradient, seen);
  if (conv) convolveBackward(conv, observations, row, below, gradient);
  throughTrunk("critic", below);
}

function trunkOutputs({ trunks }: Activations, group: string): readonly Float64Array[] {
  return trunks.get(group) ?? [];
}

/** What a network's first layer reads: what its trunk or its 1x1 convolution made; undefined where it reads the observation itself. */
function seenBy(
  group: string,
  convolved: Float64Array | undefined,
  activations: Activations,
): Float64Array | undefined {
  return convolved ?? trunkOutputs(activations, group).at(-1);
}

/**
 * Log-softmax and softmax, stable at any finite logits: the largest is subtracted first.
 *
 *     ln p_i = (x_i - max) - ln sum_j exp(x_j - max)
 *
 * An entry of -Infinity has probability 0; at least one entry is finite. Writes: `logOut`, `out`.
 */
export function logSoftmax(logits: Float64Array, logOut: Float64Array, out: Float64Array): void {
  let max = -Infinity;
  for (const x of logits) max = Math.max(max, x);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    out[i] = Math.exp(logits[i] - max);
    sum += out[i];
  }
  const lnSum = Math.log(sum);
  for (let i = 0; i < logits.length; i++) {
    logOut[i] = logits[i] - max - lnSum;
    out[i] /= sum;
  }
}

/**
 * Layers over one observation, or over `input` [inputs] where it is given; `outputs[l]` receives layer l's output, after its ReLU where
 * it has one.
 */
function forwardLayers(
  layers: readonly Layer[],
  parameters: Float64Array,
  observations: Observations,
  row: number,
  outputs: readonly Float64Array[],
  input?: Float64Array,
): void {
  layers.forEach((layer, l) => {
    const below = l === 0 ? input : outputs[l - 1];
    if (below === undefined) sparseAffine(layer, parameters, observations, row, outputs[0]);
    else affine(layer, parameters, below, outputs[l]);
    if (!layer.relu) return;
    const output = outputs[l];
    for (let o = 0; o < output.length; o++) if (output[o] < 0) output[o] = 0;
  });
}

/**
 * Backward through {@link forwardLayers}: `slope` is the gradient at the last output. Adds to `gradient`; returns the gradient at
 * `input`, empty where the layers read the observation itself.
 */
function backwardLayers(
  layers: readonly Layer[],
  parameters: Float64Array,
  observations: Observations,
  row: number,
  outputs: readonly Float64Array[],
  slope: Float64Array,
  gradient: Float64Array,
  input?: Float64Array,
): Float64Array {
  let above = slope;
  for (let l = layers.length - 1; l >= 0; l--) {
    const layer = layers[l];
    // ReLU passes the gradient where its output is positive.
    const at = layer.relu ? above.map((s, o) => (outputs[l][o] > 0 ? s : 0)) : above;
    const below = l === 0 ? input : outputs[l - 1];
    if (below === undefined) {
      sparseAffineBackward(layer, observations, row, at, gradient);
      return new Float64Array(0);
    }
    above = new Float64Array(layer.inputs);
    affineBackward(layer, parameters, below, at, gradient, above);
  }
  return above;
}

/** out[ch, cell] = b[ch] + sum_p x[p, cell] C[p, ch], plainly over all cells. Writes: `out` [channels, cells]. */
function convolve(
  { planes, channels, cells, weight, bias }: Convolution,
  parameters: Float64Array,
  observations: Observations,
  row: number,
  out: Float64Array,
): void {
  const x = pictureOf(observations, row, planes * cells);
  for (let ch = 0; ch < channels; ch++) {
    for (let cell = 0; cell < cells; cell++) {
      let sum = parameters[bias + ch];
      for (let p = 0; p < planes; p++) sum += x[p * cells + cell] * parameters[weight + p * channels + ch];
      out[ch * cells + cell] = sum;
    }
  }
}

/** db[ch] += sum over cells of slope, dC[p, ch] += sum over cells of x[p, cell] slope (both into `gradient`); slope [channels, cells]. */
function convolveBackward(
  { planes, channels, cells, weight, bias }: Convolution,
  observations: Observations,
  row: number,
  slope: Float64Array,
  gradient: Float64Array,
): void {
  const x = pictureOf(observations, row, planes * cells);
  for (let ch = 0; ch < channels; ch++) {
    for (let cell = 0; cell < cells; cell++) {
      const s = slope[ch * cells + cell];
      gradient[bias + ch] += s;
      for (let p = 0; p < planes; p++) gradient[weight + p * channels + ch] += x[p * cells + cell] * s;
    }
  }
}

/** The observation as zeros and ones, [features]. */
function pictureOf(observations: Observations, row: number, features: number): Float64Array {
  const x = new Float64Array(features);
  for (const feature of activeFeatures(observations, row)) x[feature] = 1;
  return x;
}

/** out = b + x W. */
function affine(layer: Layer, parameters: Float64Array, input: Float64Array, out: Float64Array): void {
  const { inputs, outputs, weight, bias } = layer;
  for (let o = 0; o < outputs; o++) out[o] = parameters[bias + o];
  for (let i = 0; i < inputs; i++) {
    const x = input[i];
    if (x === 0) continue;
    const start = weight + i * outputs;
    for (let o = 0; o < outputs; o++) out[o] += x * parameters[start + o];
  }
}

/** dW += x (outer) slope, db += slope (both into `gradient`), inputSlope = W slope. */
function affineBackward(
  layer: Layer,
  parameters: Float64Array,
  input: Float64Array,
  slope: Float64Array,
  gradient: Float64Array,
  inputSlope: Float64Array,
): void {
  const { inputs, outputs, weight, bias } = layer;
  for (let o = 0; o < outputs; o++) gradient[bias + o] += slope[o];
  for (let i = 0; i < inputs; i++) {
    const start = weight + i * outputs;
    let sum = 0;
    for (let o = 0; o < outputs; o++) {
      gradient[start + o] += input[i] * slope[o];
      sum += parameters[start + o] * slope[o];
    }
    inputSlope[i] = sum;
  }
}

/** out = b + the sum of W's rows at the active features: x W for binary x. */
function sparseAffine(
  layer: Layer,
  parameters: Float64Array,
  observations: Observations,
  row: number,
  out: Float64Array,
): void {
  const { outputs, weight, bias } = layer;
  for (let o = 0; o < outputs; o++) out[o] = parameters[bias + o];
  for (const feature of activeFeatures(observations, row)) {
    const start = weight + feature * outputs;
    for (let o = 0; o < outputs; o++) out[o] += parameters[start + o];
  }
}

/** db += slope, and each active feature's row of dW += slope (into `gradient`). */
function sparseAffineBackward(
  layer: Layer,
  observations: Observations,
  row: number,
  slope: Float64Array,
  gradient: Float64Array,
): void {
  const { outputs, weight, bias } = layer;
  for (let o = 0; o < outputs; o++) gradient[bias + o] += slope[o];
  for (const feature of activeFeatures(observations, row)) {
    const start = weight + feature * outputs;
    for (let o = 0; o < outputs; o++) gradient[start + o] += slope[o];
  }
}

function activeFeatures(observations: Observations, row: number): Uint16Array {
  const start = row * observations.stride;
  return observations.indices.subarray(start, start + observations.counts[row]);
}

function last<T>(items: readonly T[]): T {
  return items[items.length - 1];
}
