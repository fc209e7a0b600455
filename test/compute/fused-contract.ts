import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type {
  Engine,
  ForwardOutput,
  Hyper,
  Model,
  NetworkSpec,
  TrainingRows,
  TrainState,
  UpdateStats,
} from "../../src/compute/engine.ts";
import { createReferenceEngine } from "../../src/compute/reference/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { Stream, shuffle } from "../../src/core/random.ts";
import {
  createOutput,
  describeAgreement,
  describeEngine,
  HYPER,
  randomParameters,
  randomRows,
  range,
  SPECS,
  TRUNKS,
  TWO_MODULES,
} from "./engine-contract.ts";

// Float32 rounds each operation to 6e-8 of its result; sums of some tens of terms of either sign lose one digit and a half.
const FLOAT32 = 1e-5;

const ALL_SPECS = [...SPECS, ...TRUNKS];

/** Widths below, at and above the panel of eight and the four panels that the sparse kernels take at once. */
const WIDE: NetworkSpec = {
  features: 40,
  actions: 5,
  modules: ["a", "b"],
  hidden: [64, 13, 32],
  gate: "learned",
  gateHidden: [33],
  critic: [48, 5],
};
/** A centred map of 9 x 9 with four planes, channels that fill panels and channels that do not. */
const WIDE_TRUNK: NetworkSpec = {
  ...WIDE,
  features: 4 * 17 * 17,
  plane: [17, 17],
  conv: [
    { channels: 8, kernel: 5, stride: 2 },
    { channels: 20, kernel: 3, stride: 2 },
  ],
};
const AGREEING: readonly (readonly [string, NetworkSpec])[] = [
  ...ALL_SPECS,
  ["wide trunks", WIDE_TRUNK],
  ["wide and odd layers", WIDE],
  ["three wide modules", { ...WIDE, modules: ["a", "b", "c"], hidden: [64, 64] }],
  ["three modules and a fixed gate", { ...WIDE, modules: ["a", "b", "c"], gate: "fixed", gateHidden: [] }],
  ["wide convolutions", { ...WIDE, cells: 10, gateConv: 4, criticConv: 16 }],
  ["wide convolutions, a linear critic", { ...WIDE, cells: 10, gateConv: 4, criticConv: 16, criticActivation: "none" }],
  ["one wide module", { ...WIDE, modules: ["a"], gate: "none", gateHidden: [], actions: 2 }],
];

/** Rows some of whose masks are 0, 1 or between. */
function maskedRows(spec: NetworkSpec, rows: number, seed: number): TrainingRows {
  const rng = new Stream(seed, "masks");
  const mask = (length: number) => Float64Array.from({ length }, () => [0, 0.25, 1][rng.below(3)]);
  return randomRows(spec, rows, seed, { moduleMask: mask(rows * spec.modules.length), gateMask: mask(rows) });
}

function largest(values: Float64Array): number {
  return values.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
}

function difference(a: Float64Array, b: Float64Array): number {
  return largest(a.map((x, i) => x - b[i]));
}

async function outputOf(model: Model, data: TrainingRows, first: number, rows: number): Promise<ForwardOutput> {
  const out = createOutput(model.spec, rows);
  await model.forward(data.observations, first, rows, new Float64Array(model.spec.modules.length), out);
  return out;
}

const ROWS = 600;

/** The shuffled rows of each of five updates, in order. */
function minibatches(): Int32Array[] {
  const order = range(ROWS);
  return [600, 301, 64, 7, 1].map((size, step) => {
    shuffle(order, new Stream(9, step));
    return order.slice(0, size);
  });
}

interface FiveUpdates {
  readonly steps: readonly { readonly gradient: Float64Array; readonly stats: UpdateStats }[];
  readonly state: TrainState;
}

async function fiveUpdates(engine: Engine, spec: NetworkSpec, hyper: Hyper): Promise<FiveUpdates> {
  const model = await engine.create(spec, randomParameters(spec, 8));
  await model.loadRows(maskedRows(spec, ROWS, 7), ROWS);
  const steps: FiveUpdates["steps"][number][] = [];
  for (const minibatch of minibatches()) {
    const gradient = (await model.gradient(minibatch, hyper)).slice();
    steps.push({ gradient, stats: structuredClone(await model.update(minibatch, hyper)) });
  }
  const state = await model.getState();
  model.dispose();
  return { steps, state };
}

/** What the reference does, computed once for all engines of a test file. */
const OF_REFERENCE = new Map<string, Promise<FiveUpdates>>();

