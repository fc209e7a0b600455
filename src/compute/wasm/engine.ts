import { readFile } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { UserError } from "../../core/errors.ts";
import type { Engine, EngineInfo } from "../engine.ts";
import { Arena } from "../fused/arena.ts";
import { FusedModel, type KernelHost } from "../fused/model.ts";
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

/** The two builds of one assembly: with IEEE operations only, and with fused multiply-add where the processor has it. */
const BUILDS = { wasm: "kernels.wasm", "wasm-fma": "kernels-fma.wasm" } as const;

/** The compiled kernels over a memory of their own. @throws UserError when this Node cannot run them. */
export async function loadKernels(name: keyof typeof BUILDS = "wasm"): Promise<{
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  kernels: Kernels;
}> {
  const bytes = await readFile(new URL(`./${BUILDS[name]}`, import.meta.url));
  if (!WebAssembly.validate(bytes))
    throw new UserError(`engine ${name}: this Node has no WebAssembly SIMD that it needs`);
  const module = await WebAssembly.compile(bytes);
  const memory = new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MAXIMUM_PAGES, shared: true });
  const instance = await WebAssembly.instantiate(module, { env: { memory } });
  return { module, memory, kernels: instance.exports as unknown as Kernels };
}

/**
 * The default engine, `wasm`: hand-written SIMD kernels (`assembly/`) over one shared memory, float32 inside.
 *
 * The same bits on any machine, on any Node version and with any number of threads: kernels use IEEE operations only and
 * their own exp and log; a minibatch is cut into a fixed number of chunks, each with a gradient of its own, which are
 * added in the order of the chunks; and a task's result depends on its number, not on the thread that took it.
 *
 * `wasm-fma` runs the same kernels with relaxed SIMD: the same bits with any number of threads, on one machine.
 *
 * Calls run to their end before they return: the promises are resolved. `threads` counts the calling one.
 */
export async function createWasmEngine(options: {
  readonly threads: number;
  readonly name?: keyof typeof BUILDS;
}): Promise<Engine> {
  const { threads, name = "wasm" } = options;
  if (!Number.isInteger(threads) || threads < 1) {
    throw new RangeError(`createWasmEngine: threads is ${threads}, expected a positive integer`);
  }
  const { module, memory, kernels } = await loadKernels(name);
  const arena = new Arena(memory, RESERVED);
  const workers: Worker[] = [];
  for (let thread = 1; thread < threads; thread++) {
    const workerData = { module, memory, control: CONTROL, thread };
    const worker = new Worker(WORKER, { eval: true, workerData });
    worker.unref();
    workers.push(worker);
  }
  const info: EngineInfo = { name, device: "cpu", threads, precision: "float32" };
  const host: KernelHost = {
    arena,
    threads,
    panel: PANEL,
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
