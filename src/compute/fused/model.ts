import type { Observations } from "../../core/observations.ts";
import { checkForward, checkNetwork, checkRows, checkState, checkStep } from "../checks.ts";
import { clipFactors } from "../clipping.ts";
import type { ForwardOutput, Hyper, Model, NetworkSpec, TrainingRows, TrainState, UpdateStats } from "../engine.ts";
import type { NetworkLayout } from "../layout.ts";
import type { Arena } from "./arena.ts";
import {
  BLOCK_ROWS,
  CHUNKS,
  JOB_BACKWARD,
  JOB_FORWARD,
  JOB_REDUCE,
  JOB_STEP,
  STAT_CLIPPED,
  STAT_ENTROPY,
  STAT_GATE,
  STAT_KL,
  STAT_POLICY,
  STAT_VALUE,
  STATS,
} from "./constants.ts";
import { type Plan, planMemory } from "./plan.ts";
import {
  CONVOLUTION,
  GROUP,
  HYPER,
  LAYER,
  MODEL,
  NETWORK,
  type Numbers,
  type RecordTable,
  SLICE,
  TRUNK_LAYER,
} from "./records.ts";

/**
 * Kernels over one memory: what a model runs on. `model` is the address of its record, see records.ts; addresses are bytes from the
 * memory's start. Calls return when the work is done.
 */
export interface KernelHost {
  readonly arena: Arena;
  readonly threads: number;
  /** Columns of a panel of activations and dense weights. */
  readonly panel: number;
  /** Do `tasks` tasks of a job, on all threads if `share` is 1. */
  run(kind: number, model: number, tasks: number, share: number): void;
  /** Mark the groups that the minibatch can move; returns how many of its rows have a gate target. */
  survey(model: number): number;
  /** Bring what is derived from the parameters up to date. */
  derive(model: number): void;
  /** Between backward and reduction: gradients behind convolutions. */
  chain(model: number): void;
}

/** Rows that are staged for one forward job. */
const STAGED_ROWS = 64 * BLOCK_ROWS;
/** Rows from which a forward pass or an update is worth sharing with the workers. */
const SHARED_FORWARD_ROWS = 32;
const SHARED_UPDATE_ROWS = 128;
/** Rows of a forward task are a multiple of this: whole tiles of every engine's kernels. */
const TASK_ROWS = 16;

/** The training rows in shared memory. */
interface LoadedRows {
  /** Rows and slots that fit. */
  readonly capacity: number;
  readonly stride: number;
  readonly counts: Uint16Array;
  readonly indices: Uint16Array;
  readonly actions: Uint8Array;
  readonly logProbabilities: Float32Array;
  readonly values: Float32Array;
  readonly advantages: Float32Array;
  readonly returns: Float32Array;
  readonly moduleMask: Float32Array;
  readonly gateMask: Float32Array;
  readonly gateTarget: Float32Array;
  readonly places: readonly number[];
}

/** What only learning needs. */
interface Learning {
  readonly firstMoments: Float32Array;
  readonly secondMoments: Float32Array;
  /** The reduced gradient: the first chunk's. All chunks' gradients are zero between calls. */
  readonly reduced: Float32Array;
}

/** Where one staged forward pass reads and writes. */
interface Staging {
  readonly lnScale: Float64Array;
  readonly logProbabilities: Float64Array;
  readonly probabilities: Float64Array;
  readonly values: Float64Array;
  readonly weights: Float64Array;
  readonly counts: Uint16Array;
}

/** A record as words, in the order of its fields. */
function wordsOf<Name extends string>(
  { fields }: RecordTable<Name>,
  numbers: Readonly<Record<Name, number>>,
): number[] {
  return fields.map((field) => numbers[field]);
}

/** A model of a fused engine: the host's side of the kernels, float32 inside. Calls run to their end before they return. */
export class FusedModel implements Model {
  readonly spec: NetworkSpec;
  private readonly host: KernelHost;
  private readonly layout: NetworkLayout;
  private readonly plan: Plan;
  /** Everything taken from the arena, to be given back. */
  private readonly places: number[] = [];
  private readonly record: Uint32Array;
  private readonly parameters: Float32Array;
  private readonly steps: Int32Array;
  private learning: Learning | undefined;
  private readonly squares: Float64Array;
  private readonly stats: Float64Array;
  private readonly hyper: Float64Array;
  private readonly groupWords: Uint32Array;
  private readonly groupFloats: Float32Array;
  private readonly staging: Staging;
  private stagedIndices: Uint16Array | undefined;
  private loaded: LoadedRows | undefined;
  private rows = 0;
  private minibatch: Int32Array | undefined;
  private disposed = false;

