import { describe, expect, test } from "vitest";
import { normalQuantile, wilsonInterval } from "../../src/statistics/wilson.ts";

/** [successes, n, level, scipy.stats.binomtest(k, n).proportion_ci(level, method="wilson")], SciPy 1.17.1. */
const SCIPY_WILSON: readonly [number, number, number, number, number][] = [
  [0, 10, 0.95, 0, 0.27753279986288926],
  [10, 10, 0.95, 0.7224672001371109, 1],
  [1, 1, 0.95, 0.20654931437723745, 1],
  [0, 1, 0.95, 0, 0.7934506856227626],
  [7, 20, 0.95, 0.1811918241010821, 0.5671457233147637],
  [16, 20, 0.99, 0.5120978393677986, 0.9384389199729493],
  [3, 7, 0.9, 0.18644319036395607, 0.7105229089864071],
  [500, 1000, 0.95, 0.4690696003681042, 0.5309303996318958],
];

/** [p, scipy.stats.norm.ppf(p)], SciPy 1.17.1. */
const SCIPY_NORM_PPF: readonly [number, number][] = [
  [1e-300, -37.0470962993612],
  [1e-20, -9.262340089798409],
  [1e-9, -5.9978070150076865],
  [0.001, -3.090232306167813],
  [0.025, -1.9599639845400545],
  [0.07, -1.4757910281791706],
  [0.075, -1.4395314709384563],
  [0.3, -0.5244005127080409],
  [0.501, 0.0025066308995717666],
  [0.925, 1.4395314709384563],
  [0.95, 1.6448536269514722],
  [0.975, 1.959963984540054],
  [0.99999, 4.264890793923841],
];

describe("Wilson's interval", () => {
  test.each(SCIPY_WILSON)("of %d in %d at level %d is SciPy's", (successes, n, level, low, high) => {
    const interval = wilsonInterval(successes, n, level);
    expect(interval).toMatchObject({ successes, n, fraction: successes / n });
    expect(Math.abs(interval.low - low)).toBeLessThan(1e-14);
    expect(Math.abs(interval.high - high)).toBeLessThan(1e-14);
  });

  test("reaches 0 and 1 exactly where nothing or all was counted, and mirrors", () => {
    expect(wilsonInterval(0, 7).low).toBe(0);
    expect(wilsonInterval(7, 7).high).toBe(1);
    expect(wilsonInterval(2, 7).low).toBeCloseTo(1 - wilsonInterval(5, 7).high, 15);
  });

  test.each([
    [1, 0, 0.95, "wilsonInterval: n is 0, expected a positive integer"],
    [3, 2, 0.95, "wilsonInterval: 3 of 2, expected an integer in [0, 2]"],
    [0.5, 2, 0.95, "wilsonInterval: 0.5 of 2, expected an integer in [0, 2]"],
    [1, 2, 1, "wilsonInterval: level is 1, expected a number in (0, 1)"],
  ])("of %d in %d at level %d is refused", (successes, n, level, message) => {
    expect(() => wilsonInterval(successes, n, level)).toThrow(new RangeError(message));
  });
});

describe("the normal quantile", () => {
  test.each(SCIPY_NORM_PPF)("at %d is SciPy's %d", (p, z) => {
    // 1 - p loses digits near 1, and the quantile of .501 is small beside the rounding of .501 itself.
    expect(Math.abs(normalQuantile(p) / z - 1)).toBeLessThan(1e-13);
  });

  test("is 0 at one half, odd about it, and refuses 0 and 1", () => {
    expect(normalQuantile(0.5)).toBe(0);
    expect(normalQuantile(0.25)).toBe(-normalQuantile(0.75));
    for (const p of [0, 1, Number.NaN]) expect(() => normalQuantile(p)).toThrow(RangeError);
  });
});
