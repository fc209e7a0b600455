import { performance } from "node:perf_hooks";
import { type EngineChoice, resolveEngine } from "../../src/compute/choice.ts";
import { createEngine } from "../../src/compute/create.ts";
import type { Engine, Model } from "../../src/compute/engine.ts";
import { ensureLater } from "../../src/core/cleanup.ts";
import { canonicalJson } from "../../src/core/hash.ts";
import { evaluate } from "../../src/evaluation/evaluate.ts";
import { networkMind } from "../../src/evaluation/network-mind.ts";
import { counted } from "../../src/report/format.ts";
import { armNamed } from "../../src/routing/arms/table.ts";
import { deployedView, parseView } from "../../src/routing/views.ts";
import { curveUpdates } from "../../src/runner/cell.ts";
import type { CellPlan } from "../../src/runs/plan.ts";
import { createSetting, networkOf, situationOf } from "../../src/scenario/setting.ts";
import { validate } from "../../src/training/selection.ts";
import { train, updatesIn } from "../../src/training/train.ts";
import { cacheFolder } from "../engine/cache.ts";
import { roughly } from "../text/numbers.ts";

/** What cells will take, roughly. */
export interface Estimate {
  readonly cells: number;
  /** Cells side by side. */
  readonly jobs: number;
  /** Wall time; null where no update can be measured beforehand. */
  readonly seconds: number | null;
  /** Of all files. */
  readonly bytes: number;
}

/** What one cell takes. */
interface Cost {
  readonly seconds: number;
  readonly bytes: number;
}

/** Seconds in which a cell's process starts. */
const STARTUP = 0.5;
/** Kinds of cells that are measured; further ones are taken to cost what these do on average. */
const MOST_MEASURED = 4;
/** Episodes of a validation that are timed, of those that a cell plays. */
const VALIDATED = 200;
/** Updates that are timed, and how many more where they took less than `SLOW` seconds together; the fastest counts. */
const TRIED = 3;
const TRIED_AGAIN = 10;
const SLOW = 0.5;
/** Steps of an update, and levels that are drawn, which are measured at most: more take so much longer. */
const MOST_STEPS = 4096;
const MOST_LEVELS = 100;
/** Bytes of a view in a shift, evaluated and recorded; of a point of the curve in the log; of headers and the result. */
const FILES = { view: 3_500, point: 400, checkpoint: 3_000, result: 8_000 };

/**
 * How long cells will take, and how much disk, from a few updates, an evaluation and a validation of each kind of cell among them: arms with as
 * many modules at one point of the sweep are of one kind. Engine tfjs is not measured: what it takes of a GPU stays with a process.
 */
export async function estimateRun(
  plans: readonly CellPlan[],
  choice: EngineChoice,
  { jobs, threads }: { readonly jobs: number; readonly threads: number },
): Promise<Estimate> {
  const kinds = new Map<string, CellPlan[]>();
  for (const plan of plans) {
    const { arms: _arms, seeds: _seeds, ...scenario } = plan.scenario;
    const kind = canonicalJson([scenario, armNamed(plan.arm).modules]);
    kinds.set(kind, [...(kinds.get(kind) ?? []), plan]);
  }
  if (resolveEngine(choice) === "tfjs") return { cells: plans.length, jobs, seconds: null, bytes: 0 };
  const engine = await createEngine(choice, threads, { cacheFolder: cacheFolder() });
  const measured = async () => {
    const costs: { count: number; cost: Cost }[] = [];
    for (const own of [...kinds.values()].slice(0, MOST_MEASURED)) {
      costs.push({ count: own.length, cost: await costOf(own[0], engine) });
    }
    return costs;
  };
  const costs = await ensureLater(measured, () => engine.dispose());
  const seen = costs.reduce((sum, { count }) => sum + count, 0);
  const total = (of: (cost: Cost) => number) =>
    seen === 0 ? 0 : (costs.reduce((sum, { count, cost }) => sum + count * of(cost), 0) * plans.length) / seen;
  const seconds = total((cost) => cost.seconds) / Math.max(1, Math.min(jobs, plans.length));
  return { cells: plans.length, jobs, seconds, bytes: total((cost) => cost.bytes) };
}

