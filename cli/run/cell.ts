import { performance } from "node:perf_hooks";
import { setImmediate, setTimeout as wait } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { reasonFor } from "../../src/compute/choice.ts";
import { createEngine } from "../../src/compute/create.ts";
import type { Engine } from "../../src/compute/engine.ts";
import { attempt, ensureLater } from "../../src/core/cleanup.ts";
import { UserError } from "../../src/core/errors.ts";
import { isOutOfMemory, LESS_MEMORY, OUT_OF_MEMORY } from "../../src/core/memory.ts";
import { type Evaluated, type Next, runCell, Stopped } from "../../src/runner/cell.ts";
import type { CellMessage, CellOrder, CellReport } from "../../src/runner/launcher.ts";
import { cellPaths } from "../../src/runs/cell-paths.ts";
import { type Control, readControl } from "../../src/runs/control.ts";
import { type Lock, takeLock } from "../../src/runs/lock.ts";
import { loadKeptCode } from "../../src/runs/own-code.ts";
import type { CellPlan } from "../../src/runs/plan.ts";
import { readResult, readTiming, tidyCell, writeTiming } from "../../src/runs/store.ts";
import { cacheFolder } from "../engine/cache.ts";
import "../engine/float32.ts";
import { HEARTBEAT, ownClaim } from "./lock-owner.ts";
import { thinUpdates } from "./reports.ts";

/*
 * The process that trains a cell, or several together: takes its order as the first message, reports back, and ends. Whoever started
 * it owns the terminal; when that process is gone, or says so by SIGTERM, this one finishes its update, saves and ends.
 */
let mustStop = false;
process.on("disconnect", () => {
  mustStop = true;
});
process.on("SIGTERM", () => {
  mustStop = true;
});
process.on("SIGHUP", () => {}); // The terminal is gone, and so is the runner unless it saves: it says so, or it disconnects.
process.on("SIGINT", () => {}); // Ctrl-C reaches the whole group; the runner decides, and sends SIGTERM.
process.once("message", async (message) => {
  const order = message as CellOrder;
  const taken = order.plans.flatMap((plan) => take(order.run, plan));
  if (taken.length > 0) {
    const heart = beat(taken.map(({ lock }) => lock.path));
    const begun = performance.now();
    const engines = startEngines(order, taken.length);
    await Promise.all(taken.map((cell, i) => work(order, cell, begun, () => engines.then((started) => started[i]))));
    await heart.terminate();
  }
  if (process.connected) process.disconnect();
});

interface Taken {
  readonly plan: CellPlan;
  readonly lock: Lock;
}

/** Lock a cell that is still to be trained; empty if there is nothing to do for it. */
function take(run: string, plan: CellPlan): Taken[] {
  try {
    loadKeptCode(run);
    const lock = takeLock(run, plan.id, ownClaim());
    if ("holder" in lock) {
      send(plan, { kind: "held", holder: lock.holder });
      return [];
    }
    const cell = cellPaths(run, plan.id);
    try {
      if (readResult(cell) === undefined) return [{ plan, lock }];
      send(plan, { kind: "found" });
      tidyCell(cell);
      lock.discard();
    } catch (error) {
      attempt(() => lock.release());
      throw error;
    }
  } catch (error) {
    send(plan, failureOf(error));
  }
  return [];
}

/** An engine for each cell; more than one cell are replicas of one program. */
async function startEngines({ engine: choice, threads }: CellOrder, cells: number): Promise<readonly Engine[]> {
  const engine = await createEngine(choice, threads, { cacheFolder: cacheFolder() });
  if (cells === 1) return [engine];
  if (engine.replicate === undefined) throw new RangeError(`startEngines: engine ${choice} has no replicas`);
  return engine.replicate(cells);
}

/** Train the cell whose lock is held. The lock is given up in the end. */
async function work(
  order: CellOrder,
  { plan, lock }: Taken,
  begun: number,
  start: () => Promise<Engine>,
): Promise<void> {
  const tell = thinUpdates(
    (report) => send(plan, report),
    () => performance.now(),
  );
  try {
    await trainCell(order, plan, lock, begun, await start(), tell);
    tidyCell(cellPaths(order.run, plan.id));
    lock.discard();
  } catch (error) {
    // What giving up the lock throws after that is a consequence: a disk that is full takes no lock file either.
    attempt(() => {
      if (lock.isOurs()) lock.release();
    });
    tell(failureOf(error));
  }
}

