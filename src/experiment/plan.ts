import { ARMS } from "../routing/arms.ts";
import { CHECKPOINT_FORMAT } from "./checkpoint.ts";
import { expandSweep, hashScenario, listSeeds } from "./scenario.ts";
import type { Scenario } from "./schema.ts";
import { armNamed } from "./setting.ts";
import { cellId, type Manifest, RUN_FORMAT } from "./store.ts";

/** A cell to train: one arm, one seed, one point of the sweep. Plain data, so that it can be handed to another process. */
export interface CellPlan {
  readonly id: string;
  readonly arm: string;
  readonly seed: number;
  readonly point: Readonly<Record<string, unknown>>;
  /** The scenario at the point. */
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
        const { arms: _arms, seeds: _seeds, about: _about, name: _name, ...determining } = at;
        const identity = { format: CHECKPOINT_FORMAT, scenario: determining, arm: armNamed(arm), seed, engine };
        return { id: cellId(identity), arm, seed, point, scenario: at, scenarioHash, engine };
      }),
    ),
  );
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
