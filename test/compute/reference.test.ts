import { describe, expect, test } from "vitest";
import { clipFactors } from "../../src/compute/clipping.ts";
import { type Hyper, type NetworkSpec, type TrainingRows, tensorsOf } from "../../src/compute/engine.ts";
import { adamStep, normOf } from "../../src/compute/reference/adam.ts";
import { createReferenceEngine } from "../../src/compute/reference/engine.ts";
import {
  entropyOf,
  gateSlopes,
  gateTerm,
  logitSlopes,
  policyTerm,
  valueTerm,
} from "../../src/compute/reference/loss.ts";
import { logSoftmax } from "../../src/compute/reference/network.ts";
import { expectGradient, expectGradientAsync } from "../expect-gradient.ts";
import {
  describeEngine,
  HYPER,
  randomParameters,
  randomRows,
  range,
  SPECS,
  THREE_MODULES,
  TRUNKS,
  TWO_MODULES,
} from "./engine-contract.ts";

// Sums of a few dozen float64 terms in another order.
describeEngine("reference", createReferenceEngine, 1e-13, [...SPECS, ...TRUNKS]);

const engine = createReferenceEngine();

/** ln p and p of logits. */
function softmaxOf(logits: Float64Array) {
  const logProbabilities = new Float64Array(logits.length);
  const probabilities = new Float64Array(logits.length);
  logSoftmax(logits, logProbabilities, probabilities);
  return { logProbabilities, probabilities };
}

describe("the gradient checker", () => {
  const f = (x: Float64Array) => Math.log(x.reduce((s, xi) => s + Math.exp(xi), 0));
  const x = Float64Array.of(0.3, -1.2, 2);
  const z = x.reduce((s, xi) => s + Math.exp(xi), 0);
  const softmax = x.map((xi) => Math.exp(xi) / z);
  const wrong = (factor: number) => softmax.map((p, i) => (i === 1 ? factor * p : p));

  test("accepts a right gradient and rejects one that is wrong by 0.1 %", () => {
    expectGradient(f, softmax, x);
    expect(() => expectGradient(f, wrong(1.001), x)).toThrow(/d\/dx\[1\]/);
  });

  test("rejects NaN, a flipped sign and a missing coordinate", () => {
    expect(() => expectGradient(f, wrong(Number.NaN), x)).toThrow(/d\/dx\[1\]/);
    expect(() => expectGradient(f, wrong(-1), x)).toThrow(/d\/dx\[1\]/);
    expect(() => expectGradient(f, softmax.slice(0, 2), x)).toThrow(/2 coordinates, x has 3/);
  });

  test("does the same for a function that answers later", async () => {
    await expectGradientAsync(async (at) => f(at), softmax, x);
    await expect(expectGradientAsync(async (at) => f(at), wrong(1.001), x)).rejects.toThrow(/d\/dx\[1\]/);
  });
});

describe("the policy term", () => {
  /** Loss of logits, with pi_old chosen so that the ratio at `logits` is `ratio`. */
  function at(logits: Float64Array, ratio: number, advantage: number) {
    const logOld = softmaxOf(logits).logProbabilities[1] - Math.log(ratio);
    const loss = (x: Float64Array) => policyTerm(softmaxOf(x).logProbabilities[1], logOld, advantage, 0.2).loss;
    const { logProbabilities, probabilities } = softmaxOf(logits);
    const term = policyTerm(logProbabilities[1], logOld, advantage, 0.2);
    const gradient = new Float64Array(logits.length);
    logitSlopes({ logProbabilities, probabilities, action: 1, entropy: 0 }, term.slope, 0, 1, gradient);
    return { term, loss, gradient };
  }
  const logits = Float64Array.of(0.4, -0.3, 1.1);

  test.each([
    ["inside, A > 0", 1.1, 2, -2.2],
    ["inside, A < 0", 0.9, -2, 1.8],
    // The opposites: the policy went the wrong way, and the way back is never clipped.
    ["above the range, A < 0", 1.5, -2, 3],
    ["below the range, A > 0", 0.5, 2, -1],
  ])("%s: the loss is -ratio A and has its gradient at the logits", (_, ratio, advantage, expected) => {
    const { term, loss, gradient } = at(logits, ratio, advantage);
    expect(term.loss).toBeCloseTo(expected, 12);
    expectGradient(loss, gradient, logits);
    expect(gradient.every((g) => g !== 0)).toBe(true);
  });

  test.each([
    ["clipped high, A > 0", 1.5, 2, -2.4],
    ["clipped low, A < 0", 0.5, -2, 1.6],
  ])("%s: the loss is flat and its gradient exactly 0", (_, ratio, advantage, expected) => {
    const { term, loss, gradient } = at(logits, ratio, advantage);
    expect(term.loss).toBeCloseTo(expected, 12);
    expect(term.slope).toBe(0);
    for (const g of gradient) expect(Math.abs(g)).toBe(0);
    expectGradient(loss, gradient, logits);
  });

  test("k3 is ratio - 1 - ln ratio", () => {
    // 2 - 1 - ln 2 = 0.306853
    expect(policyTerm(-1, -1 - Math.LN2, 1, 0.2).kl).toBeCloseTo(1 - Math.LN2, 12);
    expect(policyTerm(-1, -1, 1, 0.2).kl).toBe(0);
  });
});

