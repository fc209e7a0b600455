/** A fraction of counted things with its interval. */
export interface FractionInterval {
  readonly successes: number;
  readonly n: number;
  readonly fraction: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Wilson's score interval of a binomial fraction p = k / n, in [0, 1]:
 *
 *     (p + z^2/(2n) +- z sqrt(p (1 - p)/n + z^2/(4 n^2))) / (1 + z^2/n),   z = normalQuantile((1 + level) / 2)
 *
 * It has a width at k = 0 and k = n, where p +- z sqrt(p (1 - p)/n) has none. No continuity correction.
 *
 * @throws RangeError when n is no positive integer, k no integer in [0, n], or level not in (0, 1).
 * @see Wilson 1927, J. Am. Stat. Assoc. 22, 209-212; Brown, Cai and DasGupta 2001, Statistical Science 16, 101-133.
 */
export function wilsonInterval(successes: number, n: number, level = 0.95): FractionInterval {
  if (!(Number.isInteger(n) && n > 0)) throw new RangeError(`wilsonInterval: n is ${n}, expected a positive integer`);
  if (!(Number.isInteger(successes) && successes >= 0 && successes <= n)) {
    throw new RangeError(`wilsonInterval: ${successes} of ${n}, expected an integer in [0, ${n}]`);
  }
  if (!(level > 0 && level < 1)) throw new RangeError(`wilsonInterval: level is ${level}, expected a number in (0, 1)`);
  const z2 = normalQuantile((1 + level) / 2) ** 2;
  const p = successes / n;
  const center = p + z2 / (2 * n);
  const half = Math.sqrt(z2 * ((p * (1 - p)) / n + z2 / (4 * n * n)));
  const scale = 1 + z2 / n;
  return {
    successes,
    n,
    fraction: p,
    // The bounds meet 0 and 1 exactly where nothing or all was counted; rounding would miss them by 1e-17.
    low: successes === 0 ? 0 : (center - half) / scale,
    high: successes === n ? 1 : (center + half) / scale,
  };
}

/**
 * Quantile of the standard normal distribution: the z with P(Z <= z) = p. Relative error about 1e-15.
 *
 * Rational approximations in three regions.
 *
 * @throws RangeError when p is not in (0, 1).
 * @see Wichura 1988, algorithm AS 241 (PPND16), Applied Statistics 37, 477-484.
 */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`normalQuantile: p is ${p}, expected a number in (0, 1)`);
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (q * polynomial(CENTRE_OVER, r)) / polynomial(CENTRE_UNDER, r);
  }
  const r = Math.sqrt(-Math.log(q < 0 ? p : 1 - p));
  const z =
    r <= 5
      ? polynomial(NEAR_OVER, r - 1.6) / polynomial(NEAR_UNDER, r - 1.6)
      : polynomial(FAR_OVER, r - 5) / polynomial(FAR_UNDER, r - 5);
  return q < 0 ? -z : z;
}

/* biome-ignore-start lint/correctness/noPrecisionLoss: the digits of the publication */
/** Coefficients of AS 241, constant term first: |p - 1/2| <= .425, then r <= 5 and r > 5 with r = sqrt(-ln tail). */
const CENTRE_OVER = [
  3.387132872796366608, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
  4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3,
];
const CENTRE_UNDER = [
  1, 4.2313330701600911252e1, 6.871870074920579083e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
  3.930789580009271061e4, 2.8729085735721942674e4, 5.226495278852854561e3,
];
const NEAR_OVER = [
  1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504, 1.27045825245236838258,
  2.4178072517745061177e-1, 2.27238449892691845833e-2, 7.7454501427834140764e-4,
];
const NEAR_UNDER = [
  1, 2.05319162663775882187, 1.6763848301838038494, 6.8976733498510000455e-1, 1.4810397642748007459e-1,
  1.51986665636164571966e-2, 5.475938084995344946e-4, 1.05075007164441684324e-9,
];
const FAR_OVER = [
  6.6579046435011037772, 5.4637849111641143699, 1.7848265399172913358, 2.9656057182850489123e-1,
  2.6532189526576123093e-2, 1.2426609473880784386e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
];
const FAR_UNDER = [
  1, 5.9983220655588793769e-1, 1.3692988092273580531e-1, 1.48753612908506148525e-2, 7.868691311456132591e-4,
  1.8463183175100546818e-5, 1.4215117583164458887e-7, 2.04426310338993978564e-15,
];

/* biome-ignore-end lint/correctness/noPrecisionLoss: the digits of the publication */

/** Horner's rule; `coefficients` begin with the constant. */
function polynomial(coefficients: readonly number[], x: number): number {
  let sum = 0;
  for (let i = coefficients.length - 1; i >= 0; i--) sum = sum * x + coefficients[i];
  return sum;
}
