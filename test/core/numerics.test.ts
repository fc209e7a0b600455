import { describe, expect, test } from "vitest";
import { ln } from "../../src/core/numerics.ts";
import { Stream } from "../../src/core/random.ts";

describe("ln", () => {
  test("is within 2 units in the last place of Math.log over 600 powers of ten", () => {
    const rng = new Stream("ln");
    for (let i = 0; i < 50_000; i++) {
      const x = (1 + rng.next()) * 2 ** Math.floor(rng.next() * 2040 - 1020);
      const expected = Math.log(x);
      expect(Math.abs(ln(x) - expected)).toBeLessThanOrEqual(2 * 2 ** -52 * Math.abs(expected));
    }
  });

  test("keeps its relative precision beside 1, where the value itself is small", () => {
    const rng = new Stream("near-one");
    for (let i = 0; i < 20_000; i++) {
      const x = 1 + (rng.next() - 0.5) * 2 ** -Math.floor(rng.next() * 40);
      const expected = Math.log(x);
      expect(Math.abs(ln(x) - expected)).toBeLessThanOrEqual(3 * 2 ** -52 * Math.abs(expected));
    }
  });

  test("at the edges: 0, 1, the smallest and the largest number, infinity, and what has no logarithm", () => {
    expect(ln(0)).toBe(Number.NEGATIVE_INFINITY);
    expect(ln(1)).toBe(0);
    expect(ln(5e-324)).toBeCloseTo(-744.4400719213812, 11);
    expect(ln(Number.MAX_VALUE)).toBeCloseTo(709.782712893384, 11);
    expect(ln(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
    expect(ln(-1)).toBeNaN();
    expect(ln(Number.NaN)).toBeNaN();
  });
});
