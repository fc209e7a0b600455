import { UserError } from "../core/errors.ts";
import { canonicalJson } from "../core/hash.ts";
import { doingOf } from "../routing/arm.ts";
import { ARMS, armNamed } from "../routing/arms/table.ts";
import { hashScenario, listSeeds, loadStoredScenario } from "../scenario/load.ts";
import { type Scenario, scenarioSchema } from "../scenario/schema.ts";
import { expandSweep, plannedCells, resolvePoints, type SweepPoint } from "../scenario/sweep.ts";
import { cellId } from "./cell-paths.ts";
import { CHECKPOINT_FORMAT, type Checkpoint } from "./checkpoint.ts";
import { issueText, RUN_FORMAT } from "./json.ts";
import type { Manifest } from "./manifest.ts";

/** A cell to train: one arm, one seed, one point of the sweep. Plain data, so that it can be handed to another process. */
export interface CellPlan {
  readonly id: string;
  readonly arm: string;
  readonly seed: number;
  readonly point: Readonly<Record<string, unknown>>;
  /** The scenario at the point, with nothing in it that may grow or be reworded: what is stored with the cell follows from its id. */
  readonly scenario: Scenario;
  /** The run's scenario hash. */
  readonly scenarioHash: string;
  readonly engine: string;
}

/** All cells of a scenario, in the order in which they are trained ({@link plannedCells}). */
export function planCells(
  scenario: Scenario,
  engine: string,
  points: readonly SweepPoint[] = expandSweep(scenario),
): CellPlan[] {
  const scenarioHash = hashScenario(scenario);
  return plannedCells(scenario, points).map(({ arm, seed, point, at }): CellPlan => {
    const own: Scenario = { ...at.scenario, arms: [arm], seeds: [seed], about: "" };
    return { id: idOf({ scenario: own, arm, seed, engine }), arm, seed, point, scenario: own, scenarioHash, engine };
  });
}

/** The id of the cell that trains an arm with a seed on a scenario without a sweep. */
function idOf({ scenario, arm, seed, engine }: Pick<CellPlan, "scenario" | "arm" | "seed" | "engine">): string {
  const { arms: _arms, seeds: _seeds, about: _about, name: _name, ...determining } = scenario;
  return cellId({
    format: CHECKPOINT_FORMAT,
    scenario: determining,
    arm: { name: arm, ...doingOf(armNamed(arm)) },
    seed,
    engine,
  });
}

/**
 * The plan of a cell, from a checkpoint of it: what to train to get the same bytes.
 *
 * @throws UserError when the checkpoint is of another cell than `id`; `path` is what the message calls it.
 */
export function planOf(checkpoint: Checkpoint, id: string, path: string): CellPlan {
  const { arm, seed, point, scenarioHash, engine } = checkpoint;
  const parsed = scenarioSchema.safeParse(checkpoint.scenario);
  if (!parsed.success) throw new UserError(`${path} holds a scenario of another version: ${issueText(parsed.error)}`);
  const plan = { arm, seed, point, scenario: parsed.data, scenarioHash, engine: engine.name };
  const found = ARMS.has(arm) ? idOf(plan) : `${arm}-seed${seed}`;
  if (found !== id) throw new UserError(`${path} is of another cell, ${found}, or of another version of halfwatch`);
  return { id, ...plan };
}

/** What the run fixes before its first cell, and what this command asks of it. `version` is the package's, `command` the command line. */
export function manifestOf(scenario: Scenario, version: string, command?: string): Manifest {
  const { about: _about, ...fixed } = scenario;
  const points = expandSweep(scenario);
  const asked = new Map<string, Manifest["asked"][number]>();
  for (const { planned } of points) {
    for (const { arms, seeds, point } of planned) {
      const name = canonicalJson([arms, seeds]);
      asked.set(name, { arms, seeds, points: [...(asked.get(name)?.points ?? []), point] });
    }
  }
  return {
    format: RUN_FORMAT,
    scenarioHash: hashScenario(scenario),
    scenario: fixed,
    primary: scenario.primary,
    versions: { halfwatch: version, checkpoint: String(CHECKPOINT_FORMAT) },
    arms: scenario.arms.filter((arm) => ARMS.has(arm)),
    seeds: listSeeds(scenario.seeds),
    points: points.map(({ point }) => point),
    asked: [...asked.values()],
    commands: command === undefined ? [] : [command],
  };
}

/** A run by its manifest: its scenario with the arms and seeds that it has grown to, and every point that was asked of it. */
export interface RunPlan {
  /** Without a sweep: `points` have its place. */
  readonly scenario: Scenario;
  readonly points: readonly SweepPoint[];
}

/** @throws UserError where the manifest holds a scenario or a point that this version refuses; `path` is what the message calls it. */
export function runPlanOf(manifest: Manifest, path: string): RunPlan {
  const { scenario, arms, seeds, asked } = manifest;
  const loaded = loadStoredScenario({ ...scenario, arms, seeds, sweep: {} }, path).scenario;
  return { scenario: loaded, points: resolvePoints(loaded, asked) };
}

/** Name of a scenario's run directory: `<name>-<hash8>`. */
export function runName(scenario: Scenario): string {
  return `${scenario.name}-${hashScenario(scenario).slice(0, 8)}`;
}
