import type { Observations } from "../../core/observations.ts";
import {
  type ForwardOutput,
  type Hyper,
  type NetworkSpec,
  type TrainingRows,
  type TrainState,
  trunkOf,
  type UpdateStats,
} from "../engine.ts";
import { type NetworkLayout, networkLayoutOf } from "../layout.ts";
import type { Together } from "../lockstep.ts";
import { type AdamState, adamStep, groupIndices, squaredNorms } from "./adam.ts";
import type { Tensor, Tf } from "./backends.ts";
import { LOSS_FIELDS, type Loss, type LossNumbers, lossOf, type Minibatch, NO_VALUE_CLIP, STATISTICS } from "./loss.ts";
import { backward, type ForwardTrace, forward, pictures } from "./network.ts";
import { parameterViews, type Views } from "./parameters.ts";
import { type Rows, rowsOf, tableOf } from "./rows.ts";
import { mostElements, type Windows, windowsOf } from "./trunk.ts";

export interface ForwardCall {
  readonly replica: number;
  readonly observations: Observations;
  readonly first: number;
  readonly rows: number;
  readonly lnScale: Float64Array;
  readonly out: ForwardOutput;
}

export interface LoadCall {
  readonly replica: number;
  readonly data: TrainingRows;
  readonly rows: number;
}

export interface StepCall {
  readonly replica: number;
  readonly indices: Int32Array;
  readonly hyper: Hyper;
}

/** Elements of the observations, or of the windows that a trunk sees of them, that a forward pass takes at once, 64 MB. */
const MOST_ELEMENTS = 2 ** 24;
/** Below every ln scale that leaves a trace in float32; WebGPU promises nothing of infinities. */
const LOWEST_LN_SCALE = -1e30;

/**
 * P networks of one shape that act and learn as one program: every call of theirs is one run over those that make it. Arguments are
 * checked before (engine.ts).
 *
 * All state is [P, S] on the device; a minibatch is gathered there from the rows loaded last, by index; what comes back is one tensor a run.
 * Minibatches of different length are filled up with rows of weight 0. Everything up to the read-back happens in one turn of the event
 * loop, so calls that are not in lockstep ({@link getState}) never see a state half changed.
 */
export class Batch {
  private readonly tf: Tf;
  private readonly spec: NetworkSpec;
  private readonly layout: NetworkLayout;
  private readonly groupOf: Tensor;
  /** Empty without trunks. */
  private readonly windows: Windows;
  /** Elements of a row that lie side by side at most. */
  private readonly width: number;
  private readonly replicas: number;
  /** Adam steps taken, by replica and group. */
  private readonly steps: Int32Array[];
  private readonly rows: (Rows | undefined)[];
  private readonly released = new Set<number>();
  private state: AdamState;
  /** The parameters layer by layer, until they change. */
  private views: Views | undefined;
  /** Everybody's rows until somebody loads others: [P * most, columns], the last `stride` of them features. */
  private table: { readonly tensor: Tensor; readonly most: number; readonly stride: number } | undefined;

  constructor(tf: Tf, spec: NetworkSpec, parameters: readonly Float64Array[]) {
    this.tf = tf;
    this.spec = spec;
    this.layout = networkLayoutOf(spec);
    const trunk = trunkOf(spec);
    this.windows = windowsOf(tf, trunk);
    this.width = Math.max(spec.features, mostElements(trunk));
    this.replicas = parameters.length;
    this.groupOf = tf.tensor1d(groupIndices(this.layout), "int32");
    this.steps = parameters.map(() => new Int32Array(this.layout.groups.length));
    this.rows = parameters.map(() => undefined);
    const zeros = () => tf.zeros([this.replicas, this.layout.size]);
    this.state = { parameters: this.upload(parameters), firstMoments: zeros(), secondMoments: zeros() };
  }

  readonly forward: Together<ForwardCall, void> = async (calls) => {
    const most = Math.max(...calls.map(({ rows }) => rows));
    const block = Math.max(1, Math.floor(MOST_ELEMENTS / (calls.length * this.width)));
    const lnScale = calls.some((call) => call.lnScale.some((s) => s !== call.lnScale[0]))
      ? lnScalesOf(calls, this.spec.modules.length)
      : undefined;
    for (let first = 0; first < most; first += block) {
      const rows = filledUp(Math.min(block, most - first));
      const packed = this.tf.tidy(() => this.act(calls, first, rows, lnScale));
      const numbers = await packed.data();
      packed.dispose();
      calls.forEach((call, q) => {
        const count = Math.min(block, call.rows - first);
        for (let row = 0; row < count; row++) this.unpack(numbers, q * rows + row, call.out, first + row);
      });
    }
    return calls.map(() => DONE);
  };

