import type { Engine, Model } from "../compute/engine.ts";
import { type Evaluation, evaluate } from "../evaluation/evaluate.ts";
import { networkPolicy } from "../evaluation/policies.ts";
import type { Situation } from "../evaluation/situation.ts";
import { leakage, separation } from "../routing/metrics.ts";
import { deployedView, parseView } from "../routing/views.ts";
import { CHECKPOINT_FORMAT } from "./checkpoint.ts";
import { moduleDiagnostics } from "./diagnostics.ts";
import type { CellPlan } from "./plan.ts";
import { withShift } from "./scenario.ts";
import { TRAINING } from "./schema.ts";
import { armNamed, createSetting, type Setting, situationOf } from "./setting.ts";
import { type CellResult, finishCell, LineWriter, startCell, writeCheckpoint, writeEvaluation } from "./store.ts";
import { type Phase, type Progress, train, updatesIn } from "./train.ts";

/** Points of a cell's learning curve: evaluations of the primary metric, evenly spaced over the updates, the last one included. */
const CURVE_POINTS = 20;

/** A line of `metrics.jsonl`: an update, with the learning curve's point where there is one. */
export interface Metrics extends Progress {
  /** Exact discounted returns of the deployed view under the primary shift. */
  readonly curve?: { readonly trueReturn: number; readonly proxyReturn: number };
}

/** A test distribution of a cell, and whether its policies are shown marks. */
interface Test {
  readonly shift: string;
  readonly setting: Setting;
  readonly situation: Situation;
}

export interface CellHooks {
  onProgress?(metrics: Metrics): void;
  onPhase?(phase: Phase): void;
}

/**
 * Train a cell, evaluate it under every shift and view, and write its files; `result.json` comes last. Returns the result.
 *
 * `run` is the run directory. A cell that was begun and not finished is begun anew. The same plan and engine write the same bytes.
 */
export async function runCell(run: string, plan: CellPlan, engine: Engine, hooks: CellHooks = {}): Promise<CellResult> {
  const { scenario, seed } = plan;
  const setting = createSetting(scenario);
  const arm = armNamed(plan.arm);
  const tests = [TRAINING, ...Object.keys(scenario.shift)].map((shift): Test => {
    const at = shift === TRAINING ? setting : createSetting(withShift(scenario, shift));
    return { shift, setting: at, situation: situationOf(at) };
  });
  const primary = tests.find(({ shift }) => shift === scenario.primary.shift) ?? tests[0];
  const cell = startCell(run, plan.id);
  const metrics = new LineWriter(cell.metrics);
  const updates = updatesIn(scenario.train);
  const every = Math.max(1, Math.floor(updates / CURVE_POINTS));

  const trained = await train({
    setting,
    arm,
    seed,
    engine,
    ...(hooks.onPhase && { onPhase: hooks.onPhase }),
    onUpdate: async (progress, model) => {
      let line: Metrics = progress;
      if ((updates - progress.update) % every === 0) {
        const view = deployedView(model.spec.modules, setting.trueModule);
        const { goals } = await evaluateView(model, view, primary);
        line = { ...progress, curve: { trueReturn: goals.true.discounted, proxyReturn: goals.proxy.discounted } };
      }
      metrics.write(line);
      hooks.onProgress?.(line);
    },
  });
  metrics.close();

  const { model } = trained;
  writeCheckpoint(cell, {
    format: CHECKPOINT_FORMAT,
    scenarioHash: plan.scenarioHash,
    arm: plan.arm,
    seed,
    point: plan.point,
    engine: engine.info,
    step: trained.step,
    update: trained.updates,
    spec: model.spec,
    scenario,
    state: await model.getState(),
  });

  const { modules } = model.spec;
  const deployed = deployedView(modules, setting.trueModule);
  const views = modules.length === 1 ? ["full"] : ["full", ...modules.map((module) => `only:${module}`)];
  const shifts: Record<string, Record<string, Evaluation>> = {};
  for (const test of tests) {
    shifts[test.shift] = {};
    for (const view of views) shifts[test.shift][view] = await evaluateView(model, view, test);
  }
  const diagnostics = await moduleDiagnostics(model, trained.last, setting.routes.labels);
  writeEvaluation(cell, {
    deployed,
    shifts,
    modules: { ...diagnostics, ...(modules.length > 1 && { shifts: moduleMeasures(setting, deployed, shifts) }) },
  });
  model.dispose();

  return finishCell(cell, {
    scenarioHash: plan.scenarioHash,
    arm: plan.arm,
    seed,
    point: plan.point,
    engine: engine.info.name,
    steps: trained.step,
    checkpoints: { last: trained.step },
    summary: {
      deployed,
      episodes: trained.episodes,
      labelled: trained.labelled,
      returns: Object.fromEntries(
        Object.entries(shifts).map(([shift, byView]) => [
          shift,
          Object.fromEntries(Object.entries(byView).map(([view, e]) => [view, briefly(e)])),
        ]),
      ),
    },
  });
}

function evaluateView(model: Model, view: string, { setting, situation }: Test): Promise<Evaluation> {
  const { world, overseer } = setting;
  return evaluate(situation, networkPolicy(model, parseView(view, model.spec.modules), world, overseer.visible, false));
}

/** What tables show of an evaluation. */
export interface BriefEvaluation {
  /** Discounted return per episode, by goal. */
  readonly discounted: Readonly<Record<string, number>>;
  readonly normalised: Readonly<Record<string, number | null>>;
  readonly rates: Readonly<Record<string, number>>;
  readonly steps: number;
}

function briefly({ goals, rates, steps }: Evaluation): BriefEvaluation {
  const each = <T>(of: (goal: string) => T) => Object.fromEntries(Object.keys(goals).map((goal) => [goal, of(goal)]));
  return { discounted: each((g) => goals[g].discounted), normalised: each((g) => goals[g].normalised), rates, steps };
}

/** Leakage (for each event that only the proxy goal rewards) and separation under each shift. */
function moduleMeasures(setting: Setting, deployed: string, shifts: Record<string, Record<string, Evaluation>>) {
  const { world, trueGoal, proxyGoal } = setting;
  const proxyEvents = world.events.filter((_, e) => proxyGoal.rewards[e] > 0 && trueGoal.rewards[e] <= 0);
  return Object.fromEntries(
    Object.entries(shifts).map(([shift, byView]) => {
      const returns = Object.fromEntries(
        Object.entries(byView)
          .filter(([view]) => view.startsWith("only:") && view !== deployed)
          .map(([view, { goals }]) => [
            view,
            separation(byView[deployed].goals.true.discounted, goals.true.discounted),
          ]),
      );
      return [
        shift,
        {
          separation: returns,
          leakage: Object.fromEntries(
            proxyEvents.map((event) => [event, leakage(byView[deployed].rates[event], byView.full.rates[event])]),
          ),
        },
      ];
    }),
  );
}
