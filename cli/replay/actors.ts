import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { EngineChoice } from "../../src/compute/choice.ts";
import { createEngine } from "../../src/compute/create.ts";
import type { Engine } from "../../src/compute/engine.ts";
import { UserError } from "../../src/core/errors.ts";
import { type Mind, networkMind, optimalMind } from "../../src/evaluation/mind.ts";
import type { Stage } from "../../src/evaluation/record.ts";
import type { Checkpoint } from "../../src/experiment/checkpoint.ts";
import { stageOf } from "../../src/experiment/episodes.ts";
import { planOf } from "../../src/experiment/plan.ts";
import { withShift } from "../../src/experiment/scenario.ts";
import { type Scenario, TRAINING } from "../../src/experiment/schema.ts";
import { createSetting } from "../../src/experiment/setting.ts";
import { cellPaths, checkpointPath, readManifest, readResultAlone } from "../../src/experiment/store.ts";
import { deployedView, parseView } from "../../src/routing/views.ts";
import { cacheFolder } from "../cache.ts";
import { checkReadable, type LoadedCheckpoint, loadCheckpoint } from "../checkpoint.ts";

/** Which policy is asked for; what is left out is chosen. */
export interface Wanted {
  /** A run directory or a checkpoint. */
  readonly path: string;
  readonly arm?: string | undefined;
  readonly seed?: number | undefined;
  readonly step?: number | undefined;
  readonly view?: string | undefined;
  readonly shift?: string | undefined;
  readonly set?: readonly string[] | undefined;
}

/** A policy on a stage: who acts, and where. */
export interface Actor {
  readonly checkpoint: string;
  readonly scenario: Scenario;
  readonly arm: string;
  readonly seed: number;
  readonly step: number;
  readonly shift: string;
  readonly view: string;
  readonly modules: readonly string[];
  /** The view that is deployed by default. */
  readonly deployed: string;
  readonly stage: Stage;
  readonly mind: Mind;
}

/** Loads policies; engines are made once and kept until `dispose`. */
export interface Actors {
  load(wanted: Wanted): Promise<Actor>;
  /** The exact optimum of a goal on an actor's stage. */
  optimal(actor: Actor, goal: string): Mind;
  dispose(): Promise<void>;
}

export function createActors(): Actors {
  const engines = new Map<EngineChoice, Promise<Engine>>();
  const read = new Map<string, LoadedCheckpoint>();
  const engineOf = (choice: EngineChoice): Promise<Engine> => {
    let engine = engines.get(choice);
    if (engine === undefined) {
      engine = createEngine(choice, 1, { cacheFolder: cacheFolder() });
      engines.set(choice, engine);
    }
    return engine;
  };
  return {
    async load(wanted) {
      const path = wantedPath(wanted);
      const key = JSON.stringify([path, wanted.set]);
      const loaded = read.get(key) ?? loadWanted(path, wanted);
      read.set(key, loaded);
      const { checkpoint, scenario, engine: trainedBy } = loaded;
      const setting = createSetting(shifted(scenario, wanted.shift));
      checkReadable(path, loaded, setting);
      const { modules } = checkpoint.spec;
      const deployed = deployedView(modules, setting.trueModule);
      const view = parseView(wanted.view ?? deployed, modules);
      const engine = await engineOf(trainedBy);
      const model = await engine.create(checkpoint.spec, checkpoint.state.parameters);
      return {
        ...describe(path, checkpoint, scenario),
        ...{ shift: wanted.shift ?? TRAINING, view: view.name, modules, deployed },
        stage: stageOf(setting),
        mind: networkMind(model, view, setting, ["full"]),
      };
    },
    optimal({ stage: { world, goals, discount } }, name) {
      const goal = goals.find((each) => each.name === name);
      if (goal === undefined) {
        throw new UserError(`optimal:${name}: unknown goal, expected ${goals.map((each) => each.name).join(" or ")}`);
      }
      if (!world.deterministic) throw new UserError(`world ${world.kind} is stochastic: it has no exact optimum`);
      return optimalMind(world, goal, discount);
    },
    async dispose() {
      for (const engine of engines.values()) await (await engine).dispose();
    },
  };
}

