import type { NetworkSpec, TrunkShape } from "../engine.ts";
import { type Convolution, type Layer, networkLayoutOf, type TrunkLayer } from "../layout.ts";
import { align } from "./arena.ts";
import { BLOCK_ROWS } from "./constants.ts";

/** Bytes of a slice, the unit of work of reduction and Adam: a few microseconds, and the slice stays in a first-level cache. */
const SLICE_BYTES = 16384;
/** Bits of the f32 -Infinity. */
const NO_FLOOR = 0xff800000;

/** A layer in a parameter-shaped buffer; all offsets are bytes. */
interface PlannedLayer {
  readonly inputs: number;
  readonly width: number;
  readonly weight: number;
  readonly bias: number;
  /** Offset of the transposed weights in their own buffer; unused in a first layer. */
  readonly transposed: number;
  /** Offset of the activations in a thread's scratch. */
  readonly activation: number;
}

/** A convolution of a trunk, `planes` and `channels` padded as its neighbours need them; all offsets are bytes, as in a layer. */
interface PlannedTrunkLayer extends TrunkShape, Omit<PlannedLayer, "inputs" | "width"> {
  /** Bytes from the weights of a place to those of its neighbours, see {@link windowsOf}. */
  readonly columnStep: number;
  readonly rowStep: number;
}

/**
 * A first layer behind a 1x1 convolution; all offsets are bytes in a parameter-shaped buffer. The networks run the layer that the two
 * make together (`seenWeight`, `seenBias`), which is no parameter: ../wasm/assembly/convolution.ts.
 */
interface PlannedConvolution {
  readonly planes: number;
  readonly channels: number;
  readonly cells: number;
  readonly width: number;
  /** Of the convolution, [planes, channels] and [channels]. */
  readonly weight: number;
  readonly bias: number;
  /** Of the layer after it, [channels * cells, width] and [width]. */
  readonly layerWeight: number;
  readonly layerBias: number;
  readonly seenWeight: number;
  readonly seenBias: number;
}

interface PlannedNetwork {
  /** Least value of an activation, as the bits of an f32: 0 (ReLU), or -Infinity (none). */
  readonly floor: number;
  /** Convolutions before the first layer; empty where it reads the features. */
  readonly trunk: readonly PlannedTrunkLayer[];
  readonly layers: readonly PlannedLayer[];
  readonly outputs: number;
  readonly inputs: number;
  readonly headWeight: number;
  readonly headBias: number;
  readonly head: number;
  readonly delta: number;
  readonly headDelta: number;
}

interface Slice {
  readonly start: number;
  readonly bytes: number;
  readonly group: number;
}

/** Where everything of a model lies: a padded layout of its parameters, and one thread's scratch. */
export interface Plan {
  /** Modules, the gate if learned, critic. */
  readonly networks: readonly PlannedNetwork[];
  /** Bytes of a parameter-shaped buffer. */
  readonly parameterBytes: number;
  readonly transposedBytes: number;
  /** Place (in floats) of each parameter of the flat order of `tensorsOf`. */
  readonly places: Int32Array;
  readonly groups: readonly string[];
  readonly slices: readonly Slice[];
  readonly convolutions: readonly PlannedConvolution[];
  /** Slices of what the convolutions make: gradients are reduced there, but nothing is stepped. */
  readonly seenSlices: readonly Slice[];
  readonly scratchBytes: number;
  readonly ping: number;
  readonly pong: number;
  readonly patch: number;
  readonly patchDelta: number;
  readonly line: number;
  /** Which places of a trunk's first convolution see a feature, 12 bytes a feature; empty without trunks. */
  readonly windows: Uint32Array;
  readonly rows: number;
  readonly logitDelta: number;
  readonly mixture: number;
}

