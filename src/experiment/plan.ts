import { UserError } from "../core/errors.ts";
import { ARMS } from "../routing/arms.ts";
import { CHECKPOINT_FORMAT, type Checkpoint, issueText } from "./checkpoint.ts";
import { expandSweep, hashScenario, listSeeds } from "./scenario.ts";
import { type Scenario, scenarioSchema } from "./schema.ts";
import { armNamed } from "./setting.ts";
import { cellId, type Manifest, RUN_FORMAT } from "./store.ts";

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

/** All cells of a scenario: seed by seed, so that every arm has a first result early; in a seed by point, then arm. */
export function planCells(scenario: Scenario, engine: string): CellPlan[] {
  const scenarioHash = hashScenario(scenario);
  const points = expandSweep(scenario);
  return listSeeds(scenario.seeds).flatMap((seed) =>
    points.flatMap(({ point, scenario: at }) =>
      scenario.arms.map((arm): CellPlan => {
        const own: Scenario = { ...at, arms: [arm], seeds: [seed], about: "" };
        return {
          id: idOf({ scenario: own, arm, seed, engine }),
          arm,
          seed,
          point,
          scenario: own,
          scenarioHash,
          engine,
        };
      }),
    ),
  );
}

/** The id of the cell that trains an arm with a seed on a scenario without a sweep. */
function idOf({ scenario, arm, seed, engine }: Pick<CellPlan, "scenario" | "arm" | "seed" | "engine">): string {
  const { arms: _arms, seeds: _seeds, about: _about, name: _name, ...determining } = scenario;
  return cellId({ format: CHECKPOINT_FORMAT, scenario: determining, arm: armNamed(arm), seed, engine });
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

/** What the run fixes before its first cell. `version` is the package's. */
export function manifestOf(scenario: Scenario, version: string): Manifest {
  const { about: _about, ...fixed } = scenario;
  return {
    format: RUN_FORMAT,
    scenarioHash: hashScenario(scenario),
    scenario: fixed,
    primary: scenario.primary,
    versions: { halfwatch: version, checkpoint: String(CHECKPOINT_FORMAT) },
    arms: scenario.arms.filter((arm) => ARMS.has(arm)),
    seeds: listSeeds(scenario.seeds),
    points: expandSweep(scenario).map(({ point }) => point),
  };
}

/** Name of a scenario's run directory: `<name>-<hash8>`. */
export function runName(scenario: Scenario): string {
  return `${scenario.name}-${hashScenario(scenario).slice(0, 8)}`;
}
