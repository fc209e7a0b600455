import { availableParallelism } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { type EngineChoice, resolveEngine } from "../../src/compute/create.ts";
import { UserError } from "../../src/core/errors.ts";
import type { BriefEvaluation } from "../../src/experiment/cell.ts";
import { type CellEvent, launchLocal } from "../../src/experiment/launch.ts";
import { manifestOf, planCells, runName } from "../../src/experiment/plan.ts";
import { loadScenario, parseSeeds } from "../../src/experiment/scenario.ts";
import { ARM_NAMES, type ArmName, type Scenario } from "../../src/experiment/schema.ts";
import { type CellResult, cellPaths, openRun, readResult } from "../../src/experiment/store.ts";
import { summarise } from "../../src/experiment/summary.ts";
import { updatesIn } from "../../src/experiment/train.ts";
import { readInputText } from "../files.ts";
import { Interrupted } from "../interrupted.ts";
import { roughly, short, thousands } from "../numbers.ts";
import { print, printJson, say } from "../output.ts";
import { packageVersion } from "../package.ts";
import { advance, beginRun, countCells, type RunView, secondsLeft } from "../progress.ts";
import { renderTable } from "../table.ts";

export interface RunOptions {
  readonly set?: readonly string[];
  readonly arms?: readonly string[];
  readonly seeds?: string;
  readonly out: string;
  readonly jobs?: number;
  readonly threads?: number;
  readonly engine: EngineChoice;
  readonly plain?: boolean;
  readonly json?: boolean;
}

/** What shows a run while it goes on. */
export interface RunDisplay {
  update(view: RunView, event: CellEvent | null): void;
  end(): Promise<void> | void;
}

/** Train the cells that have no result yet, then print the table of all. */
export async function run([path]: readonly string[], options: RunOptions): Promise<void> {
  const loaded = loadScenario({ path, readText: readInputText, set: options.set ?? [] });
  const scenario: Scenario = {
    ...loaded.scenario,
    ...(options.arms && { arms: checkedArms(options.arms) }),
    ...(options.seeds !== undefined && { seeds: parseSeeds(options.seeds) }),
  };
  const plans = planCells(scenario, resolveEngine(options.engine));
  const dir = join(options.out, runName(scenario));
  openRun(dir, manifestOf(scenario, packageVersion()));
  const results = new Map<string, CellResult>();
  for (const { id } of plans) {
    const result = readResult(cellPaths(dir, id));
    if (result !== undefined) results.set(id, result);
  }
  const waiting = plans.filter(({ id }) => !results.has(id));
  const { jobs, threads } = divideCores(waiting.length, options.jobs, options.threads);
  const { shift } = scenario.primary;

  let view = beginRun(plans, new Map([...results].map(([id, result]) => [id, primaryReturn(result, shift)])));
  const stop = new AbortController();
  let display: RunDisplay | null = null;
  if (waiting.length > 0) {
    const steps = updatesIn(scenario.train) * scenario.train.worlds * scenario.train.rollout;
    const title = [
      `halfwatch run: ${runName(scenario)}`,
      `${plans.length} cells${results.size > 0 ? ` (${results.size} done before)` : ""} of ${thousands(steps)} steps`,
      `${resolveEngine(options.engine)}, ${jobs} side by side${threads > 1 ? `, ${threads} threads each` : ""}`,
    ].join("  ");
    const live = process.stdout.isTTY === true && !options.plain && !options.json && !process.env.CI;
    display = live ? await openDashboard(scenario, title, () => stop.abort()) : plainDisplay(title, shift);
    display.update(view, null);
  }
  const onSignal = () => stop.abort();
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    await launchLocal({
      run: dir,
      cells: waiting,
      engine: options.engine,
      jobs,
      threads,
      entry: cellEntry(),
      signal: stop.signal,
      onEvent: (event) => {
        view = advance(view, event);
        display?.update(view, event);
      },
    });
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    await display?.end();
  }

  const counts = countCells(view);
  if (stop.signal.aborted) {
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
      failed: failed.map(({ plan, message }) => ({ id: plan.id, message })),
      tables,
    });
  } else {
    for (const table of tables) print(["", ...renderTable(scenario, table, process.stdout.columns ?? 100)].join("\n"));
    print(`\n${dir}`);
  }
  for (const { plan, message } of failed) say(`${plan.arm} seed ${plan.seed} failed: ${message}`);
  if (failed.length > 0) process.exitCode = 1;
}

function checkedArms(names: readonly string[]): ArmName[] {
  return names.map((name) => {
    const arm = ARM_NAMES.find((known) => known === name);
    if (arm === undefined) throw new UserError(`--arms: unknown arm ${name}, expected some of ${ARM_NAMES.join(", ")}`);
    return arm;
  });
}

/** Cells side by side and threads in each: whole cells first, since they share nothing. */
function divideCores(cells: number, jobs?: number, threads?: number): { jobs: number; threads: number } {
  const cores = availableParallelism();
  const side = jobs ?? Math.max(1, Math.min(cells, Math.floor(cores / (threads ?? 1))));
  return { jobs: side, threads: threads ?? Math.max(1, Math.floor(cores / Math.max(side, 1))) };
}

/** The program that trains one cell: beside this one, compiled or from source as this one is. */
function cellEntry(): { path: string; args: string[] } {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return { path: fileURLToPath(new URL(`../cell.${extension}`, import.meta.url)), args: [] };
}

function primaryReturn(result: CellResult, shift: string): number | null {
  const returns = result.summary.returns as Record<string, Record<string, BriefEvaluation>>;
  return returns[shift]?.[String(result.summary.deployed)]?.discounted.true ?? null;
}

/** One line for each cell that is through, on stderr. */
function plainDisplay(title: string, shift: string): RunDisplay {
  const begun = performance.now();
  say(title);
  return {
    update: (view, event) => {
      if (event === null || (event.kind !== "finished" && event.kind !== "failed")) return;
      const { done, failed } = countCells(view);
      const total = view.cells.size;
      const left = secondsLeft(view, (performance.now() - begun) / 1000);
      const cell = view.cells.get(event.plan.id);
      const what =
        event.kind === "failed"
          ? `failed: ${event.message.split("\n")[0]}`
          : `done in ${event.seconds.toFixed(1)} s  true return ${shift} ${cell?.trueReturn == null ? "–" : short(cell.trueReturn)} (discounted)`;
      const count = `[${String(done + failed).padStart(String(total).length)}/${total}]`;
      say(
        `${count} ${event.plan.arm} seed ${event.plan.seed}  ${what}${left === null || left < 1 ? "" : `   left ${roughly(left)}`}`,
      );
    },
    end: () => {},
  };
}

/** The live table on a terminal; its module is loaded only here, because Ink and React cost 0.3 s. */
async function openDashboard(scenario: Scenario, title: string, onStop: () => void): Promise<RunDisplay> {
  const { openRunDashboard } = await import("../tui/run-dashboard.tsx");
  return openRunDashboard({ scenario, title, onStop, now: () => performance.now() / 1000 });
}
