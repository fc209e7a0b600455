import type { TrunkShape } from "../engine.ts";
import type { TrunkLayer } from "../layout.ts";
import type { Tensor, Tf } from "./backends.ts";
import type { Views } from "./parameters.ts";

/*
 * The convolutions of ../reference/trunk.ts as products of matrices: a gather lays every window of the input beside the others, and the
 * way back gathers, for every input, the slopes of the windows that saw it. Nothing is scattered, so the order of every sum is fixed, and no
 * backend lacks a kernel.
 */

/** Where one convolution reads, the same for all networks of a spec. */
interface Window {
  /** Input of each window's element, [places * kernel * kernel * planes]. */
  readonly seen: Tensor;
  /** Elements of windows that see each input, [inputs, most]; filled up with the number of elements, where a zero is put. */
  readonly seeing: Tensor;
}

export type Windows = readonly Window[];

export function windowsOf(tf: Tf, trunk: readonly TrunkShape[]): Windows {
  return trunk.map((shape, depth) => {
    const seen = seenBy(shape, depth === 0);
    const seeing = inverted(seen, shape.height * shape.width * shape.planes);
    return {
      seen: tf.tensor1d(seen, "int32"),
      seeing: tf.tensor1d(seeing.flat(), "int32"),
    };
  });
}

/** Elements of all windows of a row, in the convolution that has most. */
export function mostElements(trunk: readonly TrunkShape[]): number {
  return Math.max(0, ...trunk.map((shape) => placesOf(shape) * patchOf(shape)));
}

/** What a trunk leaves behind for its backward pass, convolution by convolution. */
export interface TrunkTrace {
  /** Windows side by side, [Q, B * places, kernel * kernel * planes]. */
  readonly patches: readonly Tensor[];
  /** [Q, B, outHeight * outWidth * channels] */
  readonly outputs: readonly Tensor[];
}

/** The windows of a convolution's input [Q, B, inputs] as rows of a matrix, [Q, B * places, kernel * kernel * planes]. */
export function patchesOf(tf: Tf, shape: TrunkShape, { seen }: Window, input: Tensor): Tensor {
  const [Q, B] = input.shape;
  return tf.reshape(tf.gather(input, seen, 2), [Q, B * placesOf(shape), patchOf(shape)]);
}

/** `first` are the {@link patchesOf} the observations, which all networks share. */
export function forwardTrunk(
  tf: Tf,
  layers: readonly TrunkLayer[],
  windows: Windows,
  views: Views,
  first: Tensor,
): TrunkTrace {
  const patches: Tensor[] = [];
  const outputs: Tensor[] = [];
  layers.forEach((layer, depth) => {
    const seen = depth === 0 ? first : patchesOf(tf, layer, windows[depth], outputs[depth - 1]);
    const { weight, bias } = views.of(layer);
    const output = tf.relu(tf.add(tf.matMul(seen, weight), bias));
    const [Q, rows] = seen.shape;
    patches.push(seen);
    outputs.push(tf.reshape(output, [Q, rows / placesOf(layer), placesOf(layer) * layer.channels]));
  });
  return { patches, outputs };
}

/** `slope` is the gradient at the last output; `add` takes the gradient of the parameters that stand at `start`. */
export function backwardTrunk(
  tf: Tf,
  layers: readonly TrunkLayer[],
  windows: Windows,
  views: Views,
  { patches, outputs }: TrunkTrace,
  slope: Tensor,
  add: (start: number, gradient: Tensor) => void,
): void {
  let above = slope;
  for (let depth = layers.length - 1; depth >= 0; depth--) {
    const layer = layers[depth];
    const [Q, B] = above.shape;
    const [places, patch] = [placesOf(layer), patchOf(layer)];
    const at = tf.reshape(tf.mul(above, tf.step(outputs[depth])), [Q, B * places, layer.channels]);
    add(layer.weight, tf.matMul(patches[depth], at, true, false));
    add(layer.bias, tf.sum(at, 1));
    // Below the first convolution there is nothing to learn.
    if (depth === 0) return;
    const elements = tf.reshape(tf.matMul(at, views.of(layer).weight, false, true), [Q, B, places * patch]);
    const withZero = tf.concat([elements, tf.zeros([Q, B, 1])], 2);
    const inputs = outputs[depth - 1].shape[2] as number;
    above = tf.sum(tf.reshape(tf.gather(withZero, windows[depth].seeing, 2), [Q, B, inputs, -1]), 3);
  }
}

function placesOf({ outHeight, outWidth }: TrunkShape): number {
  return outHeight * outWidth;
}

function patchOf({ kernel, planes }: TrunkShape): number {
  return kernel * kernel * planes;
}

/** Observations hold plane after plane, outputs of convolutions the channels of place after place. */
function seenBy(
  { height, width, planes, kernel, stride, outHeight, outWidth }: TrunkShape,
  isFirst: boolean,
): number[] {
  const seen: number[] = [];
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      for (let dy = 0; dy < kernel; dy++) {
        for (let dx = 0; dx < kernel; dx++) {
          const cell = (stride * y + dy) * width + stride * x + dx;
          for (let i = 0; i < planes; i++) seen.push(isFirst ? i * height * width + cell : cell * planes + i);
        }
      }
    }
  }
  return seen;
}

/** The places of each input in `seen`, as many for all. */
function inverted(seen: readonly number[], inputs: number): number[][] {
  const seeing: number[][] = Array.from({ length: inputs }, () => []);
  seen.forEach((input, element) => {
    seeing[input].push(element);
  });
  const most = Math.max(...seeing.map((elements) => elements.length));
  return seeing.map((elements) => [...elements, ...Array(most - elements.length).fill(seen.length)]);
}
