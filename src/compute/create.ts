import { UserError } from "../core/errors.ts";
import type { Engine } from "./engine.ts";
import { createNativeEngine } from "./native/engine.ts";
import { createReferenceEngine } from "./reference/engine.ts";
import { createWasmEngine } from "./wasm/engine.ts";

/**
 * The engines that `--engine` takes. `auto` is `wasm`, which needs nothing beside the package and gives the same bytes on every machine;
 * an engine that is faster but gives a machine's own bytes (`wasm-fma`, `native`) is never picked unasked.
 */
export const ENGINES = ["auto", "wasm", "wasm-fma", "native", "reference"] as const;
export type EngineChoice = (typeof ENGINES)[number];
/** Engines by the names that cells and checkpoints carry. */
export type EngineName = Exclude<EngineChoice, "auto">;

export interface EngineOptions {
  /** Where `native` keeps its compiled kernels; made if it is not there. Needed by `native` only. */
  readonly cacheFolder?: string;
}

/** The engine that a choice stands for. */
export function resolveEngine(choice: EngineChoice): EngineName {
  return choice === "auto" ? "wasm" : choice;
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
  }
}
