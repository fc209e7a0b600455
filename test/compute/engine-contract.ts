import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Engine,
  type ForwardOutput,
  groupsOf,
  type Hyper,
  type Model,
  type NetworkSpec,
  type TrainingRows,
  type TrainState,
  tensorsOf,
  trunkOf,
} from "../../src/compute/engine.ts";
import { createReferenceEngine } from "../../src/compute/reference/engine.ts";
import { createObservations, type Observations } from "../../src/core/observations.ts";
import { Stream, shuffle } from "../../src/core/random.ts";

/** Odd widths, so that vector units meet a remainder; a row may show no feature at all. */
export const TWO_MODULES: NetworkSpec = {
  features: 13,
  actions: 4,
  modules: ["a", "b"],
  hidden: [7, 5],
  gate: "learned",
  gateHidden: [6],
  critic: [5, 3],
};
export const THREE_MODULES: NetworkSpec = { ...TWO_MODULES, modules: ["a", "b", "c"], actions: 3 };
const ONE_MODULE: NetworkSpec = { ...TWO_MODULES, modules: ["a"], gate: "none", gateHidden: [] };
const FIXED_GATE: NetworkSpec = { ...TWO_MODULES, gate: "fixed", gateHidden: [] };
/** One affine layer each for gate and critic. */
const LINEAR_HEADS: NetworkSpec = { ...TWO_MODULES, hidden: [9], gateHidden: [], critic: [] };

/** Five planes of three cells; the gate's convolution has fewer channels than planes, the critic's as many. */
const CONVOLUTIONS: NetworkSpec = { ...TWO_MODULES, features: 15, cells: 3, gateConv: 2, criticConv: 5 };
const LINEAR_CRITIC: NetworkSpec = { ...TWO_MODULES, criticActivation: "none" };
/** As in Cloud et al. 2024: a convolution before a critic that is linear throughout. */
const FAITHFUL: NetworkSpec = { ...CONVOLUTIONS, criticActivation: "none" };

export const SPECS: readonly (readonly [string, NetworkSpec])[] = [
  ["one module", ONE_MODULE],
  ["two modules", TWO_MODULES],
  ["three modules", THREE_MODULES],
  ["a fixed gate", FIXED_GATE],
  ["linear gate and critic", LINEAR_HEADS],
  ["convolutions", CONVOLUTIONS],
  ["a linear critic of three layers", LINEAR_CRITIC],
  ["convolutions and a linear critic, three modules", { ...FAITHFUL, modules: ["a", "b", "c"] }],
];

/** Channels below and above the vector units, kernels that are odd and even, strides that leave a row or column over. */
const TRUNK: NetworkSpec = { ...TWO_MODULES, features: 60, plane: [4, 5], conv: [{ channels: 3, kernel: 2 }] };
const DEEP_TRUNK: NetworkSpec = {
  ...TWO_MODULES,
  features: 126,
  plane: [7, 9],
  conv: [
    { channels: 5, kernel: 3, stride: 2 },
    { channels: 9, kernel: 2 },
    { channels: 4, kernel: 2, stride: 2 },
  ],
};
const STRIDED_TRUNK: NetworkSpec = {
  ...TWO_MODULES,
  features: 72,
  plane: [6, 6],
  conv: [
    { channels: 8, kernel: 3, stride: 2 },
    { channels: 4, kernel: 1 },
  ],
};

/** Networks with a trunk of convolutions each, for the engines that have them. */
export const TRUNKS: readonly (readonly [string, NetworkSpec])[] = [
  ["one module behind two convolutions", { ...STRIDED_TRUNK, modules: ["a"], gate: "none", gateHidden: [] }],
  ["two modules behind a convolution", TRUNK],
  ["three modules behind three convolutions", { ...DEEP_TRUNK, modules: ["a", "b", "c"] }],
  ["a convolution and a fixed gate", { ...TRUNK, gate: "fixed", gateHidden: [] }],
];

export const HYPER: Hyper = {
  learningRate: 0.01,
  beta1: 0.9,
  beta2: 0.99,
  adamEps: 1e-8,
  clipRange: 0.2,
  valueClip: 0,
  entropyCoef: 0.05,
  valueCoef: 0.5,
  gateCoef: 0.7,
  advantageMean: 0.1,
  advantageScale: 1.3,
  maxGradNorm: 0,
  clip: "policy",
};

/** Uniform in +-1.5 / sqrt(fanIn), biases in +-0.3; rounded to float32, so that every engine holds the same ones. */
export function randomParameters(spec: NetworkSpec, seed: number): Float64Array {
  const rng = new Stream(seed, "parameters");
  return Float64Array.from(
    tensorsOf(spec).flatMap(({ shape, fanIn }) => {
      const size = shape.reduce((product, length) => product * length, 1);
      const bound = shape.length > 1 ? 1.5 / Math.sqrt(fanIn) : 0.3;
      return Array.from({ length: size }, () => Math.fround(bound * (2 * rng.next() - 1)));
    }),
  );
}

function randomObservations(spec: NetworkSpec, rows: number, seed: number): Observations {
  const rng = new Stream(seed, "observations");
  const observations = createObservations(rows, spec.conv ? 20 : 5);
  for (let row = 0; row < rows; row++) {
    const features = Int32Array.from({ length: spec.features }, (_, feature) => feature);
    shuffle(features, rng);
    observations.counts[row] = rng.below(observations.stride + 1);
    observations.indices.set(features.subarray(0, observations.stride), row * observations.stride);
  }
  return observations;
}

/**
 * Rows whose ratios fall inside and outside the clip range, with masks of one; every other row has a gate target.
 * `fields` replace the drawn ones.
 */
export function randomRows(
  spec: NetworkSpec,
  rows: number,
  seed: number,
  fields: Partial<TrainingRows> = {},
): TrainingRows {
  const K = spec.modules.length;
  const rng = new Stream(seed, "rows");
  const uniform = (length: number, low: number, high: number) =>
    Float64Array.from({ length }, () => Math.fround(low + (high - low) * rng.next()));
  const gateTarget = new Float64Array(rows * K);
  for (let row = 0; row < rows; row += 2) gateTarget[row * K + rng.below(K)] = 1;
  return {
    observations: randomObservations(spec, rows, seed),
    actions: Uint8Array.from({ length: rows }, () => rng.below(spec.actions)),
    logProbabilities: uniform(rows, -2, -0.8),
    values: uniform(rows, -1, 1),
    advantages: uniform(rows, -2, 2),
    returns: uniform(rows, -1, 1),
    moduleMask: new Float64Array(rows * K).fill(1),
    gateMask: new Float64Array(rows).fill(1),
    gateTarget,
    ...fields,
  };
}

/** 0, 1, ..., n - 1. */
export function range(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i);
}

export function createOutput(spec: NetworkSpec, rows: number): ForwardOutput {
  return {
    logProbabilities: new Float64Array(rows * spec.actions),
    probabilities: new Float64Array(rows * spec.actions),
    values: new Float64Array(rows),
    weights: new Float64Array(rows * spec.modules.length),
  };
}

/** The group's parameters in a flat array: [start, end). */
function rangeOf(spec: NetworkSpec, group: string): readonly [number, number] {
  const all = tensorsOf(spec);
  const size = (tensors: typeof all) =>
    tensors.reduce((sum, { shape }) => sum + shape.reduce((product, length) => product * length, 1), 0);
  const start = size(
    all.slice(
      0,
      all.findIndex((tensor) => tensor.group === group),
    ),
  );
  return [start, start + size(all.filter((tensor) => tensor.group === group))];
}

function partOf(values: Float64Array, spec: NetworkSpec, group: string): Float64Array {
  return values.slice(...rangeOf(spec, group));
}

/** Parameters, moments and step counter of one group. */
function groupState(state: TrainState, spec: NetworkSpec, group: string) {
  return {
    parameters: partOf(state.parameters, spec, group),
    firstMoments: partOf(state.firstMoments, spec, group),
    secondMoments: partOf(state.secondMoments, spec, group),
    steps: state.steps[groupsOf(spec).indexOf(group)],
  };
}

function norm(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
}

