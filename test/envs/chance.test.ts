import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Chance } from "../../src/core/random.ts";
import { everyWay } from "../../src/envs/chance.ts";

/** The distribution of what a rule gives, by its text. */
function lawOf<T>(rule: (chance: Chance) => T): Map<string, number> {
  const law = new Map<string, number>();
  everyWay(rule, (result, probability) => {
    const key = JSON.stringify(result);
    law.set(key, (law.get(key) ?? 0) + probability);
  });
  return law;
}

describe("everyWay", () => {
  test("five coins of .3 are a binomial", () => {
    const law = lawOf((chance) => [1, 2, 3, 4, 5].filter(() => chance.flip(0.3)).length);
    const ways = [1, 5, 10, 10, 5, 1];
    for (let k = 0; k <= 5; k++) expect(law.get(`${k}`)).toBeCloseTo(ways[k] * 0.3 ** k * 0.7 ** (5 - k), 14);
    expect(law.size).toBe(6);
  });

  test("later draws may depend on earlier ones: two cards of four without putting back", () => {
    const law = lawOf((chance) => {
      const cards = ["a", "b", "c", "d"];
      const [first] = cards.splice(chance.below(4), 1);
      return first + cards[chance.below(3)];
    });
    expect(law.size).toBe(12);
    for (const probability of law.values()) expect(probability).toBeCloseTo(1 / 12, 15);
  });

  test("a draw with one outcome does not branch", () => {
    let ways = 0;
    const rule = (chance: Chance) => [chance.flip(0), chance.flip(1), chance.below(1)];
    expect(
      everyWay(rule, (result, probability) => {
        ways++;
        expect([result, probability]).toEqual([[false, true, 0], 1]);
      }),
    ).toBe(true);
    expect(ways).toBe(1);
  });

  test("more ways than allowed: false, and no way beyond them is visited", () => {
    const rule = (chance: Chance) => chance.below(4) + 4 * chance.below(4);
    const visited: number[] = [];
    expect(everyWay(rule, (result) => visited.push(result), 15)).toBe(false);
    expect(visited).toHaveLength(15);
    expect(everyWay(rule, () => undefined, 16)).toBe(true);
  });

  test("whatever the rule, the probabilities sum to 1, and each way is the sampled rule along the same draws", () => {
    // A rule as a tree: a coin of some probability, or a die whose faces go on.
    interface Tree {
      readonly p?: number;
      readonly next: readonly Tree[];
    }
    const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 3 },
        fc.constant<Tree>({ next: [] }),
        fc.record({ p: fc.double({ min: 0, max: 1, noNaN: true }), next: fc.tuple(tie("tree"), tie("tree")) }),
        fc.record({ next: fc.array(tie("tree"), { minLength: 1, maxLength: 4 }) }),
      ),
    }));
    const walk = ({ p, next }: Tree, chance: Chance): number[] => {
      if (next.length === 0) return [];
      const branch = p === undefined ? chance.below(next.length) : chance.flip(p) ? 0 : 1;
      return [branch, ...walk(next[branch], chance)];
    };
    const probabilityOf = ({ p, next }: Tree, [branch, ...rest]: number[]): number =>
      branch === undefined
        ? 1
        : (p === undefined ? 1 / next.length : branch === 0 ? p : 1 - p) * probabilityOf(next[branch], rest);
    fc.assert(
      fc.property(tree, (root) => {
        let total = 0;
        const seen = new Set<string>();
        everyWay(
          (chance) => walk(root, chance),
          (way, probability) => {
            total += probability;
            expect(probability).toBeCloseTo(probabilityOf(root, way), 12);
            expect(seen.has(way.join())).toBe(false);
            seen.add(way.join());
          },
        );
        expect(total).toBeCloseTo(1, 12);
      }),
    );
  });
});
