import { type NetworkSpec, type TrunkShape, tensorsOf, trunkOf } from "./engine.ts";

/** One affine layer: where its numbers lie in the flat parameter array, and whether a ReLU follows. */
export interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  /** Offset of the matrix, [inputs, outputs]. */
  readonly weight: number;
  /** Offset of the bias, [outputs]. */
  readonly bias: number;
  readonly relu: boolean;
}

/** A range of the flat parameter array that is clipped and stepped as one: [start, end). */
export interface Group {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** A 1x1 convolution over the planes of an observation; its output is the input of the next layer, channel by channel. */
export interface Convolution {
  readonly planes: number;
  readonly channels: number;
  readonly cells: number;
  /** Offset of the matrix, [planes, channels]. */
  readonly weight: number;
  /** Offset of the bias, [channels]. */
  readonly bias: number;
}

/** One convolution of a network's trunk: its shape, and where its numbers lie in the flat parameter array. */
export interface TrunkLayer extends TrunkShape {
  /** Offset of the kernel, [kernel, kernel, planes, channels]. */
  readonly weight: number;
  /** Offset of the bias, [channels]. */
  readonly bias: number;
}

/** The networks of a spec as layers over one flat parameter array. */
export interface NetworkLayout {
  readonly modules: readonly (readonly Layer[])[];
  /** Empty unless the gate is learned. */
  readonly gate: readonly Layer[];
  /** What the gate reads the observation through, if anything. */
  readonly gateConv: Convolution | undefined;
  readonly output: Layer;
  readonly critic: readonly Layer[];
  readonly criticConv: Convolution | undefined;
  /** What each module, the gate and the critic read the observation through, by group; empty without trunks. */
  readonly trunks: ReadonlyMap<string, readonly TrunkLayer[]>;
  /** In the order of `groupsOf`. */
  readonly groups: readonly Group[];
  /** Number of parameters. */
  readonly size: number;
}

/** Lay a spec out in the order of {@link tensorsOf}, in which each layer is its matrix, then its bias. */
export function networkLayoutOf(spec: NetworkSpec): NetworkLayout {
  const layersOf = new Map<string, Layer[]>();
  const convolutionOf = new Map<string, Convolution>();
  const trunks = new Map<string, TrunkLayer[]>();
  const starts = new Map<string, number>();
  const shapes = trunkOf(spec);
  const tensors = tensorsOf(spec);
  let size = 0;
  for (let t = 0; t < tensors.length; t += 2) {
    const { group, shape, role } = tensors[t];
    const outputs = shape[shape.length - 1];
    const inputs = shape.slice(0, -1).reduce((product, length) => product * length, 1);
    const [weight, bias] = [size, size + inputs * outputs];
    if (!starts.has(group)) starts.set(group, size);
    size = bias + outputs;
    if (shape.length === 4) {
      const above = trunks.get(group) ?? [];
      trunks.set(group, [...above, { ...shapes[above.length], weight, bias }]);
      continue;
    }
    if (role === "conv") {
      convolutionOf.set(group, { planes: inputs, channels: outputs, cells: spec.cells ?? 1, weight, bias });
      continue;
    }
    const relu = role !== "head" && !(group === "critic" && spec.criticActivation === "none");
    layersOf.set(group, [...(layersOf.get(group) ?? []), { inputs, outputs, weight, bias, relu }]);
  }
  const names = [...starts.keys()];
  const offsets = [...starts.values(), size];
  const layers = (group: string) => layersOf.get(group) ?? [];
  return {
    modules: spec.modules.map((module) => layers(`module:${module}`)),
    gate: layers("gate"),
    gateConv: convolutionOf.get("gate"),
    output: layers("output")[0],
    critic: layers("critic"),
    criticConv: convolutionOf.get("critic"),
    trunks,
    groups: names.map((name, g) => ({ name, start: offsets[g], end: offsets[g + 1] })),
    size,
  };
}
