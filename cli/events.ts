import type { CellEvent } from "../src/experiment/launch.ts";
import type { CellPlan } from "../src/experiment/plan.ts";
import { roughly, short } from "./numbers.ts";
import { countCells, type RunView } from "./progress.ts";

/** `route seed 3 {"oversight.coverage":0.1}`. */
export function nameOf({ arm, seed, point }: CellPlan): string {
  return `${arm} seed ${seed}${Object.keys(point).length === 0 ? "" : ` ${JSON.stringify(point)}`}`;
}

/**
 * An event as a line of the plain form, null where it is not worth one. `run` is the run after the event, `shift` the one that its returns
 * are of, `left` the seconds that are left.
 */
export function remarkOn(run: RunView, event: CellEvent, shift: string, left: number | null): string | null {
  const name = nameOf(event.plan);
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
    case "remark":
      return `${name}: ${event.message}`;
    case "failed":
      return counted(`failed ${event.where}: ${event.message.split("\n")[0]}`);
    case "found":
      return counted("done by another process");
    case "finished": {
      const value = run.cells.get(event.plan.id)?.trueReturn ?? null;
      const shown = value === null ? "–" : short(value);
      return counted(`done in ${event.seconds.toFixed(1)} s  true return ${shift} ${shown} (discounted)`);
    }
    default:
      return null;
  }
}
