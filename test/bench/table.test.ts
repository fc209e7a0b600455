import { describe, expect, test } from "vitest";
import {
  estimateOf,
  faithfulRatio,
  type Measurement,
  nameOf,
  parseOurs,
  parseRival,
  type Row,
  ratioToBest,
  renderGoals,
  renderTable,
  secondsLeft,
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
  const row = { arm: "route", modules: 2, size: 5, width: 64, seeds: 1, maze: false } as const;
  const rounds = [round({ wasm: 4000, jax: 2000 }), round({ wasm: 3000, jax: 3000 }), round({ wasm: 9000, jax: 3000 })];
  rounds[0].set("jax", { ...at(2000), startSeconds: 8 });
  expect(renderTable([{ row, rounds }], ["pytorch", "jax"])).toEqual([
    "arm    K  map  width  seeds  program  steps/s  samples/s  x best rival       MiB  start s",
    "route  2  5x5  64     1      wasm     4,000    8,000      2.00 [1.00, 3.00]  100  -",
    "route  2  5x5  64     1      jax      3,000    6,000      1.00 [1.00, 1.00]  100  8.0",
  ]);
  expect(renderTable([{ row, rounds: [round({ wasm: 5 })] }], ["jax"])[1]).toContain("  -  ");
});

describe("goals", () => {
  const row = (own: Partial<Row>): Row => ({
    ...{ arm: "route", modules: 2, size: 5, width: 64, seeds: 1, maze: false },
    ...own,
  });
  const measuredOf = (lines: readonly string[], goal: string) =>
    lines
      .find((line) => line.startsWith(goal))
      ?.slice(goal.length)
      .trim()
      .split(/ {2,}/);

  test("are not measured where their row is missing, whatever else was measured", () => {
    const others = [row({ modules: 3 }), row({ size: 9 }), row({ width: 32 }), row({ seeds: 4 })];
    const lines = renderGoals(
      others.map((one) => ({ row: one, rounds: [round({ wasm: 4, auto: 4, native: 4, jax: 1, pytorch: 1 })] })),
      new Map(),
    );
    expect(lines).toHaveLength(25);
    expect(lines.filter((line) => line.endsWith("not measured"))).toHaveLength(24);
  });

  test("take each ratio from its own row, against the rivals that it names", () => {
    const of = (own: Partial<Row>, wasm: number, native: number) => ({
      row: row(own),
      rounds: [
        round({ wasm, auto: 2 * wasm, native, jax: 20, pytorch: 10 }),
        round({ wasm: 2 * wasm, auto: 2 * wasm, native, jax: 10, pytorch: 20 }),
      ],
    });
    const maze = { size: 13, maze: true };
    const lines = renderGoals(
      [
        of({ seeds: 8 }, 60, 1),
        of({ ...maze, arm: "naive", modules: 1 }, 5, 1),
        of({ width: 128 }, 30, 1),
        of({ width: 256 }, 10, 50),
        of({}, 40, 100),
        of({ ...maze }, 20, 1),
      ],
      new Map([
        ["faithful wasm", [1.5, 1.25]],
        ["cells native", [1.95]],
        ["threads auto", [1.6, 1.8]],
      ]),
    );
    expect(lines[0]).toMatch(/^goal +at least +aim +measured$/);
    expect(measuredOf(lines, "wasm, width 64, one routed cell")).toEqual(["2x", "4x", "3x [2.00, 4.00]"]);
    expect(measuredOf(lines, "wasm, width 64, eight routed cells")).toEqual(["2x", "4x", "4.5x [3.00, 6.00]"]);
    expect(measuredOf(lines, "wasm, width 128")).toEqual(["1.2x", "2x", "2.25x [1.50, 3.00]"]);
    expect(measuredOf(lines, "wasm, width 256")).toEqual(["0.7x", "1x", "0.75x [0.50, 1.00]"]);
    expect(measuredOf(lines, "auto, width 64, one routed cell")).toEqual(["2x", "4x", "4x [4.00, 4.00]"]);
    expect(measuredOf(lines, "auto, width 64, eight routed cells")).toEqual(["2x", "4x", "6x [6.00, 6.00]"]);
    expect(measuredOf(lines, "auto, width 128")).toEqual(["1.2x", "2x", "3x [3.00, 3.00]"]);
    expect(measuredOf(lines, "auto, width 256")).toEqual(["0.7x", "1x", "1x [1.00, 1.00]"]);
    expect(measuredOf(lines, "auto, one cell on 2 threads against 1")).toEqual(["1.7x", "-", "1.7x [1.60, 1.80]"]);
    expect(measuredOf(lines, "native, width 64")).toEqual(["4x", "8x", "5x [5.00, 5.00]"]);
    expect(measuredOf(lines, "native, width 256")).toEqual(["1.5x", "3x", "2.5x [2.50, 2.50]"]);
    expect(measuredOf(lines, "wasm, faithful routed update")).toEqual(["1.3x", "2x", "1.38x [1.25, 1.50]"]);
    expect(measuredOf(lines, "native, faithful routed update")).toEqual(["4x", "8x", "not measured"]);
    expect(measuredOf(lines, "native, two cells side by side against one")).toEqual([
      "1.9x",
      "-",
      "1.95x [1.95, 1.95]",
    ]);
    // Rounds 5 / 10 and 10 / 20; JAX does not count.
    expect(measuredOf(lines, "wasm against PyTorch, mazes, one module")).toEqual(["0.6x", "1x", "0.5x [0.50, 0.50]"]);
    expect(measuredOf(lines, "wasm against PyTorch, mazes, K=2")).toEqual(["0.6x", "1x", "2x [2.00, 2.00]"]);
    // 100 MiB.
    expect(measuredOf(lines, "wasm, peak memory of a cell")).toEqual(["at most 300 MB", "150 MB", "105 MB [105, 105]"]);
  });

  test(".68 s a faithful update are 1x", () => {
    expect(faithfulRatio(0.68)).toBe(1);
    expect(faithfulRatio(0.17)).toBeCloseTo(4, 12);
  });
});

describe("time left", () => {
  test("is the estimate, corrected by how estimates have turned out", () => {
    expect(secondsLeft([], [10, 5])).toBe(15);
    // 12 s were estimated and 18 s it took.
    expect(
      secondsLeft(
        [
          { estimate: 10, seconds: 12 },
          { estimate: 2, seconds: 6 },
        ],
        [10, 4],
      ),
    ).toBeCloseTo(21, 9);
  });
  test("JAX is expected to compile once for one seed and for eight", () => {
    const row: Row = { arm: "naive", modules: 1, size: 5, width: 64, seeds: 1, maze: false };
    expect(estimateOf("jax", row, true)).toBeGreaterThan(2 * estimateOf("jax", row, false));
    expect(estimateOf("jax", { ...row, seeds: 8 }, true)).toBe(estimateOf("jax", { ...row, seeds: 8 }, false));
  });
});

test("a row's name says all of it", () => {
  const row: Row = { arm: "route", modules: 2, size: 13, width: 64, seeds: 8, maze: true };
  expect(nameOf(row)).toBe("route K=2 13x13 maze width 64 seeds 8");
  expect(nameOf({ ...row, size: 5, maze: false })).toBe("route K=2 5x5 width 64 seeds 8");
});
