import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { type EngineChoice, reasonFor, resolveEngine, shownName } from "../../src/compute/choice.ts";
import { createEngine } from "../../src/compute/create.ts";
import { ensureLater } from "../../src/core/cleanup.ts";
import { counted, grouped } from "../../src/report/format.ts";
import { summarise } from "../../src/report/summary.ts";
import { pastOf } from "../../src/runner/follower.ts";
import { localLauncher } from "../../src/runner/launcher.ts";
import { beginRun, countCells, goOn, type RunView, STOPPED_CLOCK, secondsLeft } from "../../src/runner/progress.ts";
import { cellPaths } from "../../src/runs/cell-paths.ts";
import { controlPath, readControl, unpauseRun } from "../../src/runs/control.ts";
import { type Claim, guardBy, holderOf, takeLock } from "../../src/runs/lock.ts";
import { openRun, readManifest } from "../../src/runs/manifest.ts";
import { keepCode, refuseChangedCode } from "../../src/runs/own-code.ts";
import { type CellPlan, manifestOf, planCells, runName } from "../../src/runs/plan.ts";
import type { CellResult } from "../../src/runs/results.ts";
import { isUntidy, readResult, tidyCell } from "../../src/runs/store.ts";
import { determining, parseSeeds } from "../../src/scenario/load.ts";
import type { Scenario } from "../../src/scenario/schema.ts";
import { updatesIn } from "../../src/training/train.ts";
import { checkedArms } from "../arguments/arms.ts";
import { runsIn } from "../arguments/run-directories.ts";
import { readScenario, type ScenarioOptions } from "../arguments/scenario-files.ts";
import { cacheFolder } from "../engine/cache.ts";
import { Interrupted } from "../errors.ts";
import { goOnUnheard, print, printJson, say } from "../output.ts";
import { packageVersion } from "../package.ts";
import type { RunDisplay, ScreenTrouble } from "../run/display.ts";
import { estimateRun, tellEstimate } from "../run/estimate.ts";
import { cellName, DISCOUNTED, remarkOn, thinEvaluations } from "../run/event-lines.ts";
import { ownClaim, sleepHere } from "../run/lock-owner.ts";
import { withOutcomes } from "../run/outcomes.ts";
import { togglePause } from "../run/pause.ts";
import { cellEntry, divideCells, pause } from "../run/processes.ts";
import { renderTables } from "../run/results-table.ts";
import { showSession } from "../run/session.ts";
import { listenForStop } from "../run/stop-request.ts";
import { openDashboard } from "../screens/dashboard/dashboard.ts";
import { type Capabilities, liveCapabilities } from "../text/capabilities.ts";

export interface RunOptions extends ScenarioOptions {
  readonly arms?: readonly string[];
  readonly seeds?: string;
  readonly out: string;
  readonly jobs?: number;
  readonly threads?: number;
  readonly engine: EngineChoice;
  readonly replicas?: number;
  readonly plain?: boolean;
  readonly json?: boolean;
  /** What was typed, to be kept with the run. */
  readonly commandLine?: string;
}

/** How a run is shown: what this process's terminal can show, and the screen on it. */
export interface Showing {
  readonly capabilities: typeof liveCapabilities;
  readonly openDashboard: typeof openDashboard;
}

