// exp and log of our own: the host's differ between versions and machines. Plain IEEE double arithmetic in a fixed
// order, so the same bits everywhere; accurate to a few units of 1e-16, checked against Math.exp and Math.log in the tests.

const LOG2E: f64 = 1.4426950408889634;
// ln 2 in two parts: k * LN2_HIGH is exact for every exponent k.
const LN2_HIGH: f64 = 0.6931471803691238;
const LN2_LOW: f64 = 1.9082149292705877e-10;
/** 1.5 * 2^52: adding it rounds a small number to an integer and leaves that integer in the low bits. */
const ROUND: f64 = 6755399441055744.0;

@inline
function pair(x: f64): v128 {
  return f64x2.splat(x);
}

@inline
function madd(a: v128, b: v128, c: v128): v128 {
  return f64x2.add(a, f64x2.mul(b, c));
}

/** e^x of two numbers; exactly 1 at 0, 0 below -708 (no subnormal results), Infinity above 709.7, NaN for NaN. */
@inline
export function expPair(x: v128): v128 {
  const rounded = madd(pair(ROUND), x, pair(LOG2E));
  const k = f64x2.sub(rounded, pair(ROUND));
  const r = f64x2.sub(f64x2.sub(x, f64x2.mul(k, pair(LN2_HIGH))), f64x2.mul(k, pair(LN2_LOW)));
  // Taylor to r^13 on |r| <= ln(2) / 2: remainder below 5e-18. Estrin's scheme: short chains.
  const r2 = f64x2.mul(r, r);
  const r4 = f64x2.mul(r2, r2);
  const a = madd(f64x2.add(pair(1.0), r), r2, madd(pair(0.5), r, pair(0.16666666666666666)));
  const b = madd(
    madd(pair(0.041666666666666664), r, pair(0.008333333333333333)),
    r2,
    madd(pair(0.001388888888888889), r, pair(0.0001984126984126984)),
  );
  const c = madd(
    madd(pair(2.48015873015873e-5), r, pair(2.7557319223985893e-6)),
    r2,
    madd(pair(2.755731922398589e-7), r, pair(2.505210838544172e-8)),
  );
  const d = madd(pair(2.08767569878681e-9), r, pair(1.6059043836821613e-10));
  const p = madd(a, r4, madd(b, r4, madd(c, r4, d)));
  // p is in [0.7, 1.5): 2^k p by adding k to the exponent.
  let e = i64x2.add(p, i64x2.shl(rounded, 52));
  e = v128.and(e, f64x2.gt(x, pair(-708.0)));
  e = v128.bitselect(pair(Infinity), e, f64x2.gt(x, pair(709.782712893384)));
  return v128.bitselect(e, x, f64x2.eq(x, x));
}

/** e^x, see {@link expPair}. */
@inline
export function exp(x: f64): f64 {
  return f64x2.extract_lane(expPair(pair(x)), 0);
}

/** ln x for positive normal x; -Infinity at 0, NaN below. */
export function log(x: f64): f64 {
  if (!(x > 0.0)) return x == 0.0 ? -Infinity : NaN;
  if (x == Infinity) return x;
  const bits = reinterpret<i64>(x);
  // x = m * 2^e with m in [sqrt(1/2), sqrt(2)): adding the distance from sqrt(1/2)'s bits to 1's carries into the exponent.
  const shifted = bits + 0x00095f619980c433;
  const e = <f64>((shifted >> 52) - 1023);
  const m = reinterpret<f64>((shifted & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd);
  // ln m = 2 artanh s, s = (m - 1) / (m + 1), |s| < 0.1716; remainder of the series below 1e-18.
  const s = (m - 1.0) / (m + 1.0);
  const q = s * s;
  const q2 = q * q;
  const q4 = q2 * q2;
  const a = 0.3333333333333333 + q * 0.2 + q2 * (0.14285714285714285 + q * 0.1111111111111111);
  const b = 0.09090909090909091 + q * 0.07692307692307693 + q2 * (0.06666666666666667 + q * 0.058823529411764705);
  const c = 0.05263157894736842 + q * 0.047619047619047616;
  const series = q * (a + q4 * (b + q4 * c));
  return e * LN2_HIGH + (2.0 * s + (2.0 * s * series + e * LN2_LOW));
}
