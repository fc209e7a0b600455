import type { Rng } from "../core/random.ts";

/** Pairs up to which every sign pattern is tried: 2^20, about a million, as many as the default number of seeds needs. */
const MOST_EXACT = 20;
const DRAWS = 100_000;

/**
 * Two-sided p-value of paired differences: the fraction of sign patterns whose mean lies at least as far from 0 as the mean found.
 *
 *     p = #{s in {-1, 1}^n : |sum s[i] d[i]| >= |sum d[i]|} / 2^n
 *
 * The null hypothesis is that the differences are symmetric about 0, as they are where two arms are exchangeable on each seed. Under
 * it the test is exact for any number of pairs. (A bootstrap's p-value is not: with few seeds it is far too small. This one says
 * honestly that n pairs cannot give less than 2^(1 - n): .0625 for 5 seeds, 2e-6 for 20.)
 *
 * Every pattern is tried for up to 20 pairs. Beyond, 100,000 are drawn from `rng`, and p = (1 + count) / (1 + draws), which keeps the
 * test valid (Phipson and Smyth 2010).
 *
 * @throws RangeError when there is no difference, or one is not finite.
 * @see Fisher 1935, The Design of Experiments, section 21.
 */
export function signFlipPValue(differences: ArrayLike<number>, rng: Rng): number {
  const n = differences.length;
  if (n === 0) throw new RangeError("signFlipPValue: 0 differences, expected at least 1");
  let sum = 0;
  let size = 0;
  for (let i = 0; i < n; i++) {
    if (!Number.isFinite(differences[i])) {
      throw new RangeError(`signFlipPValue: difference ${i} is ${differences[i]}, expected a finite number`);
    }
    sum += differences[i];
    size += Math.abs(differences[i]);
  }
  // A pattern that ties with the one found has to count, whatever the order in which its terms were added.
  const atLeast = Math.abs(sum) - 1e-12 * size;
  return n <= MOST_EXACT ? exact(differences, atLeast) : drawn(differences, atLeast, rng);
}

/** All patterns; a pattern and its opposite count alike, so the last sign stays. One sign changes at a time (Gray code). */
function exact(differences: ArrayLike<number>, atLeast: number): number {
  const n = differences.length;
  const signs = new Int8Array(n).fill(1);
  const patterns = 2 ** (n - 1);
  let count = 0;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += differences[i];
  for (let pattern = 1; ; pattern++) {
    if (Math.abs(sum) >= atLeast) count++;
    if (pattern === patterns) return count / patterns;
    const flipped = 31 - Math.clz32(pattern & -pattern);
    signs[flipped] = -signs[flipped];
    sum += 2 * signs[flipped] * differences[flipped];
  }
}

function drawn(differences: ArrayLike<number>, atLeast: number, rng: Rng): number {
  let count = 0;
  for (let draw = 0; draw < DRAWS; draw++) {
    let sum = 0;
    for (let i = 0; i < differences.length; i++) sum += rng.next() < 0.5 ? differences[i] : -differences[i];
    if (Math.abs(sum) >= atLeast) count++;
  }
  return (count + 1) / (DRAWS + 1);
}
