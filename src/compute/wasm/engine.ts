import { readFile } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import type { Engine, EngineInfo } from "../engine.ts";
import { Arena } from "../fused/arena.ts";
import { FusedModel, type Host } from "../fused/model.ts";
import { PANEL } from "./panel.ts";

/** What kernels.wasm exports; see assembly/index.ts. */
export interface Kernels {
  run(control: number, kind: number, model: number, count: number, share: number): void;
  work(control: number, thread: number): void;
  quit(control: number): void;
  survey(model: number): number;
  derive(model: number): void;
  chain(model: number): void;
  exp(x: number): number;
  log(x: number): number;
}

/** asconfig.json's maximumMemory: reserved addresses, not memory. */
const MAXIMUM_PAGES = 16384;
const FIRST_PAGES = 16;
/** The control block's place and size. */
const CONTROL = 64;
const RESERVED = 1024;

const WORKER = `
const { workerData } = require("node:worker_threads");
const { module, memory, control, thread } = workerData;
new WebAssembly.Instance(module, { env: { memory } }).exports.work(control, thread);
`;

/** The compiled kernels over a memory of their own. */
export async function loadKernels(): Promise<{
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  kernels: Kernels;
}> {
  const module = await WebAssembly.compile(await readFile(new URL("./kernels.wasm", import.meta.url)));
  const memory = new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MAXIMUM_PAGES, shared: true });
  const instance = await WebAssembly.instantiate(module, { env: { memory } });
  return { module, memory, kernels: instance.exports as unknown as Kernels };
}

/**
 * The default engine: hand-written SIMD kernels (`assembly/`) over one shared memory, float32 inside.
 *
 * The same bits on any machine, on any Node version and with any number of threads: kernels use IEEE operations only and
 * their own exp and log; a minibatch is cut into a fixed number of chunks, each with a gradient of its own, which are
 * added in the order of the chunks; and a task's result depends on its number, not on the thread that took it.
 *
 * Calls run to their end before they return: the promises are resolved. `threads` counts the calling one.
 */
export async function createWasmEngine({ threads }: { readonly threads: number }): Promise<Engine> {
  if (!Number.isInteger(threads) || threads < 1) {
    throw new RangeError(`createWasmEngine: threads is ${threads}, expected a positive integer`);
  }
  const { module, memory, kernels } = await loadKernels();
  const arena = new Arena(memory, RESERVED);
  const workers: Worker[] = [];
  for (let thread = 1; thread < threads; thread++) {
    const workerData = { module, memory, control: CONTROL, thread };
    const worker = new Worker(WORKER, { eval: true, workerData });
    worker.unref();
    workers.push(worker);
  }
  const info: EngineInfo = { name: "wasm", device: "cpu", threads, precision: "float32" };
  const host: Host = {
    arena,
    threads,
    panel: PANEL,
    trunks: true,
    run: (kind, model, tasks, share) => kernels.run(CONTROL, kind, model, tasks, share),
    survey: kernels.survey,
    derive: kernels.derive,
    chain: kernels.chain,
  };
  return {
    info,
    create: async (spec, parameters) => new FusedModel(host, spec, parameters),
    dispose: async () => {
      kernels.quit(CONTROL);
      await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
    },
  };
}
