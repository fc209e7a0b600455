import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { createEngine } from "../src/compute/create.ts";
import { UserError } from "../src/core/errors.ts";
import { type Next, runCell, Stopped } from "../src/experiment/cell.ts";
import type { CellOrder, CellReport } from "../src/experiment/launch.ts";
import { type Lock, takeLock } from "../src/experiment/lock.ts";
import { cellPaths, readResult, tidyCell, writeTiming } from "../src/experiment/store.ts";
import { cacheFolder } from "./cache.ts";
import { HEARTBEAT, ownClaim } from "./owner.ts";

/*
 * The process that trains one cell: takes its order as the first message, reports back, and ends. Whoever started it owns the
 * terminal; when that process is gone, or says so by SIGTERM, this one finishes its update, saves and ends.
 */
let mustStop = false;
process.on("disconnect", () => {
  mustStop = true;
});
process.on("SIGTERM", () => {
  mustStop = true;
});
process.on("SIGINT", () => {}); // Ctrl-C reaches the whole group; the runner decides, and sends SIGTERM.
process.once("message", async (message) => {
  const order = message as CellOrder;
  try {
    const lock = takeLock(order.run, order.plan.id, ownClaim());
    if ("holder" in lock) tell({ kind: "held", holder: lock.holder });
    else await work(order, lock);
  } catch (error) {
    if (error instanceof Stopped) tell({ kind: "stopped" });
    else if (error instanceof UserError) tell({ kind: "failed", message: error.message, hint: error.hint });
    else tell({ kind: "failed", message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  } finally {
    if (process.connected) process.disconnect();
  }
});

/** Train the cell whose lock is held, or find that it is finished. The lock is given up in the end. */
async function work(order: CellOrder, lock: Lock): Promise<void> {
  const heart = beat(lock.path);
  const cell = cellPaths(order.run, order.plan.id);
  try {
    if (readResult(cell) === undefined) await trainCell(order, lock);
    else tell({ kind: "found" });
    tidyCell(cell);
    lock.discard();
  } catch (error) {
    if (lock.isOurs()) lock.release();
    throw error;
  } finally {
    await heart.terminate();
  }
}

async function trainCell({ run, plan, engine: choice, threads }: CellOrder, lock: Lock): Promise<void> {
  const begun = performance.now();
  const engine = await createEngine(choice, threads, { cacheFolder: cacheFolder() });
  try {
    const started = performance.now();
    await runCell(run, plan, engine, {
      onResume: (progress) => tell({ kind: "resumed", ...progress }),
      onProgress: (metrics) => tell({ kind: "progress", metrics }),
      next: whenToSave(lock),
    });
    const seconds = (performance.now() - started) / 1000;
    const peakMemory = process.resourceUsage().maxRSS * 1024;
    writeTiming(cellPaths(run, plan.id), {
      seconds,
      startupSeconds: (started - begun) / 1000,
      peakMemory,
      threads,
      device: engine.info.device,
      ...(engine.info.build !== undefined && { build: engine.info.build }),
      node: process.version,
    });
    tell({ kind: "finished", seconds, peakMemory });
  } finally {
    await engine.dispose();
  }
}

/** The most seconds of work that a kill may cost. */
const LOSS = 10;

/** Decides after each update: save before another update as long as the longest one could carry the loss above its bound. */
function whenToSave(lock: Lock): () => Promise<Next> {
  let saved = performance.now();
  let before = saved;
  let longest = 0;
  return async () => {
    // An engine computes without a break: here signals and the runner's end are heard.
    await setImmediate();
    if (!lock.isOurs()) throw new UserError("another process took the cell over: this one had given no sign of life");
    if (mustStop) return "stop";
    const now = performance.now();
    longest = Math.max(longest, now - before);
    before = now;
    // The next update may be a quarter longer than any before; a tenth is for the saving itself.
    if (now - saved + 1.25 * longest < 0.9 * LOSS * 1000) return "go on";
    saved = now;
    return "save";
  };
}

/** Touch the lock now and then, from a thread of its own: an engine may compute for long without a break. */
function beat(path: string): Worker {
  const code = `
    const { workerData } = require("node:worker_threads");
    const { utimesSync } = require("node:fs");
    setInterval(() => {
      try { utimesSync(workerData.path, new Date(), new Date()); } catch {}
    }, workerData.every);`;
  const worker = new Worker(code, { eval: true, workerData: { path, every: HEARTBEAT } });
  worker.unref();
  return worker;
}

/** Nobody may be there any more to be told. */
function tell(report: CellReport): void {
  if (process.connected) process.send?.(report, () => {});
}
