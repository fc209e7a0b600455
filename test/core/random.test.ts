import { describe, expect, test } from "vitest";
import { below, type Rng, Stream, shuffle } from "../../src/core/random.ts";
import { chiSquare, chiSquareLimit } from "./chi-square.ts";

const DRAWS = 65_536;

/** Chi-square of `next` in 64 equal bins, DRAWS draws. */
function uniformity(next: (i: number) => number): number {
  const counts = new Float64Array(64);
  for (let i = 0; i < DRAWS; i++) counts[Math.floor(next(i) * 64)]++;
  return chiSquare(counts, new Float64Array(64).fill(DRAWS / 64));
}

/** Chi-square of pairs in 8 x 8 equal bins: large where the two depend on each other. */
function dependence(pair: (i: number) => readonly [number, number]): number {
  const counts = new Float64Array(64);
  for (let i = 0; i < DRAWS; i++) {
    const [x, y] = pair(i);
    counts[Math.floor(x * 8) * 8 + Math.floor(y * 8)]++;
  }
  return chiSquare(counts, new Float64Array(64).fill(DRAWS / 64));
}

const LIMIT = chiSquareLimit(63);

describe("the checkers reject bad numbers", () => {
  test("uniformity rejects a source that is 2 % too small", () => {
    const stream = new Stream(1, "checker");
    expect(uniformity(() => stream.next())).toBeLessThan(LIMIT);
    expect(uniformity(() => stream.next() * 0.98)).toBeGreaterThan(LIMIT);
  });

  test("dependence rejects a pair that shares a tenth of its draws", () => {
    const stream = new Stream(1, "checker");
    expect(dependence(() => [stream.next(), stream.next()])).toBeLessThan(LIMIT);
    expect(
      dependence((i) => {
        const x = stream.next();
        return [x, i % 10 === 0 ? x : stream.next()];
      }),
    ).toBeGreaterThan(LIMIT);
  });
});

describe("a name", () => {
  const drawn = (...path: readonly (string | number)[]) => {
    const stream = new Stream(...path);
    return [stream.next(), stream.next()];
  };

  test("gives the same draws each time, however far another stream of it has gone and however many names came between", () => {
    const before = drawn(5, "name");
    const gone = new Stream(5, "name").seek(3, 1, 7);
    gone.next();
    expect(drawn(5, "name")).toEqual(before);
    const others = Array.from({ length: 200 }, (_, i) => drawn(i, "another").join());
    expect(new Set(others).size).toBe(200);
    expect(drawn(5, "name")).toEqual(before);
    expect(gone.position).toBe(8);
  });
});

describe("uniformity", () => {
  test.each([
    ["successive draws", (s: Stream, i: number) => (i === 0 ? s.seek(3, 5).next() : s.next())],
    ["first draws of successive worlds", (s: Stream, i: number) => s.seek(i, 0).next()],
    ["first draws of successive episodes", (s: Stream, i: number) => s.seek(0, i).next()],
    ["a late draw of successive episodes", (s: Stream, i: number) => s.seek(7, i, 1000).next()],
    ["first draws of worlds 4096 apart", (s: Stream, i: number) => s.seek(i * 4096, 0).next()],
  ])("%s fill 64 bins evenly", (_, draw) => {
    const stream = new Stream(11, "level");
    expect(uniformity((i) => draw(stream, i))).toBeLessThan(LIMIT);
  });

  test("the low bits are uniform too", () => {
    const stream = new Stream(11, "level");
    expect(uniformity((i) => (stream.seek(0, i).next() * 2 ** 26) % 1)).toBeLessThan(LIMIT);
  });

  test("first draws of successive seeds fill 64 bins evenly", () => {
    expect(uniformity((i) => new Stream(i, "level").next())).toBeLessThan(LIMIT);
  });
});

