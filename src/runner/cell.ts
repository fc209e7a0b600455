import { basename } from "node:path";
import type { Engine, Model, NetworkSpec } from "../compute/engine.ts";
import { ensureLater } from "../core/cleanup.ts";
import { UserError } from "../core/errors.ts";
import { type Evaluation, evaluate } from "../evaluation/evaluate.ts";
import { networkMind } from "../evaluation/network-mind.ts";
import type { Situation } from "../evaluation/situation.ts";
import { type Verdict, verdictOf } from "../evaluation/verdict.ts";
import { armNamed } from "../routing/arms/table.ts";
import { leakage, separation } from "../routing/metrics.ts";
import { deployedView, parseView } from "../routing/views.ts";
import { type CellPaths, cellPaths, checkpointPath } from "../runs/cell-paths.ts";
import { CHECKPOINT_FORMAT, type Checkpoint } from "../runs/checkpoint.ts";
import {
  beginningsOf,
  chooseEpisodes,
  type EpisodeRecord,
  encodeEpisodes,
  recordOf,
  stageOf,
} from "../runs/episodes.ts";
import { type FileMark, LineWriter, readText } from "../runs/files.ts";
import { type CellPlan, planOf } from "../runs/plan.ts";
import { type BriefEvaluation, bySelection, type CellResult, curveIn, linesIn, type Metrics } from "../runs/results.ts";
import { readResumePoint, rollBack, type Unfinished, writeResumePoint } from "../runs/resume.ts";
import { finishCell, readPolicy, startCell, writeCheckpoint, writeEpisodes, writeEvaluation } from "../runs/store.ts";
import { type Selection, TRAINING } from "../scenario/schema.ts";
import { createSetting, type Setting, settingUnder, situationOf, verdictSituationsOf } from "../scenario/setting.ts";
import { type ModuleDiagnostics, moduleDiagnostics } from "../training/diagnostics.ts";
import type { Saved } from "../training/loop-state.ts";
import { type Candidate, select, type Validation, validate } from "../training/selection.ts";
import { type Phase, type Progress, type Trained, type Training, train, updatesIn } from "../training/train.ts";

/** Points of a cell's learning curve at most: checkpoints, and evaluations of the primary metric. */
const CURVE_POINTS = 20;

/** The updates after which a cell has a point of its curve: evenly spaced, the last one included. */
export function curveUpdates(updates: number): ReadonlySet<number> {
  const points = Math.min(CURVE_POINTS, updates);
  return new Set(Array.from({ length: points }, (_, i) => Math.ceil(((i + 1) * updates) / points)));
}

/** A test distribution of a cell, and whether its policies are shown marks. */
interface Test {
  readonly shift: string;
  readonly setting: Setting;
  readonly situation: Situation;
}

/** Parts of a cell's evaluation: a view in a shift, episodes of one, the verdict, and the like; each takes about as long as another. */
export interface Evaluated {
  readonly done: number;
  readonly of: number;
}

/** What to do after an update: go on, save first, or save and stop. */
export type Next = "go on" | "save" | "stop";

export interface CellHooks {
  /** Called first where the cell goes on from an earlier attempt: updates made, of how many, and environment steps taken. */
  onResume?(progress: Pick<Progress, "update" | "updates" | "step">): void;
  onProgress?(metrics: Metrics): void;
  onPhase?(phase: Phase): void;
  /** Called when the training is over, and after each part of the evaluation: `done` of `of` parts. */
  onEvaluate?(evaluated: Evaluated): void;
  /**
   * Called after each update and between the evaluations, and awaited: for whoever has a clock, and hears signals. When a cell is saved
   * changes none of its final bytes.
   */
  next?(): Next | Promise<Next>;
}

/** A cell was stopped by {@link CellHooks.next}. Nothing is lost. */
export class Stopped extends Error {
  constructor(id: string) {
    super(`cell ${id} was stopped; it goes on from there`);
    this.name = "Stopped";
  }
}

