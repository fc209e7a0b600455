import { type NetworkSpec, trunkOf } from "./engine.ts";

/** Floating-point operations of one row. */
export interface Flops {
  /** A forward pass. */
  readonly forward: number;
  /** An update's pass: forward, and backward to the data and to the weights. */
  readonly update: number;
}

/**
 * Operations of the layers on one row with `active` features: 2 per weight in use forward (a multiply and an add), as many again
 * for the weights' gradient and, behind a first layer, for the data's. First layers, and the first convolution of a trunk, count their
 * `active` features only (a feature lies in about (kernel / stride)^2 windows); 1x1 convolutions, biases, losses and Adam are not counted.
 */
export function flopsOf(spec: NetworkSpec, active: number): Flops {
  const dense = (widths: readonly number[]) =>
    widths.slice(1).reduce((sum, width, i) => sum + 2 * widths[i] * width, 0);
  const [first, ...others] = trunkOf(spec);
  const last = others.at(-1) ?? first;
  const convolved = others.reduce(
    (sum, { kernel, planes, channels, outHeight, outWidth }) =>
      sum + 2 * outHeight * outWidth * kernel * kernel * planes * channels,
    0,
  );
  const network = (widths: readonly number[], heads: readonly number[]) => {
    if (first === undefined) return { sparse: 2 * active * widths[0], dense: dense([...widths, ...heads]) };
    return {
      sparse: 2 * active * (first.kernel / first.stride) ** 2 * first.channels,
      dense: convolved + dense([last.outHeight * last.outWidth * last.channels, ...widths, ...heads]),
    };
  };
  const K = spec.modules.length;
  const parts = [
    ...spec.modules.map(() => network(spec.hidden, [])),
    // Two modules share one logit.
    ...(spec.gate === "learned" ? [network(spec.gateHidden, [K === 2 ? 1 : K])] : []),
    { sparse: 0, dense: 2 * spec.hidden[spec.hidden.length - 1] * spec.actions },
    network(spec.critic, [1]),
  ];
  const sparse = parts.reduce((sum, part) => sum + part.sparse, 0);
  const behind = parts.reduce((sum, part) => sum + part.dense, 0);
  return { forward: sparse + behind, update: 2 * sparse + 3 * behind };
}
