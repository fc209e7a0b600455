import { performance } from "node:perf_hooks";
import { createEngine } from "../src/compute/create.ts";
import { UserError } from "../src/core/errors.ts";
import { runCell } from "../src/experiment/cell.ts";
import type { CellOrder, CellReport } from "../src/experiment/launch.ts";
import { cellPaths, writeTiming } from "../src/experiment/store.ts";

/*
 * The process that trains one cell: takes its order as the first message, reports back, and ends. Whoever started it owns the
 * terminal; when that process is gone, so is this one.
 */
process.on("disconnect", () => process.exit(1));
process.on("SIGINT", () => {}); // Ctrl-C reaches the whole group; the runner decides, and sends SIGTERM.
process.once("message", async (message) => {
  const { run, plan, engine: choice, threads } = message as CellOrder;
  const begun = performance.now();
  const engine = await createEngine(choice, threads);
  try {
    const started = performance.now();
    await runCell(run, plan, engine, { onProgress: (metrics) => tell({ kind: "progress", metrics }) });
    const seconds = (performance.now() - started) / 1000;
    const peakMemory = process.resourceUsage().maxRSS * 1024;
    writeTiming(cellPaths(run, plan.id), {
      seconds,
      startupSeconds: (started - begun) / 1000,
      peakMemory,
      threads,
      device: engine.info.device,
      node: process.version,
    });
    tell({ kind: "finished", seconds, peakMemory });
  } catch (error) {
    if (error instanceof UserError) tell({ kind: "failed", message: error.message, hint: error.hint });
    else tell({ kind: "failed", message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  } finally {
    await engine.dispose();
    process.disconnect();
  }
});

function tell(report: CellReport): void {
  process.send?.(report);
}