/**
 * Train a cell, evaluate it under every shift and view, and write its files; `result.json` comes last. Returns the result.
 *
 * `run` is the run directory; the caller sees to it that no other process has the cell (lock.ts). A cell that was begun and not finished
 * goes on from where it was saved last: at a point of its curve, before its last update, or when `next` said so. The same plan and engine
 * write the same bytes, in one go or in many.
 *
 * @throws Stopped when `next` said so.
 * @throws UserError when the training diverges, a file cannot be written, or a file of the unfinished cell is damaged.
 */
export async function runCell(run: string, plan: CellPlan, engine: Engine, hooks: CellHooks = {}): Promise<CellResult> {
  const job = beginCell(run, plan, engine);
  const trained = await trainCell(job, hooks);
  const measured = await evaluateCell(job, trained, hooks);
  return writeResults(job, trained, measured);
}

/** What the steps of a cell share. */
interface Job {
  readonly plan: CellPlan;
  readonly engine: Engine;
  readonly setting: Setting;
  /** Training first, then the shifts. */
  readonly tests: readonly Test[];
  /** The one of the primary metric. */
  readonly primary: Test;
  readonly cell: CellPaths;
  /** Where it was saved last; undefined where it begins. */
  readonly point: Unfinished | undefined;
}

/** Lay everything out, and open the cell's folder. */
function beginCell(run: string, plan: CellPlan, engine: Engine): Job {
  const { scenario } = plan;
  const setting = createSetting(scenario);
  const tests = [TRAINING, ...Object.keys(scenario.shift)].map((shift): Test => {
    const at = settingUnder(scenario, shift);
    return { shift, setting: at, situation: situationOf(at) };
  });
  const primary = tests.find(({ shift }) => shift === scenario.primary.shift) ?? tests[0];
  return { plan, engine, setting, tests, primary, ...openCell(run, plan) };
}

/** Train, with a point of the curve now and then, and write checkpoints and metrics. */
async function trainCell(job: Job, hooks: CellHooks): Promise<Trained> {
  const { plan, engine, setting, primary, cell, point } = job;
  const { scenario, seed } = plan;
  const updates = updatesIn(scenario.train);
  const onCurve = curveUpdates(updates);
  const files: Record<string, FileMark> = { ...point?.resume.files };
  if (point !== undefined) hooks.onResume?.({ update: point.update, updates, step: point.step });
  const metrics = new LineWriter(cell.metrics);
  const training = {
    setting,
    arm: armNamed(plan.arm),
    seed,
    engine,
    from: point && savedIn(point),
    ...(hooks.onPhase && { onPhase: hooks.onPhase }),
    onUpdate: async (progress, model, save) => {
      refuseDiverged(progress, plan);
      const isPoint = onCurve.has(progress.update);
      let line: Metrics = progress;
      if (isPoint) {
        const view = deployedView(model.spec.modules, setting.trueModule);
        const { goals } = await evaluateView(model, view, primary);
        const validation = await validate(setting, model, view, seed, scenario.evaluation.validationEpisodes);
        const [trueReturn, proxyReturn] = [goals.true.discounted, goals.proxy.discounted];
        line = { ...progress, curve: { trueReturn, proxyReturn, validation } };
      }
      metrics.write(line);
      hooks.onProgress?.(line);

      if (isPoint && save !== undefined) {
        const { parameters } = await model.getState();
        const checkpoint = { ...checkpointAt(job, progress, model.spec), state: { parameters } };
        const [name, mark] = writeCheckpoint(cell, checkpoint);
        files[name] = mark;
      }
      const next = (await hooks.next?.()) ?? "go on";
      // Before the last update too: it is made again if a kill comes while the cell is evaluated.
      if (save !== undefined && (isPoint || next !== "go on" || progress.update === updates - 1)) {
        const { state, loop } = await save();
        files[basename(cell.metrics)] = metrics.mark();
        writeResumePoint(cell, { ...checkpointAt(job, progress, model.spec), state, resume: { loop, files } });
      }
      if (next === "stop") throw new Stopped(plan.id);
    },
  } satisfies Training;
  const trained = await ensureLater(
    () => train(training),
    () => metrics.close(),
  );
  const { model, step, updates: update } = trained;
  writeCheckpoint(cell, { ...checkpointAt(job, { step, update }, model.spec), state: await model.getState() });
  return trained;
}