  readonly loadRows: Together<LoadCall, void> = async (calls) => {
    for (const { replica, data, rows } of calls) this.rows[replica] = rowsOf(data, rows, this.spec.modules.length);
    this.table?.tensor.dispose();
    this.table = undefined;
    return calls.map(() => DONE);
  };

  readonly gradient: Together<StepCall, Float64Array> = async (calls) => {
    const gradient = this.tf.tidy(() => this.differentiate(calls).gradient);
    const numbers = await gradient.data();
    gradient.dispose();
    const { size } = this.layout;
    // + 0: a sum of nothing is 0, whichever sign its zeros had.
    return calls.map((_, q) => fulfilled(Float64Array.from(numbers.subarray(q * size, (q + 1) * size), (g) => g + 0)));
  };

  readonly update: Together<StepCall, UpdateStats> = async (calls) => {
    const { tf, layout } = this;
    const { groups } = layout;
    const isMovable = calls.map((call) => this.movable(call));
    const steps = calls.map(({ replica }, q) =>
      Array.from(this.steps[replica], (taken, g) => taken + (isMovable[q][g] ? 1 : 0)),
    );
    const hypers = calls.map(({ hyper }) => hyper);
    const { state, statistics } = tf.tidy(() => {
      const { means, gradient } = this.differentiate(calls);
      const squares = squaredNorms(tf, groups, gradient);
      const before = this.statesOf(calls);
      const after = adamStep(tf, layout, this.groupOf, before, gradient, squares, { isMovable, steps, hypers });
      const state = this.merged(calls, after);
      return { state: { ...state }, statistics: tf.concat([means, tf.sqrt(squares)], 1) };
    });
    this.setTensors(state);
    const numbers = await statistics.data();
    statistics.dispose();
    const width = STATISTICS + groups.length;
    return calls.map(({ replica, indices }, q) => {
      const own = numbers.subarray(q * width, (q + 1) * width);
      const gradNorms = Float64Array.from(own.subarray(STATISTICS));
      const bad = gradNorms.findIndex((norm) => !Number.isFinite(norm));
      if (bad >= 0) return rejected(`the gradient norm of ${groups[bad].name} is ${gradNorms[bad]}`);
      this.steps[replica].set(steps[q]);
      const [policyLoss, valueLoss, entropy, gateLoss, approxKl, clipFraction] = own;
      const gateRows = this.loaded(replica).targetsAmong(indices);
      const losses = { policyLoss, valueLoss, entropy, gateLoss: gateLoss + 0, approxKl, clipFraction };
      return fulfilled({ rows: indices.length, gateRows, ...losses, gradNorms });
    });
  };

  async getState(replica: number): Promise<TrainState> {
    const { tf, state, layout } = this;
    const read = async (tensor: Tensor): Promise<Float64Array> => {
      const own = tf.slice(tensor, [replica, 0], [1, layout.size]);
      const numbers = Float64Array.from(await own.data());
      own.dispose();
      return numbers;
    };
    const steps = this.steps[replica].slice();
    const [parameters, firstMoments, secondMoments] = await Promise.all(
      [state.parameters, state.firstMoments, state.secondMoments].map(read),
    );
    return { parameters, firstMoments, secondMoments, steps };
  }

  setState(replica: number, { steps, ...arrays }: TrainState): void {
    const { parameters, firstMoments, secondMoments } = arrays;
    const state = this.tf.tidy(() => ({
      ...this.merged([{ replica }], {
        parameters: this.upload([parameters]),
        firstMoments: this.upload([firstMoments]),
        secondMoments: this.upload([secondMoments]),
      }),
    }));
    this.setTensors(state);
    this.steps[replica].set(steps);
  }

  /** The replica is done with; the last one frees what is on the device. */
  release(replica: number): void {
    this.released.add(replica);
    this.rows[replica] = undefined;
    if (this.released.size < this.replicas) return;
    this.views?.dispose();
    const windows = this.windows.flatMap(({ seen, seeing }) => [seen, seeing]);
    const table = this.table ? [this.table.tensor] : [];
    this.tf.dispose([this.groupOf, ...windows, ...Object.values(this.state), ...table]);
    [this.views, this.table] = [undefined, undefined];
  }

  loaded(replica: number): Rows {
    const rows = this.rows[replica];
    if (rows === undefined) throw new RangeError("update: no rows are loaded, expected loadRows first");
    return rows;
  }

  /** Rows loaded of a replica; 0 before {@link loadRows}. */
  rowCount(replica: number): number {
    return this.rows[replica]?.rows ?? 0;
  }