/** Measure what a cell takes. */
async function costOf(plan: CellPlan, engine: Engine): Promise<Cost> {
  const { scenario } = plan;
  const updates = updatesIn(scenario.train);
  const { worlds } = scenario.train;
  const rollout = Math.max(1, Math.min(scenario.train.rollout, Math.floor(MOST_STEPS / worlds)));
  const levels = Math.min(MOST_LEVELS, scenario.evaluation.levels);
  const settingOf = (tried: number) =>
    createSetting({
      ...scenario,
      train: { ...scenario.train, rollout, steps: tried * worlds * rollout },
      evaluation: { ...scenario.evaluation, levels },
    });
  const setting = settingOf(TRIED);
  const arm = armNamed(plan.arm);
  let line = 0;
  const trained = async (tried: number): Promise<{ model: Model; update: number }> => {
    let [update, since] = [Infinity, performance.now()];
    const { model } = await train({
      ...{ setting: settingOf(tried), arm, seed: plan.seed, engine },
      onUpdate: async (progress) => {
        const seconds = (performance.now() - since) / 1000;
        [update, since] = [Math.min(update, (seconds * scenario.train.rollout) / rollout), performance.now()];
        line = JSON.stringify(progress).length + 1;
      },
    });
    return { model, update };
  };
  let { model, update } = await trained(TRIED);
  if (TRIED * update < SLOW) {
    // What is quick is slow at first: its code is compiled while it runs.
    model.dispose();
    ({ model, update } = await trained(TRIED_AGAIN));
  }
  const { modules } = networkOf(setting, arm);
  const view = deployedView(modules, setting.trueModule);
  const timed = async (action: () => Promise<unknown>): Promise<number> => {
    const once = async () => {
      const begun = performance.now();
      await action();
      return (performance.now() - begun) / 1000;
    };
    const first = await once();
    return first < SLOW ? Math.min(first, await once()) : first;
  };
  const situation = situationOf(setting);
  const one = await timed(() => evaluate(situation, networkMind(model, parseView(view, modules), setting)));
  const evaluation = situation.exact ? one : (one * scenario.evaluation.levels) / levels;
  const { validationEpisodes } = scenario.evaluation;
  const episodes = Math.min(VALIDATED, validationEpisodes);
  const validation =
    (await timed(() => validate(setting, model, view, plan.seed, episodes))) * (validationEpisodes / episodes);
  const { parameters } = await model.getState();
  model.dispose();

  const points = curveUpdates(updates).size;
  const shifts = 1 + Object.keys(scenario.shift).length;
  const views = shifts * (modules.length === 1 ? 1 : modules.length + 1);
  // Each view in each shift is evaluated and recorded, a verdict is five evaluations, and another rule may select another checkpoint.
  const evaluations = points + 2 * views + 5 + shifts;
  return {
    seconds: STARTUP + updates * update + points * validation + evaluations * evaluation,
    bytes:
      points * (4 * parameters.length + FILES.checkpoint + FILES.point) +
      (8 * parameters.length + updates * line + views * FILES.view + FILES.result),
  };
}

/** `15 cells, ~70 s with 2 at a time, 60 MB on disk`. */
export function tellEstimate({ cells, jobs, seconds, bytes }: Estimate): string {
  const time =
    seconds === null ? "time not measured" : `${roughly(seconds)}${jobs > 1 ? ` with ${jobs} at a time` : ""}`;
  return [counted(cells, "cell"), time, ...(bytes > 0 ? [`${inMegabytes(bytes)} on disk`] : [])].join(", ");
}

/** `60 MB`, `1.2 GB`, `0.3 MB`. */
function inMegabytes(bytes: number): string {
  const megabytes = bytes / 1e6;
  if (megabytes >= 1000) return `${(megabytes / 1000).toFixed(1)} GB`;
  return `${megabytes < 10 ? megabytes.toFixed(1) : Math.round(megabytes)} MB`;
}