/** Load the policy that {@link wantedPath} found. @throws UserError naming the file. */
export function loadWanted(path: string, wanted: Wanted): LoadedCheckpoint {
  const loaded = loadCheckpoint(path, wanted.set ?? []);
  // Nothing else tells a file of another cell that lies in this one's place.
  if (path !== wanted.path) planOf(loaded.checkpoint, basename(dirname(dirname(path))), path);
  return loaded;
}

function describe(checkpoint: string, { arm, seed, step }: Checkpoint, scenario: Scenario) {
  return { checkpoint, scenario, arm, seed, step };
}

function shifted(scenario: Scenario, shift: string | undefined): Scenario {
  return shift === undefined || shift === TRAINING ? scenario : withShift(scenario, shift);
}

export const isRun = (path: string): boolean => existsSync(join(path, "manifest.json"));

/** The run that a checkpoint stands in; undefined where it stands alone. */
export function runOf(checkpoint: string): string | undefined {
  const run = dirname(dirname(dirname(dirname(checkpoint))));
  return isRun(run) && basename(dirname(checkpoint)) === "checkpoints" ? run : undefined;
}

/** The finished cells of a run by their names: nothing but the chosen one is read, so that a large run opens at once. */
function cellsOf(run: string): { id: string; arm: string; seed: number }[] {
  readManifest(run);
  const folder = join(run, "cells");
  return (existsSync(folder) ? readdirSync(folder) : []).sort().flatMap((id) => {
    const [, arm, seed] = /^(.+)-seed(\d+)-[0-9a-f]{8}$/.exec(id) ?? [];
    return arm !== undefined && existsSync(join(folder, id, "result.json")) ? [{ id, arm, seed: Number(seed) }] : [];
  });
}

/** The checkpoint that is meant. @throws UserError where a run has none such. */
export function wantedPath(wanted: Wanted): string {
  return isRun(wanted.path) ? chooseCheckpoint(wanted) : wanted.path;
}

/** The checkpoint of a run that is meant: of `route` if it is there, of the first seed, the last one, unless told otherwise. */
function chooseCheckpoint({ path: run, arm, seed, step }: Wanted): string {
  const cells = cellsOf(run);
  if (cells.length === 0) throw new UserError(`run ${run} has no finished cell`);
  const arms = [...new Set(cells.map((cell) => cell.arm))];
  const wanted = arm ?? (arms.includes("route") ? "route" : arms[0]);
  const own = cells.filter((cell) => cell.arm === wanted).sort((a, b) => a.seed - b.seed);
  if (own.length === 0) {
    throw new UserError(`--arm ${wanted}: run ${run} has no finished cell of it`, `it has: ${arms.join(", ")}`);
  }
  const cell = seed === undefined ? own[0] : own.find((each) => each.seed === seed);
  if (cell === undefined) {
    throw new UserError(
      `--seed ${seed}: run ${run} has no finished cell of ${wanted} with it`,
      `it has: ${own.map((each) => each.seed).join(", ")}`,
    );
  }
  const paths = cellPaths(run, cell.id);
  const result = readResultAlone(paths);
  if (result === undefined) throw new UserError(`run ${run} has no finished cell of ${wanted} with seed ${cell.seed}`);
  if (step === undefined) return checkpointPath(paths, result.checkpoints.last);
  const steps = stepsOf(checkpointPath(paths, result.checkpoints.last));
  if (!steps.includes(step)) {
    throw new UserError(`step ${step}: cell ${cell.id} has no checkpoint of it`, `it has: ${steps.join(", ")}`);
  }
  return checkpointPath(paths, step);
}

/** Steps of all checkpoints beside one. */
function stepsOf(checkpoint: string): number[] {
  return readdirSync(dirname(checkpoint))
    .flatMap((name) => (/^\d+\.safetensors$/.test(name) ? [Number.parseInt(name, 10)] : []))
    .sort((a, b) => a - b);
}

/** What else there is beside a checkpoint of a run, to compare with. */
export function othersOf(checkpoint: string): { arms: string[]; seeds: number[]; steps: number[] } {
  const run = runOf(checkpoint);
  if (run === undefined) return { arms: [], seeds: [], steps: [] };
  const cells = cellsOf(run);
  return {
    arms: [...new Set(cells.map(({ arm }) => arm))],
    seeds: [...new Set(cells.map(({ seed }) => seed))].sort((a, b) => a - b),
    steps: stepsOf(checkpoint),
  };
}
