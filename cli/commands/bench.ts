import { performance } from "node:perf_hooks";
import { type EngineChoice, shownName } from "../../src/compute/choice.ts";
import { createEngine } from "../../src/compute/create.ts";
import { flopsOf } from "../../src/compute/flops.ts";
import { Stream } from "../../src/core/random.ts";
import type { World } from "../../src/envs/world.ts";
import { grouped } from "../../src/report/format.ts";
import { armNamed } from "../../src/routing/arms/table.ts";
import { loadScenario } from "../../src/scenario/load.ts";
import { loopOptions } from "../../src/scenario/loop-options.ts";
import { createSetting, networkOf } from "../../src/scenario/setting.ts";
import { type Phase, train } from "../../src/training/train.ts";
import { checkedArms } from "../arguments/arms.ts";
import { cacheFolder } from "../engine/cache.ts";
import "../engine/float32.ts";
import { readInputText } from "../arguments/input-file.ts";
import { print, printJson, say } from "../output.ts";
import { packageRoot } from "../package.ts";
import { alignColumns } from "../text/columns.ts";

export interface BenchOptions {
  readonly engine: EngineChoice;
  readonly threads?: number;
  readonly faithful?: boolean;
  readonly maze?: boolean;
  readonly arms?: readonly string[];
  readonly set?: readonly string[];
  readonly updates?: number;
  readonly json?: boolean;
}

/** What is timed: so many updates, after others that are not counted. */
const RECIPE = { file: "diamond-ghost", arms: ["naive", "route"], updates: 20, warmUp: 4 };
/** The published experiment: one routed update is 512 x 32 steps and one gradient step. */
const FAITHFUL = { file: "diamond-ghost-faithful", arms: ["route"], updates: 6, warmUp: 2 };
/** Convolutions on 13 x 13 cells, one module and several. */
const MAZE = { file: "maze", arms: ["oracle", "route"], updates: 3, warmUp: 1 };
/** Levels whose observations are counted. */
const COUNTED = 1000;

/** Time the recipe, phase by phase, for an arm with one module and one with several; or the published experiment; or mazes; or what is asked for. */
export async function run(_args: readonly string[], options: BenchOptions): Promise<void> {
  const threads = options.threads ?? 1;
  const { file, warmUp, ...usual } = options.maze ? MAZE : options.faithful ? FAITHFUL : RECIPE;
  const arms = options.arms === undefined ? usual.arms : checkedArms(options.arms);
  const updates = warmUp + (options.updates ?? usual.updates);
  const path = `${packageRoot()}/scenarios/${file}.yaml`;
  const { scenario: recipe } = loadScenario({ path, readText: readInputText, set: options.set ?? [], sweep: "ignore" });
  const { worlds, rollout, steps: recipeSteps } = recipe.train;
  const { epochs } = loopOptions(recipe.train);
  const perUpdate = worlds * rollout;
  const results = [];
  for (const arm of arms) {
    say(`${arm}: ${updates} updates of ${grouped(perUpdate)} steps, the first ${warmUp} not counted`);
    const engine = await createEngine(options.engine, threads, { cacheFolder: cacheFolder() });
    const setting = createSetting({ ...recipe, train: { ...recipe.train, steps: perUpdate * updates } });
    const seconds: Record<string, number> = {};
    let phase: Phase = "idle";
    let since = performance.now();
    let counting = false;
    let rows = 0;
    const { model } = await train({
      setting,
      arm: armNamed(arm),
      seed: 0,
      engine,
      onPhase: (next) => {
        const now = performance.now();
        if (counting) seconds[phase] = (seconds[phase] ?? 0) + (now - since) / 1000;
        phase = next;
        since = now;
      },
      onUpdate: (progress) => {
        if (counting) rows += progress.rows;
        counting ||= progress.update >= warmUp;
      },
    });
    model.dispose();
    await engine.dispose();
    const steps = perUpdate * (updates - warmUp);
    const total = Object.values(seconds).reduce((sum, x) => sum + x, 0);
    const work = flopsOf(networkOf(setting, armNamed(arm)), meanActive(setting.world) + 2);
    const flop = steps * work.forward + rows * epochs * work.update;
    results.push({
      arm,
      engine: shownName(engine.info),
      threads,
      stepsPerSecond: steps / total,
      samplesPerSecond: (rows * epochs) / total,
      secondsPerUpdate: total / (updates - warmUp),
      recipeSeconds: (recipeSteps / steps) * total,
      flopPerRow: work,
      gflopPerSecond: flop / ((seconds.rollout ?? 0) + (seconds.update ?? 0)) / 1e9,
      microsecondsPerStep: Object.fromEntries(Object.entries(seconds).map(([name, s]) => [name, (s / steps) * 1e6])),
    });
  }
  const memory = process.resourceUsage().maxRSS / 1024;
  if (options.json) {
    printJson({ results, peakMemoryMiB: memory });
    return;
  }
  const phases = Object.keys(results[0].microsecondsPerStep);
  print(
    alignColumns([
      [
        "arm",
        "engine",
        "threads",
        "steps/s",
        "s/update",
        `${recipeSteps / 1e6} M steps`,
        "kflop/row",
        "GFLOP/s",
        ...phases.map((name) => `${name} us/step`),
      ],
      ...results.map((r) => [
        r.arm,
        r.engine,
        String(r.threads),
        grouped(r.stepsPerSecond),
        r.secondsPerUpdate.toFixed(3),
        `${r.recipeSeconds.toFixed(1)} s`,
        `${(r.flopPerRow.forward / 1e3).toFixed(1)} + ${((r.flopPerRow.update - r.flopPerRow.forward) / 1e3).toFixed(1)}`,
        r.gflopPerSecond.toFixed(1),
        ...phases.map((name) => (r.microsecondsPerStep[name] ?? 0).toFixed(2)),
      ]),
    ]).join("\n"),
  );
  print(
    `kflop/row: forward + backward; GFLOP/s: multiply-adds of the layers (2 flop each), in rollout and update together; peak memory ${memory.toFixed(0)} MiB`,
  );
}

/** Mean number of features that are on in a first state, marks left out. */
function meanActive(world: World): number {
  const state = new Int32Array(world.stateSize);
  const out = new Uint16Array(world.maxActive);
  const [levels, chance] = [new Stream(0, "bench", "level"), new Stream(0, "bench", "chance")];
  let active = 0;
  for (let k = 0; k < COUNTED; k++) {
    const level = world.sample(levels.seek(k));
    world.start(level, chance.seek(k), state);
    active += world.observe(level, state, out, 0);
  }
  return active / COUNTED;
}
