import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type GaeInput, gaeInto, nextValuesInto, returnsInto } from "../../src/agents/advantages.ts";
import { createTrajectory } from "../../src/core/trajectory.ts";

function gae(input: GaeInput): number[] {
  const advantages = new Float64Array(input.T * input.N).fill(Number.NaN);
  gaeInto(input, advantages);
  return [...advantages];
}

/** Two steps of one world, reward 1 on each, V = 8 wherever it is asked, gamma = lambda = .5. */
function two(fields: Partial<GaeInput> = {}): GaeInput {
  return {
    T: 2,
    N: 1,
    gamma: 0.5,
    lambda: 0.5,
    rewards: Float64Array.of(1, 1),
    values: Float64Array.of(0, 0),
    nextValues: Float64Array.of(8, 8),
    terminated: Uint8Array.of(0, 0),
    truncated: Uint8Array.of(0, 0),
    ...fields,
  };
}

describe("the end of an episode", () => {
  test("a truncated step bootstraps from its own last state; a terminated one does not", () => {
    // truncated: 1 + 0.5 * 8 = 5; terminated: 1
    expect(gae(two({ truncated: Uint8Array.of(0, 1) }))[1]).toBe(5);
    expect(gae(two({ terminated: Uint8Array.of(0, 1) }))[1]).toBe(1);
  });

  test("a step that is both terminated and truncated counts as terminated", () => {
    expect(gae(two({ terminated: Uint8Array.of(0, 1), truncated: Uint8Array.of(0, 1) }))[1]).toBe(1);
  });

  test("the last step of the rollout bootstraps when it is neither: 1 + 0.5 * 8 = 5", () => {
    expect(gae(two())[1]).toBe(5);
  });

  test("nothing of the next episode flows back over an end, of either kind; within an episode it does", () => {
    // delta of the first step: truncated 5, terminated 1; running 5 + 0.25 * 5 = 6.25
    expect(gae(two({ truncated: Uint8Array.of(1, 0) }))[0]).toBe(5);
    expect(gae(two({ terminated: Uint8Array.of(1, 0) }))[0]).toBe(1);
    expect(gae(two())[0]).toBe(6.25);
  });

  test("the value after a terminated step is never looked at, be it NaN", () => {
    expect(gae(two({ terminated: Uint8Array.of(1, 1), nextValues: Float64Array.of(Number.NaN, Number.NaN) }))).toEqual([
      1, 1,
    ]);
  });

  test("the value itself is what the advantage is measured from: 1 + 0.5 * 8 - 3 = 2", () => {
    expect(gae(two({ values: Float64Array.of(0, 3) }))[1]).toBe(2);
  });
});

test("gae equals its definition, a double sum over the rest of the episode, on random data", () => {
  const number = fc.double({ min: -2, max: 2, noNaN: true });
  const fraction = fc.double({ min: 0, max: 1, noNaN: true });
  const input = fc
    .record({ T: fc.integer({ min: 1, max: 12 }), N: fc.integer({ min: 1, max: 3 }) })
    .chain(({ T, N }) => {
      const reals = fc
        .array(number, { minLength: T * N, maxLength: T * N })
        .map((numbers) => Float64Array.from(numbers));
      const flags = fc
        .array(fc.integer({ min: 0, max: 3 }), { minLength: T * N, maxLength: T * N })
        .map((numbers) => Uint8Array.from(numbers, (x) => (x === 3 ? 1 : 0)));
      return fc.record({
        T: fc.constant(T),
        N: fc.constant(N),
        gamma: fraction,
        lambda: fraction,
        rewards: reals,
        values: reals,
        nextValues: reals,
        terminated: flags,
        truncated: flags,
      });
    });
  fc.assert(
    fc.property(input, (data) => {
      const { T, N, gamma, lambda, rewards, values, nextValues, terminated, truncated } = data;
      const advantages = gae(data);
      for (let n = 0; n < N; n++) {
        for (let t = 0; t < T; t++) {
          let sum = 0;
          for (let l = 0; t + l < T; l++) {
            const i = (t + l) * N + n;
            sum += (gamma * lambda) ** l * (rewards[i] + (terminated[i] ? 0 : gamma * nextValues[i]) - values[i]);
            if (terminated[i] || truncated[i]) break;
          }
          expect(Math.abs(advantages[t * N + n] - sum)).toBeLessThan(1e-12);
        }
      }
    }),
    { numRuns: 300, seed: 2 },
  );
});