function checkpointAt(
  { plan, engine }: Job,
  { step, update }: Pick<Progress, "step" | "update">,
  spec: NetworkSpec,
): Omit<Checkpoint, "state" | "resume"> {
  const { scenarioHash, arm, seed, point, scenario } = plan;
  return {
    format: CHECKPOINT_FORMAT,
    scenarioHash,
    arm,
    seed,
    point,
    engine: engine.info,
    step,
    update,
    spec,
    scenario,
  };
}

/** Evaluations, by shift. */
type ByShift<T> = Record<string, T>;

/** A checkpoint that a rule selects, as deployed. */
interface Chosen {
  readonly step: number;
  readonly shifts: ByShift<Evaluation>;
}

/** What a trained cell came to. */
interface Measured {
  readonly deployed: string;
  /** By shift, by view. */
  readonly shifts: ByShift<Record<string, Evaluation>>;
  readonly episodes: readonly EpisodeRecord[];
  readonly diagnostics: ModuleDiagnostics;
  readonly verdict: Verdict;
  /** The points of the curve, and what each rule selects of them, as deployed. */
  readonly candidates: readonly Candidate[];
  readonly selected: Readonly<Record<Selection, Chosen>>;
}

/** Evaluate the trained model under every shift and view, record episodes, judge it, and evaluate what the rules of selection choose. */
async function evaluateCell(
  { plan, engine, setting, tests, cell }: Job,
  { model, step: end, last }: Trained,
  hooks: CellHooks,
): Promise<Measured> {
  const { modules } = model.spec;
  const deployed = deployedView(modules, setting.trueModule);
  const views = modules.length === 1 ? ["full"] : ["full", ...modules.map((module) => `only:${module}`)];
  const candidates = readCurve(cell);
  const steps = bySelection((rule) => select(rule, candidates));
  const earlier = Object.values(steps).filter((step) => step !== end);
  const evaluated = { done: 0, of: 2 * tests.length * views.length + 2 + earlier.length * tests.length };
  const nextPart = async () => {
    hooks.onEvaluate?.({ ...evaluated });
    evaluated.done++;
    if ((await hooks.next?.()) === "stop") throw new Stopped(plan.id);
  };
  const shifts: Measured["shifts"] = {};
  for (const test of tests) {
    shifts[test.shift] = {};
    for (const view of views) {
      await nextPart();
      shifts[test.shift][view] = await evaluateView(model, view, test);
    }
  }
  const episodes: EpisodeRecord[] = [];
  for (const { shift, setting: at } of tests) {
    const stage = stageOf(at);
    const beginnings = beginningsOf(stage, plan.seed);
    for (const view of views) {
      await nextPart();
      const mind = networkMind(model, parseView(view, modules), at);
      const chosen = await chooseEpisodes(stage, mind, beginnings);
      episodes.push(...chosen.map((trace) => recordOf(stage, { shift, view }, trace)));
    }
  }
  await nextPart();
  const diagnostics = await moduleDiagnostics(model, last, setting.routes.labels);
  const asDeployed = networkMind(model, parseView(deployed, modules), setting);
  await nextPart();
  const verdict = await verdictOf(verdictSituationsOf(plan.scenario), () => asDeployed);
  model.dispose();

  const evaluateAt = async (step: number): Promise<Chosen> => {
    const found: Record<string, Evaluation> = {};
    if (step === end) {
      for (const { shift } of tests) found[shift] = shifts[shift][deployed];
      return { step, shifts: found };
    }
    const { state } = readPolicy(checkpointPath(cell, step));
    const policy = await engine.create(model.spec, state.parameters);
    for (const test of tests) {
      await nextPart();
      found[test.shift] = await evaluateView(policy, deployed, test);
    }
    policy.dispose();
    return { step, shifts: found };
  };
  const selected = {
    last: await evaluateAt(steps.last),
    "label-legal": await evaluateAt(steps["label-legal"]),
    oracle: await evaluateAt(steps.oracle),
  };
  hooks.onEvaluate?.({ ...evaluated });
  return { deployed, shifts, episodes, diagnostics, verdict, candidates, selected };
}

