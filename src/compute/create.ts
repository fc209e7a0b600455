import type { Engine } from "./engine.ts";
import { createReferenceEngine } from "./reference/engine.ts";
import { BACKENDS } from "./tfjs/backends.ts";
import { createTfjsEngine } from "./tfjs/engine.ts";
import { createWasmEngine } from "./wasm/engine.ts";

/** The engines that `--engine` takes; `auto` picks the fastest that needs nothing beside the package. */
export const ENGINES = [
  "auto",
  "wasm",
  "reference",
  "tfjs",
  "tfjs:node-gpu",
  "tfjs:webgpu",
  "tfjs:node",
  "tfjs:cpu",
] as const;
export type EngineChoice = (typeof ENGINES)[number];

/** Engines by the names that cells carry: one for all backends of tfjs, whose numbers differ by rounding. */
export type EngineName = "wasm" | "reference" | "tfjs";

/**
 * The engine that a choice stands for. `auto` is never tfjs: it is not the same bits everywhere, and pays only with a GPU and many cells
 * of one shape (docs/gpu.md has the rule by which that would change).
 */
export function resolveEngine(choice: EngineChoice): EngineName {
  if (choice === "auto") return "wasm";
  return choice === "wasm" || choice === "reference" ? choice : "tfjs";
}

export async function createEngine(choice: EngineChoice, threads: number): Promise<Engine> {
  switch (resolveEngine(choice)) {
    case "wasm":
      return createWasmEngine({ threads });
    case "reference":
      return createReferenceEngine();
    case "tfjs":
      return createTfjsEngine({ backend: BACKENDS.find((backend) => choice === `tfjs:${backend}`) ?? "best" });
  }
}
