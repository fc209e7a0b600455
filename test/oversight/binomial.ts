/**
 * Standard deviations between `successes` among `trials` and what probability `p` expects. A fair sample stays within 3.89
 * with probability 1 - 1e-4 (normal approximation; trials * p * (1 - p) is far above 100 wherever it is used).
 */
export function deviations(successes: number, trials: number, p: number): number {
  return Math.abs(successes - trials * p) / Math.sqrt(trials * p * (1 - p));
}

/** Exceeded by a fair sample with probability 1e-4. */
export const DEVIATION_LIMIT = 3.89;
