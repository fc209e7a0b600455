import { availableParallelism } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** Cells side by side and threads in each: whole cells first, since they share nothing. */
export function divideCores(cells: number, jobs?: number, threads?: number): { jobs: number; threads: number } {
  const cores = availableParallelism();
  const side = jobs ?? Math.max(1, Math.min(cells, Math.floor(cores / (threads ?? 1))));
  return { jobs: side, threads: threads ?? Math.max(1, Math.floor(cores / Math.max(side, 1))) };
}

/** The program that trains one cell: beside this one, compiled or from source as this one is. */
export function cellEntry(): { path: string; args: string[] } {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return { path: fileURLToPath(new URL(`./cell.${extension}`, import.meta.url)), args: [] };
}

/** Milliseconds between two looks at cells that other processes train. */
const LOOK_AGAIN = 500;
export const pause = (): Promise<void> => wait(LOOK_AGAIN);

/** Milliseconds that cells have to finish their update and save. */
const PATIENCE = 20_000;

/** What Ctrl-C, SIGTERM or a key asks of the cells that train. */
export interface Stopping {
  /** Save and stop. */
  readonly signal: AbortSignal;
  /** End at once: asked twice, or out of patience. */
  readonly kill: AbortSignal;
  request(): void;
  /** Listen no longer. */
  end(): void;
}

export function listenForStop(): Stopping {
  const stop = new AbortController();
  const kill = new AbortController();
  let patience: NodeJS.Timeout | undefined;
  const request = () => {
    if (stop.signal.aborted) return kill.abort();
    stop.abort();
    patience = setTimeout(() => kill.abort(), PATIENCE);
  };
  process.on("SIGINT", request).on("SIGTERM", request);
  return {
    signal: stop.signal,
    kill: kill.signal,
    request,
    end: () => {
      clearTimeout(patience);
      process.off("SIGINT", request).off("SIGTERM", request);
    },
  };
}
