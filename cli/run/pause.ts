import { pauseRun, readControl, unpauseRun } from "../../src/runs/control.ts";
import type { Claim } from "../../src/runs/lock.ts";

/** Pause a run in the name of this process, or let it go on, whoever paused it. */
export function togglePause(run: string, { owner }: Claim): void {
  if (readControl(run).kind === "paused") unpauseRun(run);
  else pauseRun(run, owner);
}