describe("the value term", () => {
  test.each([
    // V, V_old, R, clip, loss
    ["unclipped", 0.9, 0, 0.2, 0, 0.5 * 0.7 ** 2],
    ["inside the clip", 0.9, 0.8, 0.2, 0.3, 0.5 * 0.7 ** 2],
    // V moved 0.9 away from R: the plain error, 0.7, exceeds the held one, |0.3 - 0.2| = 0.1.
    ["outside, plain error larger", 0.9, 0, 0.2, 0.3, 0.5 * 0.7 ** 2],
    ["outside below, plain error larger", -0.9, 0, 0.2, 0.3, 0.5 * 1.1 ** 2],
    // V moved towards R: the held error, |0.3 - 1| = 0.7, exceeds the plain one, 0.1.
    ["outside, held error larger", 0.9, 0, 1, 0.3, 0.5 * 0.7 ** 2],
    ["outside below, held error larger", -0.9, 0, -1, 0.3, 0.5 * 0.7 ** 2],
  ])("%s", (_, value, oldValue, target, clip, loss) => {
    const f = (x: Float64Array) => valueTerm(x[0], oldValue, target, clip).loss;
    const { slope } = valueTerm(value, oldValue, target, clip);
    expect(f(Float64Array.of(value))).toBeCloseTo(loss, 12);
    expectGradient(f, Float64Array.of(slope), Float64Array.of(value));
    expect(slope === 0).toBe(_.includes("held"));
  });
});

describe("entropy", () => {
  const gradientOf = (logits: Float64Array) => {
    const { logProbabilities, probabilities } = softmaxOf(logits);
    const gradient = new Float64Array(logits.length);
    const entropy = entropyOf(logProbabilities, probabilities);
    // policySlope 0 and entropyCoef -1 leave +dH/dlogits.
    logitSlopes({ logProbabilities, probabilities, action: 0, entropy }, 0, -1, 1, gradient);
    return { entropy, gradient };
  };

  test("of uniform logits is ln A, with a gradient of 0", () => {
    const { entropy, gradient } = gradientOf(Float64Array.of(3, 3, 3, 3));
    expect(entropy).toBe(Math.log(4));
    for (const g of gradient) expect(Math.abs(g)).toBe(0);
  });

  test("has its gradient at the logits", () => {
    const logits = Float64Array.of(0.4, -0.3, 1.1, -2);
    expectGradient((x) => gradientOf(x).entropy, gradientOf(logits).gradient, logits);
  });

  test("of logits at +-1000 is finite, and so is everything else", () => {
    const { entropy, gradient } = gradientOf(Float64Array.of(1000, -1000, 0));
    expect(entropy).toBe(0);
    expect(gradient.every(Number.isFinite)).toBe(true);
    const { logProbabilities, probabilities } = softmaxOf(Float64Array.of(1000, -1000, 0));
    expect(Array.from(logProbabilities)).toEqual([0, -2000, -1000]);
    expect(Array.from(probabilities)).toEqual([1, 0, 0]);
  });
});

describe("the gate's cross-entropy", () => {
  test("has its gradient at the logits, also for targets that do not sum to one", () => {
    const logits = Float64Array.of(0.4, -0.3, 1.1);
    for (const target of [Float64Array.of(0, 1, 0), Float64Array.of(0.2, 0.5, 0.3), Float64Array.of(0.5, 0, 0.25)]) {
      const gradient = new Float64Array(3);
      gateSlopes(target, softmaxOf(logits).probabilities, 1, gradient);
      expectGradient((x) => gateTerm(target, softmaxOf(x).logProbabilities), gradient, logits);
    }
  });

  test("a target of 0 on a module of weight 0 costs nothing", () => {
    expect(gateTerm(Float64Array.of(0, 1), Float64Array.of(-Infinity, 0))).toBe(0);
  });
});

