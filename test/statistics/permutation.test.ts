import { describe, expect, test } from "vitest";
import { Stream } from "../../src/core/random.ts";
import { signFlipPValue } from "../../src/statistics/permutation.ts";

const rng = () => new Stream("test", "sign-flip");

/** [differences, scipy.stats.permutation_test((d,), mean, permutation_type="samples", n_resamples=inf).pvalue], SciPy 1.17.1. */
const SCIPY: readonly [number[], number][] = [
  [[0.09, -0.02, 0.17, 0, 0.13, -0.03, 0.24, -0.02, 0.07, 0.23], 0.03515625],
  [[0.489, 0.55, 0.4, 0.43, 0.518], 0.0625],
  [[1, 1, 1, -1, -1], 1],
  [[0, 0, 0], 1],
  [[0.3, -0.1, 0.2, 0.25, 0.1, 0.05, -0.02], 0.125],
  [[-0.3, 0.1, -0.2, -0.25, -0.1, -0.05, 0.02], 0.125],
];
/** All 2^20 and 2^24 sign patterns, tried in NumPy 2.4.6. */
const D20 = [
  -0.141, -0.297, 0.025, 0.226, 0.441, 0.133, -0.066, -0.135, 0.325, 0.59, 0.182, -0.27, -0.187, 0.58, 0.161, -0.42,
  0.075, -0.249, -0.089, -0.046,
];
const D24 = [
  0.396, 0.613, -0.686, 0.039, 0.384, 0.486, 0.276, 0.529, 0.167, 0.245, 0.134, -0.242, -0.174, 0.194, -0.094, 0.461,
  0.468, 0.62, 0.072, 0.495, -0.192, -0.165, 0.104, 0.164,
];

describe("the sign-flip p-value", () => {
  test.each(SCIPY)("of %j is SciPy's %d", (differences, p) => {
    expect(signFlipPValue(differences, rng())).toBe(p);
  });

  test("of 20 pairs tries all of a million patterns", () => {
    expect(signFlipPValue(D20, rng())).toBe(0.52142333984375);
  });

  test("of 24 pairs is drawn, and near the one of all patterns", () => {
    // 0.013233 exactly; standard error of 100,000 draws sqrt(p (1 - p) / 1e5) = 0.00036
    const p = signFlipPValue(D24, rng());
    expect(Math.abs(p - 0.013232707977294922)).toBeLessThan(4 * 0.00036);
    expect(signFlipPValue(D24, rng())).toBe(p);
  });

  test("of n pairs that all point one way is 2^(1 - n); of one pair 1", () => {
    for (const n of [1, 2, 5, 12]) expect(signFlipPValue(new Array(n).fill(0.1), rng())).toBe(2 ** (1 - n));
  });

  test("drawn, is never 0", () => {
    expect(signFlipPValue(new Array(40).fill(1), rng())).toBe(1 / 100_001);
  });

  test("of arms that are exchangeable is below .05 in no more than 5 of 100 runs", () => {
    const stream = new Stream(1, "null");
    let rejected = 0;
    for (let sample = 0; sample < 4000; sample++) {
      const differences = Array.from({ length: 8 }, () => stream.next() - stream.next());
      if (signFlipPValue(differences, stream) <= 0.05) rejected++;
    }
    // 12 of 256 patterns at most: 4.7 %; binomial standard error 0.33 %
    expect(rejected / 4000).toBeLessThan(0.057);
    expect(rejected / 4000).toBeGreaterThan(0.036);
  });

  test("of nothing or of NaN is refused", () => {
    expect(() => signFlipPValue([], rng())).toThrow("signFlipPValue: 0 differences, expected at least 1");
    expect(() => signFlipPValue([1, Number.NaN], rng())).toThrow(
      "signFlipPValue: difference 1 is NaN, expected a finite number",
    );
  });
});