/**
 * What engines on compiled kernels promise beyond the contract of all engines: the same bits on any number of threads and for a row
 * among any others, closeness to the reference over several updates, memory that does not grow, refusals that leave no trace.
 */
export function describeFused(name: string, create: (threads: number) => Promise<Engine>): void {
  describeEngine(name, () => create(1), FLOAT32, ALL_SPECS);
  describeEngine(`${name} on two threads`, () => create(2), FLOAT32, ALL_SPECS);
  describeAgreement(name, () => create(1), FLOAT32, ALL_SPECS);

  describe(`${name} agrees with the reference over five updates`, () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await create(2);
    });
    afterAll(() => engine.dispose());

    const HYPERS: readonly (readonly [string, Partial<Hyper>])[] = [
      ["one norm, no value clip", { maxGradNorm: 0.5, clip: "policy" }],
      ["a norm for each group, value clip", { maxGradNorm: 0.1, clip: "module", valueClip: 0.3 }],
    ];
    const cases = AGREEING.flatMap(([name, spec]) =>
      HYPERS.map(([which, hyper]) => [name, which, spec, { ...HYPER, adamEps: 1e-4, ...hyper }] as const),
    );
    test.each(cases)("%s; %s", async (network, which, spec, hyper) => {
      const key = `${network}; ${which}`;
      const reference = OF_REFERENCE.get(key) ?? fiveUpdates(createReferenceEngine(), spec, hyper);
      OF_REFERENCE.set(key, reference);
      const [{ steps, state }, { steps: expectedSteps, state: expected }] = await Promise.all([
        fiveUpdates(engine, spec, hyper),
        reference,
      ]);
      expectedSteps.forEach(({ gradient: expectedGradient, stats: expectedStats }, step) => {
        const { gradient, stats } = steps[step];
        // Both engines have by now taken `step` steps apart: see below.
        expect(difference(gradient, expectedGradient)).toBeLessThan(2e-4 * largest(expectedGradient));
        for (const name of ["policyLoss", "valueLoss", "entropy", "gateLoss", "approxKl"] as const) {
          expect(stats[name], name).toBeCloseTo(expectedStats[name], 4);
        }
        expect([stats.rows, stats.gateRows]).toEqual([expectedStats.rows, expectedStats.gateRows]);
        expect(difference(stats.gradNorms, expectedStats.gradNorms)).toBeLessThan(
          2e-4 * Math.max(1, largest(expectedStats.gradNorms)),
        );
      });
      expect(Array.from(state.steps)).toEqual(Array.from(expected.steps));
      // A step is learningRate * m / (sqrt(v) + adamEps): where a gradient is no larger than its rounding error, 1e-7, the step
      // is off by up to learningRate * 1e-7 / adamEps = 1e-5; five steps, each from where the last one led.
      expect(difference(state.parameters, expected.parameters)).toBeLessThan(5 * 1e-5);
      expect(difference(state.firstMoments, expected.firstMoments)).toBeLessThan(1e-4 * largest(expected.firstMoments));
      expect(difference(state.secondMoments, expected.secondMoments)).toBeLessThan(
        2e-4 * largest(expected.secondMoments),
      );
    });
  });

  describe(`${name} repeats to the bit`, () => {
    test.each([
      ["two modules", WIDE],
      ["three modules", { ...WIDE, modules: ["a", "b", "c"] }],
      ["convolutions", { ...WIDE, cells: 10, gateConv: 4, criticConv: 16 }],
      ["trunks", WIDE_TRUNK],
      ["one module", { ...WIDE, modules: ["a"], gate: "none" as const, gateHidden: [] }],
    ])("on 1, 2, 3 and 4 threads, with %s", async (_, spec) => {
      const rows = 1500;
      const data = maskedRows(spec, rows, 11);
      const results = [];
      for (const threads of [1, 2, 3, 4]) {
        const engine = await create(threads);
        const model = await engine.create(spec, randomParameters(spec, 12));
        await model.loadRows(data, rows);
        const order = range(rows);
        const stats = [];
        for (let step = 0; step < 12; step++) {
          shuffle(order, new Stream(13, step));
          stats.push(await model.update(order.slice(0, [1500, 1024, 130, 129][step % 4]), HYPER));
        }
        results.push({ stats, state: await model.getState(), out: await outputOf(model, data, 0, rows) });
        await engine.dispose();
      }
      expect(results[1]).toEqual(results[0]);
      expect(results[2]).toEqual(results[0]);
      expect(results[3]).toEqual(results[0]);
    });

    test.each([
      ["", WIDE],
      [", behind trunks", WIDE_TRUNK],
    ])("for a row in any batch, at any place in it%s", async (_, spec) => {
      const engine = await create(3);
      const model = await engine.create(spec, randomParameters(spec, 14));
      const data = randomRows(spec, 5000, 15);
      const whole = await outputOf(model, data, 0, 5000);
      for (const [first, rows] of [
        [0, 1],
        [4999, 1],
        [63, 2],
        [1, 64],
        [9, 33],
        [500, 47],
        [77, 700],
        [400, 4500],
      ]) {
        const part = await outputOf(model, data, first, rows);
        for (const name of ["logProbabilities", "probabilities", "values", "weights"] as const) {
          const width = whole[name].length / 5000;
          expect(part[name]).toEqual(whole[name].slice(first * width, (first + rows) * width));
        }
      }
      await engine.dispose();
    });

    test("log probabilities and values are float32 numbers, so that storing them loses nothing", async () => {
      const engine = await create(1);
      const model = await engine.create(WIDE, randomParameters(WIDE, 14));
      const out = await outputOf(model, randomRows(WIDE, 100, 15), 0, 100);
      expect(out.logProbabilities).toEqual(out.logProbabilities.map(Math.fround));
      expect(out.values).toEqual(out.values.map(Math.fround));
      await engine.dispose();
    });
  });

  describe(`memory of ${name}`, () => {
    test("a thousand updates and forward passes take no more of it than the first", async () => {
      const engine = await create(2);
      const model = await engine.create(TWO_MODULES, randomParameters(TWO_MODULES, 1));
      const data = randomRows(TWO_MODULES, 300, 2);
      await model.loadRows(data, 300);
      await model.update(range(300), HYPER);
      await outputOf(model, data, 0, 300);
      const grow = vi.spyOn(WebAssembly.Memory.prototype, "grow");
      for (let step = 0; step < 1000; step++) {
        if (step % 10 === 0) await model.loadRows(data, 300);
        await model.update(range(300 - (step % 7)), HYPER);
        await outputOf(model, data, 0, 64);
      }
      expect(grow).not.toHaveBeenCalled();
      grow.mockRestore();
      await engine.dispose();
    });

    test("a model that is only asked takes a tenth of what one takes that learns", async () => {
      const engine = await create(1);
      const grow = vi.spyOn(WebAssembly.Memory.prototype, "grow");
      const pages = () => grow.mock.calls.reduce((sum, [more]) => sum + more, 0);
      // 4 networks of 10,000 x 64 weights: 10.2 MB, 156 pages; all else is small beside them.
      const spec = { ...TWO_MODULES, features: 10_000, hidden: [64], gateHidden: [64], critic: [64] };
      const model = await engine.create(spec, randomParameters(spec, 1));
      const data = randomRows(spec, 4, 2);
      await outputOf(model, data, 0, 4);
      const asked = pages();
      expect(asked).toBeGreaterThan(156 - 16);
      expect(asked).toBeLessThan(2 * 156);
      await model.loadRows(data, 4);
      await model.update(range(4), HYPER);
      expect(pages()).toBeGreaterThan(10 * 156);
      grow.mockRestore();
      await engine.dispose();
    });

    test("rows that need more room give back what they had", async () => {
      const engine = await create(1);
      const model = await engine.create(TWO_MODULES, randomParameters(TWO_MODULES, 1));
      const data = randomRows(TWO_MODULES, 400, 2);
      const grow = vi.spyOn(WebAssembly.Memory.prototype, "grow");
      for (let rows = 1; rows <= 400; rows++) await model.loadRows(data, rows);
      // All of them side by side would be 4 MB, 64 pages.
      expect(grow.mock.calls.reduce((pages, [more]) => pages + more, 0)).toBeLessThan(8);
      grow.mockRestore();
      await engine.dispose();
    });

    test("disposed models give theirs back", async () => {
      const engine = await create(1);
      const data = randomRows(WIDE, 300, 2);
      const once = async () => {
        const model = await engine.create(WIDE, randomParameters(WIDE, 1));
        await model.loadRows(data, 300);
        await model.update(range(300), HYPER);
        await outputOf(model, data, 0, 300);
        model.dispose();
        model.dispose();
        await expect(model.getState()).rejects.toThrow("getState: the model is disposed");
      };
      await once();
      const grow = vi.spyOn(WebAssembly.Memory.prototype, "grow");
      for (let i = 0; i < 50; i++) await once();
      expect(grow).not.toHaveBeenCalled();
      grow.mockRestore();
      await engine.dispose();
    });
  });
}

