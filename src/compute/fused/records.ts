/**
 * The records that the host writes into the memory and kernels read: the one table of their fields. `npm run build` writes it out for the
 * kernels in AssemblyScript and in C (scripts/records.ts); a record takes its fields in this order, without gaps.
 *
 * Every parameter-shaped buffer (parameters, moments, the gradient of a chunk) has one layout, in floats:
 *
 *     convolution  [planes, channels]          few numbers, read one by one
 *     first layer  [features, width]           a feature's row is contiguous, as the sparse kernels want it; so is the layer after a convolution
 *     trunk        [kernel, kernel, planes, channels] in its first convolution, the others as dense layers with kernel * kernel * planes inputs
 *     dense layer  [width / 8, inputs, 8]      panels of eight outputs, as the forward pass wants it
 *     head         [outputs, inputs]           an output's weights are contiguous
 *
 * with `width` and `inputs` padded to multiples of eight by zeros. Padding stays zero: its activations and gradients are zero.
 */

/** An address is a `u32`: bytes from the memory's start. */
type Kind = "u32" | "address" | "f32" | "f64";

/** A record's fields, all of 32 bits or all of 64. */
export interface RecordTable<Name extends string> {
  readonly name: string;
  readonly kinds: Readonly<Record<Name, Kind>>;
  /** The fields in their order. */
  readonly fields: readonly Name[];
  /** Each field's place in the record, in words of its own size. */
  readonly word: Readonly<Record<Name, number>>;
}

/** A record's numbers by field. */
export type Numbers<Table> = Table extends RecordTable<infer Name> ? Readonly<Record<Name, number>> : never;

function record<Name extends string>(name: string, kinds: Readonly<Record<Name, Kind>>): RecordTable<Name> {
  const fields = Object.keys(kinds) as Name[];
  const word = Object.fromEntries(fields.map((field, index) => [field, index])) as Record<Name, number>;
  return { name, kinds, fields, word };
}

/** One ReLU layer. */
export const LAYER = record("Layer", {
  /** Padded inputs; unused where it reads the features. */
  inputs: "u32",
  /** Padded outputs. */
  width: "u32",
  /** Byte offset of the weights in a parameter-shaped buffer. */
  weight: "u32",
  bias: "u32",
  /** Address of the transposed weights [inputs / 8, width, 8], for the backward pass of a dense layer. */
  transposed: "address",
  /** Byte offset of the activations [width / 8, BLOCK_ROWS, 8] in a thread's scratch. */
  activation: "u32",
});

/** A convolution of a trunk, see trunk.ts. */
export const TRUNK_LAYER = record("TrunkLayer", {
  /** Rows and columns that it reads. */
  height: "u32",
  width: "u32",
  /** Columns of each place that it reads: padded channels, or the planes of the observation. */
  planes: "u32",
  kernel: "u32",
  stride: "u32",
  /** Padded outputs of each place. */
  channels: "u32",
  outHeight: "u32",
  outWidth: "u32",
  /** Byte offset of the weights in a parameter-shaped buffer. */
  weight: "u32",
  bias: "u32",
  /** Address of the transposed weights [inputs / 8, channels, 8]; unused in a first convolution. */
  transposed: "address",
  /** Byte offset of the activations [outHeight * outWidth * channels / 8, BLOCK_ROWS, 8] in a thread's scratch. */
  activation: "u32",
  // Of a first convolution only:
  /**
   * For each feature, 12 bytes: the byte offset of the first place whose window holds it in [places, channels], u32, and of its weights
   * there in [kernel, kernel, planes, channels], u32; how many rows and how many columns of places hold it, u16 each.
   */
  windows: "address",
  /** Bytes from a place's weights back to those of the next place in its row, and in its column. */
  columnStep: "u32",
  rowStep: "u32",
});

/** A module, the gate or the critic, and the head it feeds. */
export const NETWORK = record("Network", {
  /** Layers; 0 for a head that reads the features. */
  depth: "u32",
  layers: "address",
  /** Least value of an activation: 0 (ReLU), or -Infinity (none). */
  floor: "f32",
  /** Outputs of the head. */
  outputs: "u32",
  /** Padded inputs of the head (features, unpadded, if depth = 0). */
  inputs: "u32",
  headWeight: "u32",
  headBias: "u32",
  /** Byte offsets in a thread's scratch, each [outputs, BLOCK_ROWS]: */
  /** the head's sums, without bias; */
  head: "u32",
  /** the loss gradient that flows to the network, behind the routing mask; */
  delta: "u32",
  /** the loss gradient that the head's weights see. */
  headDelta: "u32",
  /** Convolutions before the first layer; 0: it reads the features. */
  trunkDepth: "u32",
  trunk: "address",
});

