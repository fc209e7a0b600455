import { UserError } from "../../core/errors.ts";
import type { Engine, EngineInfo } from "../engine.ts";
import { Arena } from "../fused/arena.ts";
import { FusedModel, type KernelHost } from "../fused/model.ts";
import { type Arithmetic, buildKernels } from "./build.ts";

/** Addresses are 32 bits: reserved, not used. */
const MAXIMUM_PAGES = 65536;
const FIRST_PAGES = 16;
/** Nothing stands at address 0. */
const RESERVED = 64;

/** What kernels.c exports. A memory is its first byte's address; `model` is a record's place in it. */
interface Kernels {
  panel(): number;
  openPool(memory: bigint, threads: number): unknown;
  closePool(pool: unknown): void;
  run(pool: unknown, kind: number, model: number, tasks: number, share: number): void;
  survey(memory: bigint, model: number): number;
  derive(memory: bigint, model: number): void;
  chain(memory: bigint, model: number): void;
  exponential(x: number): number;
  logarithm(x: number): number;
}

const SIGNATURES: Readonly<Record<keyof Kernels, string>> = {
  panel: "uint32_t panel()",
  openPool: "void *openPool(uintptr_t memory, uint32_t threads)",
  closePool: "void closePool(void *pool)",
  run: "void run(void *pool, uint32_t kind, uint32_t model, int32_t count, uint32_t share)",
  survey: "uint32_t survey(uintptr_t memory, uint32_t model)",
  derive: "void derive(uintptr_t memory, uint32_t model)",
  chain: "void chain(uintptr_t memory, uint32_t model)",
  exponential: "double exponential(double x)",
  logarithm: "double logarithm(double x)",
};

/** The compiled kernels at `path`, by koffi. @throws UserError when koffi is not there, or cannot be loaded. */
export async function loadKernels(path: string): Promise<{ kernels: Kernels; addressOf(bytes: Uint8Array): bigint }> {
  const koffi = await import("koffi").then(
    (module) => module.default,
    (error) => {
      const absent = error.code === "ERR_MODULE_NOT_FOUND";
      throw new UserError(
        `engine native calls its kernels through koffi, which ${absent ? "is not installed" : "cannot be loaded"}`,
        absent ? "npm install koffi" : "npm rebuild koffi",
      );
    },
  );
  const library = koffi.load(path);
  const functions = Object.entries(SIGNATURES).map(([name, signature]) => [name, library.func(signature)]);
  return { kernels: Object.fromEntries(functions) as Kernels, addressOf: (bytes) => koffi.address(bytes) };
}

/**
 * The kernels in C (kernels.c), compiled on first use for this processor's vectors, kept in `cacheFolder`, and called on the memory and
 * records that the `wasm` engine uses. The same bits with any number of threads.
 *
 * With `fused` arithmetic, the engine `native`: the same bits for as long as compiler, flags and processor stay the same (`info.build`), not
 * those of other engines or machines. With `exact`, the engine `wasm` by other means: its bits, so its name.
 *
 * Promises are resolved when calls return.
 *
 * @throws UserError saying what is missing.
 */
export async function createNativeEngine(options: {
  readonly threads: number;
  readonly cacheFolder: string;
  readonly arithmetic: Arithmetic;
}): Promise<Engine> {
  const { threads, cacheFolder, arithmetic } = options;
  if (!Number.isInteger(threads) || threads < 1) {
    throw new RangeError(`createNativeEngine: threads is ${threads}, expected a positive integer`);
  }
  const { path, compiler, flags, vectorBits } = await buildKernels(cacheFolder, arithmetic);
  const { kernels, addressOf } = await loadKernels(path);
  // A shared memory stays in its place when it grows.
  const arena = new Arena(
    new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MAXIMUM_PAGES, shared: true }),
    RESERVED,
  );
  const memory = addressOf(new Uint8Array(arena.memory.buffer));
  let pool: unknown = kernels.openPool(memory, threads);
  if (pool === null) throw new Error(`createNativeEngine: the system refused ${threads} threads`);
  const host: KernelHost = {
    arena,
    threads,
    panel: kernels.panel(),
    run: (kind, model, tasks, share) => kernels.run(pool, kind, model, tasks, share),
    survey: (model) => kernels.survey(memory, model),
    derive: (model) => kernels.derive(memory, model),
    chain: (model) => kernels.chain(memory, model),
  };
  const build = `${compiler}, ${flags}, ${vectorBits}-bit vectors`;
  const name = arithmetic === "exact" ? "wasm" : "native";
  const info: EngineInfo = { name, device: "cpu", threads, precision: "float32", build };
  return {
    info,
    create: async (spec, parameters) => new FusedModel(host, spec, parameters),
    dispose: async () => {
      if (pool !== null) kernels.closePool(pool);
      pool = null;
    },
  };
}
