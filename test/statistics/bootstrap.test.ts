import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Stream } from "../../src/core/random.ts";
import {
  type BootstrapInterval,
  interquartileMean,
  interquartileMeanInterval,
  pairedBootstrap,
  probabilityOfImprovement,
} from "../../src/statistics/bootstrap.ts";

const rng = () => new Stream("test", "bootstrap");
const A = [0.61, 0.55, 0.58, 0.49, 0.63, 0.02, 0.57, 0.6, 0.55, 0.93];
const B = [0.52, 0.57, 0.41, 0.49, 0.5, 0.05, 0.33, 0.62, 0.48, 0.7];
const C = [0.689, 0.7, 0.71, 0.65, 0.698];
const D = [0.2, 0.15, 0.31, 0.22, 0.18];

/** [values, scipy.stats.trim_mean(values, .25)], SciPy 1.17.1; rliable 1.2.0 metrics.aggregate_iqm gives the same. */
const TRIM_MEAN: readonly [number[], number][] = [
  [A, 0.5766666666666667],
  [B, 0.49499999999999994],
  [C, 0.6956666666666665],
  [[1, 2], 1.5],
  [[3], 3],
  [[1, 2, 3, 4], 2.5],
  [[-3.5, 2.25, 7, 0, 1e-3, 12.5, -8, 4, 4, 4, 1], 2.178714285714286],
];

function expectInterval({ estimate, low, high }: BootstrapInterval, expected: number[], tolerance: number): void {
  expect(Math.abs(estimate - expected[0])).toBeLessThan(1e-14);
  expect(Math.abs((low ?? Number.NaN) - expected[1])).toBeLessThanOrEqual(tolerance);
  expect(Math.abs((high ?? Number.NaN) - expected[2])).toBeLessThanOrEqual(tolerance);
}

describe("the interquartile mean", () => {
  test.each(TRIM_MEAN)("of %j is SciPy's trimmed mean", (values, expected) => {
    expect(Math.abs(interquartileMean(values) - expected)).toBeLessThan(1e-15);
  });

  test("of equal values is that value exactly, and does not sort its argument", () => {
    expect(interquartileMean([0.1, 0.1, 0.1])).toBe(0.1);
    const values = [3, 1, 2];
    interquartileMean(values);
    expect(values).toEqual([3, 1, 2]);
  });

  test("lies between the quartiles, whatever the outermost values are, and moves with the values", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 4, maxLength: 25 }),
        (values) => {
          const sorted = [...values].sort((a, b) => a - b);
          const iqm = interquartileMean(values);
          const cut = Math.floor(values.length / 4);
          expect(iqm).toBeGreaterThanOrEqual(sorted[cut] - 1e-12);
          expect(iqm).toBeLessThanOrEqual(sorted[values.length - 1 - cut] + 1e-12);
          expect(interquartileMean([-1e6, ...sorted.slice(1, -1), 1e6])).toBeCloseTo(iqm, 9);
          expect(interquartileMean(values.map((x) => 2 * x + 1))).toBeCloseTo(2 * iqm + 1, 9);
        },
      ),
    );
  });

  test("of nothing or of NaN is refused", () => {
    expect(() => interquartileMean([])).toThrow("interquartileMean: 0 values, expected at least 1");
    expect(() => interquartileMean([1, Number.NaN])).toThrow("interquartileMean: value 1 is NaN");
  });
});

