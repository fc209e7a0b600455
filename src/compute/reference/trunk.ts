import type { Observations } from "../../core/observations.ts";
import type { TrunkLayer } from "../layout.ts";

/** Room for the output of each layer of a trunk, [outHeight, outWidth, channels]. */
export function createTrunkOutputs(layers: readonly TrunkLayer[]): Float64Array[] {
  return layers.map(({ outHeight, outWidth, channels }) => new Float64Array(outHeight * outWidth * channels));
}

/**
 * The trunk over one observation. With s the stride, and the observation's planes in the place of channels in the first layer,
 *
 *     out[y, x, o] = relu(b[o] + sum over dy, dx, i of in[s y + dy, s x + dx, i] C[dy, dx, i, o])
 *
 * Writes: `outputs[l]`, layer l's output.
 */
export function forwardTrunk(
  layers: readonly TrunkLayer[],
  parameters: Float64Array,
  observations: Observations,
  row: number,
  outputs: readonly Float64Array[],
): void {
  layers.forEach((layer, l) => {
    const { channels, bias } = layer;
    const input = l === 0 ? pictureOf(layer, observations, row) : outputs[l - 1];
    const output = outputs[l];
    for (let at = 0; at < output.length; at += channels) {
      output.set(parameters.subarray(bias, bias + channels), at);
    }
    eachTerm(layer, (from, to, weight) => {
      const x = input[from];
      if (x === 0) return;
      for (let o = 0; o < channels; o++) output[to + o] += x * parameters[weight + o];
    });
    for (let i = 0; i < output.length; i++) if (output[i] < 0) output[i] = 0;
  });
}

/**
 * Backward through {@link forwardTrunk}; `slope` is the gradient at the last output.
 *
 *     db[o] += sum over y, x of slope[y, x, o]          dC[dy, dx, i, o] += sum over y, x of in[s y + dy, s x + dx, i] slope[y, x, o]
 *     din[s y + dy, s x + dx, i] += C[dy, dx, i, o] slope[y, x, o]        where ReLU let the output through
 *
 * Adds to `gradient` [parameters].
 */
export function backwardTrunk(
  layers: readonly TrunkLayer[],
  parameters: Float64Array,
  observations: Observations,
  row: number,
  outputs: readonly Float64Array[],
  slope: Float64Array,
  gradient: Float64Array,
): void {
  let above = slope;
  for (let l = layers.length - 1; l >= 0; l--) {
    const layer = layers[l];
    const { channels, bias } = layer;
    const input = l === 0 ? pictureOf(layer, observations, row) : outputs[l - 1];
    const at = above.map((s, i) => (outputs[l][i] > 0 ? s : 0));
    const below = new Float64Array(input.length);
    for (let i = 0; i < at.length; i++) gradient[bias + (i % channels)] += at[i];
    eachTerm(layer, (from, to, weight) => {
      for (let o = 0; o < channels; o++) {
        gradient[weight + o] += input[from] * at[to + o];
        below[from] += parameters[weight + o] * at[to + o];
      }
    });
    above = below;
  }
}

/** Call `term` with each input, the first of the outputs [channels] that it goes into, and the first of its weights [channels]. */
function eachTerm(layer: TrunkLayer, term: (from: number, to: number, weight: number) => void): void {
  const { width, planes, kernel, stride, channels, outHeight, outWidth } = layer;
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      for (let dy = 0; dy < kernel; dy++) {
        for (let dx = 0; dx < kernel; dx++) {
          for (let i = 0; i < planes; i++) {
            const from = ((stride * y + dy) * width + stride * x + dx) * planes + i;
            const weight = layer.weight + ((dy * kernel + dx) * planes + i) * channels;
            term(from, (y * outWidth + x) * channels, weight);
          }
        }
      }
    }
  }
}

/** The observation as zeros and ones with its planes last, [height, width, planes]: feature p * cells + cell is plane p at a cell. */
function pictureOf({ height, width, planes }: TrunkLayer, observations: Observations, row: number): Float64Array {
  const cells = height * width;
  const picture = new Float64Array(cells * planes);
  const start = row * observations.stride;
  for (const feature of observations.indices.subarray(start, start + observations.counts[row])) {
    picture[(feature % cells) * planes + Math.floor(feature / cells)] = 1;
  }
  return picture;
}
