import type { Hyper, Model, UpdateStats } from "../compute/engine.ts";
import { type Stream, shuffle } from "../core/random.ts";

/** PPO's options; names, units and defaults are the scenario's `train` keys (src/scenario/schema.ts, docs/ppo.md). */
export interface PpoOptions {
  readonly epochs: number;
  readonly minibatches: number;
  readonly learningRate: number;
  readonly anneal: "linear" | "none";
  readonly adamEps: number;
  readonly clipRange: number;
  readonly valueClip: number;
  readonly valueCoef: number;
  readonly entropyCoef: number | readonly [number, number];
  readonly gateCoef: number;
  readonly maxGradNorm: number;
  readonly clip: "policy" | "module";
  readonly normaliseAdvantages: "batch" | "minibatch" | "none";
}

/**
 * The value of an annealed quantity at update u of U, linear from `first` at u = 0 towards `last`, which it would reach at u = U:
 * so the learning rate's last update is first / U, never 0 and never negative.
 */
export function annealed(first: number, last: number, update: number, updates: number): number {
  return first + (last - first) * (update / updates);
}

/** The numbers of update `update` of `updates`; the advantages' mean and scale are filled in by {@link learn}. */
export function hyperAt(options: PpoOptions, update: number, updates: number): Hyper {
  const { entropyCoef } = options;
  const [entropyFirst, entropyLast] = typeof entropyCoef === "number" ? [entropyCoef, entropyCoef] : entropyCoef;
  return {
    learningRate: annealed(
      options.learningRate,
      options.anneal === "linear" ? 0 : options.learningRate,
      update,
      updates,
    ),
    beta1: 0.9,
    beta2: 0.999,
    adamEps: options.adamEps,
    clipRange: options.clipRange,
    valueClip: options.valueClip,
    entropyCoef: annealed(entropyFirst, entropyLast, update, updates),
    valueCoef: options.valueCoef,
    gateCoef: options.gateCoef,
    advantageMean: 0,
    advantageScale: 1,
    maxGradNorm: options.maxGradNorm,
    clip: options.clip,
  };
}

/** The numbers of a loss whose policy, entropy and value terms are multiplied by `factor`; the gate's is not. */
export function scaledLoss(hyper: Hyper, factor: number): Hyper {
  const { advantageScale, entropyCoef, valueCoef } = hyper;
  return {
    ...hyper,
    advantageScale: factor * advantageScale,
    entropyCoef: factor * entropyCoef,
    valueCoef: factor * valueCoef,
  };
}

/**
 * The epochs of one PPO update: each passes over the rows once, in minibatches whose sizes differ by at most one, in an order drawn
 * from `order`. Schulman et al. 2017 (arXiv:1707.06347), algorithm 1.
 *
 * `rows` [R] are the rows of the loaded data to learn from; `advantages` is read for normalisation only. Fewer rows than minibatches make
 * fewer minibatches; no rows, no step.
 * Writes: `rows` is reordered. Returns the statistics of every optimiser step.
 */
export async function learn(
  model: Model,
  rows: Int32Array,
  advantages: Float64Array,
  options: PpoOptions,
  hyper: Hyper,
  order: Stream,
): Promise<UpdateStats[]> {
  const { epochs, minibatches, normaliseAdvantages } = options;
  const whole = normaliseAdvantages === "batch" ? normalisation(advantages, rows) : {};
  const stats: UpdateStats[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    shuffle(rows, order);
    for (let m = 0; m < minibatches; m++) {
      const minibatch = rows.subarray(boundary(m, minibatches, rows.length), boundary(m + 1, minibatches, rows.length));
      if (minibatch.length === 0) continue;
      const own = normaliseAdvantages === "minibatch" ? normalisation(advantages, minibatch) : whole;
      stats.push(await model.update(minibatch, { ...hyper, ...own }));
    }
  }
  return stats;
}

/** Where minibatch m of M begins among R rows. */
export function boundary(m: number, M: number, R: number): number {
  return Math.floor((m * R) / M);
}

/** Spreads below this fraction of the values are rounding: of float32's 24 bits, in which engines hold advantages, six tell rows apart. */
const ROUNDING = 2 ** -18;

/**
 * Mean and 1 / (standard deviation + 1e-8) of the advantages over the given rows (Huang et al. 2022, detail 7).
 *
 * Advantages that are all equal, those of a single row too, say nothing about the actions: they are scaled by 0. The quotient above would
 * take what an engine lost when it rounded them to float32 and multiply it by 1e8.
 */
export function normalisation(
  advantages: Float64Array,
  rows: Int32Array,
): Pick<Hyper, "advantageMean" | "advantageScale"> {
  if (rows.length === 0) return { advantageMean: 0, advantageScale: 1 };
  let sum = 0;
  for (const row of rows) sum += advantages[row];
  const mean = sum / rows.length;
  let squares = 0;
  let largest = 0;
  for (const row of rows) {
    squares += (advantages[row] - mean) ** 2;
    largest = Math.max(largest, Math.abs(advantages[row]));
  }
  const deviation = Math.sqrt(squares / rows.length);
  return { advantageMean: mean, advantageScale: deviation <= ROUNDING * largest ? 0 : 1 / (deviation + 1e-8) };
}