/** Lay out a network's parameters and scratch, as records.ts describes them, in panels of `panel` columns. */
export function planMemory(spec: NetworkSpec, panel: number): Plan {
  const layout = networkLayoutOf(spec);
  const places = new Int32Array(layout.size);
  const slices: Slice[] = [];
  const seenSlices: Slice[] = [];
  const convolutions: PlannedConvolution[] = [];
  let parameterBytes = 0;
  let transposedBytes = 0;
  let scratchBytes = 0;
  const parameters = (floats: number) => {
    const start = parameterBytes;
    parameterBytes += align(floats * 4);
    return start;
  };
  const padded = (width: number) => Math.ceil(width / panel) * panel;
  const activations = (width: number) => width * BLOCK_ROWS * 4;
  const scratch = (bytes: number) => {
    const start = scratchBytes;
    scratchBytes += align(bytes);
    return start;
  };
  const headScratch = (outputs: number) => scratch(outputs * BLOCK_ROWS * 4);

  /**
   * Weights and bias of a layer that reads the features (`channels` null), or columns of activations, of which every `channels` are
   * padded to whole panels.
   */
  const weights = (layer: Omit<Layer, "relu">, channels: number | null) => {
    const inputs = channels === null ? layer.inputs : (layer.inputs / channels) * padded(channels);
    const width = padded(layer.outputs);
    const weight = parameters(inputs * width);
    const bias = parameters(width);
    for (let i = 0; i < layer.inputs; i++) {
      const column = channels === null ? i : Math.floor(i / channels) * padded(channels) + (i % channels);
      for (let o = 0; o < layer.outputs; o++) {
        const place =
          channels === null ? i * width + o : Math.floor(o / panel) * inputs * panel + column * panel + (o % panel);
        places[layer.weight + i * layer.outputs + o] = weight / 4 + place;
      }
    }
    for (let o = 0; o < layer.outputs; o++) places[layer.bias + o] = bias / 4 + o;
    const transposed = transposedBytes;
    if (channels !== null) transposedBytes += align(inputs * width * 4);
    return { inputs, width, weight, bias, transposed };
  };
  const hiddenLayers = (layers: readonly Layer[], trunk: readonly TrunkShape[]): PlannedLayer[] =>
    layers.map((layer, depth) => {
      const channels = depth > 0 ? layer.inputs : (trunk.at(-1)?.channels ?? null);
      const planned = weights(layer, channels);
      return { ...planned, activation: scratch(activations(planned.width)) };
    });
  const trunkLayers = (trunk: readonly TrunkLayer[]): PlannedTrunkLayer[] =>
    trunk.map(({ weight: fromWeight, bias: fromBias, ...shape }, depth) => {
      const { planes, channels: outputs, kernel, outHeight, outWidth } = shape;
      const from = { inputs: kernel * kernel * planes, outputs, weight: fromWeight, bias: fromBias };
      const { width: channels, weight, bias, transposed } = weights(from, depth > 0 ? planes : null);
      const activation = scratch(activations(outHeight * outWidth * channels));
      const columnStep = shape.stride * planes * channels * 4;
      const rowStep = kernel * columnStep;
      const read = depth > 0 ? padded(planes) : planes;
      return { ...shape, planes: read, channels, weight, bias, transposed, activation, columnStep, rowStep };
    });
  const headLayer = (layer: Layer, sparse: boolean) => {
    const inputs = sparse ? layer.inputs : padded(layer.inputs);
    const headWeight = parameters(layer.outputs * inputs);
    const headBias = parameters(layer.outputs);
    for (let i = 0; i < layer.inputs; i++) {
      for (let o = 0; o < layer.outputs; o++) {
        places[layer.weight + i * layer.outputs + o] = headWeight / 4 + o * inputs + i;
      }
    }
    for (let o = 0; o < layer.outputs; o++) places[layer.bias + o] = headBias / 4 + o;
    return { inputs, outputs: layer.outputs, headWeight, headBias };
  };
  const cut = (from: number, group: number, into: Slice[]) => {
    for (let start = from; start < parameterBytes; start += SLICE_BYTES) {
      into.push({ start, bytes: Math.min(SLICE_BYTES, parameterBytes - start), group });
    }
  };
  const inGroup = <T>(group: number, build: () => T): T => {
    const from = parameterBytes;
    const built = build();
    cut(from, group, slices);
    return built;
  };
  const convolution = ({ planes, channels, cells, ...from }: Convolution) => {
    const [weight, bias] = [parameters(planes * channels), parameters(channels)];
    for (let i = 0; i < planes * channels; i++) places[from.weight + i] = weight / 4 + i;
    for (let ch = 0; ch < channels; ch++) places[from.bias + ch] = bias / 4 + ch;
    return { planes, channels, cells, weight, bias };
  };
  /** A gate or critic: its last layer is a head of its own. */
  const ownHead = (group: number, layers: readonly Layer[], conv: Convolution | undefined) =>
    inGroup(group, () => {
      const before = conv && convolution(conv);
      const shapes = layout.trunks.get(layout.groups[group].name) ?? [];
      const trunk = trunkLayers(shapes);
      const planned = hiddenLayers(layers.slice(0, -1), shapes);
      const head = headLayer(layers[layers.length - 1], layers.length === 1);
      const delta = headScratch(head.outputs);
      const floor = layers.length > 1 && !layers[0].relu ? NO_FLOOR : 0;
      const network = {
        trunk,
        layers: planned,
        floor,
        ...head,
        head: headScratch(head.outputs),
        delta,
        headDelta: delta,
      };
      return { network, before };
    });
  /** A network as it runs: what stands before its first layer becomes part of that layer, outside of all groups. */
  const asSeen = ({ network, before }: ReturnType<typeof ownHead>): PlannedNetwork => {
    if (!before) return network;
    const [first, ...rest] = network.layers;
    const from = parameterBytes;
    const [weight, bias] = [parameters(spec.features * first.width), parameters(first.width)];
    cut(from, 0, seenSlices);
    const layer = { layerWeight: first.weight, layerBias: first.bias, seenWeight: weight, seenBias: bias };
    convolutions.push({ ...before, width: first.width, ...layer });
    return { ...network, layers: [{ ...first, inputs: spec.features, weight, bias }, ...rest] };
  };

  // Groups are contiguous and in the order of `groupsOf`: modules, gate, output, critic.
  let group = 0;
  const modules = layout.modules.map((layers) =>
    inGroup(group, () => {
      const shapes = layout.trunks.get(layout.groups[group++].name) ?? [];
      return { trunk: trunkLayers(shapes), layers: hiddenLayers(layers, shapes) };
    }),
  );
  const gate = layout.gate.length > 0 ? [ownHead(group++, layout.gate, layout.gateConv)] : [];
  const output = inGroup(group++, () => headLayer(layout.output, false));
  const critic = ownHead(group++, layout.critic, layout.criticConv);
  const networks = [
    ...modules.map((module) => ({
      ...module,
      floor: 0,
      ...output,
      head: headScratch(output.outputs),
      delta: headScratch(output.outputs),
      headDelta: headScratch(output.outputs),
    })),
    ...[...gate, critic].map(asSeen),
  ];
  const convolved = networks.flatMap(({ trunk }) => trunk);
  const placed = convolved.map(({ outHeight, outWidth, channels }) => outHeight * outWidth * channels);
  const widest = Math.max(0, ...networks.flatMap(({ layers }) => layers.map(({ width }) => width)), ...placed);
  const window = Math.max(0, ...convolved.map(({ kernel, planes }) => kernel * kernel * planes));
  return {
    networks,
    ping: scratch(activations(widest)),
    pong: scratch(activations(widest)),
    patch: scratch(activations(window)),
    patchDelta: scratch(activations(window)),
    line: scratch(Math.max(0, ...placed) * 4),
    windows: networks[0].trunk.length > 0 ? windowsOf(networks[0].trunk[0]) : new Uint32Array(0),
    rows: scratch(BLOCK_ROWS * 4),
    logitDelta: headScratch(spec.actions),
    mixture: scratch((3 * spec.modules.length + 1 + 2 * spec.actions) * BLOCK_ROWS * 8),
    groups: layout.groups.map(({ name }) => name),
    parameterBytes,
    transposedBytes,
    places,
    slices,
    convolutions,
    seenSlices,
    scratchBytes,
  };
}

/** For each feature, which places of a first convolution see it, as records.ts describes it; the same in every trunk. */
function windowsOf({
  height,
  width,
  planes,
  kernel,
  stride,
  channels,
  outHeight,
  outWidth,
}: PlannedTrunkLayer): Uint32Array {
  const table = new Uint32Array(planes * height * width * 3);
  /** First and number of the places along one axis whose windows hold a position. */
  const holding = (at: number, places: number) => {
    const first = Math.max(0, Math.ceil((at - kernel + 1) / stride));
    return [first, Math.max(0, Math.min(Math.floor(at / stride), places - 1) - first + 1)];
  };
  for (let feature = 0; feature < planes * height * width; feature++) {
    const plane = Math.floor(feature / (height * width));
    const [y, x] = [Math.floor(feature / width) % height, feature % width];
    const [[firstY, rows], [firstX, columns]] = [holding(y, outHeight), holding(x, outWidth)];
    const place = firstY * outWidth + firstX;
    const weight = ((y - firstY * stride) * kernel + x - firstX * stride) * planes + plane;
    table.set([place * channels * 4, weight * channels * 4, rows + columns * 65_536], feature * 3);
  }
  return table;
}
