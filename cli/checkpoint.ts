import type { EngineName } from "../src/compute/create.ts";
import { UserError } from "../src/core/errors.ts";
import type { Checkpoint } from "../src/experiment/checkpoint.ts";
import { loadScenario } from "../src/experiment/scenario.ts";
import type { Scenario } from "../src/experiment/schema.ts";
import { readCheckpoint } from "../src/experiment/store.ts";

export interface LoadedCheckpoint {
  readonly checkpoint: Checkpoint;
  /** The scenario that it was trained on, with `--set` applied. */
  readonly scenario: Scenario;
  /** Made for the precision of its parameters, and here on any machine: wasm stands in for tfjs, equal but for rounding. */
  readonly engine: EngineName;
}

export const isCheckpointPath = (path: string): boolean => path.endsWith(".safetensors");

/** Read a checkpoint and the scenario inside it. @throws UserError naming the file. */
export function loadCheckpoint(path: string, set: readonly string[]): LoadedCheckpoint {
  const checkpoint = readCheckpoint(path);
  const { name } = checkpoint.engine;
  if (name !== "wasm" && name !== "reference" && name !== "tfjs") {
    throw new UserError(`checkpoint ${path} was trained by engine ${name}, which this version does not have`);
  }
  // JSON is YAML, so the scenario inside is checked by the same rules as one that a person wrote.
  const { scenario } = loadScenario({
    path,
    readText: () => JSON.stringify(checkpoint.scenario),
    set,
    sweep: "ignore",
  });
  return { checkpoint, scenario, engine: name === "tfjs" ? "wasm" : name };
}
