import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  annealed,
  boundary,
  hyperAt,
  learn,
  normalisation,
  type PpoOptions,
  scaledLoss,
} from "../../src/agents/ppo.ts";
import type { Hyper, Model, UpdateStats } from "../../src/compute/engine.ts";
import { Stream } from "../../src/core/random.ts";
import { loopOptions } from "../../src/scenario/loop-options.ts";
import { tinyScenario } from "../scenario/tiny.ts";

const OPTIONS: PpoOptions = { ...loopOptions(tinyScenario().train), learningRate: 1e-3, entropyCoef: [0.1, 0] };

/** A model that only writes down what it was asked to learn from. */
function recorder() {
  const steps: { rows: number[]; hyper: Hyper }[] = [];
  const model = {
    update: async (indices: Int32Array, hyper: Hyper): Promise<UpdateStats> => {
      steps.push({ rows: [...indices], hyper });
      return { rows: indices.length } as UpdateStats;
    },
  } as Partial<Model> as Model;
  return { model, steps };
}

async function learnFrom(
  rows: readonly number[],
  change: Partial<PpoOptions> = {},
  advantages = new Float64Array(1000),
) {
  const { model, steps } = recorder();
  const options = { ...OPTIONS, ...change };
  const order = new Stream(1, "shuffle");
  const stats = await learn(model, Int32Array.from(rows), advantages, options, hyperAt(options, 0, 1), order);
  expect(stats.map((s) => s.rows)).toEqual(steps.map((s) => s.rows.length));
  return steps;
}

describe("minibatches", () => {
  test("every row once per epoch, sizes that differ by at most one, never an empty one", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 0, max: 999 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 3 }),
        async (rows, minibatches, epochs) => {
          const steps = await learnFrom(rows, { minibatches, epochs });
          const perEpoch = Math.min(minibatches, rows.length);
          expect(steps.length).toBe(epochs * perEpoch);
          for (let epoch = 0; epoch < epochs; epoch++) {
            const own = steps.slice(epoch * perEpoch, (epoch + 1) * perEpoch).map((step) => step.rows);
            expect(own.flat().sort((a, b) => a - b)).toEqual([...rows].sort((a, b) => a - b));
            const sizes = own.map((minibatch) => minibatch.length);
            if (rows.length > 0) {
              expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
              expect(Math.min(...sizes)).toBeGreaterThan(0);
            }
          }
        },
      ),
      { numRuns: 200, seed: 3 },
    );
  });

  test("10 rows in 4 minibatches begin at 0, 2, 5, 7 and end at 10", () => {
    expect([0, 1, 2, 3, 4].map((m) => boundary(m, 4, 10))).toEqual([0, 2, 5, 7, 10]);
  });

  test("the order is drawn anew in each epoch, from the given stream alone", async () => {
    const rows = Array.from({ length: 40 }, (_, row) => row);
    const [first, second] = await learnFrom(rows, { minibatches: 1, epochs: 2 });
    expect(second.rows).not.toEqual(first.rows);
    expect(first.rows).not.toEqual(rows);
    expect((await learnFrom(rows, { minibatches: 1, epochs: 2 }))[1].rows).toEqual(second.rows);
  });

  test("no rows, no step", async () => {
    expect(await learnFrom([])).toEqual([]);
  });
});