describe("every parameter's gradient, by central differences", () => {
  const SMALL: Partial<NetworkSpec> = { features: 6, hidden: [4, 3], critic: [3] };
  const cases: (readonly [string, NetworkSpec])[] = SPECS.map(([name, spec]) => [
    name,
    { ...spec, ...SMALL, critic: spec.critic.length ? [3] : [], gateHidden: spec.gateHidden.length ? [3] : [] },
  ]);
  cases.push(["three modules, fixed gate", { ...THREE_MODULES, ...SMALL, gate: "fixed", gateHidden: [] }]);
  cases.push(["deep gate", { ...TWO_MODULES, ...SMALL, gateHidden: [4, 3], critic: [4, 3, 2] }]);

  /** The loss that `update` reports, as a function of the parameters. */
  function lossOf(spec: NetworkSpec, data: TrainingRows, rows: number, hyper: Hyper) {
    return async (parameters: Float64Array) => {
      const model = await engine.create(spec, parameters);
      await model.loadRows(data, rows);
      const { policyLoss, entropy, gateLoss, valueLoss } = await model.update(range(rows), hyper);
      return policyLoss - hyper.entropyCoef * entropy + hyper.gateCoef * gateLoss + hyper.valueCoef * valueLoss;
    };
  }

  async function check(spec: NetworkSpec, hyper: Hyper, fields: Partial<TrainingRows> = {}): Promise<void> {
    const rows = 6;
    // A seed that puts every ReLU further than the step from its kink (40 puts one at 9e-6).
    const parameters = randomParameters(spec, 44);
    const data = randomRows(spec, rows, 41, fields);
    const model = await engine.create(spec, parameters);
    await model.loadRows(data, rows);
    const gradient = await model.gradient(range(rows), hyper);
    await expectGradientAsync(lossOf(spec, data, rows, hyper), gradient, parameters);
    // A check of zeros checks nothing: each matrix the loss depends on is reached.
    let start = 0;
    for (const { name, shape } of tensorsOf(spec)) {
      const size = shape.reduce((product, length) => product * length, 1);
      expect(
        gradient.subarray(start, start + size).some((g) => g !== 0),
        name,
      ).toBe(true);
      start += size;
    }
  }

  test.each(cases)("with %s", (_, spec) => check(spec, HYPER));

  test.each(TRUNKS)("with %s", (_, spec) => check({ ...spec, hidden: [4, 3], critic: [3] }, HYPER));

  test.each(cases)("with %s and a clipped value", (_, spec) => check(spec, { ...HYPER, valueClip: 0.5 }));

  test("with three modules and targets spread over them", () => {
    const gateTarget = Float64Array.from({ length: 18 }, (_, i) => [0.2, 0.5, 0.3][i % 3]);
    return check({ ...THREE_MODULES, ...SMALL } as NetworkSpec, HYPER, { gateTarget });
  });

  test.each([
    ["policy", { entropyCoef: 0, gateCoef: 0, valueCoef: 0 }],
    ["entropy", { entropyCoef: 1, gateCoef: 0, valueCoef: 0, advantageScale: 0 }],
    ["gate", { entropyCoef: 0, gateCoef: 1, valueCoef: 0, advantageScale: 0 }],
    ["value", { entropyCoef: 0, gateCoef: 0, valueCoef: 1, advantageScale: 0 }],
  ])("of the %s loss alone", async (_, coefficients) => {
    const spec = { ...TWO_MODULES, ...SMALL } as NetworkSpec;
    const hyper = { ...HYPER, ...coefficients };
    const parameters = randomParameters(spec, 42);
    const data = randomRows(spec, 6, 43);
    const model = await engine.create(spec, parameters);
    await model.loadRows(data, 6);
    await expectGradientAsync(lossOf(spec, data, 6, hyper), await model.gradient(range(6), hyper), parameters);
  });
});

