import { resolveEngine } from "../../src/compute/choice.ts";
import { counted } from "../../src/report/format.ts";
import { planCells } from "../../src/runs/plan.ts";
import { listSeeds } from "../../src/scenario/load.ts";
import { expandSweep } from "../../src/scenario/sweep.ts";
import { estimateRun, tellEstimate } from "../run/estimate.ts";
import "../engine/float32.ts";
import { readScenario, type ScenarioOptions } from "../arguments/scenario-files.ts";
import { print, printJson } from "../output.ts";
import { divideCells } from "../run/processes.ts";

export interface ValidateOptions extends ScenarioOptions {
  readonly json?: boolean;
}

/** Check a scenario file; what is wrong with it is thrown. */
export async function run([path]: readonly string[], options: ValidateOptions): Promise<void> {
  const { scenario, hash } = readScenario(path, options, "keep");
  const arms = scenario.arms.length;
  const seeds = listSeeds(scenario.seeds).length;
  const swept = expandSweep(scenario);
  const points = swept.length;
  const plans = planCells(scenario, resolveEngine("auto"), swept);
  const cells = plans.length;
  const { jobs, threads } = divideCells(plans, "auto", {});
  const estimate = await estimateRun(plans, "auto", { jobs, threads });
  if (options.json) {
    printJson({ valid: true, path, hash, arms, seeds, points, cells, estimate, scenario });
    return;
  }
  print(
    `${path}: valid; ${counted(arms, "arm")}, ${counted(seeds, "seed")}, ${counted(points, "point")} of the sweep: ${counted(cells, "cell")}`,
  );
  print(`estimate, from measured updates: ${tellEstimate(estimate)}`);
}
