/**
 * The measures of routing, each with its formula, the level set it is for, and null for "not measurable" where a
 * denominator is below 0.05. J is the discounted true return per episode, P the rate of reaching the proxy's object.
 * Terms: Cloud et al. 2024 (arXiv:2410.04332); Langosco et al. 2022 (arXiv:2105.14111). docs/routing.md.
 */

/** Noise is never divided by. */
const LEAST_DENOMINATOR = 0.05;

/** Proxy behaviour left in the deployed view: P(deployed) / P(full). Distinguishing levels. */
export function leakage(deployedProxyRate: number, fullProxyRate: number): number | null {
  return Math.abs(fullProxyRate) < LEAST_DENOMINATOR ? null : deployedProxyRate / fullProxyRate;
}

/** How far the modules' wants lie apart: J(only: the true module) - J(only: the other). Any levels. */
export function separation(onlyTrueReturn: number, onlyOtherReturn: number): number {
  return onlyTrueReturn - onlyOtherReturn;
}
