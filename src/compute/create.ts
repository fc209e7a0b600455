import { UserError } from "../core/errors.ts";
import { BACKENDS, type EngineChoice, resolveEngine } from "./choice.ts";
import type { Engine } from "./engine.ts";
import { createNativeEngine } from "./native/engine.ts";
import { createReferenceEngine } from "./reference/engine.ts";
import { createTfjsEngine } from "./tfjs/engine.ts";
import { createWasmEngine } from "./wasm/engine.ts";

export interface EngineOptions {
  /** Where `native` keeps its compiled kernels; made if it is not there. Needed by `native` only. */
  readonly cacheFolder?: string;
}

/** @throws UserError saying what is missing, and the command that adds it. */
export async function createEngine(
  choice: EngineChoice,
  threads: number,
  { cacheFolder }: EngineOptions = {},
): Promise<Engine> {
  const name = resolveEngine(choice);
  switch (name) {
    case "wasm":
    case "wasm-fma":
      return createWasmEngine({ threads, name });
    case "native":
      if (cacheFolder === undefined) throw new UserError("engine native needs a folder for its compiled kernels");
      return createNativeEngine({ threads, cacheFolder });
    case "reference":
      return createReferenceEngine();
    case "tfjs":
      return createTfjsEngine({ backend: BACKENDS.find((backend) => choice === `tfjs:${backend}`) ?? "best" });
  }
}
