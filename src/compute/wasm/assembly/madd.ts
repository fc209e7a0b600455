/**
 * sum + a b in each lane. Two roundings, as everywhere; in the build with relaxed SIMD (engine `wasm-fma`) one where the processor fuses:
 * faster, and no longer the same bits on every machine.
 */
@inline
export function madd(sum: v128, a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, sum);
  return f32x4.add(sum, f32x4.mul(a, b));
}
