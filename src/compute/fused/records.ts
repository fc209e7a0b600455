/**
 * The fields of the kernels' records by name, in the order of ../wasm/assembly/records.ts, which says what they mean: a field's place
 * here is its 32-bit word in the record. test/compute/wasm.test.ts holds the two files together.
 */
export const LAYER_FIELDS = ["inputs", "width", "weight", "bias", "transposed", "activation"] as const;

export const TRUNK_FIELDS = [
  "height",
  "width",
  "planes",
  "kernel",
  "stride",
  "channels",
  "outHeight",
  "outWidth",
  "weight",
  "bias",
  "transposed",
  "activation",
  "windows",
  "columnStep",
  "rowStep",
] as const;

export const NETWORK_FIELDS = [
  "depth",
  "layers",
  "floor",
  "outputs",
  "inputs",
  "headWeight",
  "headBias",
  "head",
  "delta",
  "headDelta",
  "trunkDepth",
  "trunk",
] as const;

export const CONVOLUTION_FIELDS = [
  "planes",
  "channels",
  "cells",
  "width",
  "weight",
  "bias",
  "layerWeight",
  "layerBias",
  "seenWeight",
  "seenBias",
] as const;

export const GROUP_FIELDS = ["active", "gradientScale", "stepSize", "secondScale"] as const;

export const SLICE_FIELDS = ["start", "bytes", "group"] as const;

/** Fields of `Hyper` that kernels read; 64-bit words. */
export const HYPER_INPUTS = [
  "beta1",
  "beta2",
  "adamEps",
  "clipRange",
  "valueClip",
  "entropyCoef",
  "valueCoef",
  "gateCoef",
  "advantageMean",
  "advantageScale",
] as const;

export const HYPER_FIELDS = [...HYPER_INPUTS, "perRow", "perTarget"] as const;

export const MODEL_FIELDS = [
  "actions",
  "modules",
  "learned",
  "networks",
  "networkCount",
  "parameters",
  "firstMoments",
  "secondMoments",
  "gradients",
  "parameterBytes",
  "groups",
  "slices",
  "sliceCount",
  "seenSliceCount",
  "convolutions",
  "convolutionCount",
  "squares",
  "stats",
  "hyper",
  "scratch",
  "scratchBytes",
  "ping",
  "pong",
  "patch",
  "patchDelta",
  "line",
  "rows",
  "logitDelta",
  "mixture",
  "zeroScale",
  "lnScale",
  "outLogProbabilities",
  "outProbabilities",
  "outValues",
  "outWeights",
  "forwardRows",
  "forwardTaskRows",
  "stride",
  "counts",
  "features",
  "trainStride",
  "trainCounts",
  "trainFeatures",
  "taken",
  "oldLogProbabilities",
  "oldValues",
  "advantages",
  "returns",
  "moduleMask",
  "gateMask",
  "gateTarget",
  "indices",
  "batch",
] as const;

export type Fields<Names extends readonly string[]> = Readonly<Record<Names[number], number>>;
