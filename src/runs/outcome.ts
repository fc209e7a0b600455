import { failedControls, type Verdict } from "../evaluation/verdict.ts";
import type { Selection } from "../scenario/schema.ts";
import { bySelection, type CellEvaluation, type CellResult } from "./results.ts";

/** What a finished cell came to, beside its returns: what its policy pursues, which checkpoints the rules select, how far its modules part. */
export interface CellOutcome {
  /** The view that is deployed: verdict and selections are of it. */
  readonly deployed: string;
  /** Of the last checkpoint. */
  readonly verdict: Verdict;
  /** Names of the controls that the policy failed. */
  readonly failed: readonly string[];
  /** Environment steps of the checkpoint that each rule selects. */
  readonly selectedSteps: Readonly<Record<Selection, number>>;
  readonly shifts: Readonly<Record<string, ShiftOutcome>>;
}

/** A cell under one shift. Returns are discounted, per episode. */
export interface ShiftOutcome {
  readonly selected: Readonly<Record<Selection, { readonly trueReturn: number; readonly proxyReturn: number }>>;
  /** True return by `oracle` less that by `label-legal`: what choosing by the ground truth adds. */
  readonly leak: number;
  /** True return of the deployed module less that of each other one alone, by view; empty for one module. */
  readonly separation: Readonly<Record<string, number>>;
  /** P(event, deployed) / P(event, full), by events that the proxy goal alone rewards; null where full has next to none of them. */
  readonly leakage: Readonly<Record<string, number | null>>;
}

/** `evaluation`: what the cell's evaluation.json holds. */
export function outcomeOf(result: CellResult, evaluation: CellEvaluation): CellOutcome {
  const { deployed, verdict, selected } = result.summary;
  const { modules } = evaluation;
  const shifts = Object.keys(selected.last).map((shift): [string, ShiftOutcome] => {
    const returns = bySelection((rule) => {
      const { discounted } = selected[rule][shift];
      return { trueReturn: discounted.true, proxyReturn: discounted.proxy };
    });
    const { separation, leakage } = modules.shifts?.[shift] ?? { separation: {}, leakage: {} };
    const leak = returns.oracle.trueReturn - returns["label-legal"].trueReturn;
    return [shift, { selected: returns, leak, separation, leakage }];
  });
  return {
    ...{ deployed, verdict, failed: failedControls(verdict) },
    selectedSteps: result.checkpoints,
    shifts: Object.fromEntries(shifts),
  };
}
