import { basename, join } from "node:path";
import { performance } from "node:perf_hooks";
import { ENGINE_NAMES } from "../../src/compute/choice.ts";
import { counted } from "../../src/report/format.ts";
import { summarise } from "../../src/report/summary.ts";
import { RunFollower } from "../../src/runner/follower.ts";
import { advance, beginRun, countCells } from "../../src/runner/progress.ts";
import { listFolder, pathExists } from "../../src/runs/files.ts";
import { readManifest } from "../../src/runs/manifest.ts";
import { type CellPlan, planCells, type RunPlan, runPlanOf } from "../../src/runs/plan.ts";
import { readRun } from "../../src/runs/store.ts";
import { nameInFull } from "../../src/scenario/sweep.ts";
import { checkRun } from "../arguments/run-directories.ts";
import { print, printJson, say } from "../output.ts";
import type { RunDisplay, ScreenTrouble } from "../run/display.ts";
import { cellName, DISCOUNTED, findingOn, remarkOn, thinEvaluations } from "../run/event-lines.ts";
import { ownClaim } from "../run/lock-owner.ts";
import { togglePause } from "../run/pause.ts";
import { pause } from "../run/processes.ts";
import { renderTables } from "../run/results-table.ts";
import { type Source, showSession } from "../run/session.ts";
import { listenForStop } from "../run/stop-request.ts";
import { openDashboard } from "../screens/dashboard/dashboard.ts";
import { type Capabilities, liveCapabilities } from "../text/capabilities.ts";

export interface WatchOptions {
  readonly plain?: boolean;
  readonly json?: boolean;
}

/** Seconds without a trained cell after which nobody trains the run: between two cells a runner starts a process. */
const ABANDONED = 10;

/**
 * Follow a run that another process trains until it is complete, nobody trains it any more, or the person leaves; or look at one that is
 * complete.
 */
export async function run([dir]: readonly string[], { plain, json }: WatchOptions): Promise<void> {
  checkRun(dir);
  const manifest = readManifest(dir);
  const plan = runPlanOf(manifest, join(dir, "manifest.json"));
  const { scenario, points } = plan;
  const plans = plansOf(dir, plan);
  const said = { shift: scenario.primary.shift, note: DISCOUNTED };
  // Cells of a run are of one engine, or of none yet.
  const engine = { name: plans[0]?.engine ?? "unknown", spread: "", why: "" };
  const claim = ownClaim();
  const follower = new RunFollower(dir, plans, claim);
  if (json) {
    let now = beginRun(plans, new Map());
    for (const event of follower.look()) now = advance(now, event);
    const cells = [...now.cells.values()].map(
      ({ plan: of, state, isPaused, fraction, evaluated, trueReturn, where, message }) => ({
        ...{ id: of.id, arm: of.arm, seed: of.seed, point: of.point },
        ...{ state, paused: isPaused, fraction, evaluated, trueReturn, where, message },
      }),
    );
    const results = readRun(dir).finished.map(({ result }) => result);
    const tables = await summarise(scenario, results, [scenario.primary.shift], nameInFull(points));
    printJson({ run: dir, scenario: scenario.name, complete: follower.isComplete(), cells, tables });
    return;
  }
  const leaving = listenForStop();
  const title = `halfwatch watch: ${dir}  ${counted(plans.length, "cell")}`;
  const view = beginRun(plans, new Map());
  const capabilities = liveCapabilities({ plain: plain === true });
  const openScreen = (shown: Capabilities) => (trouble: ScreenTrouble) =>
    openDashboard(scenario, view, {
      ...{ title: `halfwatch watch: ${basename(dir)}`, role: "watch", dir, capabilities: shown, engine, points },
      ...{ onStop: leaving.request, onPause: () => togglePause(dir, claim), ...trouble },
    });
  const screen = capabilities === null ? null : openScreen(capabilities);
  let isAbandoned = false;
  const follow: Source = async (tell, display) => {
    let seen = performance.now();
    // On a screen a run that was complete before is there to be looked at, until the person leaves.
    let isExhibit = true;
    for (let isFirst = true; !leaving.signal.aborted; isFirst = false) {
      for (const event of follower.look()) tell(event, isFirst);
      isExhibit &&= display.isOnScreen() && follower.isComplete();
      if (follower.isComplete() && !isExhibit) return;
      if (follower.trained() > 0) seen = performance.now();
      isAbandoned = !isExhibit && performance.now() - seen > ABANDONED * 1000;
      if (isAbandoned) return;
      await pause();
    }
  };
  const lines = () => plainDisplay(title, said);
  const last = await showSession({ dir, view, screen, lines, work: "watching", stopping: leaving }, follow);
  if (leaving.signal.aborted && !follower.isComplete()) return;
  const { finished } = readRun(dir);
  const tables = await summarise(
    scenario,
    finished.map(({ result }) => result),
    [scenario.primary.shift],
    nameInFull(points),
  );
  for (const lines of renderTables(scenario, tables, process.stdout.columns ?? 100)) print(["", ...lines].join("\n"));
  const { done, failed } = countCells(last);
  if (!isAbandoned) return say(`complete: ${done} of ${plans.length} cells are done`);
  const lost = failed > 0 ? `, ${failed} failed` : "";
  say(
    `nobody trains it: ${done} of ${plans.length} cells are done${lost}; the command that began it goes on from there`,
  );
  process.exitCode = 1;
}

/** A line for what happens to a cell, on stderr. */
function plainDisplay(title: string, said: Parameters<typeof findingOn>[2]): RunDisplay {
  say(title);
  const isTold = thinEvaluations(() => performance.now());
  return {
    update: (view, event, isFinding) => {
      if (event === null || !isTold(event)) return;
      const lost = event.kind === "stopped" ? `${cellName(event.plan)} is no longer trained` : null;
      const remark = isFinding ? findingOn(view, event, said) : (lost ?? remarkOn(view, event, said));
      if (remark !== null) say(remark);
    },
    end: () => {},
  };
}

/** The run's cells: ids include the engine, which the manifest does not fix; so the engine that most of the folders are of. */
function plansOf(dir: string, { scenario, points }: RunPlan): CellPlan[] {
  const folder = join(dir, "cells");
  const there = new Set(pathExists(folder) ? listFolder(folder) : []);
  const choices = ENGINE_NAMES.map((engine) => planCells(scenario, engine, points));
  const hits = choices.map((plans) => plans.filter(({ id }) => there.has(id)).length);
  return choices[hits.indexOf(Math.max(...hits))];
}
