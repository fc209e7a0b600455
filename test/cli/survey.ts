import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { Engine } from "../../src/compute/engine.ts";
import { UserError } from "../../src/core/errors.ts";
import { runCell } from "../../src/runner/cell.ts";
import { openRun } from "../../src/runs/manifest.ts";
import { manifestOf, planCells, runName } from "../../src/runs/plan.ts";
import { loadStoredScenario } from "../../src/scenario/load.ts";
import type { Document } from "../scenario/any-scenario.ts";
import { halfwatchHere } from "./here.ts";

/** Cells of a scenario that are trained, out of each few: the run is then half finished, which is what one often looks at. */
const MOST_CELLS = 4;

/** Whether a scenario is one that `validate` takes. @throws what is no mistake in the input. */
export function isValid(document: Document): boolean {
  try {
    loadStoredScenario(document, "document");
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

/**
 * Do with a valid scenario what its users do: validate it, train cells of it, evaluate, report, verify, replay, watch, play. Each command ends
 * with 0 or with a message; `repeat`: cells that verify trains again.
 */
export async function survey(document: Document, engine: Engine, repeat = 0): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "halfwatch-survey-"));
  try {
    const file = join(folder, "scenario.yaml");
    writeFileSync(file, JSON.stringify(document));
    const call = async (args: readonly string[], codes: readonly number[] = [0], input = "") => {
      const { code, stdout, stderr } = await halfwatchHere(args, folder, input);
      const said = { command: args.join(" "), code, stderr: codes.includes(code ?? -1) ? "" : `${stdout}${stderr}` };
      expect({ ...said, code: codes.includes(code ?? -1) ? codes : code }).toEqual({
        ...said,
        code: codes,
        stderr: "",
      });
      if (args.includes("--json")) JSON.parse(stdout);
      return stdout;
    };
    await call(["validate", file, "--json"]);
    await call(["levels", file, "-n", "2", "--plain"]);
    await call(["solve", file, "--level", "1", "--json"]);
    await call(["play", file, "--json"], [0], "nnee\nsw\n");
    await call(["eval", file, "--policy", "random", "--json"]);
    await call(["eval", file, "--policy", "optimal:proxy"]);

    const { scenario } = loadStoredScenario(document, file);
    const run = join(folder, runName(scenario));
    openRun(run, manifestOf(scenario, "0.1.0"));
    const plans = planCells(scenario, engine.info.name);
    const every = Math.max(1, Math.floor(plans.length / MOST_CELLS));
    let trained = 0;
    for (const plan of plans.filter((_, p) => p % every === 0).slice(0, MOST_CELLS)) {
      try {
        await runCell(run, plan, engine);
        trained++;
      } catch (error) {
        // A training may diverge: it says so.
        if (!(error instanceof UserError)) throw error;
      }
    }
    const whole = trained === plans.length ? [0] : [1];
    await call(["verify", run, "--rerun", String(repeat), "--json"], whole);
    await call(["watch", run, "--json"]);
    // A run without a finished cell has nothing to show, and says so.
    const some = trained > 0 ? [0] : [2];
    await call(["report", run, "--json"], some);
    await call(["eval", run, "--json"], some);
    for (const view of ["full", null]) await call(["replay", run, "--plain", ...(view ? ["--view", view] : [])], some);
    await call(["replay", run, "--compare", "optimal:true,oracle", "--plain"], trained > 0 ? [0, 2] : [2]);
    for (const shift of Object.keys(scenario.shift)) await call(["eval", run, "--shift", shift], some);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
