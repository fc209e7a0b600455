import { availableParallelism } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type EngineChoice, resolveEngine } from "../../src/compute/choice.ts";
import { UserError } from "../../src/core/errors.ts";
import { groupCells } from "../../src/runner/grouping.ts";
import type { CellPlan } from "../../src/runs/plan.ts";

/** Cells side by side and threads in each: whole cells first, since they share nothing. */
export function divideCores(cells: number, jobs?: number, threads?: number): { jobs: number; threads: number } {
  const cores = availableParallelism();
  const side = jobs ?? Math.max(1, Math.min(cells, Math.floor(cores / (threads ?? 1))));
  return { jobs: side, threads: threads ?? Math.max(1, Math.floor(cores / Math.max(side, 1))) };
}

/** Replicas of one program at most, unless --replicas says otherwise: with more, a GPU of today is busy, and memory grows. */
const REPLICAS = 64;

/**
 * How cells are spread over processes. The engine tfjs trains cells of one shape as one program: whole groups, one process at a time, since
 * there is one GPU. The others train a cell in a process, and as many side by side as there are cores.
 *
 * @throws UserError when replicas are asked of an engine that has none.
 */
export function divideCells(
  plans: readonly CellPlan[],
  engine: EngineChoice,
  { jobs, threads, replicas }: { readonly jobs?: number; readonly threads?: number; readonly replicas?: number },
): { groups: CellPlan[][]; jobs: number; threads: number } {
  if (resolveEngine(engine) === "tfjs") {
    return { groups: groupCells(plans, replicas ?? REPLICAS), jobs: jobs ?? 1, threads: threads ?? 1 };
  }
  if (replicas !== undefined && replicas > 1) {
    throw new UserError(
      `--replicas is ${replicas}, but engine ${resolveEngine(engine)} trains one cell in a process`,
      "replicas are for --engine tfjs; --jobs trains cells side by side",
    );
  }
  return { groups: plans.map((plan) => [plan]), ...divideCores(plans.length, jobs, threads) };
}

/** The program that trains cells: beside this one, compiled or from source as this one is. */
export function cellEntry(): { path: string; args: string[] } {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return { path: fileURLToPath(new URL(`./cell.${extension}`, import.meta.url)), args: [] };
}

/** Milliseconds between two looks at cells that other processes train. */
const LOOK_AGAIN = 500;
export const pause = (): Promise<void> => wait(LOOK_AGAIN);