/** Write episodes, evaluation and, last, the result. */
function writeResults({ plan, engine, setting, primary, cell }: Job, trained: Trained, measured: Measured): CellResult {
  const { deployed, shifts, episodes, diagnostics, verdict, candidates, selected } = measured;
  const { scenario, arm, seed, point, scenarioHash } = plan;
  const primaryReturn = (rule: Selection) => selected[rule].shifts[primary.shift].goals.true.discounted;
  const sumOver = (count: (validation: Validation) => number) =>
    candidates.reduce((sum, { validation }) => sum + count(validation), 0);
  const hasSeveral = Object.keys(shifts[TRAINING]).length > 1;
  writeEpisodes(cell, encodeEpisodes({ scenario, arm, seed, step: trained.step }, episodes));
  writeEvaluation(cell, {
    deployed,
    shifts,
    verdict,
    selected,
    selectionLeak: primaryReturn("oracle") - primaryReturn("label-legal"),
    modules: { ...diagnostics, ...(hasSeveral && { shifts: moduleMeasures(setting, deployed, shifts) }) },
  });

  return finishCell(cell, {
    scenarioHash,
    arm,
    seed,
    point,
    engine: engine.info.name,
    ...(engine.info.backend !== undefined && { backend: engine.info.backend, device: engine.info.device }),
    steps: trained.step,
    checkpoints: bySelection((rule) => selected[rule].step),
    summary: {
      deployed,
      episodes: trained.episodes,
      labelled: trained.labelled,
      validation: {
        episodes: sumOver(({ episodes: count }) => count),
        labelled: sumOver(({ labelled }) => labelled),
      },
      verdict,
      selected: bySelection((rule) => eachOf(selected[rule].shifts, briefly)),
      returns: eachOf(shifts, (byView) => eachOf(byView, briefly)),
    },
  });
}

/** A record with something made of each value. */
const eachOf = <T, U>(record: Readonly<Record<string, T>>, of: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, of(value)]));

/** The cell's folder as its training goes on from it. */
function openCell(run: string, plan: CellPlan): { cell: CellPaths; point: Unfinished | undefined } {
  const cell = cellPaths(run, plan.id);
  const point = readResumePoint(cell);
  if (point === undefined) return { cell: startCell(run, plan.id), point };
  planOf(point, plan.id, cell.resume);
  rollBack(cell, point);
  return { cell, point };
}

function savedIn({ state, update, resume }: Unfinished): Saved {
  if (!("steps" in state)) throw new RangeError("savedIn: a resume point without the optimiser");
  return { state, loop: { update, ...resume.loop } };
}

/** The checkpoints of the curve as the rules of selection see them, from the metrics that were written. */
function readCurve(cell: CellPaths): Candidate[] {
  const { curve } = curveIn(linesIn(readText(cell.metrics)), cell.metrics);
  return curve.map(({ step, curve: { validation, trueReturn } }) => ({ step, validation, trueReturn }));
}

/** Learning that has become NaN or infinite never comes back. */
function refuseDiverged(progress: Progress, plan: CellPlan): void {
  const numbers = { ...progress, ...progress.gradNorms };
  const bad = Object.entries(numbers).find(([, value]) => typeof value === "number" && !Number.isFinite(value));
  if (bad === undefined) return;
  throw new UserError(
    `training of ${plan.arm}, seed ${plan.seed}, diverged: ${bad[0]} is ${bad[1]} at update ${progress.update}`,
    "lower train.learningRate or train.maxGradNorm",
  );
}

function evaluateView(model: Model, view: string, { setting, situation }: Test): Promise<Evaluation> {
  return evaluate(situation, networkMind(model, parseView(view, model.spec.modules), setting));
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
