import { UserError } from "../core/errors.ts";
import type { Engine } from "./engine.ts";
import { createNativeEngine } from "./native/engine.ts";
import { createReferenceEngine } from "./reference/engine.ts";
import { BACKENDS } from "./tfjs/backends.ts";
import { createTfjsEngine } from "./tfjs/engine.ts";
import { createWasmEngine } from "./wasm/engine.ts";

/**
 * The engines that `--engine` takes. `auto` is `wasm`, which needs nothing beside the package and gives the same bytes on every machine;
 * an engine that is faster but gives a machine's own bytes (`wasm-fma`, `native`, `tfjs`) is never picked unasked.
 */
export const ENGINES = [
  "auto",
  "wasm",
  "wasm-fma",
  "native",
  "reference",
  "tfjs",
  "tfjs:node-gpu",
  "tfjs:webgpu",
  "tfjs:node",
  "tfjs:cpu",
] as const;
export type EngineChoice = (typeof ENGINES)[number];
/** Engines by the names that cells and checkpoints carry: one for all backends of tfjs, whose numbers differ by rounding. */
export type EngineName = Exclude<EngineChoice, "auto" | `tfjs:${string}`>;

export interface EngineOptions {
  /** Where `native` keeps its compiled kernels; made if it is not there. Needed by `native` only. */
  readonly cacheFolder?: string;
}

/**
 * The engine that a choice stands for. `auto` is never tfjs: it is not the same bits everywhere, and pays only with a GPU and many cells
 * of one shape (docs/gpu.md has the rule by which that would change).
 */
export function resolveEngine(choice: EngineChoice): EngineName {
  if (choice === "auto") return "wasm";
  return isTfjs(choice) ? "tfjs" : choice;
}

function isTfjs(choice: EngineChoice): choice is Extract<EngineChoice, `tfjs${string}`> {
  return choice.startsWith("tfjs");
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
