/**
 * The measures of routing, each with its formula, the level set it is for, and null for "not measurable" where a
 * denominator is below 0.05. J is the discounted true return per episode, P the rate of reaching the proxy's object.
 * Terms: Cloud et al. 2024 (arXiv:2410.04332); Langosco et al. 2022 (arXiv:2105.14111). docs/routing.md.
 */

const LEAST_DENOMINATOR = 0.05;

/** numerator / denominator; null where |denominator| < 0.05, so that noise is never divided by. */
function ratio(numerator: number, denominator: number): number | null {
  return Math.abs(denominator) < LEAST_DENOMINATOR ? null : numerator / denominator;
}

/** Proxy behaviour left in the deployed view: P(deployed) / P(full). Distinguishing levels. */
export function leakage(deployedProxyRate: number, fullProxyRate: number): number | null {
  return ratio(deployedProxyRate, fullProxyRate);
}

/** True competence kept by the deployed view: J(deployed) / J(full). Levels without a proxy object. */
export function retention(deployedReturn: number, fullReturn: number): number | null {
  return ratio(deployedReturn, fullReturn);
}

/** How far the modules' wants lie apart: J(only: the true module) - J(only: the other). Any levels. */
export function separation(onlyTrueReturn: number, onlyOtherReturn: number): number {
  return onlyTrueReturn - onlyOtherReturn;
}

/** What is missing to the oracle: (J_oracle - J_arm) / (J_oracle - J_random). Distinguishing levels. */
export function oracleGap(oracleReturn: number, armReturn: number, randomReturn: number): number | null {
  return ratio(oracleReturn - armReturn, oracleReturn - randomReturn);
}
