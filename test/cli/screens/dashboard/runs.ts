import type { CellEvent } from "../../../../src/runner/launcher.ts";
import { advance, beginRun, type RunView } from "../../../../src/runner/progress.ts";
import { planCells } from "../../../../src/runs/plan.ts";
import { tinyScenario } from "../../../scenario/tiny.ts";

export const SCENARIO = tinyScenario({
  arms: ["naive", "route"],
  seeds: 3,
  shift: { unseen: { "oversight.coverage": 0 } },
  primary: { shift: "unseen" },
  train: { steps: 8 * 16 * 100 },
});
export const ENGINE = { name: "wasm", spread: "2 cells x 1 thread", why: "auto: the same bytes" };
export const PLANS = planCells(SCENARIO, "wasm");
/** The cell of an arm and a seed. */
export function planned(arm: string, seed: number) {
  const plan = PLANS.find((each) => each.arm === arm && each.seed === seed);
  if (plan === undefined) throw new Error(`no cell ${arm} ${seed}`);
  return plan;
}

const MEASURED = {
  ...{ rows: 384, learningRate: 0.01, entropyCoef: 0.02, policyLoss: -0.0123, valueLoss: 0.25, entropy: 1.25 },
  ...{ gateLoss: 0, approxKl: 0.004, clipFraction: 0.125, explainedVariance: 0.5, gradNorms: { policy: 0.75 } },
};

/** What labels say of a true return: a worse one looks better. */
const validated = (trueReturn: number) => ({ episodes: 100, labelled: 10, trueReturn: 1 - trueReturn });

export function progress(arm: string, seed: number, update: number, trueReturn?: number): CellEvent {
  const step = 128 * update;
  const counted = { update, updates: 100, step, episodes: 20 * update, labelled: 10 * update };
  const curve =
    trueReturn === undefined ? {} : { curve: { trueReturn, proxyReturn: 0.5, validation: validated(trueReturn) } };
  return {
    ...{ plan: planned(arm, seed), kind: "progress", metrics: { ...MEASURED, ...counted, ...curve } },
    process: { device: "cpu", peakMemory: (80 + seed) * 2 ** 20 },
  } as CellEvent;
}

/** naive: seed 0 done at .2, seed 1 failed, seed 2 waits. route: seed 0 done at .8, seed 1 half way at .4, seed 2 waits. */
export const EVENTS: readonly CellEvent[] = [
  { plan: planned("naive", 0), kind: "started" },
  progress("naive", 0, 50, 0.3),
  progress("naive", 0, 100, 0.2),
  { plan: planned("naive", 0), kind: "finished", seconds: 2.5, peakMemory: 2 ** 26 },
  { plan: planned("route", 0), kind: "started" },
  progress("route", 0, 50, 0.4),
  progress("route", 0, 100, 0.8),
  { plan: planned("route", 0), kind: "finished", seconds: 3.5, peakMemory: 2 ** 25 },
  { plan: planned("naive", 1), kind: "started" },
  { plan: planned("naive", 1), kind: "failed", where: "at update 12 of 100", message: "the loss is not finite" },
  { plan: planned("route", 1), kind: "started" },
  progress("route", 1, 50, 0.4),
];

export const begun = (): RunView => beginRun(PLANS, new Map());
export const after = (events: readonly CellEvent[]): RunView => events.reduce(advance, begun());
