import { expect, test } from "vitest";
import { Arena } from "../../src/compute/fused/arena.ts";
import { createWasmEngine, loadKernels } from "../../src/compute/wasm/engine.ts";
import { describeExpAndLog, describeFused } from "./fused-contract.ts";

describeFused("wasm", (threads) => createWasmEngine({ threads }));
describeFused("wasm-fma", (threads) => createWasmEngine({ threads, name: "wasm-fma" }));
describeExpAndLog(async () => (await loadKernels()).kernels);

test("threads that are no positive integer", async () => {
  await expect(createWasmEngine({ threads: 0 })).rejects.toThrow("threads is 0, expected a positive integer");
  await expect(createWasmEngine({ threads: 1.5 })).rejects.toThrow("threads is 1.5");
});

test("the arena merges what is given back, in any order, and hands it out zeroed", () => {
  const arena = new Arena(new WebAssembly.Memory({ initial: 1, maximum: 64, shared: true }), 1024);
  const places = [1000, 64, 1, 3000].map((bytes) => arena.take(bytes));
  // Whole cache lines: 1000 bytes take 1024, 1 takes 64.
  expect(places).toEqual([1024, 2048, 2112, 2176]);
  new Uint8Array(arena.memory.buffer, places[1], 64).fill(7);
  for (const index of [1, 3, 0, 2]) arena.give(places[index]);
  expect(arena.take(60000)).toBe(1024);
  expect(new Uint8Array(arena.memory.buffer, places[1], 64).every((byte) => byte === 0)).toBe(true);
  expect(arena.take(200_000)).toBeGreaterThanOrEqual(61024);
  expect(() => arena.give(5)).toThrow(/nothing was taken at 5/);
});
