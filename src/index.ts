/**
 * The public API: what a script needs to load a scenario, train an arm of it, and measure what it wants.
 *
 *     scenario file -> loadScenario -> createSetting -> train -> networkMind -> evaluate
 *
 * Everything is a plain record or a function of plain records. What is not named here may change without notice.
 * examples/ holds whole scripts, docs/architecture.md the parts and what flows between them.
 */

// Scenarios: an experiment as data. `readText` reads files, for `loadScenario`. What is wrong with an input is a UserError.

export { z } from "zod";
export { UserError } from "./core/errors.ts";
export { readText } from "./runs/files.ts";
export { allowCode } from "./runs/own-code.ts";
export {
  hashScenario,
  type LoadedScenario,
  type LoadOptions,
  listSeeds,
  loadScenario,
  withShift,
} from "./scenario/load.ts";
export type { AgentOptions, OversightOptions, Scenario, TrainOptions } from "./scenario/schema.ts";
export { expandSweep, type SweepPoint } from "./scenario/sweep.ts";

// Settings: a scenario's nouns, built.

export { type EventSet, type Goal, rewardOf } from "./core/goal.ts";
export { type Chance, type Rng, Stream } from "./core/random.ts";
export { armNamed } from "./routing/arms/table.ts";
export {
  createSetting,
  networkOf,
  objectiveOf,
  type Setting,
  situationOf,
  verdictSituationsOf,
} from "./scenario/setting.ts";

// Worlds, and their exact solution.

export { everyWay } from "./envs/chance.ts";
export { enumerateStates, rewardTable, type StateGraph, uniformStarts } from "./envs/graph.ts";
export { type GridLevel, type GridMap, type GridSpec, gridWorld } from "./envs/grid-world.ts";
export { checkSets, type SetCheck } from "./envs/level-sets.ts";
export {
  actionValuesInto,
  bestActions,
  evaluatePolicy,
  greedyPolicy,
  type PolicyOutcome,
  type PolicyRule,
  returnOf,
  type Solution,
  solve,
} from "./envs/solver.ts";
export type { LevelSets, WeightedLevel, World, WorldDefinition, WorldOptions } from "./envs/world.ts";
export { createWorld, WORLDS } from "./envs/worlds/table.ts";

// Overseers: who sees what.

export {
  type Marking,
  type Overseen,
  type Overseer,
  type OverseerDefinition,
  type OverseerOptions,
  type Place,
  timeouts,
  wholeEpisode,
} from "./oversight/overseer.ts";
export { createOverseer, OVERSEERS } from "./oversight/overseers/table.ts";

// Arms, routes, views, and the measures of routing.

export type { Arm } from "./routing/arm.ts";
export { ARMS } from "./routing/arms/table.ts";
export { leakage, separation } from "./routing/metrics.ts";
export type { Lesson } from "./routing/route.ts";
export { createRoutes, type Routes } from "./routing/routes.ts";
export { deployedView, parseView, type View } from "./routing/views.ts";

// Engines: what a network is, and who runs it.

export { ENGINES, type EngineChoice } from "./compute/choice.ts";
export { createEngine } from "./compute/create.ts";
export {
  type Engine,
  type EngineInfo,
  type ForwardOutput,
  groupsOf,
  type Hyper,
  type Model,
  type NetworkSpec,
  type TensorSpec,
  type TrainingRows,
  type TrainState,
  tensorsOf,
  type UpdateStats,
} from "./compute/engine.ts";
export type { Observations } from "./core/observations.ts";

// Training: one arm, one seed. `runCell` also evaluates, and writes the cell's files into a run directory.

export type { Labels, Ledger, Trajectory } from "./core/trajectory.ts";
export { type CellHooks, type Next, runCell, Stopped } from "./runner/cell.ts";
export { type CellPlan, manifestOf, planCells, runName } from "./runs/plan.ts";
export type { LoopState, Saved } from "./training/loop-state.ts";
export { type LastUpdate, type Phase, type Progress, type Trained, type Training, train } from "./training/train.ts";

// Evaluation: what a policy does in a test distribution, exactly where the world allows.

export { type Episode, type EpisodeStep, playEpisode } from "./evaluation/episode.ts";
export { type Evaluation, evaluate, type GoalReturn, normalise } from "./evaluation/evaluate.ts";
export type { Acting, Mind, Opinion, Standing } from "./evaluation/mind.ts";
export { type NetworkMindOptions, networkMind } from "./evaluation/network-mind.ts";
export type { Stage } from "./evaluation/record.ts";
export { blindMind, optimalForGoal, optimalMind, optimumOf, randomMind } from "./evaluation/scripted-minds.ts";

export { type Bounds, createSituation, type Situation, type Task } from "./evaluation/situation.ts";
export { armOptimum, type Objective, type Theory } from "./evaluation/theory.ts";
export {
  failedControls,
  judge,
  VERDICT_THRESHOLDS,
  type Verdict,
  type VerdictSituations,
  type VerdictThresholds,
  verdictOf,
} from "./evaluation/verdict.ts";

// Run directories: written by `runCell`, read by anyone.

export { type CellIdentity, type CellPaths, cellPaths, checkpointPath } from "./runs/cell-paths.ts";
export type { Checkpoint } from "./runs/checkpoint.ts";
export { type Manifest, openRun } from "./runs/manifest.ts";
export type { CellEvaluation, CellResult, Metrics } from "./runs/results.ts";
export { type FinishedCell, type RunContents, readCheckpoint, readResult, readRun } from "./runs/store.ts";

// Statistics: the unit is the training seed.

export { type ArmRow, type Comparison, summarise, type Table } from "./report/summary.ts";
export {
  type MeanInterval,
  mean,
  meanInterval,
  pairedInterval,
  standardDeviation,
  studentQuantile,
} from "./statistics/intervals.ts";