  constructor(host: KernelHost, spec: NetworkSpec, parameters: Float64Array) {
    this.layout = checkNetwork(spec, parameters);
    this.host = host;
    this.spec = spec;
    this.plan = planMemory(spec, host.panel);
    const { layout } = this;
    const { plan } = this;
    const K = spec.modules.length;
    const A = spec.actions;
    const floats = plan.parameterBytes / 4;
    this.steps = new Int32Array(layout.groups.length);
    this.parameters = this.array(Float32Array, floats);
    this.squares = this.array(Float64Array, plan.slices.length + plan.seenSlices.length);
    this.stats = this.array(Float64Array, CHUNKS * STATS * 2);
    this.hyper = this.array(Float64Array, HYPER.fields.length);
    this.groupWords = this.array(Uint32Array, layout.groups.length * GROUP.fields.length);
    this.groupFloats = new Float32Array(this.groupWords.buffer, this.groupWords.byteOffset, this.groupWords.length);
    this.staging = {
      lnScale: this.array(Float64Array, K),
      logProbabilities: this.array(Float64Array, STAGED_ROWS * A),
      probabilities: this.array(Float64Array, STAGED_ROWS * A),
      values: this.array(Float64Array, STAGED_ROWS),
      weights: this.array(Float64Array, STAGED_ROWS * K),
      counts: this.array(Uint16Array, STAGED_ROWS),
    };
    this.record = this.array(Uint32Array, MODEL.fields.length);
    this.describe({
      actions: A,
      modules: K,
      learned: spec.gate === "learned" ? 1 : 0,
      networks: this.describeNetworks(),
      networkCount: plan.networks.length,
      parameters: this.parameters.byteOffset,
      parameterBytes: plan.parameterBytes,
      groups: this.groupWords.byteOffset,
      slices: this.describeSlices(),
      sliceCount: plan.slices.length,
      seenSliceCount: plan.seenSlices.length,
      convolutions: this.list(CONVOLUTION, plan.convolutions),
      convolutionCount: plan.convolutions.length,
      squares: this.squares.byteOffset,
      stats: this.stats.byteOffset,
      hyper: this.hyper.byteOffset,
      scratch: this.array(Uint8Array, plan.scratchBytes * host.threads).byteOffset,
      scratchBytes: plan.scratchBytes,
      ping: plan.ping,
      pong: plan.pong,
      patch: plan.patch,
      patchDelta: plan.patchDelta,
      line: plan.line,
      rows: plan.rows,
      logitDelta: plan.logitDelta,
      mixture: plan.mixture,
      zeroScale: this.array(Float64Array, K).byteOffset,
      lnScale: this.staging.lnScale.byteOffset,
      outLogProbabilities: this.staging.logProbabilities.byteOffset,
      outProbabilities: this.staging.probabilities.byteOffset,
      outValues: this.staging.values.byteOffset,
      outWeights: this.staging.weights.byteOffset,
      counts: this.staging.counts.byteOffset,
    });
    this.scatter(parameters, this.parameters);
    host.derive(this.record.byteOffset);
  }

