import { ENGINE_NAMES, type EngineName } from "../../src/compute/choice.ts";
import type { NetworkSpec } from "../../src/compute/engine.ts";
import { UserError } from "../../src/core/errors.ts";
import { describePlanes, observedFeatures } from "../../src/envs/observe.ts";
import type { Checkpoint } from "../../src/runs/checkpoint.ts";
import { readPolicy } from "../../src/runs/store.ts";
import { loadStoredScenario } from "../../src/scenario/load.ts";
import type { Scenario } from "../../src/scenario/schema.ts";
import type { Setting } from "../../src/scenario/setting.ts";

export interface LoadedCheckpoint {
  /** Without its optimiser. */
  readonly checkpoint: Checkpoint;
  /** The scenario that it was trained on. */
  readonly trained: Scenario;
  /** The same with `--set` applied. */
  readonly scenario: Scenario;
  /** Made for the precision of its parameters, and here on any machine: wasm stands in for native and tfjs, equal but for rounding. */
  readonly engine: EngineName;
}

export const isCheckpointPath = (path: string): boolean => path.endsWith(".safetensors");

/** Read a checkpoint and the scenario inside it. @throws UserError naming the file. */
export function loadCheckpoint(path: string, set: readonly string[]): LoadedCheckpoint {
  const checkpoint = readPolicy(path);
  const name = ENGINE_NAMES.find((engine) => engine === checkpoint.engine.name);
  if (name === undefined) {
    const { name: unknown } = checkpoint.engine;
    throw new UserError(`checkpoint ${path} was trained by engine ${unknown}, which this version does not have`);
  }
  const under = (set: readonly string[]) =>
    loadStoredScenario(checkpoint.scenario, path, { set, sweep: "ignore" }).scenario;
  const trained = under([]);
  return { checkpoint, trained, scenario: set.length === 0 ? trained : under(set), engine: standIn(name) };
}

/** The engine that speaks for what another one has trained, on any machine. */
export const standIn = (name: EngineName): EngineName => (name === "tfjs" || name === "native" ? "wasm" : name);

/**
 * Refuse a setting whose observations the network cannot read: other planes than it was trained on, or marks where it was shown none.
 * @throws UserError naming the file.
 */
export function checkReadable(path: string, spec: NetworkSpec, trained: Setting, { world, overseer }: Setting): void {
  const hint = "world.size, world.observe, world.walls and oversight.visible are part of what it was trained on";
  const features = observedFeatures(world, overseer.visible);
  if (features > spec.features) {
    throw new UserError(`checkpoint ${path} takes ${spec.features} features, this world shows ${features}`, hint);
  }
  const [known, shown] = [trained.world, world].map(describePlanes);
  if (known !== shown) throw new UserError(`checkpoint ${path} reads ${known}, this world shows ${shown}`, hint);
}