describe("Adam", () => {
  test("two steps by hand", () => {
    const state = {
      parameters: Float64Array.of(9, 1),
      firstMoments: new Float64Array(2),
      secondMoments: new Float64Array(2),
      steps: new Int32Array(1),
    };
    const group = { name: "output", start: 1, end: 2 };
    const hyper = { learningRate: 0.1, beta1: 0.5, beta2: 0.75, adamEps: 1 };
    // g = 2: m = 0.5 * 2 = 1, m^ = 1 / 0.5 = 2; v = 0.25 * 4 = 1, v^ = 1 / 0.25 = 4; 1 - 0.1 * 2 / (2 + 1) = 0.93333
    adamStep(state, group, Float64Array.of(5, 2), 1, 1, hyper);
    expect(state.parameters[1]).toBeCloseTo(1 - 0.2 / 3, 14);
    // g = 0.5 * -4 = -2: m = 0.5 * 1 + 0.5 * -2 = -0.5, m^ = -0.5 / 0.75 = -2/3;
    // v = 0.75 * 1 + 0.25 * 4 = 1.75, v^ = 1.75 / 0.4375 = 4; + 0.1 * (2/3) / (2 + 1)
    adamStep(state, group, Float64Array.of(5, -4), 0.5, 2, hyper);
    expect(state.firstMoments[1]).toBe(-0.5);
    expect(state.secondMoments[1]).toBe(1.75);
    expect(state.parameters[1]).toBeCloseTo(1 - 0.2 / 3 + 0.2 / 9, 14);
    // The neighbour is another group's.
    expect(state.parameters[0]).toBe(9);
    expect(state.firstMoments[0]).toBe(0);
  });
});

describe("clipping", () => {
  const groups = [
    { name: "module:a", start: 0, end: 1 },
    { name: "output", start: 1, end: 2 },
    { name: "critic", start: 2, end: 4 },
  ];
  // |a| = 3 and |output| = 4, together 5; the critic's own triangle is 6-8-10.
  const gradient = Float64Array.of(3, -4, 6, 8);
  const norms = Float64Array.from(groups, (group) => normOf(gradient, group));

  test("measures the 3-4-5 and the 6-8-10 triangle", () => {
    expect(Array.from(norms)).toEqual([3, 4, 10]);
  });

  test("by policy: one factor, 2.5 / 5, for modules and output; the critic has 2.5 / 10", () => {
    expect(Array.from(clipFactors(groups, norms, { maxGradNorm: 2.5, clip: "policy" }))).toEqual([0.5, 0.5, 0.25]);
  });

  test("by module: each group has its own factor, and 1 within the bound", () => {
    expect(Array.from(clipFactors(groups, norms, { maxGradNorm: 3.2, clip: "module" }))).toEqual([1, 0.8, 0.32]);
  });

  test("at the bound, above it, off, and of zeros the factor is 1", () => {
    for (const [bound, factors] of [
      [10, [1, 1, 1]],
      [5, [1, 1, 0.5]],
      [0, [1, 1, 1]],
    ] as const) {
      expect(Array.from(clipFactors(groups, norms, { maxGradNorm: bound, clip: "policy" }))).toEqual(factors);
    }
    expect(Array.from(clipFactors(groups, new Float64Array(3), { maxGradNorm: 1, clip: "policy" }))).toEqual([1, 1, 1]);
  });
});

