import { describe, expect, test } from "vitest";
import {
  type Measurement,
  parseOurs,
  parseRival,
  ratioToBest,
  renderTable,
  spreadOf,
  stepsTo,
  together,
} from "../../bench/table.ts";

const at = (stepsPerSecond: number): Measurement => ({
  stepsPerSecond,
  samplesPerSecond: 2 * stepsPerSecond,
  peakMemoryMiB: 100,
  startSeconds: null,
});
const round = (speeds: Readonly<Record<string, number>>) =>
  new Map(Object.entries(speeds).map(([name, speed]) => [name, at(speed)]));

describe("spread", () => {
  test("median of an odd and of an even number of values, whatever their order", () => {
    expect(spreadOf([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5 });
    expect(spreadOf([10, 9, 2, 1])).toEqual({ median: 5.5, min: 1, max: 10 });
  });
  test("of nothing is an error", () => {
    expect(() => spreadOf([])).toThrow("found no values");
  });
});

describe("ratio to the best rival", () => {
  test("is taken within each round, against the one that was faster in that round", () => {
    // The second round ran on a machine ten times slower, and the other rival won it: ratios 2, 1.5 and .5.
    const rounds = [
      round({ wasm: 400, jax: 200, pytorch: 100 }),
      round({ wasm: 30, jax: 10, pytorch: 20 }),
      round({ wasm: 50, jax: 100, pytorch: 1 }),
    ];
    expect(ratioToBest(rounds, "wasm", ["pytorch", "jax"])).toEqual({ median: 1.5, min: 0.5, max: 2 });
    expect(ratioToBest(rounds, "jax", ["pytorch", "jax"])).toEqual({ median: 1, min: 0.5, max: 1 });
  });
  test("skips rounds in which either is missing, and is null when none is left", () => {
    expect(ratioToBest([round({ wasm: 3 }), round({ wasm: 6, jax: 3 })], "wasm", ["jax"])?.median).toBe(2);
    expect(ratioToBest([round({ wasm: 3 })], "wasm", ["jax"])).toBeNull();
    expect(ratioToBest([round({ jax: 3 })], "wasm", ["jax"])).toBeNull();
  });
});

describe("what programs print", () => {
  const line = {
    program: "jax",
    seconds: 4,
    startSeconds: 2.5,
    stepsPerSecond: 2048,
    samplesPerSecond: 4096,
    peakMemoryMiB: 500.25,
    curves: [[[8192, 0.25]]],
  };
  test("the last line of a rival counts, whatever a library wrote around it", () => {
    const { startSeconds, stepsPerSecond, samplesPerSecond, peakMemoryMiB, curves } = line;
    const stdout = `a warning\n{"program": "old"}\n${JSON.stringify(line)}\n`;
    expect(parseRival(stdout)).toEqual({ startSeconds, stepsPerSecond, samplesPerSecond, peakMemoryMiB, curves });
  });
  test("no line, and a number that is missing or 0, are errors that show what was found", () => {
    expect(() => parseRival("Killed\n")).toThrow('no line of JSON: "Killed');
    expect(() => parseRival(JSON.stringify({ ...line, samplesPerSecond: 0 }))).toThrow("samplesPerSecond is 0");
    expect(() => parseRival(JSON.stringify({ ...line, stepsPerSecond: undefined }))).toThrow(
      "stepsPerSecond is undefined",
    );
  });
  test("ours: the arm that was asked for, and the memory of the process", () => {
    const results = [{ arm: "naive", stepsPerSecond: 10, samplesPerSecond: 20 }];
    expect(parseOurs(JSON.stringify({ results, peakMemoryMiB: 7 }))).toEqual({ ...at(10), peakMemoryMiB: 7 });
    expect(() => parseOurs(JSON.stringify({ results: [{ stepsPerSecond: 10 }], peakMemoryMiB: 7 }))).toThrow(
      "undefined",
    );
  });
});

test("processes side by side add up, speeds and memory", () => {
  expect(together([at(10), at(5)])).toEqual({ ...at(15), peakMemoryMiB: 200 });
});

describe("steps to a result", () => {
  test("are linear between the points of a curve, from the start on", () => {
    expect(stepsTo([[100, 0.5]], 0.25, 0)).toBe(50);
    const curve = [
      [100, 0.2],
      [200, 0.6],
    ] as const;
    expect(stepsTo(curve, 0.5, 0)).toBeCloseTo(175, 9);
    expect(stepsTo(curve, 0.6, 0)).toBe(200);
  });
  test("count to the first time that it is reached, and are null where it never is", () => {
    const falling = [
      [100, 0.8],
      [200, 0.1],
      [300, 0.9],
    ] as const;
    expect(stepsTo(falling, 0.8, 0)).toBe(100);
    expect(stepsTo(falling, 0.95, 0)).toBeNull();
    expect(stepsTo([], 0.1, 0)).toBeNull();
  });
});

test("the table shows medians, and the ratio with its extremes; a dash where there is nothing", () => {
  const row = { arm: "route", modules: 2, size: 5, width: 64, seeds: 1 } as const;
  const rounds = [round({ wasm: 4000, jax: 2000 }), round({ wasm: 3000, jax: 3000 }), round({ wasm: 9000, jax: 3000 })];
  rounds[0].set("jax", { ...at(2000), startSeconds: 8 });
  expect(renderTable([{ row, rounds }], ["pytorch", "jax"])).toEqual([
    "arm    K  map  width  seeds  program  steps/s  samples/s  x best rival       MiB  start s",
    "route  2  5x5  64     1      wasm     4,000    8,000      2.00 [1.00, 3.00]  100  -",
    "route  2  5x5  64     1      jax      3,000    6,000      1.00 [1.00, 1.00]  100  8.0",
  ]);
  expect(renderTable([{ row, rounds: [round({ wasm: 5 })] }], ["jax"])[1]).toContain("  -  ");
});
