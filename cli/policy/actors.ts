import { basename, dirname } from "node:path";
import { ENGINE_NAMES, type EngineChoice } from "../../src/compute/choice.ts";
import { createEngine } from "../../src/compute/create.ts";
import type { Engine } from "../../src/compute/engine.ts";
import { UserError } from "../../src/core/errors.ts";
import type { Mind } from "../../src/evaluation/mind.ts";
import { networkMind } from "../../src/evaluation/network-mind.ts";
import type { Stage } from "../../src/evaluation/record.ts";
import { optimalMind } from "../../src/evaluation/scripted-minds.ts";
import { deployedView, parseView } from "../../src/routing/views.ts";
import { cellPaths, latestPolicy } from "../../src/runs/cell-paths.ts";
import { stageOf } from "../../src/runs/episodes.ts";
import { planOf } from "../../src/runs/plan.ts";
import { readPolicy } from "../../src/runs/store.ts";
import { type Scenario, TRAINING } from "../../src/scenario/schema.ts";
import { type Setting, settingUnder } from "../../src/scenario/setting.ts";
import type { Point } from "../../src/scenario/sweep.ts";
import { cacheFolder } from "../engine/cache.ts";
import { checkReadable, type LoadedCheckpoint, loadCheckpoint, standIn } from "./checkpoint.ts";
import { pointOf, type Wanted, wantedPath } from "./choice.ts";

/** A policy on a stage: who acts, and where. */
export interface Actor {
  /** The file that holds it. */
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
  /** The scenario under the shift. */
  readonly setting: Setting;
  readonly stage: Stage;
  readonly mind: Mind;
  /** Give back the memory of its network; `Actors.dispose` gives back that of all. */
  close(): void;
}

/** Opens policies; what they share (engines, files, settings) is kept until `dispose`. */
export interface Actors {
  /**
   * The one way to a trained policy: the wanted one, under its shift, as its view acts.
   *
   * @throws UserError naming the file, or what is wanted and not there.
   */
  openPolicy(wanted: Wanted): Promise<Actor>;
  /** The exact optimum of a goal on an actor's stage. */
  optimal(actor: Actor, goal: string): Mind;
  dispose(): Promise<void>;
}

export function createActors(): Actors {
  const engines = new Map<EngineChoice, Promise<Engine>>();
  const read = new Map<string, LoadedCheckpoint>();
  const settings = new WeakMap<Scenario, Map<string, Setting>>();
  const engineOf = (choice: EngineChoice): Promise<Engine> => {
    const engine = engines.get(choice) ?? createEngine(choice, 1, { cacheFolder: cacheFolder() });
    engines.set(choice, engine);
    return engine;
  };
  const settingIn = (scenario: Scenario, shift = TRAINING): Setting => {
    const known = settings.get(scenario) ?? new Map<string, Setting>();
    settings.set(scenario, known);
    const setting = known.get(shift) ?? settingUnder(scenario, shift);
    known.set(shift, setting);
    return setting;
  };
  const load = (wanted: Wanted): { path: string; loaded: LoadedCheckpoint } => {
    if (wanted.cell !== undefined) return loadLatest(wanted.path, wanted.cell);
    const path = wantedPath(wanted);
    const key = JSON.stringify([path, wanted.set]);
    const loaded = read.get(key) ?? loadCheckpoint(path, wanted.set ?? []);
    // Nothing else tells a file of another cell that lies in this one's place.
    if (path !== wanted.path) planOf(loaded.checkpoint, basename(dirname(dirname(path))), path);
    read.set(key, loaded);
    return { path, loaded };
  };
  return {
    async openPolicy(wanted) {
      const { path, loaded } = load(wanted);
      const { checkpoint, scenario, trained, engine: trainedBy } = loaded;
      const { arm, seed, step, spec, state } = checkpoint;
      const setting = settingIn(scenario, wanted.shift);
      checkReadable(path, spec, settingIn(trained), setting);
      const { modules } = spec;
      const deployed = deployedView(modules, setting.trueModule);
      const view = parseView(wanted.view ?? deployed, modules);
      const { engine: choice = "auto", greedy = false, set, shift = TRAINING } = wanted;
      const engine = await engineOf(choice === "auto" ? trainedBy : choice);
      const model = await engine.create(spec, state.parameters);
      return {
        ...{ checkpoint: path, scenario, arm, seed, step, shift, view: view.name, set, modules, deployed, setting },
        point: wanted.cell === undefined ? pointOf(path, checkpoint.point) : wanted.cell.point,
        stage: stageOf(setting),
        mind: networkMind(model, view, setting, { more: ["full"], greedy }),
        close: () => model.dispose(),
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

/**
 * What a cell of a run has become by now. Its file is another at the next look, so it is read each time; the scenario inside is the plan's,
 * checked already: reading it again takes longer than all else.
 */
function loadLatest(run: string, { id, scenario, engine }: NonNullable<Wanted["cell"]>) {
  const path = latestPolicy(cellPaths(run, id));
  const name = ENGINE_NAMES.find((each) => each === engine);
  if (path === undefined || name === undefined) throw new UserError(`cell ${id} of run ${run} has saved no policy yet`);
  return { path, loaded: { checkpoint: readPolicy(path), trained: scenario, scenario, engine: standIn(name) } };
}
