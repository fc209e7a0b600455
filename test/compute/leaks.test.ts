import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
// Without a backend there are no tensors to count.
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, expect, test } from "vitest";
import { createEngine } from "../../src/compute/create.ts";
import type { Engine, Hyper, NetworkSpec } from "../../src/compute/engine.ts";
import { hasCompiler } from "./compiler.ts";
import { createOutput, HYPER, randomParameters, randomRows, range } from "./engine-contract.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
const cacheFolder = mkdtempSync(join(tmpdir(), "halfwatch-leaks-"));
afterAll(() => rmSync(cacheFolder, { recursive: true, force: true }));

const SPEC: NetworkSpec = {
  features: 20,
  actions: 3,
  modules: ["a", "b"],
  hidden: [4],
  gate: "learned",
  gateHidden: [3],
  critic: [4],
};
const ROWS = 6;
const WARM_UP = 300;
const ROUNDS = 1000;

/** An update with what a training does beside it. Minibatches have several lengths, as they do in training. */
async function trainer(engine: Engine): Promise<{ rounds(count: number): Promise<void>; end(): void }> {
  const model = await engine.create(SPEC, randomParameters(SPEC, 1));
  const data = randomRows(SPEC, ROWS, 2);
  const out = createOutput(SPEC, ROWS);
  await model.loadRows(data, ROWS);
  const hyper: Hyper = { ...HYPER, maxGradNorm: 0.5 };
  let refused = 0;
  return {
    rounds: async (count) => {
      for (let round = 0; round < count; round++) {
        await model.update(range(ROWS - (round % 3)), hyper);
        await model.forward(data.observations, 0, ROWS, Float64Array.of(0, -(round % 2)), out);
        if (round % 10 === 0) await model.loadRows(data, ROWS - (round % 4));
        await model.loadRows(data, ROWS);
        if (round % 50 === 0) await model.setState(await model.getState());
        if (round % 50 === 1)
          refused += await model.update(Int32Array.of(ROWS), hyper).then(
            () => 0,
            () => 1,
          );
      }
    },
    end: () => {
      expect(refused).toBe((WARM_UP + ROUNDS) / 50);
      model.dispose();
    },
  };
}

/** Bytes after everything that can be collected was. */
async function memory(): Promise<{ heap: number; buffers: number }> {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
  }
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, buffers: external + arrayBuffers };
}

for (const name of [
  "reference",
  "auto",
  "wasm",
  "wasm-fma",
  ...(hasCompiler() ? (["native"] as const) : []),
  "tfjs:cpu",
] as const) {
  test(`a thousand updates on ${name} leave nothing behind: heap, buffers, shared memory, tensors`, async () => {
    const memories: WebAssembly.Memory[] = [];
    const { Memory } = WebAssembly;
    WebAssembly.Memory = class extends Memory {
      constructor(descriptor: ConstructorParameters<typeof WebAssembly.Memory>[0]) {
        super(descriptor);
        memories.push(this);
      }
    };
    const engine = await createEngine(name, 1, { cacheFolder });
    WebAssembly.Memory = Memory;
    const tensors = tf.memory().numTensors;
    const { rounds, end } = await trainer(engine);
    // Compiled functions and caches come once.
    await rounds(WARM_UP);
    const settled = tf.memory().numTensors;
    const pages = memories.map(({ buffer }) => buffer.byteLength);
    const before = await memory();
    await rounds(ROUNDS);
    const after = await memory();
    // V8 still compiles after the first hundreds: 50 to 400 KB in all. Arrays of more than 64 bytes are not on the heap but buffers.
    expect(after.heap - before.heap, "bytes of heap").toBeLessThan(800 * ROUNDS);
    expect(after.buffers - before.buffers, "bytes of buffers").toBeLessThan(8 * ROUNDS);
    expect(memories.map(({ buffer }) => buffer.byteLength)).toEqual(pages);
    // Beside its own memory that of the WebAssembly which it was held against.
    const expected = { reference: 0, "tfjs:cpu": 0, auto: hasCompiler() ? 2 : 1 }[name as string] ?? 1;
    expect(memories.length).toBe(expected);
    expect(tf.memory().numTensors).toBe(settled);
    end();
    expect(tf.memory().numTensors).toBe(tensors);
    await engine.dispose();
  });
}