describe("refusals of the reference engine", () => {
  test.each([
    [{ features: 0 }, /features is 0/],
    [{ hidden: [] }, /hidden is empty/],
    [{ hidden: [4, 1.5] }, /hidden\[1\] is 1.5/],
    [{ modules: [] }, /modules is empty/],
    [{ modules: ["a", "a"] }, /distinct names/],
    [{ gate: "none" as const }, /gate is none/],
    [{ modules: ["a"] }, /gate is learned/],
    [{ gateConv: 2 }, /cells is 0, expected a positive integer/],
    [{ criticConv: 2, cells: 5 }, /cells is 5, expected a divisor of features = 13/],
    [{ criticConv: 2.5, cells: 13 }, /criticConv is 2.5/],
    [{ criticConv: 2, cells: 13, critic: [] }, /criticConv is 2, expected 0 where there is no hidden layer after it/],
    [{ gateConv: 2, cells: 13, gateHidden: [] }, /gateConv is 2, expected 0 where there is no hidden layer after it/],
    [{ conv: [{ channels: 2, kernel: 1 }] }, /plane\[0\] is 0, expected a positive integer/],
    [{ conv: [{ channels: 2, kernel: 1 }], plane: [2, 3] as const }, /plane is 2,3, .* whole planes of features = 13/],
    [{ conv: [{ channels: 0, kernel: 1 }], plane: [13, 1] as const }, /conv\[0\].channels is 0/],
    [{ conv: [{ channels: 2, kernel: 1, stride: 0 }], plane: [13, 1] as const }, /conv\[0\].stride is 0/],
    [
      { conv: [{ channels: 2, kernel: 2 }], plane: [13, 1] as const },
      /conv\[0\].kernel is 2, .* 13 rows and 1 columns/,
    ],
    [
      { conv: Array(4).fill({ channels: 2, kernel: 1 }), plane: [13, 1] as const },
      /conv.length is 4, expected at most 3/,
    ],
    [
      { conv: [{ channels: 2, kernel: 1 }], plane: [13, 1] as const, cells: 13, gateConv: 2 },
      /gateConv is 2, .*beside/,
    ],
    [
      { conv: [{ channels: 2, kernel: 1 }], plane: [13, 1] as const, criticActivation: "none" as const },
      /criticActivation is none/,
    ],
    [{ conv: [{ channels: 2, kernel: 1 }], plane: [13, 1] as const, critic: [] }, /critic is empty/],
    [{ conv: [{ channels: 2, kernel: 1 }], plane: [13, 1] as const, gateHidden: [] }, /gateHidden is empty/],
  ])("a spec with %o", async (fields, message) => {
    const spec = { ...TWO_MODULES, ...fields };
    await expect(engine.create(spec, randomParameters(TWO_MODULES, 1))).rejects.toThrow(message);
  });

  test.each([
    ["moduleMask", 3, 1.5],
    ["gateMask", 2, -0.1],
    ["gateTarget", 1, Number.NaN],
    ["logProbabilities", 0, -Infinity],
    ["values", 4, Number.NaN],
    ["actions", 5, 4],
  ] as const)("rows whose %s[%i] is %d", async (field, index, bad) => {
    const model = await engine.create(TWO_MODULES, randomParameters(TWO_MODULES, 1));
    const data = randomRows(TWO_MODULES, 6, 50);
    data[field][index] = bad;
    await expect(model.loadRows(data, 6)).rejects.toThrow(`loadRows: ${field}[${index}] is ${bad}`);
  });

  test("a feature that the network does not have", async () => {
    const model = await engine.create(TWO_MODULES, randomParameters(TWO_MODULES, 1));
    const data = randomRows(TWO_MODULES, 6, 50);
    data.observations.counts[2] = 5;
    data.observations.indices[11] = 13;
    await expect(model.loadRows(data, 6)).rejects.toThrow(
      "observations.indices[11] is 13, expected below features = 13",
    );
  });

  test.each([
    ["beta1", 1],
    ["adamEps", 0],
    ["clipRange", -0.1],
  ] as const)("hyper.%s of %d", async (field, bad) => {
    const model = await engine.create(TWO_MODULES, randomParameters(TWO_MODULES, 1));
    await model.loadRows(randomRows(TWO_MODULES, 6, 50), 6);
    await expect(model.update(range(6), { ...HYPER, [field]: bad })).rejects.toThrow(
      `update: hyper.${field} is ${bad}`,
    );
  });

  test("a step along a gradient that overflowed, leaving the model as it was", async () => {
    const model = await engine.create(TWO_MODULES, randomParameters(TWO_MODULES, 1));
    // ratio = exp(800 - ...) is infinite, and with A < 0 the unclipped side is the minimum.
    const fields = { logProbabilities: new Float64Array(6).fill(-800), advantages: new Float64Array(6).fill(-1) };
    await model.loadRows(randomRows(TWO_MODULES, 6, 50, fields), 6);
    const before = await model.getState();
    await expect(model.update(range(6), HYPER)).rejects.toThrow(/gradient norm of module:a is (NaN|Infinity)/);
    expect(await model.getState()).toEqual(before);
  });

  test("a masked row whose gradient overflowed still contributes exactly 0 to the module", async () => {
    const model = await engine.create(TWO_MODULES, randomParameters(TWO_MODULES, 1));
    const fields = {
      logProbabilities: new Float64Array(1).fill(-800),
      advantages: new Float64Array(1).fill(-1),
      moduleMask: Float64Array.of(0, 1),
    };
    await model.loadRows(randomRows(TWO_MODULES, 1, 50, fields), 1);
    const gradient = await model.gradient(range(1), HYPER);
    // Module a comes first: 13 * 7 + 7 and 7 * 5 + 5 parameters.
    const size = 98 + 40;
    for (const g of gradient.subarray(0, size)) expect(g).toBe(0);
    expect(gradient.subarray(size, 2 * size).every(Number.isFinite)).toBe(false);
  });

  test("an update before any rows were loaded", async () => {
    const model = await engine.create(TWO_MODULES, randomParameters(TWO_MODULES, 1));
    await expect(model.update(range(1), HYPER)).rejects.toThrow("update: no rows are loaded");
  });
});
