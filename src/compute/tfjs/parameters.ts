import type { Convolution, Layer, NetworkLayout, TrunkLayer } from "../layout.ts";
import type { Tensor, Tf } from "./backends.ts";

/** A layer's parameters over Q replicas. */
interface Weights {
  /** [Q, in, out]; of a trunk's convolution [Q, kernel * kernel * planes, channels]. */
  readonly weight: Tensor;
  /** [Q, 1, out] */
  readonly bias: Tensor;
}

type AnyLayer = Layer | Convolution | TrunkLayer;

/** The parameters [Q, S] of Q replicas, layer by layer. */
export interface Views {
  of(layer: AnyLayer): Weights;
  /** Let them outlive the `tidy` that they were made in. */
  keep(): Views;
  dispose(): void;
}

export function parameterViews(tf: Tf, layout: NetworkLayout, parameters: Tensor): Views {
  const [Q] = parameters.shape;
  const part = (start: number, inputs: number, outputs: number): Tensor =>
    tf.tidy(() => tf.reshape(tf.slice(parameters, [0, start], [Q, inputs * outputs]), [Q, inputs, outputs]));
  const views = new Map<AnyLayer, Weights>();
  for (const layer of layersOf(layout)) {
    const [inputs, outputs] = sizeOf(layer);
    views.set(layer, { weight: part(layer.weight, inputs, outputs), bias: part(layer.bias, 1, outputs) });
  }
  const self: Views = {
    of: (layer) => {
      const found = views.get(layer);
      if (found === undefined) throw new RangeError("viewsOf: a layer of another layout");
      return found;
    },
    keep: () => {
      for (const { weight, bias } of views.values()) for (const tensor of [weight, bias]) tf.keep(tensor);
      return self;
    },
    dispose: () => {
      for (const { weight, bias } of views.values()) tf.dispose([weight, bias]);
    },
  };
  return self;
}

/** Rows and columns of a layer's matrix. */
function sizeOf(layer: AnyLayer): readonly [number, number] {
  if ("kernel" in layer) return [layer.kernel * layer.kernel * layer.planes, layer.channels];
  return "planes" in layer ? [layer.planes, layer.channels] : [layer.inputs, layer.outputs];
}

function layersOf({ modules, gate, gateConv, output, critic, criticConv, trunks }: NetworkLayout): AnyLayer[] {
  return [
    ...[...trunks.values()].flat(),
    ...modules.flat(),
    ...gate,
    ...(gateConv ? [gateConv] : []),
    output,
    ...critic,
    ...(criticConv ? [criticConv] : []),
  ];
}
