import { UserError } from "../core/errors.ts";
import { BACKENDS, type EngineChoice, resolveEngine } from "./choice.ts";
import type { Engine } from "./engine.ts";
import { createNativeEngine } from "./native/engine.ts";
import { createReferenceEngine } from "./reference/engine.ts";
import { haveSameBits } from "./self-check.ts";
import { createWasmEngine } from "./wasm/engine.ts";

export interface EngineOptions {
  /** Where compiled kernels are kept; made if it is not there. `native` needs it, `auto` does without. */
  readonly cacheFolder?: string;
}

/** @throws UserError saying what is missing, and the command that adds it. */
export async function createEngine(
  choice: EngineChoice,
  threads: number,
  { cacheFolder }: EngineOptions = {},
): Promise<Engine> {
  if (choice === "auto" && cacheFolder !== undefined) {
    const compiled = await createCompiledWasm(threads, cacheFolder).catch(() => undefined);
    if (compiled !== undefined) return compiled;
  }
  const name = resolveEngine(choice);
  switch (name) {
    case "wasm":
    case "wasm-fma":
      return createWasmEngine({ threads, name });
    case "native":
      if (cacheFolder === undefined) throw new UserError("engine native needs a folder for its compiled kernels");
      return createNativeEngine({ threads, cacheFolder, arithmetic: "fused" });
    case "reference":
      return createReferenceEngine();
    case "tfjs": {
      // Seven files that nobody else needs.
      const { createTfjsEngine } = await import("./tfjs/engine.ts");
      return createTfjsEngine({ backend: BACKENDS.find((backend) => choice === `tfjs:${backend}`) ?? "best" });
    }
  }
}

/**
 * The engine `wasm` by kernels that the system's compiler makes for this processor's vectors. They are believed after they gave
 * WebAssembly's bits once more, in this process.
 *
 * @throws UserError saying what is missing, or that their bits are others.
 */
export async function createCompiledWasm(threads: number, cacheFolder: string): Promise<Engine> {
  return heldAgainstWasm(await createNativeEngine({ threads, cacheFolder, arithmetic: "exact" }));
}

/** The engine, if it gives WebAssembly's bits; else it is disposed of. @throws UserError saying so. */
export async function heldAgainstWasm(engine: Engine): Promise<Engine> {
  const wasm = await createWasmEngine({ threads: 1 });
  const isSame = await haveSameBits(engine, wasm);
  await wasm.dispose();
  if (isSame) return engine;
  await engine.dispose();
  throw new UserError("the compiled kernels do not give the bits of WebAssembly here");
}
