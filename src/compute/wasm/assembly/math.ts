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
export function exp(x: f64): f64 {
  return f64x2.extract_lane(expPair(pair(x)), 0);
}

/** ln x of two positive normal numbers; -Infinity at 0, NaN below. */
@inline
export function logPair(x: v128): v128 {
  // x = m * 2^e with m in [sqrt(1/2), sqrt(2)): adding the distance from sqrt(1/2)'s bits to 1's carries into the exponent.
  const shifted = i64x2.add(x, i64x2.splat(0x00095f619980c433));
  // An integer below 2^52 in the low bits of 2^52 is added to it.
  const e = f64x2.sub(
    v128.or(i64x2.shr_u(shifted, 52), i64x2.splat(0x4330000000000000)),
    pair(4503599627370496.0 + 1023.0),
  );
  const m = i64x2.add(v128.and(shifted, i64x2.splat(0x000fffffffffffff)), i64x2.splat(0x3fe6a09e667f3bcd));
  // ln m = 2 artanh s, s = (m - 1) / (m + 1), |s| < 0.1716; remainder of the series below 1e-18.
  const s = f64x2.div(f64x2.sub(m, pair(1.0)), f64x2.add(m, pair(1.0)));
  const q = f64x2.mul(s, s);
  const q2 = f64x2.mul(q, q);
  const q4 = f64x2.mul(q2, q2);
  const a = madd(
    madd(pair(0.3333333333333333), q, pair(0.2)),
    q2,
    madd(pair(0.14285714285714285), q, pair(0.1111111111111111)),
  );
  const b = madd(
    madd(pair(0.09090909090909091), q, pair(0.07692307692307693)),
    q2,
    madd(pair(0.06666666666666667), q, pair(0.058823529411764705)),
  );
  const c = madd(pair(0.05263157894736842), q, pair(0.047619047619047616));
  const series = f64x2.mul(q, madd(a, q4, madd(b, q4, c)));
  const s2 = f64x2.add(s, s);
  const low = f64x2.add(f64x2.mul(s2, series), f64x2.mul(e, pair(LN2_LOW)));
  let y = f64x2.add(f64x2.mul(e, pair(LN2_HIGH)), f64x2.add(s2, low));
  y = v128.bitselect(x, y, f64x2.eq(x, pair(Infinity)));
  y = v128.bitselect(y, pair(NaN), f64x2.gt(x, pair(0)));
  return v128.bitselect(pair(-Infinity), y, f64x2.eq(x, pair(0)));
}

/** ln x, see {@link logPair}. */
export function log(x: f64): f64 {
  return f64x2.extract_lane(logPair(pair(x)), 0);
}
