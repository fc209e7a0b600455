import type { Engine } from "./engine.ts";
import { createReferenceEngine } from "./reference/engine.ts";
import { createWasmEngine } from "./wasm/engine.ts";

/** The engines that `--engine` takes; `auto` picks the fastest that needs nothing beside the package. */
export const ENGINES = ["auto", "wasm", "reference"] as const;
export type EngineChoice = (typeof ENGINES)[number];

/** The engine that a choice stands for. */
export function resolveEngine(choice: EngineChoice): Exclude<EngineChoice, "auto"> {
  return choice === "auto" ? "wasm" : choice;
}

export async function createEngine(choice: EngineChoice, threads: number): Promise<Engine> {
  switch (resolveEngine(choice)) {
    case "wasm":
      return createWasmEngine({ threads });
    case "reference":
      return createReferenceEngine();
  }
}