/**
 * A 1x1 convolution and the layer after it, which the networks run as one first layer, see convolution.ts. Byte offsets in a
 * parameter-shaped buffer.
 */
export const CONVOLUTION = record("Convolution", {
  planes: "u32",
  channels: "u32",
  cells: "u32",
  /** Padded outputs of the layer after it. */
  width: "u32",
  /** [planes, channels] */
  weight: "u32",
  /** [channels] */
  bias: "u32",
  /** The layer after it, [channels * cells, width] and [width]. */
  layerWeight: "u32",
  layerBias: "u32",
  /** The two as one first layer, [planes * cells, width] and [width]: no parameters, and in no group. */
  seenWeight: "u32",
  seenBias: "u32",
});

/** A contiguous range of parameters that is clipped and stepped alike. */
export const GROUP = record("Group", {
  /** Whether this minibatch moves it. */
  active: "u32",
  gradientScale: "f32",
  /** learningRate / (1 - beta1^t) */
  stepSize: "f32",
  /** 1 / (1 - beta2^t) */
  secondScale: "f32",
});

/** A piece of a group: the unit of work of reduction and step. */
export const SLICE = record("Slice", {
  /** Byte offset in parameter-shaped buffers; a multiple of 64. */
  start: "u32",
  bytes: "u32",
  group: "address",
});

/** Constants of one optimiser step. */
export const HYPER = record("Hyper", {
  beta1: "f64",
  beta2: "f64",
  adamEps: "f64",
  clipRange: "f64",
  valueClip: "f64",
  entropyCoef: "f64",
  valueCoef: "f64",
  gateCoef: "f64",
  advantageMean: "f64",
  advantageScale: "f64",
  /** 1 / rows */
  perRow: "f64",
  /** 1 / rows with a gate target; 0 if there are none. */
  perTarget: "f64",
});

export const MODEL = record("Model", {
  actions: "u32",
  /** Modules K. */
  modules: "u32",
  /** 1 if the gate is learned. */
  learned: "u32",
  /** Networks in order: modules, the gate if learned, critic. */
  networks: "address",
  networkCount: "u32",
  parameters: "address",
  firstMoments: "address",
  secondMoments: "address",
  /** Gradients of the chunks, [CHUNKS, parameterBytes]. */
  gradients: "address",
  parameterBytes: "u32",
  groups: "address",
  slices: "address",
  sliceCount: "u32",
  /** Slices after those: of the first layers that convolutions make. */
  seenSliceCount: "u32",
  convolutions: "address",
  convolutionCount: "u32",
  /** Sum of squares of each slice's gradient, f64. */
  squares: "address",
  /** Statistics [CHUNKS, STATS, 2], f64: even rows, odd rows. */
  stats: "address",
  hyper: "address",
  /** Scratch of the first thread, and bytes to the next. */
  scratch: "address",
  scratchBytes: "u32",
  /** Byte offsets in a thread's scratch: two gradients by activations, ... */
  ping: "u32",
  pong: "u32",
  /** ... a window of a convolution and the gradient there, one row's places of a trunk's first convolution, ... */
  patch: "u32",
  patchDelta: "u32",
  line: "u32",
  /** ... the block's rows, u32[BLOCK_ROWS], ... */
  rows: "u32",
  /** ... the gradient at the logits, f32[actions, BLOCK_ROWS], and the mixture, see loss.ts. */
  logitDelta: "u32",
  mixture: "u32",
  /** Zeros, f64[K]. */
  zeroScale: "address",
  // Staging of a forward pass.
  lnScale: "address",
  outLogProbabilities: "address",
  outProbabilities: "address",
  outValues: "address",
  outWeights: "address",
  forwardRows: "u32",
  /** Rows of a task of the pass, at most BLOCK_ROWS. */
  forwardTaskRows: "u32",
  /** Observations that the pass reads: stride, counts u16, indices u16. */
  stride: "u32",
  counts: "address",
  features: "address",
  // Training rows.
  trainStride: "u32",
  trainCounts: "address",
  trainFeatures: "address",
  taken: "address",
  oldLogProbabilities: "address",
  oldValues: "address",
  advantages: "address",
  returns: "address",
  moduleMask: "address",
  gateMask: "address",
  gateTarget: "address",
  /** The minibatch, u32 each. */
  indices: "address",
  batch: "u32",
});

export const RECORDS: readonly RecordTable<string>[] = [
  LAYER,
  TRUNK_LAYER,
  NETWORK,
  CONVOLUTION,
  GROUP,
  SLICE,
  HYPER,
  MODEL,
];
