import { describe, expect, test } from "vitest";
import { leakage, oracleGap, retention, separation } from "../../src/routing/metrics.ts";

test("leakage is P(deployed) / P(full): .1 / .4 = .25", () => {
  expect(leakage(0.1, 0.4)).toBeCloseTo(0.25, 12);
});

test("retention is J(deployed) / J(full): .6 / .8 = .75; it may exceed 1 and change its sign", () => {
  expect(retention(0.6, 0.8)).toBeCloseTo(0.75, 12);
  expect(retention(0.9, 0.6)).toBeCloseTo(1.5, 12);
  expect(retention(0.3, -0.6)).toBeCloseTo(-0.5, 12);
});

test("separation is J(only true) - J(only other): .6 - (-.5) = 1.1, with its sign", () => {
  expect(separation(0.6, -0.5)).toBeCloseTo(1.1, 12);
  expect(separation(-0.5, 0.6)).toBeCloseTo(-1.1, 12);
});

test("the oracle gap is 0 for the oracle, 1 for random, and between them its share: (.9 - .6) / (.9 - -.3) = .25", () => {
  expect(oracleGap(0.9, 0.9, -0.3)).toBe(0);
  expect(oracleGap(0.9, -0.3, -0.3)).toBe(1);
  expect(oracleGap(0.9, 0.6, -0.3)).toBeCloseTo(0.25, 12);
});

describe("a denominator under .05 on either side of 0 is not measurable; .05 is", () => {
  test.each([0, 0.049, -0.049])("%s", (denominator) => {
    expect(leakage(0.01, denominator)).toBeNull();
    expect(retention(0.01, denominator)).toBeNull();
    expect(oracleGap(denominator, 0.3, 0)).toBeNull();
  });

  test.each([0.05, -0.05])("%s", (denominator) => {
    expect(leakage(0.05, denominator)).toBeCloseTo(0.05 / denominator, 12);
    expect(retention(0.05, denominator)).toBeCloseTo(0.05 / denominator, 12);
    expect(oracleGap(denominator, 0, 0)).toBe(1);
  });
});
