import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Init, initialise } from "../../src/agents/network.ts";
import { createForwardOutput } from "../../src/agents/rollout.ts";
import { type Engine, type NetworkSpec, tensorsOf } from "../../src/compute/engine.ts";
import { createReferenceEngine } from "../../src/compute/reference/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { createObservations } from "../../src/core/observations.ts";
import { Stream } from "../../src/core/random.ts";

const SPEC: NetworkSpec = {
  features: 100,
  actions: 4,
  modules: ["diamond", "ghost"],
  hidden: [64, 32],
  gate: "learned",
  gateHidden: [64, 64],
  critic: [64, 64],
};

function parametersOf(spec: NetworkSpec, init: Init, seed = 0): Map<string, Float64Array> {
  const flat = initialise(spec, init, (group) => new Stream(seed, "init", group));
  const parts = new Map<string, Float64Array>();
  let at = 0;
  for (const { name, shape } of tensorsOf(spec)) {
    const size = shape.reduce((product, n) => product * n, 1);
    parts.set(name, flat.subarray(at, at + size));
    at += size;
  }
  expect(flat.length).toBe(at);
  return parts;
}

function partOf(parts: ReadonlyMap<string, Float64Array>, name: string): Float64Array {
  const part = parts.get(name);
  if (part === undefined) throw new Error(`the test names the unknown tensor ${name}`);
  return part;
}

describe("uniform", () => {
  const parts = parametersOf(SPEC, "uniform");

  test.each([
    ["module.diamond.0.weight", 0.1], // first
    ["module.ghost.1.weight", 0.7 * Math.sqrt(6 / 64)], // hidden, from 64
    ["gate.0.weight", 0.1],
    ["gate.1.weight", 0.7 * Math.sqrt(6 / 64)],
    ["gate.2.weight", 0.17 / Math.sqrt(64)], // head, from 64
    ["output.weight", 0.17 / Math.sqrt(32)], // head, from 32
    ["critic.2.weight", 0.17 / Math.sqrt(64)],
  ])("%s fills U(+-%s): inside the bound, nearly reaching it, centred", (name, bound) => {
    const weights = partOf(parts, name);
    const [least, most] = [Math.min(...weights), Math.max(...weights)];
    expect(least).toBeGreaterThanOrEqual(-bound);
    expect(most).toBeLessThan(bound);
    // Of 64 draws or more the largest misses 5/6 of the range (the top twelfth) with probability (11/12)^64 < .4 %.
    expect(most).toBeGreaterThan(bound * (5 / 6));
    expect(least).toBeLessThan(-bound * (5 / 6));
    const mean = weights.reduce((sum, x) => sum + x, 0) / weights.length;
    // standard deviation of a uniform mean: bound / sqrt(3 n)
    expect(Math.abs(mean)).toBeLessThan((3.89 * bound) / Math.sqrt(3 * weights.length));
  });
});

describe("orthogonal", () => {
  const parts = parametersOf({ ...SPEC, actions: 4 }, "orthogonal");

  test.each([
    ["module.diamond.0.weight", 100, 64, Math.SQRT2],
    ["module.ghost.1.weight", 64, 32, Math.SQRT2],
    ["gate.1.weight", 64, 64, Math.SQRT2],
    ["gate.2.weight", 64, 1, 1],
    ["output.weight", 32, 4, 0.01],
    ["critic.2.weight", 64, 1, 1],
  ])("the columns of %s [%i, %i] are orthonormal, times %s", (name, rows, columns, gain) => {
    const matrix = partOf(parts, name);
    expect(matrix.length).toBe(rows * columns);
    for (let a = 0; a < columns; a++) {
      for (let b = 0; b <= a; b++) {
        let dot = 0;
        for (let r = 0; r < rows; r++) dot += matrix[r * columns + a] * matrix[r * columns + b];
        expect(Math.abs(dot / gain ** 2 - (a === b ? 1 : 0))).toBeLessThan(1e-12);
      }
    }
  });

  test("where there are fewer rows than columns, the rows are orthonormal, times sqrt(2)", () => {
    const wide = partOf(parametersOf({ ...SPEC, features: 20 }, "orthogonal"), "module.ghost.0.weight");
    for (let a = 0; a < 20; a++) {
      for (let b = 0; b <= a; b++) {
        let dot = 0;
        for (let c = 0; c < 64; c++) dot += wide[a * 64 + c] * wide[b * 64 + c];
        expect(Math.abs(dot / 2 - (a === b ? 1 : 0))).toBeLessThan(1e-12);
      }
    }
  });
});

describe("kaiming, with convolutions", () => {
  const spec = { ...SPEC, cells: 25, gateConv: 4, criticConv: 16 };
  const parts = parametersOf(spec, "kaiming");

  // 1 / sqrt of the inputs: planes 4, features 100, channels times cells 4 * 25 and 16 * 25, widths 64 and 32
  test.each([
    ["gate.conv.weight", 4, 16],
    ["critic.conv.weight", 4, 64],
    ["module.diamond.0.weight", 100, 6400],
    ["module.ghost.1.weight", 64, 2048],
    ["gate.0.weight", 100, 6400],
    ["critic.0.weight", 400, 25_600],
    ["output.weight", 32, 128],
    ["critic.2.weight", 64, 64],
  ])("%s, from %i inputs, fills U(+-1 / sqrt(inputs))", (name, inputs, size) => {
    const weights = partOf(parts, name);
    const bound = 1 / Math.sqrt(inputs);
    const largest = weights.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    expect(weights.length).toBe(size);
    expect(largest).toBeLessThanOrEqual(bound);
    expect(largest).toBeGreaterThan(bound * (5 / 6));
    const squares = weights.reduce((sum, x) => sum + x * x, 0);
    // The mean square of U(+-b) is b^2 / 3, with a relative deviation of sqrt(4 / 5 / n).
    expect(Math.abs(squares / size / (bound ** 2 / 3) - 1)).toBeLessThan(4 * Math.sqrt(0.8 / size));
  });
});

