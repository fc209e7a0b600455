import type { Observations } from "../core/observations.ts";

/** One convolution with ReLU of a network's trunk. */
interface ConvolutionSpec {
  /** Outputs at each place. */
  readonly channels: number;
  /** Rows and columns that an output looks at. */
  readonly kernel: number;
  /** Rows and columns from one output to the next; 1 if left out. */
  readonly stride?: number | undefined;
}

/**
 * A policy of K motivation modules, and a critic of its own. Widths are any positive integers.
 *
 *     h_k    = relu(W ... relu(W_1 x))                   module k, widths `hidden`; ReLU after every layer
 *     z      = gate logits                               `learned`: a network of its own; two modules share one logit: (z, 0)
 *     w      = softmax(z + lnScale)                      module weights; `fixed`: z = 0 (so 1/K); `none`: K = 1, w = 1
 *     logits = W_out (sum_k w_k h_k) + b_out             one output layer shared by all modules
 *     value  = critic(x)                                 widths `critic`, ReLU unless `criticActivation` is none, then one linear unit
 *
 * With `conv` each of these networks (every module, the gate, the critic) reads the observation through a trunk of its own: convolutions
 * with ReLU and without padding, see reference/trunk.ts, whose last output [outHeight, outWidth, channels] is the input of the first layer.
 *
 * Gate and critic may instead read their input through a 1x1 convolution, c[ch, cell] = b[ch] + sum_p x[p, cell] C[p, ch], flattened channel by
 * channel (input ch * cells + cell of the next layer) and linear: no ReLU after it. Feature p * cells + cell is plane p at a cell.
 *
 * Cloud et al. 2024 (arXiv:2410.04332), section 4.3, for two modules.
 */
export interface NetworkSpec {
  /** Binary input features. */
  readonly features: number;
  readonly actions: number;
  /** Names of the motivation modules, K >= 1. */
  readonly modules: readonly string[];
  /** Widths of each module's layers, at least one. */
  readonly hidden: readonly number[];
  /** `none` if and only if K = 1. */
  readonly gate: "none" | "learned" | "fixed";
  /** Widths of the gate network's hidden layers; unused unless `gate` is `learned`. */
  readonly gateHidden: readonly number[];
  /** Widths of the critic's hidden layers. */
  readonly critic: readonly number[];
  /** The trunk of each network, up to {@link MOST_CONVOLUTIONS} convolutions; none if left out. */
  readonly conv?: readonly ConvolutionSpec[];
  /** Rows and columns of a plane, so that planes = features / (rows * columns); needed by `conv` only. */
  readonly plane?: readonly [number, number];
  /** Channels of the 1x1 convolution before the gate's first layer; 0, or left out: none. Unused unless `gate` is `learned`. */
  readonly gateConv?: number;
  /** Channels of the 1x1 convolution before the critic's first layer; 0, or left out: none. */
  readonly criticConv?: number;
  /** Cells of the map, so that planes = features / cells; needed by the convolutions only. */
  readonly cells?: number;
  /** `none`: the critic is a linear map, however many layers it has; `relu` if left out. */
  readonly criticActivation?: "relu" | "none";
}

/**
 * One parameter tensor. Matrices are [in, out], row-major: entry (i, o) at i * out + o; kernels of a trunk are [kernel, kernel, in, out],
 * row-major; biases are [out].
 * `group` is the unit of clipping and of Adam's step counter: a module's name prefixed "module:", "gate", "output" or "critic".
 */
export interface TensorSpec {
  readonly name: string;
  readonly group: string;
  readonly shape: readonly number[];
  /** Inputs of the tensor's layer, for initialisation; for a bias those of its matrix. */
  readonly fanIn: number;
  /** Where the layer stands, for initialisation. */
  readonly role: "conv" | "first" | "hidden" | "head";
}

export const MOST_CONVOLUTIONS = 3;