  async forward(
    observations: Observations,
    first: number,
    rows: number,
    lnScale: Float64Array,
    out: ForwardOutput,
  ): Promise<void> {
    this.live("forward");
    const { spec, staging, record, host } = this;
    const A = spec.actions;
    const K = spec.modules.length;
    checkForward(spec, observations, first, rows, lnScale, out);
    staging.lnScale.set(lnScale);
    const { stride } = observations;
    const indices = this.indicesFor(stride);
    for (let from = 0; from < rows; from += STAGED_ROWS) {
      const count = Math.min(STAGED_ROWS, rows - from);
      const row = first + from;
      staging.counts.set(observations.counts.subarray(row, row + count));
      indices.set(observations.indices.subarray(row * stride, (row + count) * stride));
      // A row's result does not depend on its task, so a rollout's few rows may be cut as the threads need it.
      const share = this.shared(count >= SHARED_FORWARD_ROWS);
      const piece = Math.ceil(count / (share ? host.threads : 1) / TASK_ROWS) * TASK_ROWS;
      const taskRows = Math.min(BLOCK_ROWS, piece);
      record[MODEL.word.forwardRows] = count;
      record[MODEL.word.forwardTaskRows] = taskRows;
      host.run(JOB_FORWARD, record.byteOffset, Math.ceil(count / taskRows), share);
      out.logProbabilities.set(staging.logProbabilities.subarray(0, count * A), from * A);
      out.probabilities.set(staging.probabilities.subarray(0, count * A), from * A);
      out.values.set(staging.values.subarray(0, count), from);
      out.weights.set(staging.weights.subarray(0, count * K), from * K);
    }
  }

  async loadRows(data: TrainingRows, rows: number): Promise<void> {
    this.live("loadRows");
    checkRows(data, rows, this.spec);
    const { stride } = data.observations;
    const K = this.spec.modules.length;
    if (this.loaded === undefined || this.loaded.capacity < rows || this.loaded.stride < stride) {
      this.loaded = this.makeRoom(rows, stride);
    }
    const { loaded } = this;
    loaded.counts.set(data.observations.counts.subarray(0, rows));
    loaded.indices.set(data.observations.indices.subarray(0, rows * stride));
    loaded.actions.set(data.actions.subarray(0, rows));
    for (const name of ["logProbabilities", "values", "advantages", "returns", "gateMask"] as const) {
      loaded[name].set(data[name].subarray(0, rows));
    }
    loaded.moduleMask.set(data.moduleMask.subarray(0, rows * K));
    loaded.gateTarget.set(data.gateTarget.subarray(0, rows * K));
    this.describe({ trainStride: stride });
    this.rows = rows;
  }

  /** @throws Error, with nothing changed, when the gradient overflowed. */
  async update(indices: Int32Array, hyper: Hyper): Promise<UpdateStats> {
    const stats = this.computeGradient("update", indices, hyper);
    const { reduced } = this.takeLearning();
    const { groups } = this.layout;
    groups.forEach(({ name }, g) => {
      if (!Number.isFinite(stats.gradNorms[g])) {
        reduced.fill(0);
        throw new Error(`update: the gradient norm of ${name} is ${stats.gradNorms[g]}, expected a finite number`);
      }
    });
    const factors = clipFactors(groups, stats.gradNorms, hyper);
    for (let g = 0; g < groups.length; g++) {
      const at = g * GROUP.fields.length;
      // Set by the survey: a group that no row can move is left alone, whole.
      if (this.groupWords[at + GROUP.word.active] === 1) this.steps[g] += 1;
      this.groupFloats[at + GROUP.word.gradientScale] = factors[g];
      this.groupFloats[at + GROUP.word.stepSize] = hyper.learningRate / (1 - power(hyper.beta1, this.steps[g]));
      this.groupFloats[at + GROUP.word.secondScale] = 1 / (1 - power(hyper.beta2, this.steps[g]));
    }
    this.run(JOB_STEP, this.plan.slices.length, indices.length);
    this.host.derive(this.record.byteOffset);
    return stats;
  }

  async gradient(indices: Int32Array, hyper: Hyper): Promise<Float64Array> {
    this.computeGradient("gradient", indices, hyper);
    const { reduced } = this.takeLearning();
    const gradient = this.gather(reduced);
    reduced.fill(0);
    return gradient;
  }

  async getState(): Promise<TrainState> {
    this.live("getState");
    const { firstMoments, secondMoments } = this.takeLearning();
    return {
      parameters: this.gather(this.parameters),
      firstMoments: this.gather(firstMoments),
      secondMoments: this.gather(secondMoments),
      steps: this.steps.slice(),
    };
  }

  async setState(state: TrainState): Promise<void> {
    this.live("setState");
    checkState(state, this.layout);
    const { firstMoments, secondMoments } = this.takeLearning();
    this.scatter(state.parameters, this.parameters);
    this.scatter(state.firstMoments, firstMoments);
    this.scatter(state.secondMoments, secondMoments);
    this.steps.set(state.steps);
    this.host.derive(this.record.byteOffset);
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    for (const place of this.places.splice(0)) this.host.arena.give(place);
  }

