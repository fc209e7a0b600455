/** Pearson's statistic of observed counts against expected ones (of the same total). */
export function chiSquare(observed: ArrayLike<number>, expected: ArrayLike<number>): number {
  let statistic = 0;
  for (let i = 0; i < observed.length; i++) statistic += (observed[i] - expected[i]) ** 2 / expected[i];
  return statistic;
}

/**
 * The value that a chi-square variable exceeds with probability 1e-4 (Wilson and Hilferty 1931; within 1 % from 3 degrees of
 * freedom on).
 */
export function chiSquareLimit(degrees: number): number {
  const spread = 2 / (9 * degrees);
  return degrees * (1 - spread + 3.719 * Math.sqrt(spread)) ** 3;
}
