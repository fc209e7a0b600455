// Written by scripts/records.ts from src/compute/fused/records.ts, which says what the fields mean.

@unmanaged
export class Layer {
  inputs: u32;
  width: u32;
  weight: u32;
  bias: u32;
  transposed: usize;
  activation: u32;
}

@unmanaged
export class TrunkLayer {
  height: u32;
  width: u32;
  planes: u32;
  kernel: u32;
  stride: u32;
  channels: u32;
  outHeight: u32;
  outWidth: u32;
  weight: u32;
  bias: u32;
  transposed: usize;
  activation: u32;
  windows: usize;
  columnStep: u32;
  rowStep: u32;
}

@unmanaged
export class Network {
  depth: u32;
  layers: usize;
  floor: f32;
  outputs: u32;
  inputs: u32;
  headWeight: u32;
  headBias: u32;
  head: u32;
  delta: u32;
  headDelta: u32;
  trunkDepth: u32;
  trunk: usize;
}

@unmanaged
export class Convolution {
  planes: u32;
  channels: u32;
  cells: u32;
  width: u32;
  weight: u32;
  bias: u32;
  layerWeight: u32;
  layerBias: u32;
  seenWeight: u32;
  seenBias: u32;
}

@unmanaged
export class Group {
  active: u32;
  gradientScale: f32;
  stepSize: f32;
  secondScale: f32;
}

@unmanaged
export class Slice {
  start: u32;
  bytes: u32;
  group: usize;
}

@unmanaged
export class Hyper {
  beta1: f64;
  beta2: f64;
  adamEps: f64;
  clipRange: f64;
  valueClip: f64;
  entropyCoef: f64;
  valueCoef: f64;
  gateCoef: f64;
  advantageMean: f64;
  advantageScale: f64;
  perRow: f64;
  perTarget: f64;
}

@unmanaged
export class Model {
  actions: u32;
  modules: u32;
  learned: u32;
  networks: usize;
  networkCount: u32;
  parameters: usize;
  firstMoments: usize;
  secondMoments: usize;
  gradients: usize;
  parameterBytes: u32;
  groups: usize;
  slices: usize;
  sliceCount: u32;
  seenSliceCount: u32;
  convolutions: usize;
  convolutionCount: u32;
  squares: usize;
  stats: usize;
  hyper: usize;
  scratch: usize;
  scratchBytes: u32;
  ping: u32;
  pong: u32;
  patch: u32;
  patchDelta: u32;
  line: u32;
  rows: u32;
  logitDelta: u32;
  mixture: u32;
  zeroScale: usize;
  lnScale: usize;
  outLogProbabilities: usize;
  outProbabilities: usize;
  outValues: usize;
  outWeights: usize;
  forwardRows: u32;
  forwardTaskRows: u32;
  stride: u32;
  counts: usize;
  features: usize;
  trainStride: u32;
  trainCounts: usize;
  trainFeatures: usize;
  taken: usize;
  oldLogProbabilities: usize;
  oldValues: usize;
  advantages: usize;
  returns: usize;
  moduleMask: usize;
  gateMask: usize;
  gateTarget: usize;
  indices: usize;
  batch: u32;
}