/** A network without trunks that computes the same: each convolution is a dense layer, most of whose weights are 0. */
function unrolled(spec: NetworkSpec, parameters: Float64Array): { spec: NetworkSpec; parameters: Float64Array } {
  const { conv: _conv, plane: _plane, ...rest } = spec;
  const trunk = trunkOf(spec);
  const widths = trunk.map(({ outHeight, outWidth, channels }) => outHeight * outWidth * channels);
  const parts: number[] = [];
  let at = 0;
  for (const { name, shape } of tensorsOf(spec)) {
    const values = parameters.subarray(at, at + shape.reduce((product, length) => product * length, 1));
    at += values.length;
    const depth = Number(/conv\.(\d)/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(depth)) {
      parts.push(...values);
      continue;
    }
    const { height, width, planes, kernel, stride, channels, outHeight, outWidth } = trunk[depth];
    const outputs = widths[depth];
    if (shape.length === 1) {
      for (let o = 0; o < outputs; o++) parts.push(values[o % channels]);
      continue;
    }
    for (let i = 0; i < height * width * planes; i++) {
      // Observations hold plane after plane, activations the channels of place after place.
      const cells = height * width;
      const [cell, plane] = depth === 0 ? [i % cells, Math.floor(i / cells)] : [Math.floor(i / planes), i % planes];
      for (let o = 0; o < outputs; o++) {
        const place = Math.floor(o / channels);
        const dy = Math.floor(cell / width) - stride * Math.floor(place / outWidth);
        const dx = (cell % width) - stride * (place % outWidth);
        const seen = dy >= 0 && dy < kernel && dx >= 0 && dx < kernel && place < outHeight * outWidth;
        parts.push(seen ? values[((dy * kernel + dx) * planes + plane) * channels + (o % channels)] : 0);
      }
    }
  }
  return {
    spec: {
      ...rest,
      hidden: [...widths, ...spec.hidden],
      gateHidden: [...widths, ...spec.gateHidden],
      critic: [...widths, ...spec.critic],
    },
    parameters: Float64Array.from(parts),
  };
}

/** Equal up to `tolerance` times the largest magnitude expected. */
function expectClose(actual: Float64Array, expected: Float64Array, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  const largest = expected.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  expected.forEach((x, i) => {
    expect(Math.abs(actual[i] - x), `element ${i}: ${actual[i]}, expected ${x}`).toBeLessThanOrEqual(
      tolerance * largest,
    );
  });
}

/** Equal bit for bit; -0 is not 0. */
function expectSame(actual: Float64Array, expected: Float64Array): void {
  expect(Array.from(actual)).toEqual(Array.from(expected));
}

function expectZero(values: Float64Array): void {
  for (const x of values) expect(x).toBe(0);
}

/**
 * What every engine promises. `tolerance` is relative to the largest magnitude of an array and used only where another
 * order of summation is legitimate; everything else is compared bit for bit.
 */