  /** Rows [first, first + rows) of every call, packed as [Q, rows, A + A + 1 (+ K)]: ln pi, pi, value, weights. */
  private act(calls: readonly ForwardCall[], first: number, rows: number, lnScale: Float32Array | undefined): Tensor {
    const { tf, spec, layout, windows } = this;
    const Q = calls.length;
    const { features } = spec;
    const seen = new Float32Array(Q * rows * features);
    calls.forEach((call, q) => {
      const { indices, counts, stride } = call.observations;
      const count = Math.min(rows, call.rows - first);
      for (let row = 0; row < count; row++) {
        const source = call.first + first + row;
        const to = (q * rows + row) * features;
        for (let slot = 0; slot < counts[source]; slot++) seen[to + indices[source * stride + slot]] = 1;
      }
    });
    const x = tf.tensor3d(seen, [Q, rows, features]);
    const scale = lnScale && tf.tensor3d(lnScale, [Q, 1, spec.modules.length]);
    return this.withViews(calls, (views) => {
      const trace = forward(tf, spec, layout, windows, views, x, scale);
      const { logProbabilities, probabilities, value, weights } = trace;
      return tf.concat([logProbabilities, probabilities, value, ...(weights ? [weights] : [])], 2);
    });
  }

  private unpack(numbers: ArrayLike<number>, source: number, out: ForwardOutput, row: number): void {
    const { actions: A, modules } = this.spec;
    const K = modules.length;
    let at = source * (2 * A + 1 + (K > 1 ? K : 0));
    for (let a = 0; a < A; a++) out.logProbabilities[row * A + a] = numbers[at++];
    for (let a = 0; a < A; a++) out.probabilities[row * A + a] = numbers[at++];
    out.values[row] = numbers[at++];
    if (K === 1) out.weights[row] = 1;
    else for (let k = 0; k < K; k++) out.weights[row * K + k] = numbers[at++];
  }

  /** Forward and backward of every call's minibatch: means [Q, {@link STATISTICS}] and gradient [Q, S]. */
  private differentiate(calls: readonly StepCall[]): { means: Tensor; gradient: Tensor } {
    const { tf, spec, layout, windows } = this;
    const { x, minibatch } = this.gather(calls);
    return this.withViews(calls, (views) => {
      const trace: ForwardTrace = forward(tf, spec, layout, windows, views, x, undefined);
      const { slopes, means }: Loss = lossOf(tf, spec.actions, trace, minibatch, this.numbersOf(calls));
      return { means, gradient: backward(tf, layout, windows, views, trace, slopes) };
    });
  }

  /** The rows of every call, gathered on the device. */
  private gather(calls: readonly StepCall[]): { x: Tensor; minibatch: Minibatch } {
    const { tf, spec } = this;
    const K = spec.modules.length;
    const Q = calls.length;
    const B = filledUp(Math.max(...calls.map(({ indices }) => indices.length)));
    this.table ??= this.makeTable();
    const { tensor, most, stride } = this.table;
    const picked = new Int32Array(Q * B);
    const share = new Float32Array(Q * B);
    calls.forEach(({ replica, indices }, q) => {
      picked.fill(replica * most, q * B, (q + 1) * B);
      share.fill(1 / indices.length, q * B, q * B + indices.length);
      for (let i = 0; i < indices.length; i++) picked[q * B + i] += indices[i];
    });
    const rows = tf.reshape(tf.gather(tensor, tf.tensor1d(picked, "int32")), [Q, B, -1]);
    const sizes = [1, 1, 1, 1, 1, 1, K, K, stride];
    const parts = tf.split(rows, sizes, 2) as Tensor[];
    const [action, logProbability, oldValue, advantage, target, gateMask, moduleMask, gateTarget, features] = parts;
    return {
      x: pictures(tf, features, spec.features),
      minibatch: {
        share: tf.tensor3d(share, [Q, B, 1]),
        action: tf.cast(tf.reshape(action, [Q, B]), "int32"),
        ...{ logProbability, oldValue, advantage, target, gateMask, moduleMask, gateTarget },
      },
    };
  }

  private makeTable() {
    const { tf, replicas } = this;
    const most = Math.max(...this.rows.map((rows) => rows?.rows ?? 0));
    const stride = Math.max(1, ...this.rows.map((rows) => rows?.stride ?? 0));
    const columns = tableOf(this.rows, most, stride, this.spec.modules.length);
    const tensor: Tensor = tf.keep(tf.tensor2d(columns, [replicas * most, columns.length / (replicas * most)]));
    return { tensor, most, stride };
  }