describe("annealing", () => {
  test("the learning rate is whole at the first of 10 updates, half at the sixth, a tenth at the last", () => {
    const rates = Array.from({ length: 10 }, (_, update) => hyperAt(OPTIONS, update, 10).learningRate);
    expect(rates[0]).toBe(1e-3);
    expect(rates[5]).toBeCloseTo(5e-4, 12);
    expect(rates[9]).toBeCloseTo(1e-4, 12);
  });

  test.each([1, 2, 7, 366])("over %i updates it falls on every one and stays above 0", (updates) => {
    let before = Number.POSITIVE_INFINITY;
    for (let update = 0; update < updates; update++) {
      const { learningRate, entropyCoef } = hyperAt(OPTIONS, update, updates);
      expect(learningRate).toBeGreaterThan(0);
      expect(learningRate).toBeLessThan(before);
      expect(entropyCoef).toBeGreaterThanOrEqual(0);
      before = learningRate;
    }
  });

  test("anneal: none keeps the learning rate; the entropy coefficient has its own span", () => {
    const constant = { ...OPTIONS, anneal: "none", entropyCoef: [0.1, 0.3] } as const;
    expect(hyperAt(constant, 9, 10).learningRate).toBe(1e-3);
    // .1 + (.3 - .1) * 5 / 10 = .2
    expect(hyperAt(constant, 5, 10).entropyCoef).toBeCloseTo(0.2, 12);
    expect(hyperAt({ ...OPTIONS, entropyCoef: 0.02 }, 9, 10).entropyCoef).toBe(0.02);
  });

  test("annealed is linear between its ends", () => {
    expect([0, 1, 2, 3].map((u) => annealed(8, 0, u, 4))).toEqual([8, 6, 4, 2]);
  });

  test("everything else of an optimiser step is the scenario's number", () => {
    const { adamEps, clipRange, valueClip, valueCoef, gateCoef, maxGradNorm, clip } = OPTIONS;
    const same = { adamEps, clipRange, valueClip, valueCoef, gateCoef, maxGradNorm, clip };
    expect(hyperAt(OPTIONS, 3, 10)).toMatchObject({ ...same, beta1: 0.9, beta2: 0.999 });
  });
});

describe("normalisation of advantages", () => {
  // rows 1..4 of these: mean 4, deviations -3 -1 1 3, variance (9 + 1 + 1 + 9) / 4 = 5
  const advantages = Float64Array.of(1000, 1, 3, 5, 7, -1000);

  test("takes mean and population deviation of the given rows, and of no other", () => {
    const { advantageMean, advantageScale } = normalisation(advantages, Int32Array.of(4, 1, 3, 2));
    expect(advantageMean).toBe(4);
    expect(advantageScale).toBeCloseTo(1 / (Math.sqrt(5) + 1e-8), 12);
  });

  test("of nothing, of one row and of equal rows it is finite, and leaves equal rows at 0", () => {
    expect(normalisation(advantages, new Int32Array())).toEqual({ advantageMean: 0, advantageScale: 1 });
    for (const rows of [Int32Array.of(2), Int32Array.of(2, 2, 2)]) {
      const { advantageMean, advantageScale } = normalisation(advantages, rows);
      expect(advantageMean).toBe(3);
      expect((3 - advantageMean) * advantageScale).toBe(0);
      expect(Number.isFinite(advantageScale)).toBe(true);
    }
  });

  test("batch: the same numbers on every minibatch, those of all kept rows", async () => {
    const steps = await learnFrom([1, 2, 3, 4], { minibatches: 2, normaliseAdvantages: "batch" }, advantages);
    for (const { hyper } of steps) expect(hyper).toMatchObject(normalisation(advantages, Int32Array.of(1, 2, 3, 4)));
  });

  test("minibatch: each minibatch its own", async () => {
    const steps = await learnFrom([1, 2, 3, 4], { minibatches: 2, normaliseAdvantages: "minibatch" }, advantages);
    for (const { hyper, rows } of steps) expect(hyper).toMatchObject(normalisation(advantages, Int32Array.from(rows)));
    expect(new Set(steps.map(({ hyper }) => hyper.advantageMean)).size).toBeGreaterThan(1);
  });

  test("none: mean 0, scale 1", async () => {
    const steps = await learnFrom([1, 2, 3, 4], { normaliseAdvantages: "none" }, advantages);
    for (const { hyper } of steps) expect(hyper).toMatchObject({ advantageMean: 0, advantageScale: 1 });
  });
});

test("a scaled loss multiplies the policy's, the entropy's and the value's weight, and no other number", () => {
  const hyper = hyperAt({ ...OPTIONS, entropyCoef: 0.1, valueCoef: 0.5, gateCoef: 0.3 }, 0, 1);
  expect(scaledLoss(hyper, 0.5)).toEqual({ ...hyper, advantageScale: 0.5, entropyCoef: 0.05, valueCoef: 0.25 });
});