export function describeEngine(
  name: string,
  makeEngine: () => Engine | Promise<Engine>,
  tolerance: number,
  specs: readonly (readonly [string, NetworkSpec])[] = SPECS,
): void {
  describe(`${name}: engine contract`, () => {
    const ROWS = 12;
    let engine: Engine;

    beforeAll(async () => {
      engine = await makeEngine();
    });
    afterAll(async () => {
      await engine.dispose();
    });

    const create = (spec: NetworkSpec, seed = 1) => engine.create(spec, randomParameters(spec, seed));

    async function load(spec: NetworkSpec, data: TrainingRows): Promise<Model> {
      const model = await create(spec);
      await model.loadRows(data, data.actions.length);
      return model;
    }

    async function gradientOf(spec: NetworkSpec, data: TrainingRows, hyper: Partial<Hyper> = {}, rows = range(ROWS)) {
      return (await load(spec, data)).gradient(rows, { ...HYPER, ...hyper });
    }

    async function forward(
      model: Model,
      observations: Observations,
      lnScale: readonly number[],
      first = 0,
      rows = observations.counts.length,
    ): Promise<ForwardOutput> {
      const out = createOutput(model.spec, rows);
      await model.forward(observations, first, rows, Float64Array.from(lnScale), out);
      return out;
    }

    function expectSameOutput(actual: ForwardOutput, expected: ForwardOutput): void {
      expectSame(actual.logProbabilities, expected.logProbabilities);
      expectSame(actual.probabilities, expected.probabilities);
      expectSame(actual.values, expected.values);
      expectSame(actual.weights, expected.weights);
    }

    function expectSameState(actual: TrainState, expected: TrainState): void {
      expectSame(actual.parameters, expected.parameters);
      expectSame(actual.firstMoments, expected.firstMoments);
      expectSame(actual.secondMoments, expected.secondMoments);
      expect(Array.from(actual.steps)).toEqual(Array.from(expected.steps));
    }

    const zeros = (spec: NetworkSpec) => spec.modules.map(() => 0);

    describe("forward", () => {
      test.each(specs)("with %s gives distributions that fit their logarithms", async (_, spec) => {
        const out = await forward(await create(spec), randomObservations(spec, ROWS, 2), zeros(spec));
        expectClose(out.probabilities, out.logProbabilities.map(Math.exp), tolerance);
        for (let row = 0; row < ROWS; row++) {
          const sum = (values: Float64Array, width: number) =>
            values.subarray(row * width, (row + 1) * width).reduce((total, x) => total + x, 0);
          expect(Math.abs(sum(out.probabilities, spec.actions) - 1)).toBeLessThanOrEqual(tolerance);
          expect(Math.abs(sum(out.weights, spec.modules.length) - 1)).toBeLessThanOrEqual(tolerance);
        }
      });

      test("of a network worked out by hand", async () => {
        // Feature 1 of 2 is on. a: relu(1 + 0.5, -3 + 0.5) = (1.5, 0). b: relu(2, 1) = (2, 1). Gate z = ln 3, so
        // w = (3/4, 1/4) and the mixture is (1.125 + 0.5, 0.25). Logits: 2 * 1.625 = 3.25 and 4 * 0.25 + 1.25 = 2.25.
        const spec: NetworkSpec = {
          features: 2,
          actions: 2,
          modules: ["a", "b"],
          hidden: [2],
          gate: "learned",
          gateHidden: [],
          critic: [],
        };
        const a = [9, 9, 1, -3, 0.5, 0.5];
        const b = [9, 9, 2, 1, 0, 0];
        const gate = [9, Math.log(3), 0];
        const output = [2, 0, 0, 4, 0, 1.25];
        const critic = [9, 5, -1];
        const model = await engine.create(spec, Float64Array.from([a, b, gate, output, critic].flat()));
        const observations = { stride: 1, counts: Uint16Array.of(1), indices: Uint16Array.of(1) };
        const out = await forward(model, observations, [0, 0]);
        const p = 1 / (1 + Math.exp(-1));
        expectClose(out.weights, Float64Array.of(0.75, 0.25), tolerance);
        expectClose(out.probabilities, Float64Array.of(p, 1 - p), tolerance);
        expectClose(out.logProbabilities, Float64Array.of(Math.log(p), Math.log(1 - p)), tolerance);
        expectClose(out.values, Float64Array.of(4), tolerance);
      });

      test("through convolutions worked out by hand", async () => {
        // Two planes of two cells; features 0 (plane 0, cell 0) and 3 (plane 1, cell 1) are on. One channel, C = (2, 3), c = 0.5:
        // cell 0 is 2 + 0.5 = 2.5, cell 1 is 3 + 0.5 = 3.5. Gate: z = relu(2.5 * 1 - 3.5 * 0.5) * 1 - 0.75 = 0. Critic, linear:
        // its layer gives -2.5 + 3.5 * 0.5 + 0.25 = -0.5, which no ReLU stops, and the value is 4 * -0.5 + 1 = -1.
        const spec: NetworkSpec = {
          features: 4,
          cells: 2,
          actions: 2,
          modules: ["a", "b"],
          hidden: [1],
          gate: "learned",
          gateHidden: [1],
          critic: [1],
          gateConv: 1,
          criticConv: 1,
          criticActivation: "none",
        };
        const modules = [1, 9, 9, 0, 0, 0, 9, 9, 1, 0];
        const conv = [2, 3, 0.5];
        const gate = [...conv, 1, -0.5, 0, 1, -0.75];
        const output = [1, 0, 0, 0];
        const critic = [...conv, -1, 0.5, 0.25, 4, 1];
        const model = await engine.create(spec, Float64Array.from([modules, gate, output, critic].flat()));
        const observations = { stride: 2, counts: Uint16Array.of(2), indices: Uint16Array.of(0, 3) };
        const out = await forward(model, observations, [0, 0]);
        expectClose(out.weights, Float64Array.of(0.5, 0.5), tolerance);
        // Both modules say 1.
        expectClose(
          out.logProbabilities.map(Math.exp),
          Float64Array.of(1 / (1 + Math.exp(-1)), 1 / (1 + Math.E)),
          tolerance,
        );
        expectClose(out.values, Float64Array.of(-1), tolerance);
      });

      const trunks = specs.filter(([, spec]) => spec.conv);
      test.skipIf(trunks.length === 0)("through a trunk worked out by hand", async () => {
        // One plane of 3 x 3 with ones at its corner and its middle. The module's kernel (1 2; 3 4) with bias -1.5 gives
        // (1 + 4, 3; 2, 1) - 1.5 = (3.5, 1.5; 0.5, 0 behind the ReLU), its layer 3.5 + 10 * 1.5 + 100 * 0.5 + 1000 * 0 = 68.5.
        // The critic's kernel sees the corner of its window alone: (1, 0; 0, 1), which its layer makes 1 + 8 = 9; the value is 9 - 1.
        const spec: NetworkSpec = {
          features: 9,
          plane: [3, 3],
          conv: [{ channels: 1, kernel: 2 }],
          actions: 2,
          modules: ["a"],
          hidden: [1],
          gate: "none",
          gateHidden: [],
          critic: [1],
        };
        const module = [1, 2, 3, 4, -1.5, 1, 10, 100, 1000, 0];
        const output = [0.02, 0, 0, 0];
        const critic = [1, 0, 0, 0, 0, 1, 2, 4, 8, 0, 1, -1];
        const model = await engine.create(spec, Float64Array.from([module, output, critic].flat()));
        const observations = { stride: 2, counts: Uint16Array.of(2), indices: Uint16Array.of(0, 4) };
        const out = await forward(model, observations, [0]);
        const p = 1 / (1 + Math.exp(-1.37));
        expectClose(out.probabilities, Float64Array.of(p, 1 - p), tolerance);
        expectClose(out.values, Float64Array.of(8), tolerance);
      });

      test.each(trunks)("with %s: as through dense layers that repeat the kernels' weights", async (_, spec) => {
        const parameters = randomParameters(spec, 14);
        const dense = unrolled(spec, parameters);
        const observations = randomObservations(spec, ROWS, 15);
        const actual = await forward(await engine.create(spec, parameters), observations, zeros(spec));
        const expected = await forward(await engine.create(dense.spec, dense.parameters), observations, zeros(spec));
        for (const field of ["logProbabilities", "values", "weights"] as const) {
          expectClose(actual[field], expected[field], 10 * tolerance);
        }
      });

      test.each(specs)("with %s: a row does not depend on its neighbours, to the bit", async (_, spec) => {
        const rows = 37;
        const model = await create(spec);
        const observations = randomObservations(spec, rows, 3);
        const whole = await forward(model, observations, zeros(spec));
        for (const block of [1, 2, 3, 5, 16]) {
          for (let first = 0; first < rows; first += block) {
            const count = Math.min(block, rows - first);
            const part = await forward(model, observations, zeros(spec), first, count);
            const slice = (values: Float64Array, width: number) => values.slice(first * width, (first + count) * width);
            expectSameOutput(part, {
              logProbabilities: slice(whole.logProbabilities, spec.actions),
              probabilities: slice(whole.probabilities, spec.actions),
              values: slice(whole.values, 1),
              weights: slice(whole.weights, spec.modules.length),
            });
          }
        }
      });

      test("logits of +-1000 give finite logarithms", async () => {
        const parameters = randomParameters(TWO_MODULES, 1);
        const [, outputEnd] = rangeOf(TWO_MODULES, "output");
        parameters.set([1000, -1000, 0, 999], outputEnd - 4);
        const [, gateEnd] = rangeOf(TWO_MODULES, "gate");
        parameters[gateEnd - 1] = -1000;
        const model = await engine.create(TWO_MODULES, parameters);
        const data = randomRows(TWO_MODULES, ROWS, 4);
        const out = await forward(model, data.observations, [0, 0]);
        expect(out.logProbabilities.every(Number.isFinite)).toBe(true);
        expect(Math.min(...out.logProbabilities)).toBeLessThan(-1900);
        await model.loadRows({ ...data, logProbabilities: out.logProbabilities.filter((_, i) => i % 4 === 0) }, ROWS);
        const stats = await model.update(range(ROWS), { ...HYPER, clipRange: 0.2, advantageScale: 0 });
        for (const value of [stats.policyLoss, stats.entropy, stats.gateLoss, ...stats.gradNorms]) {
          expect(Number.isFinite(value)).toBe(true);
        }
        // A target on the module whose weight is exp(-1000) costs 1000 nats, not infinity.
        expect(stats.gateLoss).toBeGreaterThan(100);
      });
    });

    describe("scaling modules", () => {
      const observations = randomObservations(TWO_MODULES, ROWS, 5);

      test("at a fixed gate, lnScale is the logarithm of a factor on equal weights", async () => {
        const model = await create(FIXED_GATE);
        expectSame((await forward(model, observations, [0, 0], 0, 1)).weights, Float64Array.of(0.5, 0.5));
        // 2 : 1
        const { weights } = await forward(model, observations, [Math.log(2), 0], 0, 1);
        expectClose(weights, Float64Array.of(2 / 3, 1 / 3), tolerance);
      });

      test("scaling all modules alike changes nothing", async () => {
        const model = await create(THREE_MODULES);
        const full = await forward(model, observations, [0, 0, 0]);
        const shifted = await forward(model, observations, [-2, -2, -2]);
        expectClose(shifted.weights, full.weights, 4 * tolerance);
        expectClose(shifted.logProbabilities, full.logProbabilities, 4 * tolerance);
      });

      test("an ablated module has weight 0 and its parameters do not matter; ablating leaves no trace", async () => {
        const model = await create(THREE_MODULES);
        const full = await forward(model, observations, [0, 0, 0]);
        const ablated = await forward(model, observations, [-Infinity, 0, 0]);
        for (let row = 0; row < ROWS; row++) expect(ablated.weights[row * 3]).toBe(0);
        expect(Array.from(ablated.logProbabilities)).not.toEqual(Array.from(full.logProbabilities));
        expectSameOutput(await forward(model, observations, [0, 0, 0]), full);

        const parameters = randomParameters(THREE_MODULES, 1);
        const [start, end] = rangeOf(THREE_MODULES, "module:a");
        for (let i = start; i < end; i++) parameters[i] *= -3;
        const other = await engine.create(THREE_MODULES, parameters);
        expectSameOutput(await forward(other, observations, [-Infinity, 0, 0]), ablated);
      });

      test("ablating twice is ablating once, and two ablations compose", async () => {
        const model = await create(THREE_MODULES);
        const once = await forward(model, observations, [-Infinity, 0, 0]);
        expectSameOutput(await forward(model, observations, [-Infinity + -Infinity, 0, 0]), once);
        const both = await forward(model, observations, [-Infinity, -Infinity, 0]);
        for (let row = 0; row < ROWS; row++)
          expectSame(both.weights.slice(row * 3, row * 3 + 3), Float64Array.of(0, 0, 1));
      });

      test.each(["learned", "fixed"] as const)("at a %s gate, ablating one of two is the other alone", async (gate) => {
        const spec = { ...TWO_MODULES, gate };
        const parameters = randomParameters(spec, 1);
        const two = await forward(await engine.create(spec, parameters), observations, [-Infinity, 0]);
        const alone = { ...ONE_MODULE, modules: ["b"] };
        const kept = Float64Array.from(
          ["module:b", "output", "critic"].flatMap((group) => Array.from(partOf(parameters, spec, group))),
        );
        const one = await forward(await engine.create(alone, kept), observations, [0]);
        expectClose(two.logProbabilities, one.logProbabilities, tolerance);
        expectClose(two.values, one.values, tolerance);
      });

      test("steering towards 0 goes to ablation, and at exp(-10,000) is ablation", async () => {
        const model = await create(TWO_MODULES);
        const ablated = await forward(model, observations, [-Infinity, 0]);
        const distances = await Promise.all(
          [1, 0.1, 0.01, 0.001].map(async (scale) => {
            const out = await forward(model, observations, [Math.log(scale), 0]);
            return norm(out.logProbabilities.map((x, i) => x - ablated.logProbabilities[i]));
          }),
        );
        for (let i = 1; i < distances.length; i++) expect(distances[i]).toBeLessThan(0.5 * distances[i - 1]);
        expectSameOutput(await forward(model, observations, [-10_000, 0]), ablated);
      });
    });

    describe("routing", () => {
      test.each([
        ["two modules", TWO_MODULES],
        ["three modules", THREE_MODULES],
        ["a fixed gate", FIXED_GATE],
        ...specs.filter(([, spec]) => spec.conv && spec.modules.length > 1),
      ] as const)("with %s: a masked row contributes exactly 0 to the module, row by row", async (_, spec) => {
        const K = spec.modules.length;
        for (let masked = 0; masked < K; masked++) {
          const moduleMask = new Float64Array(ROWS * K).fill(1);
          for (let row = 0; row < ROWS; row++) moduleMask[row * K + masked] = 0;
          const model = await load(spec, randomRows(spec, ROWS, 6, { moduleMask }));
          const reached = new Set<number>();
          for (let row = 0; row < ROWS; row++) {
            const gradient = await model.gradient(Int32Array.of(row), HYPER);
            for (let k = 0; k < K; k++) {
              const part = partOf(gradient, spec, `module:${spec.modules[k]}`);
              if (k === masked) expectZero(part);
              else if (part.some((g) => g !== 0)) reached.add(k);
            }
          }
          expect(reached.size).toBe(K - 1);
        }
      });

      test("a row masked for a module leaves the module's gradient what the other rows make it", async () => {
        const others = range(ROWS).filter((row) => row !== 4);
        const moduleMask = new Float64Array(ROWS * 2).fill(1);
        moduleMask[4 * 2 + 1] = 0;
        const masked = await gradientOf(TWO_MODULES, randomRows(TWO_MODULES, ROWS, 6, { moduleMask }));
        const without = await gradientOf(TWO_MODULES, randomRows(TWO_MODULES, ROWS, 6), {}, others);
        // Means: over 12 rows here, over 11 there.
        const expected = partOf(without, TWO_MODULES, "module:b").map((g) => (g * (ROWS - 1)) / ROWS);
        expectClose(partOf(masked, TWO_MODULES, "module:b"), expected, 10 * tolerance);
      });

      test("losses and outputs are the same under any mask", async () => {
        const rng = new Stream(7, "masks");
        const masks = {
          moduleMask: Float64Array.from({ length: ROWS * 2 }, () => rng.below(2)),
          gateMask: Float64Array.from({ length: ROWS }, () => rng.below(2)),
        };
        const open = await load(TWO_MODULES, randomRows(TWO_MODULES, ROWS, 7));
        const masked = await load(TWO_MODULES, randomRows(TWO_MODULES, ROWS, 7, masks));
        const observations = randomObservations(TWO_MODULES, ROWS, 7);
        expectSameOutput(await forward(masked, observations, [0, 0]), await forward(open, observations, [0, 0]));
        const { gradNorms: openNorms, ...openStats } = await open.update(range(ROWS), HYPER);
        const { gradNorms: maskedNorms, ...maskedStats } = await masked.update(range(ROWS), HYPER);
        expect(maskedStats).toEqual(openStats);
        expect(Array.from(maskedNorms)).not.toEqual(Array.from(openNorms));
      });

      test("masks that sum to one over two passes give gradients that sum to the unmasked one", async () => {
        const rng = new Stream(8, "masks");
        const draw = (length: number) => Float64Array.from({ length }, () => [0, 1, 0.25, 0.75][rng.below(4)]);
        const masks = { moduleMask: draw(ROWS * 3), gateMask: draw(ROWS) };
        const rest = { moduleMask: masks.moduleMask.map((m) => 1 - m), gateMask: masks.gateMask.map((m) => 1 - m) };
        const hyper = { gateCoef: 0 };
        const [first, second, whole] = await Promise.all(
          [masks, rest, {}].map((fields) =>
            gradientOf(THREE_MODULES, randomRows(THREE_MODULES, ROWS, 8, fields), hyper),
          ),
        );
        for (const group of ["module:a", "module:b", "module:c", "gate"]) {
          const sum = partOf(first, THREE_MODULES, group).map((g, i) => g + partOf(second, THREE_MODULES, group)[i]);
          expectClose(sum, partOf(whole, THREE_MODULES, group), 10 * tolerance);
        }
        // The output layer and the critic are never masked.
        for (const group of ["output", "critic"]) {
          expectSame(partOf(first, THREE_MODULES, group), partOf(whole, THREE_MODULES, group));
        }
      });

      test("masks of one route nothing: two modules at a fixed gate learn as one that is twice as wide", async () => {
        const split: NetworkSpec = { ...FIXED_GATE, hidden: [5] };
        const wide: NetworkSpec = { ...ONE_MODULE, hidden: [10] };
        const { features, actions } = split;
        const parameters = randomParameters(split, 1);
        // The wide layer is [a | b] column by column; its output matrix is W over W, halved by the gate's 1/2.
        const join = (a: Float64Array, b: Float64Array) =>
          Array.from({ length: features + 1 }, (_, i) => [
            ...a.subarray(i * 5, i * 5 + 5),
            ...b.subarray(i * 5, i * 5 + 5),
          ]).flat();
        const a = partOf(parameters, split, "module:a");
        const b = partOf(parameters, split, "module:b");
        const output = partOf(parameters, split, "output");
        const halved = Array.from(output.subarray(0, 5 * actions), (w) => w / 2);
        const critic = partOf(parameters, split, "critic");
        const joined = [...join(a, b), ...halved, ...halved, ...output.subarray(5 * actions), ...critic];
        const model = await engine.create(wide, Float64Array.from(joined));
        await model.loadRows(randomRows(wide, ROWS, 9, { gateTarget: new Float64Array(ROWS) }), ROWS);
        const expected = await model.gradient(range(ROWS), HYPER);
        // Drawn with K = 1, then given two modules' masks: the other fields are the same rows.
        const rows = randomRows(wide, ROWS, 9, {
          moduleMask: new Float64Array(ROWS * 2).fill(1),
          gateTarget: new Float64Array(ROWS * 2),
        });
        const actual = await gradientOf(split, rows);
        const joinedGradient = join(partOf(actual, split, "module:a"), partOf(actual, split, "module:b"));
        expectClose(Float64Array.from(joinedGradient), partOf(expected, wide, "module:a"), 10 * tolerance);
        expectClose(partOf(actual, split, "critic"), partOf(expected, wide, "critic"), 10 * tolerance);
      });

      for (const clip of ["policy", "module"] as const) {
        for (const frozen of ["module:a", "module:b", "gate"]) {
          test(`no row routed to ${frozen}: a step leaves it alone to the bit (clip ${clip}, with momentum)`, async () => {
            const hyper: Hyper = { ...HYPER, clip, maxGradNorm: 0.01 };
            // Rows 0-5 teach everyone, rows 6-11 everyone but the frozen group.
            const moduleMask = new Float64Array(ROWS * 2).fill(1);
            const gateMask = new Float64Array(ROWS).fill(1);
            const { gateTarget } = randomRows(TWO_MODULES, ROWS, 10);
            for (let row = 6; row < ROWS; row++) {
              if (frozen === "gate") {
                gateMask[row] = 0;
                gateTarget.fill(0, row * 2, row * 2 + 2);
              } else {
                moduleMask[row * 2 + (frozen === "module:a" ? 0 : 1)] = 0;
              }
            }
            const model = await load(
              TWO_MODULES,
              randomRows(TWO_MODULES, ROWS, 10, { moduleMask, gateMask, gateTarget }),
            );
            for (let step = 0; step < 3; step++) await model.update(range(6), hyper);
            const before = await model.getState();
            const stats = await model.update(range(ROWS).slice(6), hyper);
            const after = await model.getState();

            expect(groupState(before, TWO_MODULES, frozen).firstMoments.some((m) => m !== 0)).toBe(true);
            for (const group of groupsOf(TWO_MODULES)) {
              const [was, is] = [groupState(before, TWO_MODULES, group), groupState(after, TWO_MODULES, group)];
              if (group === frozen) {
                expect(is).toEqual(was);
              } else {
                expect(is.steps).toBe(was.steps + 1);
                expect(Array.from(is.parameters)).not.toEqual(Array.from(was.parameters));
              }
            }
            expect(stats.gradNorms[groupsOf(TWO_MODULES).indexOf(frozen)]).toBe(0);
            expect(stats.gradNorms[groupsOf(TWO_MODULES).indexOf("output")]).toBeGreaterThan(hyper.maxGradNorm);
          });
        }
      }

      test("a gate with targets but gateCoef 0, and no row routed to it, is left alone", async () => {
        const data = randomRows(TWO_MODULES, ROWS, 11, { gateMask: new Float64Array(ROWS) });
        const model = await load(TWO_MODULES, data);
        await model.update(range(ROWS), HYPER);
        const before = groupState(await model.getState(), TWO_MODULES, "gate");
        const stats = await model.update(range(ROWS), { ...HYPER, gateCoef: 0 });
        expect(groupState(await model.getState(), TWO_MODULES, "gate")).toEqual(before);
        expect(before.steps).toBe(1);
        expect(stats.gateLoss).toBeGreaterThan(0);
      });

      test("with all routes empty only the output layer and the critic learn, as if nothing were routed", async () => {
        const closed = {
          moduleMask: new Float64Array(ROWS * 2),
          gateMask: new Float64Array(ROWS),
          gateTarget: new Float64Array(ROWS * 2),
        };
        const model = await load(TWO_MODULES, randomRows(TWO_MODULES, ROWS, 12, closed));
        const gradient = await model.gradient(range(ROWS), HYPER);
        const open = await gradientOf(TWO_MODULES, randomRows(TWO_MODULES, ROWS, 12));
        for (const group of ["output", "critic"]) {
          expectSame(partOf(gradient, TWO_MODULES, group), partOf(open, TWO_MODULES, group));
        }
        const stats = await model.update(range(ROWS), HYPER);
        expect(stats.gateRows).toBe(0);
        expect(stats.gateLoss).toBe(0);
        const { steps, parameters } = await model.getState();
        expect(Array.from(steps)).toEqual([0, 0, 0, 1, 1]);
        expect(parameters.every(Number.isFinite)).toBe(true);
      });

      test("a single row gives finite numbers", async () => {
        const model = await load(TWO_MODULES, randomRows(TWO_MODULES, 1, 13));
        const stats = await model.update(range(1), HYPER);
        const { gradNorms, ...numbers } = stats;
        for (const value of [...Object.values(numbers), ...gradNorms, ...(await model.getState()).parameters]) {
          expect(Number.isFinite(value)).toBe(true);
        }
        expect(stats.rows).toBe(1);
      });

      test("permuting a minibatch together with its masks gives the same gradient", async () => {
        const rng = new Stream(14, "masks");
        const data = randomRows(THREE_MODULES, ROWS, 14, {
          moduleMask: Float64Array.from({ length: ROWS * 3 }, () => rng.below(2)),
          gateMask: Float64Array.from({ length: ROWS }, () => rng.below(2)),
        });
        const model = await load(THREE_MODULES, data);
        const shuffled = range(ROWS);
        shuffle(shuffled, rng);
        expect(Array.from(shuffled)).not.toEqual(Array.from(range(ROWS)));
        expectClose(await model.gradient(shuffled, HYPER), await model.gradient(range(ROWS), HYPER), 10 * tolerance);
      });

      test("a minibatch is the mean of its rows", async () => {
        const model = await load(TWO_MODULES, randomRows(TWO_MODULES, ROWS, 15));
        const picked = Int32Array.of(3, 8, 5);
        const singles = await Promise.all(
          [...picked].map((row) => model.gradient(Int32Array.of(row), { ...HYPER, gateCoef: 0 })),
        );
        const mean = singles[0].map((_, i) => (singles[0][i] + singles[1][i] + singles[2][i]) / 3);
        expectClose(await model.gradient(picked, { ...HYPER, gateCoef: 0 }), mean, 10 * tolerance);
      });
    });

    describe("gate loss", () => {
      test.each([
        ["two modules", TWO_MODULES],
        ["three modules", THREE_MODULES],
      ] as const)("with %s reaches only the gate", async (_, spec) => {
        const data = randomRows(spec, ROWS, 16);
        const without = await gradientOf(spec, data, { gateCoef: 0 });
        const gradient = await gradientOf(spec, data, { gateCoef: 5 });
        for (const group of groupsOf(spec)) {
          const [is, was] = [partOf(gradient, spec, group), partOf(without, spec, group)];
          if (group === "gate") expect(Array.from(is)).not.toEqual(Array.from(was));
          else expectSame(is, was);
        }
      });

      test.each([
        ["two modules", TWO_MODULES],
        ["three modules", THREE_MODULES],
      ] as const)("with %s is all a gate learns from where its mask is 0", async (_, spec) => {
        const gateMask = new Float64Array(ROWS);
        const masked = await gradientOf(spec, randomRows(spec, ROWS, 17, { gateMask }));
        const richer = randomRows(spec, ROWS, 17, { gateMask });
        richer.advantages.forEach((advantage, row) => {
          richer.advantages[row] = 3 * advantage + 1;
        });
        expectSame(partOf(await gradientOf(spec, richer), spec, "gate"), partOf(masked, spec, "gate"));
        // No advantage and no entropy bonus: the policy's share is 0 although the mask is open.
        const open = await gradientOf(spec, randomRows(spec, ROWS, 17), { advantageScale: 0, entropyCoef: 0 });
        expectClose(partOf(masked, spec, "gate"), partOf(open, spec, "gate"), 10 * tolerance);
        expect(norm(partOf(masked, spec, "gate"))).toBeGreaterThan(0);
      });

      test.each([
        ["two modules", TWO_MODULES, 1],
        ["three modules", THREE_MODULES, 3],
      ] as const)("with %s is the mean over rows that have a target of -target . ln w", async (_, spec, logits) => {
        const K = spec.modules.length;
        const data = randomRows(spec, ROWS, 18, { gateMask: new Float64Array(ROWS) });
        const model = await load(spec, data);
        const { weights } = await forward(model, data.observations, zeros(spec));
        // The gradient at the last bias is the mean of (w - target): targets of a row sum to 1.
        const slope = new Float64Array(logits);
        let loss = 0;
        for (let row = 0; row < ROWS; row += 2) {
          for (let k = 0; k < K; k++) {
            if (k < logits) slope[k] += (HYPER.gateCoef * (weights[row * K + k] - data.gateTarget[row * K + k])) / 6;
            loss -= (data.gateTarget[row * K + k] * Math.log(weights[row * K + k])) / 6;
          }
        }
        const gate = partOf(await model.gradient(range(ROWS), HYPER), spec, "gate");
        expectClose(gate.slice(gate.length - logits), slope, 10 * tolerance);
        const stats = await model.update(range(ROWS), HYPER);
        expect(stats.gateRows).toBe(6);
        expectClose(Float64Array.of(stats.gateLoss), Float64Array.of(loss), 10 * tolerance);
      });
    });

    describe("update", () => {
      test.each(specs)("with %s: rows acted on by this model have a ratio of exactly 1", async (_, spec) => {
        const data = randomRows(spec, ROWS, 19);
        const model = await create(spec);
        const out = await forward(model, data.observations, zeros(spec));
        const logProbabilities = data.logProbabilities.map(
          (_, row) => out.logProbabilities[row * spec.actions + data.actions[row]],
        );
        await model.loadRows({ ...data, logProbabilities }, ROWS);
        // With a clip range of 0 any ratio but 1 counts as clipped.
        const first = await model.update(range(ROWS), { ...HYPER, clipRange: 0 });
        expect(first.approxKl).toBe(0);
        expect(first.clipFraction).toBe(0);
        const second = await model.update(range(ROWS), { ...HYPER, clipRange: 0 });
        expect(second.approxKl).toBeGreaterThan(0);
        expect(second.clipFraction).toBeGreaterThan(0);
      });

      test("statistics are those of the definitions", async () => {
        const data = randomRows(TWO_MODULES, ROWS, 20);
        const model = await load(TWO_MODULES, data);
        const out = await forward(model, data.observations, [0, 0]);
        const stats = await model.update(range(ROWS), { ...HYPER, valueClip: 0.1 });
        const mean = (f: (row: number) => number) => [...range(ROWS)].reduce((sum, row) => sum + f(row), 0) / ROWS;
        const ratio = (row: number) =>
          Math.exp(out.logProbabilities[row * 4 + data.actions[row]] - data.logProbabilities[row]);
        const clamp = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);
        const advantage = (row: number) => (data.advantages[row] - 0.1) * 1.3;
        const held = (row: number) => data.values[row] + clamp(out.values[row] - data.values[row], -0.1, 0.1);
        const expected = {
          policyLoss: mean(
            (row) => -Math.min(ratio(row) * advantage(row), clamp(ratio(row), 0.8, 1.2) * advantage(row)),
          ),
          valueLoss: mean(
            (row) => 0.5 * Math.max((out.values[row] - data.returns[row]) ** 2, (held(row) - data.returns[row]) ** 2),
          ),
          entropy: mean((row) =>
            [0, 1, 2, 3].reduce(
              (sum, a) => sum - out.probabilities[row * 4 + a] * out.logProbabilities[row * 4 + a],
              0,
            ),
          ),
          approxKl: mean((row) => ratio(row) - 1 - Math.log(ratio(row))),
          clipFraction: mean((row) => (Math.abs(ratio(row) - 1) > 0.2 ? 1 : 0)),
        };
        for (const [field, value] of Object.entries(expected) as [keyof typeof expected, number][]) {
          expect(Math.abs(stats[field] - value), field).toBeLessThanOrEqual(
            20 * tolerance * Math.max(1, Math.abs(value)),
          );
        }
        expect(stats.rows).toBe(ROWS);
        expect(stats.clipFraction).toBeGreaterThan(0);
        expect(stats.clipFraction).toBeLessThan(1);
      });

      test.each(["policy", "module"] as const)("clip %s bounds the norm and keeps the direction", async (clip) => {
        const hyper: Hyper = { ...HYPER, clip, maxGradNorm: 0.02 };
        const model = await load(TWO_MODULES, randomRows(TWO_MODULES, ROWS, 21));
        const gradient = await model.gradient(range(ROWS), hyper);
        const stats = await model.update(range(ROWS), hyper);
        const { firstMoments } = await model.getState();
        const groups = groupsOf(TWO_MODULES);
        const norms = Float64Array.from(groups, (group) => norm(partOf(gradient, TWO_MODULES, group)));
        expectClose(stats.gradNorms, norms, 10 * tolerance);
        const policyNorm = norm(norms.slice(0, groups.indexOf("critic")));
        groups.forEach((group, g) => {
          const bounded = clip === "policy" && group !== "critic" ? policyNorm : norms[g];
          expect(bounded).toBeGreaterThan(hyper.maxGradNorm);
          // The first step leaves (1 - beta1) times the clipped gradient in the first moments.
          const clipped = partOf(firstMoments, TWO_MODULES, group).map((m) => m / (1 - hyper.beta1));
          const expected = partOf(gradient, TWO_MODULES, group).map((x) => (x * hyper.maxGradNorm) / bounded);
          expectClose(clipped, expected, 10 * tolerance);
        });
      });

      test("a gradient within the bound, or without one, is not clipped", async () => {
        for (const maxGradNorm of [1e6, 0]) {
          const model = await load(TWO_MODULES, randomRows(TWO_MODULES, ROWS, 21));
          const gradient = await model.gradient(range(ROWS), HYPER);
          await model.update(range(ROWS), { ...HYPER, maxGradNorm });
          const { firstMoments } = await model.getState();
          expectClose(
            firstMoments,
            gradient.map((g) => g * (1 - HYPER.beta1)),
            10 * tolerance,
          );
        }
      });

      test("two steps are Adam's", async () => {
        const model = await load(TWO_MODULES, randomRows(TWO_MODULES, ROWS, 22));
        const [g1, start] = [await model.gradient(range(ROWS), HYPER), await model.getState()];
        await model.update(range(ROWS), HYPER);
        const [g2, middle] = [await model.gradient(range(ROWS), HYPER), await model.getState()];
        await model.update(range(ROWS), HYPER);
        const end = await model.getState();
        // eps is 1e-4 of |g| or less where |g| > 1e-4, hence 2e-6: the first step is learningRate * sign(g).
        start.parameters.forEach((before, i) => {
          if (Math.abs(g1[i]) < 1e-4) return;
          expect(Math.abs(middle.parameters[i] - before + 0.01 * Math.sign(g1[i]))).toBeLessThan(2e-6);
          const m = (0.9 * 0.1 * g1[i] + 0.1 * g2[i]) / (1 - 0.9 ** 2);
          const v = (0.99 * 0.01 * g1[i] ** 2 + 0.01 * g2[i] ** 2) / (1 - 0.99 ** 2);
          expect(Math.abs(end.parameters[i] - middle.parameters[i] + (0.01 * m) / Math.sqrt(v))).toBeLessThan(2e-6);
        });
        expect(Array.from(end.steps)).toEqual([2, 2, 2, 2, 2]);
      });

      test("a descent: fifty steps on the same rows lower the critic's and the gate's loss", async () => {
        const model = await load(TWO_MODULES, randomRows(TWO_MODULES, ROWS, 23));
        const first = await model.update(range(ROWS), HYPER);
        for (let step = 0; step < 50; step++) await model.update(range(ROWS), HYPER);
        const last = await model.update(range(ROWS), HYPER);
        expect(last.valueLoss).toBeLessThan(0.5 * first.valueLoss);
        expect(last.gateLoss).toBeLessThan(0.5 * first.gateLoss);
        expect(last.policyLoss).toBeLessThan(first.policyLoss);
      });

      test("asking for a gradient changes nothing", async () => {
        const model = await load(TWO_MODULES, randomRows(TWO_MODULES, ROWS, 24));
        await model.update(range(ROWS), HYPER);
        const before = await model.getState();
        const gradient = await model.gradient(range(ROWS), HYPER);
        expectSameState(await model.getState(), before);
        expectSame(await model.gradient(range(ROWS), HYPER), gradient);
      });
    });

    describe("state", () => {
      test.each(specs)(
        "with %s: parameters come back as they went in, with no moments and no steps",
        async (_, spec) => {
          const parameters = randomParameters(spec, 25);
          const state = await (await engine.create(spec, parameters)).getState();
          expectSame(state.parameters, parameters);
          expectZero(state.firstMoments);
          expectZero(state.secondMoments);
          expect(Array.from(state.steps)).toEqual(groupsOf(spec).map(() => 0));
        },
      );

      test("a round trip is exact, and training goes on as if never interrupted", async () => {
        const hyper: Hyper = { ...HYPER, clip: "module", maxGradNorm: 0.1 };
        const data = randomRows(TWO_MODULES, ROWS, 26);
        const original = await load(TWO_MODULES, data);
        for (let step = 0; step < 3; step++) await original.update(range(8), hyper);
        const saved = await original.getState();
        const resumed = await create(TWO_MODULES, 99);
        await resumed.setState(saved);
        expectSameState(await resumed.getState(), saved);
        await resumed.loadRows(data, ROWS);
        for (let step = 0; step < 3; step++) {
          expect(await resumed.update(range(ROWS), hyper)).toEqual(await original.update(range(ROWS), hyper));
        }
        expectSameState(await resumed.getState(), await original.getState());
      });

      test("a saved state is a copy, and models of one engine are separate", async () => {
        const parameters = randomParameters(TWO_MODULES, 1);
        const model = await engine.create(TWO_MODULES, parameters);
        const bystander = await engine.create(TWO_MODULES, parameters);
        const before = await bystander.getState();
        await model.loadRows(randomRows(TWO_MODULES, ROWS, 27), ROWS);
        const saved = await model.getState();
        await model.update(range(ROWS), HYPER);
        expectSameState(saved, before);
        saved.parameters.fill(7);
        parameters.fill(7);
        expectSameState(await bystander.getState(), before);
        expect((await model.getState()).parameters.includes(7)).toBe(false);
      });

      test("two models with the same rows and parameters take the same steps, to the bit", async () => {
        const [one, other] = [
          await load(THREE_MODULES, randomRows(THREE_MODULES, ROWS, 28)),
          await load(THREE_MODULES, randomRows(THREE_MODULES, ROWS, 28)),
        ];
        for (let step = 0; step < 5; step++) {
          await one.update(range(ROWS), HYPER);
          await other.update(range(ROWS), HYPER);
        }
        expectSameState(await one.getState(), await other.getState());
      });
    });

    describe("refusals", () => {
      const some = [...specs.filter(([, spec]) => spec === TWO_MODULES), ...specs.filter(([, spec]) => spec === TRUNK)];

      /** None is a float32 number, though the last is one of float64. */
      const NOT_FINITE = [Number.NaN, Infinity, -Infinity, 1e39];
      const saying = (where: string, value: number) =>
        `${where} is ${value}, expected a finite float32 number`.replace("+", "\\+");

      /** A model with momentum and loaded rows, and a check that it is still as it was. */
      async function untouched(spec: NetworkSpec): Promise<readonly [Model, () => Promise<void>]> {
        const data = randomRows(spec, ROWS, 29);
        const model = await load(spec, data);
        await model.update(range(ROWS), HYPER);
        const state = await model.getState();
        const gradient = await model.gradient(range(ROWS), HYPER);
        const out = await forward(model, data.observations, zeros(spec));
        return [
          model,
          async () => {
            expectSameState(await model.getState(), state);
            expectSame(await model.gradient(range(ROWS), HYPER), gradient);
            expectSameOutput(await forward(model, data.observations, zeros(spec)), out);
          },
        ];
      }

      test.each(NOT_FINITE)("parameters and moments that are %d, at create and setState", async (bad) => {
        for (const [, spec] of some) {
          const [model, isUntouched] = await untouched(spec);
          const before = await model.getState();
          const { length } = before.parameters;
          for (const index of [0, length >> 1, length - 1]) {
            for (const field of ["parameters", "firstMoments", "secondMoments"] as const) {
              const values = before[field].slice();
              values[index] = bad;
              const message = new RegExp(`^setState: ${saying(`${field}\\[${index}\\]`, bad)}$`);
              await expect(model.setState({ ...before, [field]: values })).rejects.toThrow(message);
              if (field !== "parameters") continue;
              const atCreate = new RegExp(`^create: ${saying(`parameters\\[${index}\\]`, bad)}$`);
              await expect(engine.create(spec, values)).rejects.toThrow(atCreate);
            }
          }
          await isUntouched();
        }
      });

      test("a negative second moment or step counter", async () => {
        const [model, isUntouched] = await untouched(TWO_MODULES);
        const before = await model.getState();
        const secondMoments = before.secondMoments.with(4, -1e-9);
        await expect(model.setState({ ...before, secondMoments })).rejects.toThrow("secondMoments[4] is -1e-9");
        await expect(model.setState({ ...before, steps: before.steps.with(1, -1) })).rejects.toThrow("steps[1] is -1");
        await isUntouched();
      });

      const ARRAYS = [
        ...(["logProbabilities", "values", "advantages", "returns", "gateMask"] as const).map(
          (field) => [field, 1] as const,
        ),
        ...(["moduleMask", "gateTarget"] as const).map((field) => [field, 3] as const),
      ] as const;
      test.each(ARRAYS)(
        "%s to learn from that are not finite name index and row; past the filled rows they do no harm",
        async (field, width) => {
          const [model, isUntouched] = await untouched(THREE_MODULES);
          for (const bad of NOT_FINITE) {
            const data = randomRows(THREE_MODULES, ROWS, 29);
            const index = 2 * width + width - 1;
            data[field][index] = bad;
            const row = width === 1 ? "" : " \\(row 2\\)";
            const message = new RegExp(`^loadRows: ${saying(`${field}\\[${index}\\]`, bad)}${row}$`);
            await expect(model.loadRows(data, ROWS)).rejects.toThrow(message);
            await isUntouched();
            await (await create(THREE_MODULES)).loadRows(data, 2);
          }
        },
      );

      test.each([
        ["moduleMask", 7, 1.01, "moduleMask[7] is 1.01, expected in [0, 1] (row 3)"],
        ["moduleMask", 7, -0.01, "moduleMask[7] is -0.01, expected in [0, 1] (row 3)"],
        ["gateMask", 3, 2, "gateMask[3] is 2, expected in [0, 1]"],
        ["gateTarget", 2, -1, "gateTarget[2] is -1, expected in [0, Infinity] (row 1)"],
        ["actions", 5, 4, "actions[5] is 4, expected in [0, 3]"],
      ] as const)("%s out of range", async (field, index, bad, message) => {
        const [model, isUntouched] = await untouched(TWO_MODULES);
        const data = randomRows(TWO_MODULES, ROWS, 29);
        data[field][index] = bad;
        await expect(model.loadRows(data, ROWS)).rejects.toThrow(`loadRows: ${message}`);
        await isUntouched();
      });

      test.each([
        ...["learningRate", "beta1", "beta2", "adamEps", "clipRange", "valueClip", "entropyCoef", "valueCoef"],
        ...["gateCoef", "advantageMean", "advantageScale", "maxGradNorm"],
      ])("hyper.%s that is not finite", async (field) => {
        const [model, isUntouched] = await untouched(TWO_MODULES);
        for (const bad of NOT_FINITE) {
          const hyper = { ...HYPER, [field]: bad };
          const message = saying(`hyper\\.${field}`, bad);
          await expect(model.update(range(ROWS), hyper)).rejects.toThrow(new RegExp(`^update: ${message}$`));
          await expect(model.gradient(range(ROWS), hyper)).rejects.toThrow(new RegExp(`^gradient: ${message}$`));
        }
        await isUntouched();
      });

      test.each([
        ["learningRate", -1e-9],
        ["clipRange", -1],
        ["valueClip", -1],
        ["maxGradNorm", -1],
        ["beta1", 1],
        ["beta2", -0.1],
        ["adamEps", 0],
        // Zero in float32.
        ["adamEps", 1e-46],
        ["clip", "none"],
      ])("hyper.%s of %s", async (field, bad) => {
        const [model, isUntouched] = await untouched(TWO_MODULES);
        await expect(model.update(range(ROWS), { ...HYPER, [field]: bad })).rejects.toThrow(
          `update: hyper.${field} is ${bad}, expected`,
        );
        await isUntouched();
      });

      test.each([
        ["learned", THREE_MODULES],
        ["fixed", FIXED_GATE],
        ["none", ONE_MODULE],
      ])("a scale that is NaN or +Infinity, or leaves no module, with a gate that is %s", async (_, spec) => {
        const [model, isUntouched] = await untouched(spec);
        const observations = randomObservations(spec, ROWS, 5);
        const last = spec.modules.length - 1;
        for (const bad of [Number.NaN, Infinity]) {
          await expect(forward(model, observations, zeros(spec).with(last, bad))).rejects.toThrow(
            `forward: lnScale[${last}] is ${bad}, expected a finite number or -Infinity`,
          );
        }
        const nobody = spec.modules.map(() => -Infinity);
        await expect(forward(model, observations, nobody)).rejects.toThrow(
          "forward: lnScale is -Infinity for all modules, expected at least one module left",
        );
        await expect(forward(model, observations, [...nobody, 0])).rejects.toThrow("forward: lnScale.length");
        await isUntouched();
      });

      test("observations that would be read outside of the network or their arrays", async () => {
        const [model, isUntouched] = await untouched(TWO_MODULES);
        const fresh = () => randomObservations(TWO_MODULES, 6, 3);
        const far = fresh();
        far.counts[4] = 3;
        far.indices[21] = 13;
        const long = fresh();
        long.counts[2] = 6;
        const cases: readonly (readonly [Observations, first: number, rows: number, message: string])[] = [
          [fresh(), 3, 4, "rows 3 .. 7 are not within observations.counts and indices"],
          [{ ...fresh(), indices: fresh().indices.subarray(1) }, 0, 6, "rows 0 .. 6 are not within"],
          [far, 0, 6, "observations.indices[21] is 13, expected below features = 13 (row 4)"],
          [long, 0, 4, "observations.counts[2] is 6, expected in [0, 5]"],
          [{ ...fresh(), stride: Number.NaN }, 0, 4, "observations.stride is NaN"],
          [fresh(), -1, 4, "first is -1, expected a whole number"],
          [fresh(), Number.NaN, 4, "first is NaN, expected a whole number"],
          [fresh(), 0, Number.NaN, "rows is NaN, expected a whole number"],
          [fresh(), 0, 1.5, "rows is 1.5, expected a whole number"],
        ];
        const out = createOutput(TWO_MODULES, 6);
        for (const [observations, first, rows, message] of cases) {
          const pass = model.forward(observations, first, rows, new Float64Array(2), out);
          await expect(pass, message).rejects.toThrow(`forward: ${message}`);
          if (first !== 0) continue;
          const data = { ...randomRows(TWO_MODULES, ROWS, 3), observations };
          await expect(model.loadRows(data, rows), message).rejects.toThrow(`loadRows: ${message}`);
        }
        // What is wrong past the rows that are asked for is not read.
        await model.forward(far, 0, 4, new Float64Array(2), out);
        await isUntouched();
      });

      test.each(["logProbabilities", "probabilities", "values", "weights"] as const)(
        "no room for %s",
        async (field) => {
          const [model, isUntouched] = await untouched(TWO_MODULES);
          const out = createOutput(TWO_MODULES, ROWS);
          const short = { ...out, [field]: out[field].subarray(1) };
          const { length } = out[field];
          const pass = model.forward(randomObservations(TWO_MODULES, ROWS, 3), 0, ROWS, new Float64Array(2), short);
          await expect(pass).rejects.toThrow(`forward: out.${field}.length is ${length - 1}, expected >= ${length}`);
          await isUntouched();
        },
      );

      test("an empty minibatch, rows that were not loaded, and none loaded at all", async () => {
        const [model, isUntouched] = await untouched(TWO_MODULES);
        for (const step of ["update", "gradient"] as const) {
          const refused = async (indices: Int32Array, message: string, of = model) =>
            expect(of[step](indices, HYPER)).rejects.toThrow(`${step}: ${message}`);
          await refused(new Int32Array(0), "indices is empty, expected at least one row");
          await refused(Int32Array.of(0, ROWS), `indices[1] is ${ROWS}, expected in [0, ${ROWS - 1}]`);
          await refused(Int32Array.of(-1), "indices[0] is -1");
          await refused(Int32Array.of(0), "no rows are loaded, expected loadRows first", await create(TWO_MODULES));
        }
        await isUntouched();
      });

      test.each(some)("a gradient that overflowed, leaving the model as it was, with %s", async (_, spec) => {
        const [model, isUntouched] = await untouched(spec);
        const fields = {
          logProbabilities: new Float64Array(ROWS).fill(-800),
          advantages: new Float64Array(ROWS).fill(-1),
        };
        await model.loadRows(randomRows(spec, ROWS, 50, fields), ROWS);
        await expect(model.update(range(ROWS), HYPER)).rejects.toThrow(
          /^update: the gradient norm of module:a is (NaN|Infinity), expected/,
        );
        await model.loadRows(randomRows(spec, ROWS, 29), ROWS);
        await isUntouched();
      });

      test("parameters or a state of another network", async () => {
        await expect(engine.create(TWO_MODULES, new Float64Array(3))).rejects.toThrow(RangeError);
        const other = await (await create(THREE_MODULES)).getState();
        await expect((await create(TWO_MODULES)).setState(other)).rejects.toThrow(RangeError);
      });
    });
  });
}