/** A convolution of a trunk with the sizes of what it reads and of what it makes; `planes` are its input's channels. */
export interface TrunkShape {
  readonly height: number;
  readonly width: number;
  readonly planes: number;
  readonly kernel: number;
  readonly stride: number;
  readonly channels: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

/** The convolutions that each network of a spec reads the observation through, in order; empty without `conv`. */
export function trunkOf({ features, conv = [], plane = [1, 1] }: NetworkSpec): TrunkShape[] {
  let [height, width] = plane;
  let planes = features / (height * width);
  return conv.map(({ channels, kernel, stride = 1 }) => {
    const outHeight = Math.floor((height - kernel) / stride) + 1;
    const outWidth = Math.floor((width - kernel) / stride) + 1;
    const shape = { height, width, planes, kernel, stride, channels, outHeight, outWidth };
    [height, width, planes] = [outHeight, outWidth, channels];
    return shape;
  });
}

/** The tensors of a network, in the order in which every engine and checkpoint holds them. */
export function tensorsOf(spec: NetworkSpec): TensorSpec[] {
  const tensors: TensorSpec[] = [];
  const trunk = trunkOf(spec);
  const layer = (name: string, group: string, inputs: number, outputs: number, role: TensorSpec["role"]) => {
    tensors.push({ name: `${name}.weight`, group, shape: [inputs, outputs], fanIn: inputs, role });
    tensors.push({ name: `${name}.bias`, group, shape: [outputs], fanIn: inputs, role });
  };
  const network = (name: string, group: string, widths: readonly number[], head: number, channels = 0) => {
    let inputs = spec.features;
    if (channels > 0) {
      const { cells = 1 } = spec;
      layer(`${name}.conv`, group, inputs / cells, channels, "conv");
      inputs = channels * cells;
    }
    trunk.forEach(({ kernel, planes, channels: outputs, outHeight, outWidth }, depth) => {
      const fanIn = kernel * kernel * planes;
      const shape = [kernel, kernel, planes, outputs];
      tensors.push({ name: `${name}.conv.${depth}.weight`, group, shape, fanIn, role: "hidden" });
      tensors.push({ name: `${name}.conv.${depth}.bias`, group, shape: [outputs], fanIn, role: "hidden" });
      inputs = outHeight * outWidth * outputs;
    });
    widths.forEach((width, depth) => {
      // Behind a trunk the first layer's inputs are no sparse ones but activations, as any hidden layer's.
      layer(`${name}.${depth}`, group, inputs, width, depth === 0 && trunk.length === 0 ? "first" : "hidden");
      inputs = width;
    });
    if (head > 0) layer(`${name}.${widths.length}`, group, inputs, head, "head");
  };
  for (const module of spec.modules) network(`module.${module}`, `module:${module}`, spec.hidden, 0);
  if (spec.gate === "learned") {
    network("gate", "gate", spec.gateHidden, spec.modules.length === 2 ? 1 : spec.modules.length, spec.gateConv);
  }
  layer("output", "output", spec.hidden[spec.hidden.length - 1], spec.actions, "head");
  network("critic", "critic", spec.critic, 1, spec.criticConv);
  return tensors;
}

/** The groups of a network in tensor order: each module, the gate if learned, output, critic. */
export function groupsOf(spec: NetworkSpec): string[] {
  return [...new Set(tensorsOf(spec).map((tensor) => tensor.group))];
}

/** Where a forward pass writes. Arrays are at least as long as stated; R = rows, A = actions, K = modules. */
export interface ForwardOutput {
  /** ln pi(a|x), [R, A]. */
  readonly logProbabilities: Float64Array;
  /** pi(a|x), [R, A]. */
  readonly probabilities: Float64Array;
  /** Critic's value, [R]. */
  readonly values: Float64Array;
  /** Module weights w, [R, K]. */
  readonly weights: Float64Array;
}

/** Everything one update may learn from, row by row; rows are addressed by {@link Model.update}'s indices. */
export interface TrainingRows {
  readonly observations: Observations;
  readonly actions: Uint8Array;
  /** ln probability of the action under the acting policy, [rows]. */
  readonly logProbabilities: Float64Array;
  /** Critic's value at acting time, [rows]; read by the value clip only. */
  readonly values: Float64Array;
  readonly advantages: Float64Array;
  /** Targets of the critic, [rows]. */
  readonly returns: Float64Array;
  /** Routing mask: who learns from the row's policy and entropy loss, [rows, K], in [0, 1]. */
  readonly moduleMask: Float64Array;
  /** Whether the gate learns from the row's policy and entropy loss, [rows], in [0, 1]. */
  readonly gateMask: Float64Array;
  /** Target module weights of the gate's cross-entropy, [rows, K]; all 0 on a row that has none. */
  readonly gateTarget: Float64Array;
}

/**
 * Numbers of one optimiser step. The loss, over the B rows of the minibatch with A' = (A - advantageMean) * advantageScale:
 *
 *     ratio  = exp(ln pi(a|x) - ln pi_old(a|x))
 *     policy = -1/B sum min(ratio A', clamp(ratio, 1 - clipRange, 1 + clipRange) A')
 *     value  = 1/B sum 0.5 (V - R)^2                     valueClip c > 0: 0.5 max((V-R)^2, (V_old + clamp(V-V_old, -c, c) - R)^2)
 *     gate   = -1/L sum target . ln w                    over the L rows that have a target; 0 if L = 0
 *     loss   = policy - entropyCoef * entropy + gateCoef * gate + valueCoef * value
 *
 * Backward: dh_k = mask_k w_k delta, and the gate's logits receive gateMask times the policy's gradient plus gateCoef times the
 * cross-entropy's. The output layer is never masked. Schulman et al. 2017 (arXiv:1707.06347), eq. 7; Cloud et al. 2024, section 4.3.
 *
 * Clipping by norm, then Adam (Kingma and Ba 2015) on each group: a group that no row of the minibatch can move (its mask is 0 on all
 * of them and, for the gate, none has a target or gateCoef is 0) is skipped whole: parameters, moments and step counter stay.
 */
export interface Hyper {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly adamEps: number;
  readonly clipRange: number;
  /** 0 is off. */
  readonly valueClip: number;
  readonly entropyCoef: number;
  readonly valueCoef: number;
  readonly gateCoef: number;
  readonly advantageMean: number;
  readonly advantageScale: number;
  /** Norm bound; 0 is off. The critic always has its own. */
  readonly maxGradNorm: number;
  /** `policy`: one norm over modules, gate and output; `module`: one for each group. */
  readonly clip: "policy" | "module";
}

/** Means over the minibatch; losses are unweighted. */
export interface UpdateStats {
  rows: number;
  /** Rows that have a gate target. */
  gateRows: number;
  policyLoss: number;
  valueLoss: number;
  entropy: number;
  gateLoss: number;
  /** k3 estimator: mean(ratio - 1 - ln ratio) (Schulman 2020, "Approximating KL divergence"). */
  approxKl: number;
  /** Fraction of rows with |ratio - 1| > clipRange. */
  clipFraction: number;
  /** L2 norm of each group's gradient before clipping, in the order of {@link groupsOf}. */
  readonly gradNorms: Float64Array;
}

/** Parameters and optimiser, in the order of {@link tensorsOf}, flattened and concatenated. */
export interface TrainState {
  readonly parameters: Float64Array;
  readonly firstMoments: Float64Array;
  readonly secondMoments: Float64Array;
  /** Adam steps taken by each group, in the order of {@link groupsOf}. */
  readonly steps: Int32Array;
}

export interface EngineInfo {
  readonly name: string;
  readonly device: string;
  readonly threads: number;
  readonly precision: "float32" | "float64";
  /** What of several the engine runs on, where its results depend on that. */
  readonly backend?: string;
  /** What determines the engine's bits beside this package: compiler, flags, processor; left out where nothing does. */
  readonly build?: string;
}

/**
 * Runs whole programs over a network spec. Typed arrays in and out; nothing of a library's types crosses this line.
 * `dispose` ends worker threads; models are unusable afterwards.
 */
export interface Engine {
  readonly info: EngineInfo;
  /** `parameters` in the order of {@link tensorsOf}; engines round on load. */
  create(spec: NetworkSpec, parameters: Float64Array): Promise<Model>;
  /**
   * An engine for each of several trainings that go on side by side in this process: a call of a model waits until every training waits for
   * one, and calls of the same kind on models of the same shape run as one program. A training that ends must dispose of its engine, or
   * the others wait for it for ever. Left out where it would gain nothing.
   */
  replicate?(trainings: number): Engine[];
  dispose(): Promise<void>;
}

export interface Model {
  readonly spec: NetworkSpec;
  /**
   * Rows [first, first + rows) of `observations` -> rows [0, rows) of `out`.
   * `lnScale` [K] is added to the gate's logits; 0 is identity, -Infinity ablates.
   * A row's result does not depend on the rows beside it, to the bit, and equals what `update` recomputes.
   */
  forward(
    observations: Observations,
    first: number,
    rows: number,
    lnScale: Float64Array,
    out: ForwardOutput,
  ): Promise<void>;
  /** Take (a copy of, or a view on) the rows to learn from; `rows` of them are filled. */
  loadRows(data: TrainingRows, rows: number): Promise<void>;
  /** One optimiser step on the given rows; an empty list is refused. */
  update(indices: Int32Array, hyper: Hyper): Promise<UpdateStats>;
  /** The gradient that `update` would clip and step along, [parameters]; changes nothing. */
  gradient(indices: Int32Array, hyper: Hyper): Promise<Float64Array>;
  getState(): Promise<TrainState>;
  setState(state: TrainState): Promise<void>;
  dispose(): void;
}