describe("trunks", () => {
  const spec: NetworkSpec = {
    ...SPEC,
    plane: [5, 5],
    conv: [
      { channels: 16, kernel: 3 },
      { channels: 24, kernel: 2 },
    ],
  };

  // Kernels see 3 x 3 x 4 planes = 36 and 2 x 2 x 16 = 64; the first layer 2 x 2 places of 24 channels = 96.
  test.each([
    ["module.diamond.conv.0.weight", 36, 576],
    ["gate.conv.1.weight", 64, 1536],
    ["critic.0.weight", 96, 6144],
  ])("%s, from %i inputs, starts as a hidden layer", (name, fanIn, size) => {
    for (const [init, bound] of [
      ["uniform", 0.7 * Math.sqrt(6 / fanIn)],
      ["kaiming", 1 / Math.sqrt(fanIn)],
    ] as const) {
      const weights = partOf(parametersOf(spec, init), name);
      const largest = weights.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      expect(weights.length).toBe(size);
      expect(largest).toBeLessThanOrEqual(bound);
      expect(largest).toBeGreaterThan(bound * (5 / 6));
    }
  });

  test("orthogonal: a kernel's channels are orthogonal over all that they see, of norm sqrt(2)", () => {
    const weights = partOf(parametersOf(spec, "orthogonal"), "module.ghost.conv.0.weight");
    for (let a = 0; a < 16; a++) {
      for (let b = 0; b <= a; b++) {
        let dot = 0;
        for (let i = 0; i < 36; i++) dot += weights[i * 16 + a] * weights[i * 16 + b];
        expect(dot).toBeCloseTo(a === b ? 2 : 0, 10);
      }
    }
  });
});

describe.each(["uniform", "orthogonal", "kaiming"] as const)("%s", (init) => {
  test("biases are 0", () => {
    for (const [name, part] of parametersOf(SPEC, init)) {
      if (name.endsWith(".bias")) expect(part.every((x) => x === 0)).toBe(true);
    }
  });

  test("a module's first parameters do not depend on which other modules, gate or critic there are", () => {
    const base = parametersOf(SPEC, init);
    const reordered = parametersOf(
      { ...SPEC, modules: ["corner", "ghost", "diamond"], gate: "fixed", gateHidden: [], critic: [7] },
      init,
    );
    for (const module of ["diamond", "ghost"]) {
      const name = `module.${module}.1.weight`;
      expect(partOf(reordered, name)).toEqual(partOf(base, name));
    }
    expect(partOf(reordered, "output.weight")).toEqual(partOf(base, "output.weight"));
  });

  test("modules differ from each other, and seeds from each other", () => {
    const parts = parametersOf(SPEC, init);
    const name = "module.diamond.0.weight";
    expect(partOf(parts, "module.ghost.0.weight")).not.toEqual(partOf(parts, name));
    expect(partOf(parametersOf(SPEC, init, 1), name)).not.toEqual(partOf(parts, name));
  });
});

describe("the policy that training starts from", () => {
  const engines: Engine[] = [];
  beforeAll(async () => {
    engines.push(createReferenceEngine(), await createWasmEngine({ threads: 1 }));
  });
  afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));

  test.each([
    ["uniform", 0.02],
    // the critic's head has gain 1: |V| grows with the norm of its input, sqrt(5) * sqrt(2)^2 / sqrt(100) at most .5 or so
    ["orthogonal", 1],
  ] as const)(
    "%s: each action within .01 of 1/4 and |value| < %s on any observation, for ten seeds",
    async (init, bound) => {
      const rows = 50;
      const observations = createObservations(rows, 5);
      const rng = new Stream(0, "observations");
      for (let row = 0; row < rows; row++) {
        // agent, Ghost, Diamond and two marks on a 5x5 map: one feature of each plane
        observations.counts[row] = 5;
        for (let i = 0; i < 5; i++)
          observations.indices[row * 5 + i] = Math.min(i, 3) * 25 + rng.below(12) + 12 * (i % 2);
      }
      const specs = [SPEC, { ...SPEC, modules: ["policy"], gate: "none" as const }];
      for (const engine of engines) {
        for (const spec of specs) {
          for (let seed = 0; seed < 10; seed++) {
            const model = await engine.create(
              spec,
              initialise(spec, init, (group) => new Stream(seed, "init", group)),
            );
            const output = createForwardOutput(rows, 4, spec.modules.length);
            await model.forward(observations, 0, rows, new Float64Array(spec.modules.length), output);
            for (const p of output.probabilities) expect(Math.abs(p - 0.25)).toBeLessThan(0.01);
            for (const value of output.values) expect(Math.abs(value)).toBeLessThan(bound);
            model.dispose();
          }
        }
      }
    },
  );
});