/**
 * Whether an engine computes what the reference engine computes: outputs, statistics, gradients and a few steps, with
 * masks drawn from [0, 1]. `tolerance` is relative to the largest magnitude of an array, or of a group of it.
 *
 * The contract above holds engines against each other's promises, not against the loss; the reference engine's
 * gradients are held against finite differences, and this holds the others against the reference.
 */
export function describeAgreement(
  name: string,
  makeEngine: () => Engine | Promise<Engine>,
  tolerance: number,
  specs: readonly (readonly [string, NetworkSpec])[] = SPECS,
): void {
  describe(`${name}: agreement with the reference engine`, () => {
    const ROWS = 50;
    const reference = createReferenceEngine();
    let engine: Engine;

    beforeAll(async () => {
      engine = await makeEngine();
    });
    afterAll(async () => {
      await engine.dispose();
    });

    async function pair(spec: NetworkSpec): Promise<readonly [Model, Model]> {
      const K = spec.modules.length;
      const rng = new Stream(60, "masks");
      const draw = (length: number) => Float64Array.from({ length }, () => [0, 1, 0.25][rng.below(3)]);
      const data = randomRows(spec, ROWS, 60, { moduleMask: draw(ROWS * K), gateMask: draw(ROWS) });
      const parameters = randomParameters(spec, 60);
      const models = [await engine.create(spec, parameters), await reference.create(spec, parameters)] as const;
      for (const model of models) await model.loadRows(data, ROWS);
      return models;
    }

    function expectCloseByGroup(spec: NetworkSpec, actual: Float64Array, expected: Float64Array, factor: number): void {
      for (const group of groupsOf(spec)) {
        expectClose(partOf(actual, spec, group), partOf(expected, spec, group), factor * tolerance);
      }
    }

    test.each(specs)("outputs with %s", async (_, spec) => {
      const observations = randomObservations(spec, ROWS, 61);
      const lnScale = Float64Array.from(spec.modules, (_, k) => -0.7 * k);
      const [actual, expected] = await Promise.all(
        (await pair(spec)).map(async (model) => {
          const out = createOutput(spec, ROWS);
          await model.forward(observations, 0, ROWS, lnScale, out);
          return out;
        }),
      );
      for (const field of ["logProbabilities", "probabilities", "values", "weights"] as const) {
        expectClose(actual[field], expected[field], tolerance);
      }
    });

    for (const [title, changes] of [
      ["all losses", {}],
      ["the policy's loss alone", { entropyCoef: 0, gateCoef: 0, valueCoef: 0 }],
      ["the entropy alone", { entropyCoef: 1, gateCoef: 0, valueCoef: 0, advantageScale: 0 }],
      ["a clipped value", { valueClip: 0.3 }],
    ] as const) {
      test.each(specs)(`gradients of ${title} with %s`, async (_, spec) => {
        const hyper = { ...HYPER, ...changes };
        const [actual, expected] = await Promise.all(
          (await pair(spec)).map((model) => model.gradient(range(ROWS), hyper)),
        );
        expectCloseByGroup(spec, actual, expected, 10);
      });
    }

    test.each(specs)("statistics and steps with %s", async (_, spec) => {
      // A large adamEps: with a small one the step is the gradient's sign, which rounding decides where it is near 0.
      for (const clip of ["policy", "module"] as const) {
        const hyper: Hyper = { ...HYPER, clip, maxGradNorm: 0.05, adamEps: 1e-2 };
        const [actual, expected] = await pair(spec);
        for (let step = 0; step < 4; step++) {
          const indices = range(ROWS).filter((row) => row % 4 !== step);
          const stats = await actual.update(indices, hyper);
          const expectedStats = await expected.update(indices, hyper);
          expect([stats.rows, stats.gateRows]).toEqual([expectedStats.rows, expectedStats.gateRows]);
          for (const field of ["policyLoss", "valueLoss", "entropy", "gateLoss", "approxKl", "clipFraction"] as const) {
            // Losses are of order 1, and sums of terms of either sign.
            expect(Math.abs(stats[field] - expectedStats[field]), field).toBeLessThanOrEqual(10 * tolerance);
          }
          expectClose(stats.gradNorms, expectedStats.gradNorms, 10 * tolerance);
        }
        const [state, expectedState] = [await actual.getState(), await expected.getState()];
        for (const field of ["parameters", "firstMoments", "secondMoments"] as const) {
          expectCloseByGroup(spec, state[field], expectedState[field], 100);
        }
        expect(Array.from(state.steps)).toEqual(Array.from(expectedState.steps));
      }
    });
  });
}