/** Train the cells that have no result yet, then print the table of all. */
export async function run(
  [path]: readonly string[],
  options: RunOptions,
  showing: Showing = { capabilities: liveCapabilities, openDashboard },
): Promise<void> {
  const loaded = readScenario(path, options, "keep");
  const scenario: Scenario = {
    ...loaded.scenario,
    ...(options.arms && { arms: checkedArms(options.arms) }),
    ...(options.seeds !== undefined && { seeds: parseSeeds(options.seeds) }),
  };
  // As the screen says it: `auto` as what it stands for here.
  let engineName: string = options.engine;
  if (resolveEngine(options.engine) !== "tfjs") {
    // What is missing is said once and before anything is written; tfjs is left to the cells, since its library and the memory that it
    // takes of a GPU stay with a process.
    const engine = await createEngine(options.engine, 1, { cacheFolder: cacheFolder() });
    engineName = shownName(engine.info);
    await engine.dispose();
  }
  const plans = planCells(scenario, resolveEngine(options.engine));
  const dir = join(options.out, runName(scenario));
  const claim = ownClaim();
  refuseChangedCode(runsIn(options.out), determining(scenario), (run) => determining(readManifest(run).scenario));
  keepCode(dir, scenario);
  openRun(
    dir,
    manifestOf(scenario, packageVersion(), options.commandLine),
    guardBy(dir, claim, () => sleepHere(10)),
  );
  const results = new Map<string, CellResult>();
  for (const { id } of plans) {
    const result = readResult(cellPaths(dir, id));
    if (result !== undefined) results.set(id, result);
    if (result !== undefined) tidy(dir, id, claim);
  }
  const waiting = plans.filter(({ id }) => !results.has(id));
  liftStalePause(dir, plans, claim);
  const { groups, jobs, threads } = divideCells(waiting, options.engine, options);
  const { shift } = scenario.primary;

  if (isLong(waiting)) say(`estimate: ${tellEstimate(await estimateRun(waiting, options.engine, { jobs, threads }))}`);

  const returns = new Map([...results].map(([id, result]) => [id, primaryReturn(result, shift)]));
  const before = beginRun(plans, returns);
  const stopping = listenForStop();
  const heard = goOnUnheard();
  const entry = cellEntry();
  const launcher = localLauncher({
    run: dir,
    engine: options.engine,
    jobs,
    threads,
    entry,
    claim,
    pause,
    kill: stopping.kill,
  });
  const showWaiting = () => {
    const steps = updatesIn(scenario.train) * scenario.train.worlds * scenario.train.rollout;
    const isGrouped = groups.some(({ length }) => length > 1);
    const spread = isGrouped ? sideBySide(groups, jobs) : `${counted(jobs, "cell")} x ${counted(threads, "thread")}`;
    const engine = { name: engineName, spread, why: reasonFor(options.engine) };
    const title = [
      `halfwatch run: ${runName(scenario)}`,
      `${counted(plans.length, "cell")}${results.size > 0 ? ` (${results.size} done before)` : ""} of ${grouped(steps)} steps`,
      `${engineName}, ${sideBySide(groups, jobs)}${threads > 1 ? `, ${threads} threads each` : ""}`,
    ].join("  ");
    const capabilities = showing.capabilities(options);
    // Lines need nothing of what logs and results say of earlier attempts.
    const view =
      capabilities === null ? before : withOutcomes(beginRun(plans, returns, pastOf(dir, plans)), dir, results.keys());
    const openScreen = (shown: Capabilities) => (trouble: ScreenTrouble) =>
      showing.openDashboard(scenario, view, {
        ...{ title: `halfwatch run: ${runName(scenario)}`, role: "run", dir, capabilities: shown, engine },
        ...{ onStop: stopping.request, onPause: () => togglePause(dir, claim), ...trouble },
      });
    const screen = capabilities === null ? null : openScreen(capabilities);
    const session = { dir, view, screen, lines: () => plainDisplay(title, shift), work: "the training", stopping };
    return showSession(session, (tell) => launcher.start(groups, tell, stopping.signal));
  };
  const view = await ensureLater(
    async () => (waiting.length > 0 ? showWaiting() : before),
    () => {
      stopping.end();
      heard();
    },
  );

  const counts = countCells(view);
  if (stopping.signal.aborted) {
    throw new Interrupted(
      `stopped: ${counts.done} of ${plans.length} cells are done; the same command goes on from there`,
    );
  }
  for (const { id } of waiting) {
    const result = readResult(cellPaths(dir, id));
    if (result !== undefined) results.set(id, result);
  }
  const failed = [...view.cells.values()].filter(({ state }) => state === "failed");
  const tables = await summarise(scenario, [...results.values()]);
  if (options.json) {
    printJson({
      scenario: scenario.name,
      run: dir,
      engine: resolveEngine(options.engine),
      cells: plans.map(({ id, arm, seed, point }) => ({ id, arm, seed, point, done: results.has(id) })),
      failed: failed.map(({ plan, where, message }) => ({ id: plan.id, where, message })),
      tables,
    });
  } else {
    for (const lines of renderTables(scenario, tables, process.stdout.columns ?? 100)) print(["", ...lines].join("\n"));
    print(`\n${dir}`);
  }
  for (const { plan, where, message } of failed) say(`${cellName(plan)} failed ${where}: ${message}`);
  if (failed.length === 0) return;
  say(`${failed.length} of ${plans.length} cells failed; the same command tries them again`);
  process.exitCode = 1;
}

/** Environment steps below which a run is over before an estimate would be worth its time. */
const SHORT = 1_000_000;

const isLong = (plans: readonly CellPlan[]): boolean =>
  plans.reduce((sum, { scenario: { train } }) => sum + updatesIn(train) * train.worlds * train.rollout, 0) >= SHORT;

/** Remove what a kill in a cell's last moment left, unless its process is still there and does so itself. */
function tidy(dir: string, id: string, claim: Claim): void {
  const cell = cellPaths(dir, id);
  if (!isUntidy(cell)) return;
  const lock = takeLock(dir, id, claim);
  if ("holder" in lock) return;
  tidyCell(cell);
  lock.discard();
}

/** `2 side by side`, or `40 together`. */
function sideBySide(groups: readonly (readonly CellPlan[])[], jobs: number): string {
  const largest = Math.max(...groups.map(({ length }) => length));
  const together = largest > 1 ? `up to ${largest} together` : "";
  return [together, jobs > 1 || largest === 1 ? `${jobs} side by side` : ""].filter(Boolean).join(", ");
}

function primaryReturn(result: CellResult, shift: string): number | null {
  const { returns, deployed } = result.summary;
  return returns[shift]?.[deployed]?.discounted.true ?? null;
}

/** One line for each cell that is through, on stderr. */
function plainDisplay(title: string, shift: string): RunDisplay {
  const begun = performance.now();
  let clock = STOPPED_CLOCK;
  const isTold = thinEvaluations(() => performance.now());
  let before: RunView | null = null;
  say(title);
  return {
    update: (view, event) => {
      clock = goOn(clock, before ?? view, (performance.now() - begun) / 1000);
      before = view;
      const remark =
        event === null || !isTold(event)
          ? null
          : remarkOn(view, event, { shift, note: DISCOUNTED, left: secondsLeft(view, clock) });
      if (remark !== null) say(remark);
    },
    end: () => {},
  };
}

/** A pause that nobody's training waits for was left by an earlier command: whoever starts a run wants it to go on. */
function liftStalePause(dir: string, plans: readonly CellPlan[], claim: Claim): void {
  if (readControl(dir).kind === "go on") return;
  if (plans.some(({ id }) => holderOf(dir, id, claim) !== undefined)) return;
  unpauseRun(dir);
  say(`${controlPath(dir)} was left by an earlier command and is removed: the run goes on`);
}
