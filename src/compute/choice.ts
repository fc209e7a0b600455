import type { EngineInfo } from "./engine.ts";

/*
 * Which engines there are, and which of them a choice stands for. Loads none: the command line reads this for its help.
 */

/** The ways to run TensorFlow.js, the best first: see tfjs/backends.ts. */
export const BACKENDS = ["node-gpu", "webgpu", "node", "cpu"] as const;
export type Backend = (typeof BACKENDS)[number];

/** Engines by the names that cells and checkpoints carry: one for all backends of tfjs, whose numbers differ by rounding. */
export const ENGINE_NAMES = ["wasm", "wasm-fma", "native", "reference", "tfjs"] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

/** What `--engine` takes. */
export type EngineChoice = "auto" | EngineName | `tfjs:${Backend}`;
export const ENGINES: readonly EngineChoice[] = [
  "auto",
  ...ENGINE_NAMES,
  ...BACKENDS.map((backend) => `tfjs:${backend}` as const),
];

/**
 * Why `auto` is the engine that it is: `wasm`, by WebAssembly or, where a compiler and koffi are there, by compiled kernels with its bits. An
 * engine that is faster but gives a machine's own bytes (`wasm-fma`, `native`, `tfjs`) is never picked unasked; docs/gpu.md has the rule by
 * which that could change for a GPU.
 */
export const AUTO_RULE = "the same bytes on every machine";

/** The engine that a choice stands for. */
export function resolveEngine(choice: EngineChoice): EngineName {
  if (choice === "auto") return "wasm";
  return isTfjs(choice) ? "tfjs" : choice;
}

/** Why it is that one, for the record of a cell. */
export function reasonFor(choice: EngineChoice): string {
  return choice === "auto" ? `auto: ${AUTO_RULE}` : "asked for";
}

/** An engine as screens name it: kernels that were compiled here, of an engine that does without, are worth a word. */
export function shownName({ name, build }: Pick<EngineInfo, "name" | "build">): string {
  return name === "wasm" && build !== undefined ? "wasm, compiled" : name;
}

function isTfjs(choice: EngineChoice): choice is Extract<EngineChoice, `tfjs${string}`> {
  return choice.startsWith("tfjs");
}