/** Whether an engine is at the same parameters, moments, statistics and outputs as the engine `wasm`, to the bit. */
export function describeSameBits(name: string, create: (threads: number) => Promise<Engine>): void {
  describe(`${name} gives the bits of WebAssembly`, () => {
    let engines: Engine[];
    beforeAll(async () => {
      engines = [await create(2), await createWasmEngine({ threads: 1 })];
    });
    afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));

    test.each(AGREEING)("%s", async (_, spec) => {
      const rows = 700;
      const data = maskedRows(spec, rows, 17);
      const views = [0, -Infinity, 0.5].map((first) =>
        Float64Array.from(spec.modules, (_, k) => (k === 0 ? first : 0)),
      );
      const [actual, expected] = await Promise.all(
        engines.map(async (engine) => {
          const model = await engine.create(spec, randomParameters(spec, 18));
          await model.loadRows(data, rows);
          const order = range(rows);
          const steps = [];
          for (const [step, batch] of [700, 512, 301, 64, 7, 1].entries()) {
            shuffle(order, new Stream(19, step));
            const hyper = {
              ...HYPER,
              ...(step % 2 === 0 && { clip: "module" as const, valueClip: 0.2, maxGradNorm: 0.1 }),
            };
            const minibatch = order.slice(0, batch);
            steps.push([await model.gradient(minibatch, hyper), await model.update(minibatch, hyper)]);
          }
          const outputs = [];
          // All views are those of one module where it is alone.
          for (const lnScale of spec.modules.length === 1 ? views.slice(0, 1) : views) {
            const out = createOutput(spec, rows);
            await model.forward(data.observations, 3, rows - 3, lnScale, out);
            outputs.push(out);
          }
          return { steps, outputs, state: await model.getState() };
        }),
      );
      expect(actual).toEqual(expected);
      expect(actual.state.parameters).not.toEqual(randomParameters(spec, 18));
    });
  });
}

