import { fork } from "node:child_process";
import type { EngineChoice } from "../compute/create.ts";
import type { Metrics } from "./cell.ts";
import type { CellPlan } from "./plan.ts";

/** What a process that trains one cell is told; sent to it as its first message. */
export interface CellOrder {
  readonly run: string;
  readonly plan: CellPlan;
  readonly engine: EngineChoice;
  readonly threads: number;
}

/** What the process says. `seconds` is the cell's wall time by the process's own clock. */
export type CellReport =
  | { readonly kind: "progress"; readonly metrics: Metrics }
  | { readonly kind: "finished"; readonly seconds: number; readonly peakMemory: number }
  | { readonly kind: "failed"; readonly message: string; readonly hint?: string | undefined };

export type CellEvent = { readonly plan: CellPlan } & (CellReport | { readonly kind: "started" });

export interface Launch {
  readonly run: string;
  readonly cells: readonly CellPlan[];
  readonly engine: EngineChoice;
  /** Cells side by side. */
  readonly jobs: number;
  /** Threads of each cell's engine. */
  readonly threads: number;
  /** Program and first arguments of the process that trains one cell. */
  readonly entry: { readonly path: string; readonly args: readonly string[] };
  readonly onEvent: (event: CellEvent) => void;
  /** Aborted: running cells are stopped, no further one is started. */
  readonly signal: AbortSignal;
}

/**
 * Train cells side by side, each in a process of its own: a crash costs one cell, memory is clean, and a cluster uses the same entry.
 * Resolves when all are through or the signal came; a cell that fails is reported and the others go on.
 */
export async function launchLocal(launch: Launch): Promise<void> {
  const waiting = [...launch.cells];
  const worker = async () => {
    for (let plan = waiting.shift(); plan !== undefined && !launch.signal.aborted; plan = waiting.shift()) {
      await runProcess(launch, plan);
    }
  };
  await Promise.all(Array.from({ length: Math.min(launch.jobs, launch.cells.length) }, worker));
}

function runProcess({ run, engine, threads, entry, onEvent, signal }: Launch, plan: CellPlan): Promise<void> {
  return new Promise((resolve) => {
    const child = fork(entry.path, [...entry.args], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      serialization: "advanced",
    });
    let settled = false;
    let complaint = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      complaint = (complaint + text).slice(-4000);
    });
    const stop = () => child.kill("SIGTERM");
    signal.addEventListener("abort", stop);
    child.on("message", (message) => {
      const report = message as CellReport;
      if (report.kind !== "progress") settled = true;
      onEvent({ plan, ...report });
    });
    const close = (how: string) => {
      signal.removeEventListener("abort", stop);
      if (!settled && !signal.aborted) {
        settled = true;
        onEvent({
          plan,
          kind: "failed",
          message: `its process ${how}${complaint === "" ? "" : `\n${complaint.trim()}`}`,
        });
      }
      resolve();
    };
    child.on("error", (error) => close(`could not be started: ${error.message}`));
    child.on("close", (code, killer) => close(killer === null ? `ended with code ${code}` : `was killed by ${killer}`));
    onEvent({ plan, kind: "started" });
    const order: CellOrder = { run, plan, engine, threads };
    child.send(order, () => {});
  });
}
