import type { Chance } from "../core/random.ts";

/**
 * Call `rule` once for every way that its chance may go; `visit` gets each result with its probability, and the probabilities sum to 1.
 *
 * The rule draws from the chance that it is given and from nothing else, so that following the same draws gives the same result. Draws that
 * have one outcome only (a probability of 0 or 1) branch nowhere.
 *
 * Returns false, and stops, where there are more than `most` ways.
 */
export function everyWay<T>(
  rule: (chance: Chance) => T,
  visit: (result: T, probability: number) => void,
  most = Number.POSITIVE_INFINITY,
): boolean {
  /** Of each draw on the way that is followed: which outcome, and of how many. */
  const taken: number[] = [];
  const outcomes: number[] = [];
  let draw = 0;
  let probability = 1;
  const take = (count: number): number => {
    if (draw === taken.length) {
      taken.push(0);
      outcomes.push(count);
    }
    return taken[draw++];
  };
  const chance: Chance = {
    below(n) {
      probability /= n;
      return n === 1 ? 0 : take(n);
    },
    flip(p) {
      if (p <= 0 || p >= 1) return p >= 1;
      const isSo = take(2) === 0;
      probability *= isSo ? p : 1 - p;
      return isSo;
    },
  };
  for (let ways = 1; ; ways++) {
    if (ways > most) return false;
    draw = 0;
    probability = 1;
    const result = rule(chance);
    visit(result, probability);
    // The next way: the last draw that has another outcome takes it, and what came after is drawn anew.
    while (taken.length > 0 && taken[taken.length - 1] + 1 === outcomes[outcomes.length - 1]) {
      taken.pop();
      outcomes.pop();
    }
    if (taken.length === 0) return true;
    taken[taken.length - 1]++;
  }
}