/** Own exp and log against the host's. */
export function describeExpAndLog(load: () => Promise<{ exp(x: number): number; log(x: number): number }>): void {
  describe("exp and log", () => {
    let kernels: Awaited<ReturnType<typeof load>>;
    beforeAll(async () => {
      kernels = await load();
    });

    test("exp is within 5e-16 of Math.exp from -707.9 to 709, and exactly 1 at 0", () => {
      let worst = 0;
      for (let x = -707.9; x < 709; x += 0.00371) worst = Math.max(worst, Math.abs(kernels.exp(x) / Math.exp(x) - 1));
      for (let x = -1; x < 1; x += 1e-5) worst = Math.max(worst, Math.abs(kernels.exp(x) / Math.exp(x) - 1));
      // Two units in the last place: 2 * 2^-52 = 4.4e-16 of a number just above a power of two.
      expect(worst).toBeLessThan(5e-16);
      expect(kernels.exp(0)).toBe(1);
      expect(kernels.exp(-0)).toBe(1);
    });

    test("exp at the ends", () => {
      expect(kernels.exp(-Infinity)).toBe(0);
      expect(kernels.exp(-709)).toBe(0);
      expect(kernels.exp(-1e300)).toBe(0);
      expect(kernels.exp(709.78)).toBeCloseTo(Math.exp(709.78), -295);
      expect(kernels.exp(709.79)).toBe(Infinity);
      expect(kernels.exp(1e300)).toBe(Infinity);
      expect(kernels.exp(Infinity)).toBe(Infinity);
      expect(kernels.exp(Number.NaN)).toBeNaN();
    });

    test("log is within 4e-16 of Math.log over all exponents and near 1, and exactly 0 at 1", () => {
      let worst = 0;
      for (let e = -1022; e < 1024; e++) {
        for (const m of [1, 1.1, 1.3, 1.4, 1.42, 1.7, 1.9999999]) {
          const x = m * 2 ** e;
          if (x === 1) continue;
          worst = Math.max(worst, Math.abs(kernels.log(x) / Math.log(x) - 1));
        }
      }
      for (let x = 0.5; x < 8; x += 1e-5) {
        worst = Math.max(worst, Math.abs(kernels.log(x) - Math.log(x)) / Math.max(Math.abs(Math.log(x)), 1e-3));
      }
      expect(worst).toBeLessThan(4e-16);
      expect(kernels.log(1)).toBe(0);
      expect(kernels.log(0)).toBe(-Infinity);
      expect(kernels.log(-1)).toBeNaN();
      expect(kernels.log(Number.NaN)).toBeNaN();
      expect(kernels.log(Infinity)).toBe(Infinity);
    });
  });
}