async function trainCell(
  { run, engine: choice, plans, threads }: CellOrder,
  plan: CellPlan,
  lock: Lock,
  begun: number,
  engine: Engine,
  tell: (report: CellReport) => void,
): Promise<void> {
  const trained = async () => {
    const started = performance.now();
    const cell = cellPaths(run, plan.id);
    // Of attempts that this one may go on from: read now, since whoever goes on removes what was not there when the cell was saved.
    const before = readTiming(cell)?.seconds ?? 0;
    let earlier = 0;
    let paused = 0;
    let isIdle = false;
    const secondsOfWork = () => earlier + (performance.now() - started - paused) / 1000;
    let evaluated: Evaluated | undefined;
    const noteTime = () =>
      writeTiming(cell, { seconds: secondsOfWork(), peakMemory: peakMemory(), ...(evaluated && { evaluated }) });
    const hold = whilePaused(run, tell);
    const decide = whenToSave(lock, async () => {
      const since = performance.now();
      await hold();
      paused += performance.now() - since;
    });
    await runCell(run, plan, engine, {
      onResume: (progress) => {
        earlier = before;
        noteTime();
        tell({ kind: "resumed", ...progress });
      },
      onProgress: (metrics) => {
        if (metrics.rows === 0 && !isIdle) {
          isIdle = true;
          tell({ kind: "remark", message: `update ${metrics.update} had no rows to learn from: the arm kept none` });
        }
        const { device } = engine.info;
        tell({ kind: "progress", metrics, process: { device, peakMemory: peakMemory() / plans.length } });
      },
      onEvaluate: (parts) => {
        evaluated = parts;
        noteTime();
        tell({ kind: "evaluating", ...parts });
      },
      next: async () => {
        const next = await decide();
        if (next !== "go on") noteTime();
        return next;
      },
    });
    const seconds = secondsOfWork();
    writeTiming(cell, {
      seconds,
      startupSeconds: (started - begun) / 1000,
      peakMemory: peakMemory(),
      threads,
      engine: engine.info.name,
      chosen: reasonFor(choice),
      device: engine.info.device,
      ...(engine.info.build !== undefined && { build: engine.info.build }),
      node: process.version,
    });
    tell({ kind: "finished", seconds, peakMemory: peakMemory() });
  };
  // Replicas wait for each other until the last is disposed of, however this one ends.
  await ensureLater(trained, () => engine.dispose());
}

/** The most memory that this process has had, bytes. */
const peakMemory = (): number => process.resourceUsage().maxRSS * 1024;

/** The most seconds of work that a kill may cost. */
const LOSS = 10;

/** Decides after each update: save before another update as long as the longest one could carry the loss above its bound. */
function whenToSave(lock: Lock, pausing: () => Promise<void>): () => Promise<Next> {
  let saved = performance.now();
  let before = saved;
  let longest = 0;
  return async () => {
    // An engine computes without a break: here signals and the runner's end are heard.
    await setImmediate();
    if (!lock.isOurs()) throw new UserError("another process took the cell over: this one had given no sign of life");
    const now = performance.now();
    longest = Math.max(longest, now - before);
    await pausing();
    if (mustStop) return "stop";
    // A pause is no work: a kill loses none of it.
    before = performance.now();
    saved += before - now;
    // The next update may be a quarter longer than any before; a tenth is for the saving itself.
    if (before - saved + 1.25 * longest < 0.9 * LOSS * 1000) return "go on";
    saved = before;
    return "save";
  };
}

/** Milliseconds between two looks at a pause that lasts. */
const LOOK_AGAIN = 200;

/** Returns at once unless the run is paused; then when it goes on, or this process must stop. */
function whilePaused(run: string, tell: (report: CellReport) => void): () => Promise<void> {
  let before: Control["kind"] = "go on";
  return async () => {
    for (;;) {
      const control = readControl(run);
      if (control.kind !== before) {
        if (before === "paused") tell({ kind: "unpaused" });
        if (control.kind === "paused") tell(control);
        if (control.kind === "unreadable") tell({ kind: "remark", message: control.message });
        before = control.kind;
      }
      if (control.kind !== "paused" || mustStop) return;
      await wait(LOOK_AGAIN);
    }
  };
}

/** Touch the locks now and then, from a thread of its own: an engine may compute for long without a break. */
function beat(paths: readonly string[]): Worker {
  const code = `
    const { workerData } = require("node:worker_threads");
    const { utimesSync } = require("node:fs");
    setInterval(() => {
      for (const path of workerData.paths) try { utimesSync(path, new Date(), new Date()); } catch {}
    }, workerData.every);`;
  const worker = new Worker(code, { eval: true, workerData: { paths, every: HEARTBEAT } });
  worker.unref();
  return worker;
}

function failureOf(error: unknown): CellReport {
  if (error instanceof Stopped) return { kind: "stopped" };
  if (isOutOfMemory(error)) return { kind: "failed", message: OUT_OF_MEMORY, hint: LESS_MEMORY };
  if (error instanceof UserError) return { kind: "failed", message: error.message, hint: error.hint };
  return { kind: "failed", message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** Nobody may be there any more to be told. */
function send({ id }: CellPlan, report: CellReport): void {
  const message: CellMessage = { id, ...report };
  if (process.connected) process.send?.(message, () => {});
}
