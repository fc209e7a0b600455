import { isDeepStrictEqual } from "node:util";
import { createObservations, type Observations } from "../core/observations.ts";
import { Stream } from "../core/random.ts";
import { type Engine, type Hyper, type NetworkSpec, type TrainingRows, tensorsOf } from "./engine.ts";
import { createReferenceEngine } from "./reference/engine.ts";

const SPEC: NetworkSpec = {
  features: 30,
  actions: 4,
  modules: ["a", "b"],
  hidden: [40, 24],
  gate: "learned",
  gateHidden: [20],
  critic: [33],
};
/** The same behind two convolutions: thirty features are two planes of three rows and five columns. */
const TRUNK: NetworkSpec = {
  ...SPEC,
  plane: [3, 5],
  conv: [
    { channels: 9, kernel: 2 },
    { channels: 4, kernel: 2 },
  ],
};
const ROWS = 200;
const ACTIVE = 4;
const UPDATES = 2;

/** Numbers as in training, with every term of the loss. */
export const CHECK_HYPER: Hyper = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  adamEps: 1e-5,
  clipRange: 0.2,
  valueClip: 0,
  entropyCoef: 0.1,
  valueCoef: 0.5,
  gateCoef: 0.3,
  advantageMean: 0,
  advantageScale: 1,
  maxGradNorm: 0,
  clip: "policy",
};

/**
 * How far the gradient of an engine is from the reference engine's, on a small network with routing: the largest difference, as a
 * fraction of the largest entry. Float32 engines that work are below 1e-5.
 */
export async function distanceFromReference(engine: Engine): Promise<number> {
  const rng = new Stream(1, "self-check");
  const parameters = drawParameters(SPEC, rng);
  const rows = drawRows(SPEC, drawObservations(rng), rng);
  const indices = Int32Array.from({ length: ROWS }, (_, row) => row);
  const gradients = [];
  for (const each of [engine, createReferenceEngine()]) {
    const model = await each.create(SPEC, parameters);
    await model.loadRows(rows, ROWS);
    gradients.push(await model.gradient(indices, CHECK_HYPER));
    model.dispose();
  }
  const [actual, expected] = gradients;
  const largest = expected.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  // Math.max lets NaN through.
  return actual.reduce((max, x, i) => Math.max(max, Math.abs(x - expected[i])), 0) / largest;
}

/** Whether two engines are at the same parameters and moments, to the bit, after the same updates of small networks. */
export async function haveSameBits(...engines: readonly [Engine, Engine]): Promise<boolean> {
  for (const spec of [SPEC, TRUNK]) {
    const rng = new Stream(1, "self-check");
    const parameters = drawParameters(spec, rng);
    const rows = drawRows(spec, drawObservations(rng), rng);
    const [one, other] = await Promise.all(
      engines.map(async (engine) => {
        const model = await engine.create(spec, parameters);
        await model.loadRows(rows, ROWS);
        const stats = [];
        for (let update = 0; update < UPDATES; update++) {
          // A part of the rows, so that chunks and blocks are not full.
          const indices = Int32Array.from({ length: ROWS - 1 - update }, (_, row) => row);
          stats.push(await model.update(indices, { ...CHECK_HYPER, valueClip: 0.2, maxGradNorm: 0.5 }));
        }
        const state = await model.getState();
        model.dispose();
        return { stats, state };
      }),
    );
    if (!isDeepStrictEqual(one, other)) return false;
  }
  return true;
}

function drawObservations(rng: Stream): Observations {
  const observations = createObservations(ROWS, ACTIVE);
  for (let row = 0; row < ROWS; row++) {
    observations.counts[row] = rng.below(ACTIVE + 1);
    // A feature from each quarter, so that none is there twice.
    for (let slot = 0; slot < ACTIVE; slot++) observations.indices[row * ACTIVE + slot] = slot * 7 + rng.below(7);
  }
  return observations;
}

/** Uniform in +-1 / sqrt(fanIn), in float32. */
export function drawParameters(spec: NetworkSpec, rng: Stream): Float64Array {
  return Float64Array.from(
    tensorsOf(spec).flatMap(({ shape, fanIn }) => {
      const size = shape.reduce((product, length) => product * length, 1);
      return Array.from({ length: size }, () => Math.fround((2 * rng.next() - 1) / Math.sqrt(fanIn)));
    }),
  );
}

/** Something to learn from each observation, with masks of 0 and 1, and a gate target on every third row; float32. */
export function drawRows(spec: NetworkSpec, observations: Observations, rng: Stream): TrainingRows {
  const K = spec.modules.length;
  const rows = observations.counts.length;
  const uniform = (length: number, low: number, high: number) =>
    Float64Array.from({ length }, () => Math.fround(low + (high - low) * rng.next()));
  const gateTarget = new Float64Array(rows * K);
  for (let row = 0; row < rows; row += 3) gateTarget[row * K + rng.below(K)] = 1;
  return {
    observations,
    actions: Uint8Array.from({ length: rows }, () => rng.below(spec.actions)),
    logProbabilities: uniform(rows, -1.6, -1.2),
    values: uniform(rows, -1, 1),
    advantages: uniform(rows, -2, 2),
    returns: uniform(rows, -1, 1),
    moduleMask: Float64Array.from({ length: rows * K }, () => rng.below(2)),
    gateMask: Float64Array.from({ length: rows }, () => rng.below(2)),
    gateTarget,
  };
}