test("at lambda 1 advantage + value is the discounted return; at lambda 0 it is the one-step target", () => {
  const episode = (lambda: number) =>
    gae({
      T: 3,
      N: 1,
      gamma: 0.5,
      lambda,
      rewards: Float64Array.of(1, 2, 4),
      values: Float64Array.of(7, 11, 13),
      nextValues: Float64Array.of(11, 13, 0),
      terminated: Uint8Array.of(0, 0, 1),
      truncated: new Uint8Array(3),
    });
  expect(episode(1).map((a, t) => a + [7, 11, 13][t])).toEqual([1 + 0.5 * 2 + 0.25 * 4, 2 + 0.5 * 4, 4]);
  expect(episode(0).map((a, t) => a + [7, 11, 13][t])).toEqual([1 + 0.5 * 11, 2 + 0.5 * 13, 4]);
});

test("an array of the wrong length is refused by name", () => {
  expect(() => gae(two({ truncated: new Uint8Array(3) }))).toThrow(
    new RangeError("gae: truncated has 3 elements, expected T * N = 2 * 1 = 2"),
  );
  expect(() => gaeInto(two(), new Float64Array(1))).toThrow(/advantages has 1 elements/);
});

test("the next value is the next step's, the own final one where truncated, and the current observation's at the window's end", () => {
  // World 0 runs on from a carried tail (slot 1) and is truncated on slot 3; world 1 begins with the window (slot 2).
  const trajectory = createTrajectory(2, 2, 3, 1);
  trajectory.first.set([1, 2]);
  trajectory.values.set([0, 0, 10, 0, 20, 21, 30, 31, 40, 41]);
  trajectory.finalValues.fill(Number.NaN);
  trajectory.truncated[3 * 2] = 1;
  trajectory.finalValues[3 * 2] = 99;
  trajectory.bootstrap.set([50, 51]);
  const nextValues = new Float64Array(10).fill(-1);
  nextValuesInto(trajectory, nextValues);
  expect([...nextValues]).toEqual([-1, -1, 20, -1, 30, 31, 99, 41, 50, 51]);
});

test("a step truncated on the window's last slot takes its own final value, not the next episode's first", () => {
  const trajectory = createTrajectory(1, 0, 1, 1);
  trajectory.truncated[0] = 1;
  trajectory.finalValues[0] = 99;
  trajectory.bootstrap[0] = 50;
  const nextValues = new Float64Array(1);
  nextValuesInto(trajectory, nextValues);
  expect(nextValues[0]).toBe(99);
});

describe("returns to the window's end", () => {
  const returnsOf = (fields: Partial<GaeInput>) => {
    const { lambda: _lambda, nextValues: _nextValues, ...input } = two({ values: Float64Array.of(2, 3), ...fields });
    const [advantages, returns] = [new Float64Array(2), new Float64Array(2)];
    returnsInto(input, advantages, returns);
    return [...returns, ...advantages];
  };

  test("have nothing after the window, an end or a cut: 1 + 0.5 * 1 = 1.5 and 1; advantages are less 2 and 3", () => {
    expect(returnsOf({})).toEqual([1.5, 1, -0.5, -2]);
    expect(returnsOf({ truncated: Uint8Array.of(0, 1) })).toEqual([1.5, 1, -0.5, -2]);
    expect(returnsOf({ terminated: Uint8Array.of(0, 1) })).toEqual([1.5, 1, -0.5, -2]);
  });

  test.each(["terminated", "truncated"] as const)("nothing flows back over a step that is %s", (flag) => {
    expect(returnsOf({ [flag]: Uint8Array.of(1, 0) })).toEqual([1, 1, -1, -2]);
  });
});