  /** Loss and gradient of a minibatch; leaves the gradient in `reduced`, which the caller consumes and clears. */
  private computeGradient(caller: "update" | "gradient", indices: Int32Array, hyper: Hyper): UpdateStats {
    this.live(caller);
    checkStep(caller, indices, hyper, this.rows);
    this.takeLearning();
    const B = indices.length;
    if (this.minibatch === undefined || this.minibatch.length < B) {
      if (this.minibatch !== undefined) this.give(this.minibatch.byteOffset);
      this.minibatch = this.array(Int32Array, B);
      this.describe({ indices: this.minibatch.byteOffset });
    }
    this.minibatch.set(indices);
    this.describe({ batch: B });

    this.hyper.set(wordsOf(HYPER, { ...hyper, perRow: 1 / B, perTarget: 0 }));
    const L = this.host.survey(this.record.byteOffset);
    if (L > 0) this.hyper[HYPER.word.perTarget] = 1 / L;
    this.run(JOB_BACKWARD, CHUNKS, B);
    this.host.chain(this.record.byteOffset);
    this.run(JOB_REDUCE, this.plan.slices.length, B);

    const sum = (stat: number) => {
      let total = 0;
      for (let chunk = 0; chunk < CHUNKS; chunk++) {
        const at = (chunk * STATS + stat) * 2;
        total += this.stats[at] + this.stats[at + 1];
      }
      return total;
    };
    const gradNorms = new Float64Array(this.layout.groups.length);
    this.plan.slices.forEach(({ group }, index) => {
      gradNorms[group] += this.squares[index];
    });
    return {
      rows: B,
      gateRows: L,
      policyLoss: sum(STAT_POLICY) / B,
      valueLoss: sum(STAT_VALUE) / B,
      entropy: sum(STAT_ENTROPY) / B,
      gateLoss: L > 0 ? sum(STAT_GATE) / L : 0,
      approxKl: sum(STAT_KL) / B,
      clipFraction: sum(STAT_CLIPPED) / B,
      gradNorms: gradNorms.map(Math.sqrt),
    };
  }

  /** Taken when it is first needed: ten times the parameters' memory, and a model that is only asked needs none of it. */
  private takeLearning(): Learning {
    if (this.learning === undefined) {
      const floats = this.plan.parameterBytes / 4;
      const firstMoments = this.array(Float32Array, floats);
      const secondMoments = this.array(Float32Array, floats);
      const gradients = this.array(Float32Array, floats * CHUNKS);
      this.describe({
        firstMoments: firstMoments.byteOffset,
        secondMoments: secondMoments.byteOffset,
        gradients: gradients.byteOffset,
      });
      this.learning = { firstMoments, secondMoments, reduced: gradients.subarray(0, floats) };
    }
    return this.learning;
  }

  private run(kind: number, tasks: number, rows: number): void {
    const share = this.shared(rows >= SHARED_UPDATE_ROWS);
    this.host.run(kind, this.record.byteOffset, tasks, share);
  }

  private shared(worthwhile: boolean): number {
    return worthwhile && this.host.threads > 1 ? 1 : 0;
  }

  private live(caller: string): void {
    if (this.disposed) throw new Error(`${caller}: the model is disposed`);
  }

  private array<T extends ArrayBufferView>(
    Kind: { readonly BYTES_PER_ELEMENT: number; new (buffer: ArrayBufferLike, start: number, length: number): T },
    length: number,
  ): T {
    const place = this.host.arena.take(length * Kind.BYTES_PER_ELEMENT);
    this.places.push(place);
    return new Kind(this.host.arena.memory.buffer, place, length);
  }

  private give(place: number): void {
    this.places.splice(this.places.indexOf(place), 1);
    this.host.arena.give(place);
  }

  private describe(numbers: Partial<Numbers<typeof MODEL>>): void {
    MODEL.fields.forEach((field, index) => {
      this.record[index] = numbers[field] ?? this.record[index];
    });
  }

