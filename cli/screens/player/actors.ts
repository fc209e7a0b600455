import type { EngineChoice } from "../../../src/compute/choice.ts";
import { createEngine } from "../../../src/compute/create.ts";
import type { Engine } from "../../../src/compute/engine.ts";
import { UserError } from "../../../src/core/errors.ts";
import type { Mind } from "../../../src/evaluation/mind.ts";
import { networkMind } from "../../../src/evaluation/network-mind.ts";
import type { Stage } from "../../../src/evaluation/record.ts";
import { optimalMind } from "../../../src/evaluation/scripted-minds.ts";
import { deployedView, parseView } from "../../../src/routing/views.ts";
import type { Checkpoint } from "../../../src/runs/checkpoint.ts";
import { stageOf } from "../../../src/runs/episodes.ts";
import { type Scenario, TRAINING } from "../../../src/scenario/schema.ts";
import { settingUnder } from "../../../src/scenario/setting.ts";
import type { Point } from "../../../src/scenario/sweep.ts";
import { cacheFolder } from "../../engine/cache.ts";
import { checkReadable, type LoadedCheckpoint } from "../../policy/checkpoint.ts";
import { loadWanted, pointOf, type Wanted, wantedPath } from "../../policy/choice.ts";

/** A policy on a stage: who acts, and where. */
export interface Actor {
  readonly checkpoint: string;
  /** What it was trained on, but for `set`. */
  readonly scenario: Scenario;
  readonly arm: string;
  readonly seed: number;
  /** Its cell's point of the sweep, as its run names it. */
  readonly point: Point;
  readonly step: number;
  readonly shift: string;
  readonly view: string;
  readonly set: readonly string[] | undefined;
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
      const setting = settingUnder(scenario, wanted.shift);
      checkReadable(path, loaded, setting);
      const { modules } = checkpoint.spec;
      const deployed = deployedView(modules, setting.trueModule);
      const view = parseView(wanted.view ?? deployed, modules);
      const engine = await engineOf(trainedBy);
      const model = await engine.create(checkpoint.spec, checkpoint.state.parameters);
      return {
        ...describe(path, checkpoint, scenario),
        ...{ set: wanted.set, shift: wanted.shift ?? TRAINING, view: view.name, modules, deployed },
        stage: stageOf(setting),
        mind: networkMind(model, view, setting, { more: ["full"] }),
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

function describe(checkpoint: string, { arm, seed, point, step }: Checkpoint, scenario: Scenario) {
  return { checkpoint, scenario, arm, seed, point: pointOf(checkpoint, point), step };
}