  private numbersOf(calls: readonly StepCall[]): LossNumbers {
    const { tf } = this;
    const columns = calls.map(({ replica, indices, hyper }) => {
      const withTarget = this.loaded(replica).targetsAmong(indices);
      const valueClip = hyper.valueClip > 0 ? hyper.valueClip : NO_VALUE_CLIP;
      const fields = { ...hyper, valueClip };
      return [...LOSS_FIELDS.map((field) => fields[field]), withTarget > 0 ? indices.length / withTarget : 0];
    });
    const width = LOSS_FIELDS.length + 1;
    const table = tf.tensor3d(Float32Array.from(columns.flat()), [calls.length, 1, width]);
    const [advantageMean, advantageScale, clipRange, valueClip, entropyCoef, valueCoef, gateCoef, gateShare] = tf.split(
      table,
      width,
      2,
    ) as Tensor[];
    return {
      ...{ advantageMean, advantageScale, clipRange, entropyCoef, valueCoef, gateCoef, gateShare },
      valueClip: calls.some(({ hyper }) => hyper.valueClip > 0) ? valueClip : undefined,
    };
  }

  /** Whether some row of the minibatch can move each group. */
  private movable({ replica, indices, hyper }: StepCall): boolean[] {
    const rows = this.loaded(replica);
    const { modules, gate } = rows.learnersAmong(indices);
    return this.layout.groups.map(({ name }) => {
      if (name === "output" || name === "critic") return true;
      if (name === "gate") return gate || (hyper.gateCoef !== 0 && rows.targetsAmong(indices) > 0);
      return modules[this.spec.modules.findIndex((module) => name === `module:${module}`)];
    });
  }

  /** Run on the parameters of those who call; everybody's views are kept until the parameters change. */
  private withViews<R>(calls: readonly { replica: number }[], run: (views: Views) => R): R {
    const { tf, layout, state } = this;
    if (!this.isEverybody(calls)) return run(parameterViews(tf, layout, this.rowsOfReplicas(state.parameters, calls)));
    this.views ??= parameterViews(tf, layout, state.parameters).keep();
    return run(this.views);
  }

  private isEverybody(calls: readonly { replica: number }[]): boolean {
    return calls.length === this.replicas && calls.every(({ replica }, q) => replica === q);
  }

  private rowsOfReplicas(tensor: Tensor, calls: readonly { replica: number }[]): Tensor {
    const { tf } = this;
    const replicas = Int32Array.from(calls, ({ replica }) => replica);
    return tf.gather(tensor, tf.tensor1d(replicas, "int32"));
  }

  private statesOf(calls: readonly StepCall[]): AdamState {
    if (this.isEverybody(calls)) return this.state;
    return mapState(this.state, (tensor) => this.rowsOfReplicas(tensor, calls));
  }

  /** The state of all, with those who called replaced. */
  private merged(calls: readonly { replica: number }[], after: AdamState): AdamState {
    if (this.isEverybody(calls)) return after;
    const { tf, replicas, state } = this;
    const place = Int32Array.from({ length: replicas }, (_, replica) => replica);
    calls.forEach(({ replica }, q) => {
      place[replica] = replicas + q;
    });
    const places = tf.tensor1d(place, "int32");
    return mapState(after, (tensor, field) => tf.gather(tf.concat([state[field], tensor], 0), places));
  }

  private setTensors(state: AdamState): void {
    this.views?.dispose();
    this.views = undefined;
    this.tf.dispose(Object.values(this.state) as Tensor[]);
    this.state = state;
  }

  private upload(rows: readonly Float64Array[]): Tensor {
    const { size } = this.layout;
    const values = new Float32Array(rows.length * size);
    rows.forEach((row, q) => {
      values.set(row, q * size);
    });
    return this.tf.tensor2d(values, [rows.length, size]);
  }
}

function mapState(state: AdamState, change: (tensor: Tensor, field: keyof AdamState) => Tensor): AdamState {
  return {
    parameters: change(state.parameters, "parameters"),
    firstMoments: change(state.firstMoments, "firstMoments"),
    secondMoments: change(state.secondMoments, "secondMoments"),
  };
}

/** [Q, K], shifted so that the largest is 0, which changes no weight. */
function lnScalesOf(calls: readonly ForwardCall[], K: number): Float32Array {
  const scales = new Float32Array(calls.length * K);
  calls.forEach(({ lnScale }, q) => {
    const largest = Math.max(...lnScale);
    for (let k = 0; k < K; k++) scales[q * K + k] = Math.max(LOWEST_LN_SCALE, lnScale[k] - largest);
  });
  return scales;
}

/** Long minibatches are filled up to a multiple of 64: devices keep a buffer for every size that they have met. */
function filledUp(rows: number): number {
  return rows < 128 ? rows : Math.ceil(rows / 64) * 64;
}

const DONE: PromiseSettledResult<void> = { status: "fulfilled", value: undefined };

function fulfilled<R>(value: R): PromiseSettledResult<R> {
  return { status: "fulfilled", value };
}

function rejected<R>(what: string): PromiseSettledResult<R> {
  return { status: "rejected", reason: new Error(`update: ${what}, expected a finite number`) };
}