describe("its bootstrap interval", () => {
  // rliable 1.2.0 get_interval_estimates(..., aggregate_iqm, reps=100000): estimate, 2.5 and 97.5 percentiles. Ten thousand
  // resamples place a percentile to about sqrt(.025 * .975 / 1e4) = .16 % in probability: well within the tolerance.
  test.each<[string, number[][], number[]]>([
    ["one task, ten runs", [A], [0.5766666666666667, 0.4583333333333333, 0.6533333333333333]],
    ["two tasks, five runs", [C, D], [0.46116666666666667, 0.428, 0.496]],
  ])("is rliable's: %s", (_name, strata, expected) => {
    expectInterval(interquartileMeanInterval(strata, { rng: rng() }), expected, 0.006);
  });

  test("resamples within strata: two tasks without spread have none together, however far apart", () => {
    const apart = [
      [0, 0, 0, 0],
      [1, 1, 1, 1],
    ];
    expect(interquartileMeanInterval(apart, { rng: rng() })).toEqual({ estimate: 0.5, low: 0.5, high: 0.5 });
    const { low, high } = interquartileMeanInterval([apart.flat()], { rng: rng() });
    expect(low).toBeLessThan(0.2);
    expect(high).toBeGreaterThan(0.8);
  });

  test("of one value, also in each of several strata, has no bounds; of equal values no width", () => {
    expect(interquartileMeanInterval([[0.3]], { rng: rng() })).toEqual({ estimate: 0.3, low: null, high: null });
    expect(interquartileMeanInterval([[1], [3]], { rng: rng() })).toEqual({ estimate: 2, low: null, high: null });
    expect(interquartileMeanInterval([[0.1, 0.1, 0.1]], { rng: rng() })).toEqual({
      estimate: 0.1,
      low: 0.1,
      high: 0.1,
    });
  });

  test("is the same for the same data and stream, whatever the order of the values, and other for another stream", () => {
    const first = interquartileMeanInterval([A], { rng: rng() });
    expect(interquartileMeanInterval([A], { rng: rng() })).toEqual(first);
    expect(interquartileMeanInterval([[...A].reverse()], { rng: rng() })).toEqual(first);
    expect(interquartileMeanInterval([A], { rng: new Stream("other") })).not.toEqual(first);
  });

  test("a resample's trimmed mean is what sorting it would give", () => {
    // One resample at a time: both bounds are then that resample's mean.
    const stream = rng();
    const check = rng();
    const sorted = [...A].sort((a, b) => a - b);
    for (let i = 0; i < 200; i++) {
      const { low } = interquartileMeanInterval([A], { rng: stream, resamples: 1 });
      const drawn = sorted.map(() => sorted[check.below(A.length)]);
      expect(Math.abs((low ?? Number.NaN) - interquartileMean(drawn))).toBeLessThan(1e-14);
    }
  });

  // Binomial standard error of 1000 samples .7 %. Five seeds cover 91 %: the reason why reports print Student's interval beside it.
  test.each<[number, number, number, number]>([
    [5, 20, 0.92, 0.97],
    [1, 20, 0.93, 0.97],
    [1, 5, 0.88, 0.94],
  ])(
    "over %d strata of %d normal values covers the truth in a fraction of samples in [%d, %d]",
    (tasks, n, low, high) => {
      const stream = new Stream(0, "coverage", tasks, n);
      const truth = 3; // of a symmetric distribution the interquartile mean is its centre
      let covered = 0;
      for (let sample = 0; sample < 1000; sample++) {
        const strata = Array.from({ length: tasks }, () =>
          Float64Array.from({ length: n }, () => truth + 2 * normal(stream)),
        );
        const interval = interquartileMeanInterval(strata, { rng: stream, resamples: 1000 });
        if (interval.low !== null && interval.high !== null && interval.low <= truth && truth <= interval.high)
          covered++;
      }
      expect(covered / 1000).toBeGreaterThan(low);
      expect(covered / 1000).toBeLessThan(high);
    },
  );

  test("refuses nothing, an empty stratum, a level of 1, no resamples", () => {
    const of = (strata: number[][], options = {}) => interquartileMeanInterval(strata, { rng: rng(), ...options });
    expect(() => of([])).toThrow("interquartileMeanInterval: 0 strata, expected at least 1");
    expect(() => of([[1], []])).toThrow("interquartileMeanInterval: 0 values, expected at least 1");
    expect(() => of([[1, 2]], { level: 1 })).toThrow("bootstrap: level is 1, expected a number in (0, 1)");
    expect(() => of([[1, 2]], { resamples: 0 })).toThrow("bootstrap: resamples is 0, expected a positive integer");
  });
});

describe("the paired bootstrap", () => {
  test("is SciPy's percentile bootstrap of the differences", () => {
    // scipy.stats.bootstrap((a - b,), mean, n_resamples=200000, method="percentile"): .086 [.027, .148]
    expectInterval(pairedBootstrap(A, B, { rng: rng() }), [0.086, 0.027, 0.148], 0.004);
  });

  test("sees only differences: what both share cancels, and a constant difference has no width", () => {
    const shifted = A.map((value) => value - 0.25);
    const { estimate, low, high } = pairedBootstrap(A, shifted, { rng: rng() });
    expect(estimate).toBeCloseTo(0.25, 15);
    expect(low).toBeCloseTo(0.25, 15);
    expect(high).toBeCloseTo(0.25, 15);
    expect(pairedBootstrap([2], [1], { rng: rng() })).toEqual({ estimate: 1, low: null, high: null });
    expect(() => pairedBootstrap(A, C, { rng: rng() })).toThrow("pairedBootstrap: 10 values against 5, expected pairs");
  });
});

describe("the probability of improvement", () => {
  test("is rliable's, with its interval", () => {
    expectInterval(probabilityOfImprovement([A], [B], { rng: rng() }), [0.69, 0.435, 0.92], 0.016);
    const half = new Array(10).fill(0.5);
    expectInterval(probabilityOfImprovement([A, B], [B, half], { rng: rng() }), [0.57, 0.38, 0.76], 0.016);
  });

  test("is scipy.stats.mannwhitneyu(x, y).statistic / (n m), also for samples of different sizes", () => {
    expect(probabilityOfImprovement([A], [C], { rng: rng() }).estimate).toBe(0.1);
    expect(probabilityOfImprovement([C], [D], { rng: rng() })).toEqual({ estimate: 1, low: 1, high: 1 });
  });

  test("counts ties half, is one half against itself, and one minus the other way round", () => {
    // pairs of [1, 2] and [2, 3]: 1 < 2, 1 < 3, 2 = 2, 2 < 3
    expect(probabilityOfImprovement([[1, 2]], [[2, 3]], { rng: rng() }).estimate).toBe(0.125);
    expect(probabilityOfImprovement([[2, 3]], [[1, 2]], { rng: rng() }).estimate).toBe(0.875);
    expect(probabilityOfImprovement([A], [A], { rng: rng() }).estimate).toBe(0.5);
    expect(probabilityOfImprovement([[1]], [[0]], { rng: rng() })).toEqual({ estimate: 1, low: null, high: null });
  });

  test("of different numbers of strata is refused", () => {
    expect(() => probabilityOfImprovement([A], [A, B], { rng: rng() })).toThrow(
      "probabilityOfImprovement: 1 strata against 2, expected as many, at least 1",
    );
  });
});

/** A standard normal number (Box and Muller 1958); 1 - u is never 0. */
function normal(stream: Stream): number {
  const radius = Math.sqrt(-2 * Math.log(1 - stream.next()));
  return radius * Math.cos(2 * Math.PI * stream.next());
}
