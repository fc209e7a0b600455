import type { CellEvent } from "../../src/runner/launcher.ts";
import type { RunView } from "../../src/runner/progress.ts";
import { cellPaths } from "../../src/runs/cell-paths.ts";
import { type CellOutcome, outcomeOf } from "../../src/runs/outcome.ts";
import { readEvaluation, readResultAlone } from "../../src/runs/store.ts";

/** What a finished cell of a run came to; undefined where its files cannot be read, since that is for show: `verify` says what is wrong with them. */
function readOutcome(run: string, id: string): CellOutcome | undefined {
  const paths = cellPaths(run, id);
  try {
    const result = readResultAlone(paths);
    return result && outcomeOf(result, readEvaluation(paths));
  } catch {
    return undefined;
  }
}

/** The run with the outcomes of these cells, as far as they can be read. */
export function withOutcomes(view: RunView, run: string, ids: Iterable<string>): RunView {
  const outcomes = new Map(view.outcomes);
  for (const id of ids) {
    const outcome = readOutcome(run, id);
    if (outcome !== undefined) outcomes.set(id, outcome);
  }
  return outcomes.size === view.outcomes.size ? view : { ...view, outcomes };
}

/** The run after an event that {@link withOutcomes} may have something to add to: a cell is done. */
export const withOutcomeOf = (view: RunView, run: string, { kind, plan }: CellEvent): RunView =>
  kind === "finished" || kind === "found" ? withOutcomes(view, run, [plan.id]) : view;
