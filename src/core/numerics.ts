const LN2_HIGH = 0.6931471803691238; // ln 2 to 33 bits, so that k * LN2_HIGH is exact for |k| < 2^20
const LN2_LOW = 1.9082149292705877e-10;

/**
 * Natural logarithm by our own arithmetic, so that it is the same on every machine and version of Node (`Math.log` may differ in
 * the last bit). x = m 2^k with m in [sqrt(1/2), sqrt(2)); s = (m - 1) / (m + 1), |s| < 0.1716:
 *
 *     ln x = k ln 2 + 2 (s + s^3/3 + s^5/5 + ...)
 *
 * Within 2 units in the last place (tested); ln 0 = -Infinity, and NaN below 0.
 */
export function ln(x: number): number {
  if (x === 0) return Number.NEGATIVE_INFINITY;
  if (!(x > 0) || x === Number.POSITIVE_INFINITY) return x > 0 ? x : Number.NaN;
  let m = x;
  let k = 0;
  while (m >= Math.SQRT2) {
    const by = m >= 2 ** 32 ? 32 : 1;
    m /= 2 ** by;
    k += by;
  }
  while (m < Math.SQRT1_2) {
    const by = m < 2 ** -32 ? 32 : 1;
    m *= 2 ** by;
    k -= by;
  }
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let series = 0;
  for (let n = 23; n >= 3; n -= 2) series = z * (1 / n + series);
  // 2 s = f - s f with f = m - 1: f is exact, so the rounding of s weighs only as much as the small second term.
  const f = m - 1;
  return k * LN2_HIGH + (f - (s * (f - 2 * series) - k * LN2_LOW));
}