describe("independence", () => {
  const at = (s: Stream, major: number, minor: number, counter: number) => s.seek(major, minor, counter).next();
  test.each([
    ["draw", (s: Stream, i: number) => [at(s, 2, 9, 2 * i), at(s, 2, 9, 2 * i + 1)] as const],
    ["episode", (s: Stream, i: number) => [at(s, 2, i, 0), at(s, 2, i + 1, 0)] as const],
    ["world", (s: Stream, i: number) => [at(s, i, 4, 0), at(s, i + 1, 4, 0)] as const],
    ["world and episode swapped", (s: Stream, i: number) => [at(s, i, i + 1, 0), at(s, i + 1, i, 0)] as const],
    ["episode and draw swapped", (s: Stream, i: number) => [at(s, 0, i, i + 1), at(s, 0, i + 1, i)] as const],
  ])("neighbours in %s do not depend on each other", (_, pair) => {
    const stream = new Stream(12, "level");
    expect(dependence((i) => pair(stream, i))).toBeLessThan(LIMIT);
  });

  test.each([
    ["names", new Stream(3, "level"), new Stream(3, "oversight")],
    ["seeds", new Stream(3, "level"), new Stream(4, "level")],
    ["long common prefixes", new Stream(3, "init", "diamond", 0), new Stream(3, "init", "diamond", 1)],
  ])("streams that differ in %s do not depend on each other at the same index", (_, first, second) => {
    expect(dependence((i) => [first.seek(i, 1).next(), second.seek(i, 1).next()])).toBeLessThan(LIMIT);
  });
});

describe("addressing", () => {
  test("the same path gives the same numbers; another path gives others", () => {
    const draw = (...path: (string | number)[]) => {
      const stream = new Stream(...path);
      return Array.from({ length: 8 }, () => stream.next());
    };
    expect(draw(7, "level")).toEqual(draw(7, "level"));
    expect(draw(7, "level")).not.toEqual(draw(8, "level"));
    expect(draw(7, "level")).not.toEqual(draw(7, "levels"));
  });

  test("the order of use does not matter: index (world, episode, draw) alone decides", () => {
    const forward = new Stream(7, "level");
    const backward = new Stream(7, "level");
    const indices = Array.from({ length: 60 }, (_, i) => [i % 3, Math.floor(i / 3) % 4, Math.floor(i / 12)] as const);
    const numbers = indices.map((index) => forward.seek(...index).next());
    const reversed = indices.toReversed().map((index) => backward.seek(...index).next());
    expect(reversed.toReversed()).toEqual(numbers);
    expect(new Set(numbers).size).toBe(60);
  });

  test("seeking to a position goes on where the stream was left", () => {
    const stream = new Stream(7, "chance").seek(2, 5);
    stream.next();
    stream.next();
    const { position } = stream;
    expect(position).toBe(2);
    const rest = [stream.next(), stream.next()];
    expect(stream.position).toBe(4);
    stream.seek(9, 9).next();
    stream.seek(2, 5, position);
    expect([stream.next(), stream.next()]).toEqual(rest);
  });

  test("a new stream stands at the first draw of (0, 0)", () => {
    expect(new Stream(7, "level").next()).toBe(new Stream(7, "level").seek(0, 0, 0).next());
  });

  // A change of these numbers changes every result that was ever recorded.
  test("golden first numbers of 0/level, as multiples of 2^-32", () => {
    const stream = new Stream(0, "level");
    const words = (major: number, minor: number) => {
      stream.seek(major, minor);
      return [stream.next() * 2 ** 32, stream.next() * 2 ** 32];
    };
    expect([words(0, 0), words(0, 1), words(1, 0)]).toMatchInlineSnapshot(`
      [
        [
          4279553447,
          2484915499,
        ],
        [
          4252898921,
          474844722,
        ],
        [
          1980625270,
          2249662853,
        ],
      ]
    `);
  });
});

describe("integers and orders", () => {
  test("below gives every integer under n equally often and nothing else", () => {
    const stream = new Stream(5, "below");
    const counts = new Float64Array(7);
    for (let i = 0; i < 70_000; i++) counts[below(stream, 7)]++;
    for (let i = 0; i < 70_000; i++) counts[stream.below(7)]++;
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(140_000);
    expect(
      chiSquare(
        counts,
        counts.map(() => 20_000),
      ),
    ).toBeLessThan(chiSquareLimit(6));
  });

  test("shuffle gives each of the 24 orders of four equally often", () => {
    const stream = new Stream(5, "shuffle");
    const counts = new Map<string, number>();
    for (let i = 0; i < 24_000; i++) {
      const items = Int32Array.of(0, 1, 2, 3);
      shuffle(items, stream);
      counts.set(items.join(), (counts.get(items.join()) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    expect(chiSquare([...counts.values()], new Array(24).fill(1000))).toBeLessThan(chiSquareLimit(23));
  });

  test("the largest draw stays below n", () => {
    const largest: Rng = { next: () => 1 - 2 ** -32 };
    expect(below(largest, 225)).toBe(224);
  });
});
