/**
 * Holm's step-down correction: p-values that may each be compared with the level, so that the probability of any false rejection
 * among all of them stays below it, whatever their dependence.
 *
 *     p*(i) = max over j <= i of min(1, (m - j + 1) p(j)),   p(1) <= ... <= p(m)
 *
 * Returns the corrected values in the order in which the values were given.
 *
 * @throws RangeError when a value is not in [0, 1].
 * @see Holm 1979, Scandinavian Journal of Statistics 6, 65-70.
 */
export function holm(pValues: readonly number[]): number[] {
  pValues.forEach((p, i) => {
    if (!(p >= 0 && p <= 1)) throw new RangeError(`holm: p-value ${i} is ${p}, expected a number in [0, 1]`);
  });
  const order = pValues.map((_, i) => i).sort((a, b) => pValues[a] - pValues[b]);
  const corrected = new Array<number>(pValues.length);
  let least = 0;
  order.forEach((i, rank) => {
    least = Math.max(least, Math.min(1, (pValues.length - rank) * pValues[i]));
    corrected[i] = least;
  });
  return corrected;
}
