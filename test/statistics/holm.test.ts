import fc from "fast-check";
import { expect, test } from "vitest";
import { holm } from "../../src/statistics/holm.ts";

/** [p-values, statsmodels 0.15.0 multipletests(p, method="holm")[1]]. */
const STATSMODELS: readonly [number[], number[]][] = [
  [
    [0.01, 0.04, 0.03, 0.005],
    [0.03, 0.06, 0.06, 0.02],
  ],
  [[0.5], [0.5]],
  [
    [0.2, 0.2, 0.2],
    [0.6, 0.6, 0.6],
  ],
  [
    [0.9, 0.001, 0.4, 0.02, 0.02],
    [0.9, 0.005, 0.8, 0.08, 0.08],
  ],
  [
    [0, 1],
    [0, 1],
  ],
  [[], []],
];

test.each(STATSMODELS)("Holm's correction of %j is statsmodels' %j", (pValues, expected) => {
  const corrected = holm(pValues);
  expect(corrected).toHaveLength(expected.length);
  corrected.forEach((p, i) => {
    expect(p).toBeCloseTo(expected[i], 14);
  });
});

test("it never makes a p-value smaller, keeps their order, lies between none and Bonferroni, and follows its input's order", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 }), (pValues) => {
      const corrected = holm(pValues);
      pValues.forEach((p, i) => {
        expect(corrected[i]).toBeGreaterThanOrEqual(p);
        expect(corrected[i]).toBeLessThanOrEqual(Math.min(1, p * pValues.length));
        pValues.forEach((q, j) => {
          if (p < q) expect(corrected[i]).toBeLessThanOrEqual(corrected[j]);
        });
      });
      expect(holm([...pValues].reverse())).toEqual(corrected.reverse());
    }),
  );
});

test("what is no probability is refused", () => {
  expect(() => holm([0.1, 1.5])).toThrow(new RangeError("holm: p-value 1 is 1.5, expected a number in [0, 1]"));
  expect(() => holm([Number.NaN])).toThrow("holm: p-value 0 is NaN");
});
