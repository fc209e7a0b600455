import { describe, expect, test } from "vitest";
import { leakage, separation } from "../../src/routing/metrics.ts";

test("leakage is P(deployed) / P(full): .1 / .4 = .25", () => {
  expect(leakage(0.1, 0.4)).toBeCloseTo(0.25, 12);
});

test("separation is J(only true) - J(only other): .6 - (-.5) = 1.1, with its sign", () => {
  expect(separation(0.6, -0.5)).toBeCloseTo(1.1, 12);
  expect(separation(-0.5, 0.6)).toBeCloseTo(-1.1, 12);
});

describe("a denominator under .05 on either side of 0 is not measurable; .05 is", () => {
  test.each([0, 0.049, -0.049])("%s", (denominator) => {
    expect(leakage(0.01, denominator)).toBeNull();
  });

  test.each([0.05, -0.05])("%s", (denominator) => {
    expect(leakage(0.05, denominator)).toBeCloseTo(0.05 / denominator, 12);
  });
});
