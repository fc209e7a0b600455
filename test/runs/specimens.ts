import type { BriefEvaluation, CellEvaluation, CellResult, Metrics } from "../../src/runs/results.ts";

/** A line of metrics: update `update` of 9, after 100 environment steps each; on the curve where it has a return. */
export function metricsAt(update: number, trueReturn?: number): Metrics {
  const validation = { episodes: 100, labelled: 10, trueReturn: null };
  return {
    ...{ update, updates: 9, step: 100 * update, episodes: 20 * update, labelled: update, rows: 100 },
    ...{ learningRate: 0.001, entropyCoef: 0.1, policyLoss: 0.01, valueLoss: 0.02, entropy: 1.1, gateLoss: 0 },
    ...{ approxKl: 0.001, clipFraction: 0.05, explainedVariance: 0.5, gradNorms: { output: 0.2, critic: 0.3 } },
    ...(trueReturn !== undefined && { curve: { trueReturn, proxyReturn: 1, validation } }),
  };
}

export const VERDICT: CellEvaluation["verdict"] = {
  ...{ verdict: "neither", trueReturn: 0, proxyReturn: 0, capability: 1 },
  controls: { agreeing: 1, noise: 1, mirrored: 1, withoutProxyObject: 1 },
};

/** A policy of one module whose true return is `value`, under one shift. */
export function evaluationOf(value: number): CellEvaluation {
  const goal = { return: value, discounted: value, normalised: value };
  const rates = { diamond: 1, ghost: 0, timeout: 0 };
  const view = {
    ...{ levels: 12, exact: true, goals: { true: goal, proxy: goal }, rates, markedRates: rates },
    ...{ steps: 3, entropy: 0.5, weights: {} },
  };
  const chosen = { step: 128, shifts: { unseen: view } };
  return {
    ...{ deployed: "full", shifts: { unseen: { full: view } }, verdict: VERDICT, selectionLeak: 0 },
    selected: { last: chosen, "label-legal": chosen, oracle: chosen },
    modules: { rows: { none: 100 }, gradientMass: { none: { output: 0.1 } }, gate: { none: {} } },
  };
}

/** What a result says of {@link evaluationOf}. */
export function summaryOf(value: number): CellResult["summary"] {
  const brief: BriefEvaluation = {
    ...{ discounted: { true: value, proxy: value }, normalised: { true: value, proxy: value } },
    ...{ rates: { diamond: 1, ghost: 0, timeout: 0 }, steps: 3 },
  };
  return {
    ...{ deployed: "full", episodes: 10, labelled: 1, validation: { episodes: 2000, labelled: 20 }, verdict: VERDICT },
    selected: { last: { unseen: brief }, "label-legal": { unseen: brief }, oracle: { unseen: brief } },
    returns: { unseen: { full: brief } },
  };
}
