import type { CellEvent } from "../../src/runner/launcher.ts";
import { countCells, type RunView } from "../../src/runner/progress.ts";
import type { CellPlan } from "../../src/runs/plan.ts";
import { roughly, short } from "../text/numbers.ts";

/** `route seed 3 {"oversight.coverage":0.1}`. */
export function cellName({ arm, seed, point }: CellPlan): string {
  return `${arm} seed ${seed}${Object.keys(point).length === 0 ? "" : ` ${JSON.stringify(point)}`}`;
}

/** What lines of the plain form need to say of a return, since nothing else there does. */
export const DISCOUNTED = " (discounted)";

/**
 * An event as a line, null where it is not worth one. `run` is the run after the event, `shift` the one that its returns are of, `left` the
 * seconds that are left, `note` what is said after a return.
 */
export function remarkOn(
  run: RunView,
  event: CellEvent,
  { shift, left = null, note = "" }: { readonly shift: string; readonly left?: number | null; readonly note?: string },
): string | null {
  const name = cellName(event.plan);
  const { done, failed } = countCells(run);
  const total = run.cells.size;
  const counted = (what: string) =>
    `[${String(done + failed).padStart(String(total).length)}/${total}] ${name}  ${what}${left === null || left < 1 ? "" : `   left ${roughly(left)}`}`;
  switch (event.kind) {
    case "held": {
      const { holder } = event;
      const who = holder === null ? "another process" : `process ${holder.pid} on ${holder.host}`;
      return `${name} is trained by ${who}; its result is waited for`;
    }
    case "resumed":
      return `${name} goes on at update ${event.update} of ${event.updates}`;
    case "paused":
      return `${name} is paused, by process ${event.by.pid} on ${event.by.host}`;
    case "unpaused":
      return `${name} is paused no longer`;
    case "evaluating":
      return counted(`is evaluated: part ${event.done} of ${event.of}`);
    case "remark":
      return `${name}: ${event.message}`;
    case "failed":
      return counted(`failed ${event.where}: ${event.message.split("\n")[0]}`);
    case "found":
      return counted("done by another process");
    case "finished": {
      const value = run.cells.get(event.plan.id)?.trueReturn ?? null;
      const shown = value === null ? "" : `  true return ${shift} ${short(value)}${note}`;
      return counted(`done in ${event.seconds.toFixed(1)} s${shown}`);
    }
    default:
      return null;
  }
}

/** Milliseconds between two lines about a cell's evaluation at least. */
const APART = 5_000;

/**
 * Which events lines tell of: all but evaluations that have not lasted long, and of those that have, one in a while. `now` in milliseconds.
 */
export function thinEvaluations(now: () => number): (event: CellEvent) => boolean {
  const told = new Map<string, number>();
  return ({ plan: { id }, kind }) => {
    if (kind !== "evaluating") return true;
    const last = told.get(id);
    const isTold = last !== undefined && now() - last >= APART;
    if (last === undefined || isTold) told.set(id, now());
    return isTold;
  };
}

/** What somebody finds who looks at a run for the first time, as {@link remarkOn}: that is no time at which a cell begins or goes on. */
export function findingOn(run: RunView, event: CellEvent, said: Parameters<typeof remarkOn>[2]): string | null {
  if (event.kind !== "resumed") return remarkOn(run, event, said);
  const isTrained = run.cells.get(event.plan.id)?.state === "running";
  return isTrained ? `${cellName(event.plan)} is at update ${event.update} of ${event.updates}` : null;
}