  private describeNetworks(): number {
    const { plan } = this;
    const transposed = this.array(Uint8Array, plan.transposedBytes).byteOffset;
    const windows = this.array(Uint32Array, plan.windows.length);
    windows.set(plan.windows);
    return this.list(
      NETWORK,
      plan.networks.map((network) => ({
        ...network,
        depth: network.layers.length,
        layers: this.list(
          LAYER,
          network.layers.map((layer) => ({ ...layer, transposed: transposed + layer.transposed })),
        ),
        trunkDepth: network.trunk.length,
        trunk: this.list(
          TRUNK_LAYER,
          network.trunk.map((layer) => ({
            ...layer,
            transposed: transposed + layer.transposed,
            windows: windows.byteOffset,
          })),
        ),
      })),
    );
  }

  private describeSlices(): number {
    return this.list(
      SLICE,
      [...this.plan.slices, ...this.plan.seenSlices].map(({ start, bytes, group }) => ({
        start,
        bytes,
        group: this.groupWords.byteOffset + group * GROUP.fields.length * 4,
      })),
    );
  }

  /** Records side by side in the memory; returns the address of the first. */
  private list<Name extends string>(
    table: RecordTable<Name>,
    records: readonly Readonly<Record<Name, number>>[],
  ): number {
    const words = this.array(Uint32Array, records.length * table.fields.length);
    words.set(records.flatMap((record) => wordsOf(table, record)));
    return words.byteOffset;
  }

  /** Room for observations of `stride` slots in a staged forward pass. */
  private indicesFor(stride: number): Uint16Array {
    if (this.stagedIndices === undefined || this.stagedIndices.length < STAGED_ROWS * stride) {
      if (this.stagedIndices !== undefined) this.give(this.stagedIndices.byteOffset);
      this.stagedIndices = this.array(Uint16Array, STAGED_ROWS * stride);
      this.describe({ features: this.stagedIndices.byteOffset });
    }
    this.record[MODEL.word.stride] = stride;
    return this.stagedIndices;
  }

  private makeRoom(rows: number, stride: number): LoadedRows {
    for (const place of this.loaded?.places ?? []) this.give(place);
    const K = this.spec.modules.length;
    const loaded = {
      counts: this.array(Uint16Array, rows),
      indices: this.array(Uint16Array, rows * stride),
      actions: this.array(Uint8Array, rows),
      logProbabilities: this.array(Float32Array, rows),
      values: this.array(Float32Array, rows),
      advantages: this.array(Float32Array, rows),
      returns: this.array(Float32Array, rows),
      moduleMask: this.array(Float32Array, rows * K),
      gateMask: this.array(Float32Array, rows),
      gateTarget: this.array(Float32Array, rows * K),
    };
    this.describe({
      trainCounts: loaded.counts.byteOffset,
      trainFeatures: loaded.indices.byteOffset,
      taken: loaded.actions.byteOffset,
      oldLogProbabilities: loaded.logProbabilities.byteOffset,
      oldValues: loaded.values.byteOffset,
      advantages: loaded.advantages.byteOffset,
      returns: loaded.returns.byteOffset,
      moduleMask: loaded.moduleMask.byteOffset,
      gateMask: loaded.gateMask.byteOffset,
      gateTarget: loaded.gateTarget.byteOffset,
    });
    return { ...loaded, capacity: rows, stride, places: Object.values(loaded).map(({ byteOffset }) => byteOffset) };
  }

  /** From the flat order of `tensorsOf` to the padded layout. */
  private scatter(from: Float64Array, to: Float32Array): void {
    const { places } = this.plan;
    for (let i = 0; i < places.length; i++) to[places[i]] = from[i];
  }

  private gather(from: Float32Array): Float64Array {
    const { places } = this.plan;
    const to = new Float64Array(places.length);
    for (let i = 0; i < places.length; i++) to[i] = from[places[i]];
    return to;
  }
}

/** base^exponent by repeated squaring: multiplications only, so the same bits everywhere, which Math.pow does not promise. */
function power(base: number, exponent: number): number {
  let result = 1;
  for (let square = base, left = exponent; left > 0; left = Math.floor(left / 2), square *= square) {
    if (left % 2 === 1) result *= square;
  }
  return result;
}
