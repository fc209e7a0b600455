import { UserError } from "../core/errors.ts";
import { BACKENDS, type EngineChoice, resolveEngine } from "./choice.ts";
import type { Engine } from "./engine.ts";
import { createNativeEngine } from "./native/engine.ts";
import { createReferenceEngine } from "./reference/engine.ts";
import { haveSameBits } from "./self-check.ts";
import { createTfjsEngine } from "./tfjs/engine.ts";
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
    case "tfjs":
      return createTfjsEngine({ backend: BACKENDS.find((backend) => choice === `tfjs:${backend}`) ?? "best" });
  }
}

/**
 * The engine `wasm` by kernels that the system's compiler makes for this processor's vectors. They are believed after they gave
 * WebAssembly's bits once more, in this process.
 *
 * @throws UserError saying what is missing, or that their bits are others.
 */
export async function createCompiledWasm(threads: number, cacheFolder: string): Promise<Engine> {
  const [compiled, wasm] = [
    await createNativeEngine({ threads, cacheFolder, arithmetic: "exact" }),
    await createWasmEngine({ threads: 1 }),
  ];
  try {
    if (await haveSameBits(compiled, wasm)) return compiled;
  } finally {
    await wasm.dispose();
  }
  await compiled.dispose();
  throw new UserError("the compiled kernels do not give the bits of WebAssembly here");
}
