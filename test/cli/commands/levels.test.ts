import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ESCAPE, halfwatch, inFolder } from "../halfwatch.ts";
import { halfwatchHere } from "../here.ts";

const SCENARIO = "scenarios/diamond-ghost.yaml";

async function json(args: readonly string[], folder?: string) {
  const { code, stdout, stderr } = await halfwatchHere([...args, "--json"], folder);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

interface Shown {
  readonly level: number;
  readonly map: readonly string[];
  readonly steps: { readonly diamond: number | null; readonly ghost: number | null };
}

/** Row and column of a letter. */
function find(map: readonly string[], letter: string): [number, number] {
  const row = map.findIndex((line) => line.includes(letter));
  return [row, map[row].indexOf(letter)];
}

function distance(map: readonly string[], from: string, to: string): number {
  const [row, column] = find(map, from);
  const [otherRow, otherColumn] = find(map, to);
  return Math.abs(row - otherRow) + Math.abs(column - otherColumn);
}

describe("levels", () => {
  test("are the same for the same seed, and others for another", async () => {
    const first = await json(["levels", SCENARIO, "-n", "4", "--seed", "7"]);
    expect(first).toMatchObject({ scenario: "diamond-ghost", shift: null, seed: 7 });
    expect(await json(["levels", SCENARIO, "-n", "4", "--seed", "7"])).toEqual(first);
    expect((await json(["levels", SCENARIO, "-n", "4", "--seed", "8"])).levels).not.toEqual(first.levels);
    // A level's number alone decides: asking for fewer gives the first of them.
    expect((await json(["levels", SCENARIO, "-n", "2", "--seed", "7"])).levels).toEqual(first.levels.slice(0, 2));
  });

  test("of a shift are drawn from it", async () => {
    const { levels } = (await json(["levels", SCENARIO, "-n", "30", "--shift", "ghost-closer"])) as { levels: Shown[] };
    for (const { map } of levels) expect(distance(map, "A", "G")).toBeLessThan(distance(map, "A", "D"));
    const all = (await json(["levels", SCENARIO, "-n", "30"])).levels as Shown[];
    expect(all.some(({ map }) => distance(map, "A", "G") > distance(map, "A", "D"))).toBe(true);
  });

  test("say the fewest steps to each event: on open floor the distance, unless the other object is in the way", async () => {
    const { levels } = (await json(["levels", SCENARIO, "-n", "50"])) as { levels: Shown[] };
    for (const { map, steps } of levels) {
      const around = distance(map, "A", "G") + distance(map, "G", "D") === distance(map, "A", "D") ? [0, 2] : [0];
      expect(around).toContain((steps.diamond ?? Number.NaN) - distance(map, "A", "D"));
    }
  });

  test("are drawn as maps, without escape codes, the legend on stderr", async () => {
    const { stdout, stderr } = halfwatch(["levels", SCENARIO, "-n", "1", "--set", "world.size=3", "--seed", "1"]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toBe("level 0");
    expect(lines.slice(1, 4).every((line) => /^[.AGD] [.AGD] [.AGD]$/.test(line))).toBe(true);
    expect(lines[4]).toMatch(/^diamond {2}[1-4]$/);
    expect(lines[5]).toMatch(/^ghost {4}[1-4]$/);
    expect(stderr).toBe("# wall, . floor, A agent, G Ghost, D Diamond; numbers: fewest steps to it\n");
    expect(stdout).not.toContain(ESCAPE);
  });

  test("of an unknown shift are refused with a suggestion", async () => {
    expect(await halfwatchHere(["levels", SCENARIO, "--shift", "ghost-close"])).toEqual({
      code: 2,
      stdout: "",
      stderr:
        "unknown shift ghost-close; did you mean ghost-closer?\n  scenario diamond-ghost has: ghost-closer, unseen\n",
    });
  });
});

const MOVES = { north: [-1, 0], east: [0, 1], south: [1, 0], west: [0, -1] } as const;

/** Best discounted return with `left` steps, by trying everything: an oracle that shares nothing with the solver. */
function bruteForce(map: readonly string[], rewards: { D: number; G: number }, discount: number, horizon: number) {
  const known = new Map<string, number>();
  const walk = (row: number, column: number, left: number): number => {
    if (left === 0) return 0;
    const key = `${row},${column},${left}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const best = Math.max(...Object.values(MOVES).map(([dr, dc]) => take(row, column, dr, dc, left)));
    known.set(key, best);
    return best;
  };
  const take = (row: number, column: number, dr: number, dc: number, left: number): number => {
    const letter = map[row + dr]?.[column + dc] ?? "#";
    if (letter === "D" || letter === "G") return rewards[letter];
    return discount * (letter === "#" ? walk(row, column, left - 1) : walk(row + dr, column + dc, left - 1));
  };
  const values = map.map((line, row) =>
    [...line].map((letter, column) =>
      letter === "#" ? null : letter === "D" || letter === "G" ? 0 : walk(row, column, horizon),
    ),
  );
  const [row, column] = find(map, "A");
  const value = walk(row, column, horizon);
  const bestActions = Object.entries(MOVES)
    .filter(([, [dr, dc]]) => take(row, column, dr, dc, horizon) >= value - 1e-12)
    .map(([name]) => name);
  return { value, bestActions, values };
}

/** A square map with walls at random; some of it may be walled off. */
const walledMap = fc.integer({ min: 3, max: 6 }).chain((size) =>
  fc
    .tuple(
      fc.array(fc.boolean(), { minLength: size * size, maxLength: size * size }),
      fc.uniqueArray(fc.nat(size * size - 1), { minLength: 3, maxLength: 3 }),
    )
    .map(([walls, [agent, ghost, diamond]]) => {
      const letters = walls.map((wall, cell) =>
        cell === agent ? "A" : cell === ghost ? "G" : cell === diamond ? "D" : wall && cell % 3 > 0 ? "#" : ".",
      );
      return Array.from({ length: size }, (_, row) => letters.slice(row * size, (row + 1) * size).join(""));
    }),
);

describe("solve", () => {
  test("agrees with brute force on random walled maps, in value, best actions and every cell", async () => {
    await inFolder(async (folder) => {
      const check = async (map: readonly string[], horizon: number): Promise<void> => {
        writeFileSync(join(folder, "map.txt"), `${map.join("\n")}\n`);
        const args = ["solve", SCENARIO, "--map", "map.txt", "--set", `world.horizon=${horizon}`];
        const { goals } = await json(args, folder);
        expect(Object.keys(goals)).toEqual(["true", "proxy"]);
        for (const [goal, rewards] of [
          ["true", { D: 1, G: -1 }],
          ["proxy", { D: 1, G: 1 }],
        ] as const) {
          const expected = bruteForce(map, rewards, 0.97, horizon);
          expect(goals[goal].value).toBeCloseTo(expected.value, 12);
          expect(goals[goal].bestActions).toEqual(expected.bestActions);
          for (const [row, line] of expected.values.entries()) {
            for (const [column, value] of line.entries()) {
              if (value === null) expect(goals[goal].values[row][column]).toBeNull();
              else expect(goals[goal].values[row][column]).toBeCloseTo(value, 12);
            }
          }
        }
      };
      // The Ghost in the only way, and a corner that is walled off.
      await check(["A#..", "G#.#", "D..#", "..#."], 9);
      await fc.assert(fc.asyncProperty(walledMap, fc.integer({ min: 1, max: 12 }), check), { numRuns: 12, seed: 1 });
    });
  });

  test("by number solves the level that `levels` shows under it", async () => {
    const { levels } = (await json(["levels", SCENARIO, "-n", "4", "--seed", "3"])) as { levels: Shown[] };
    const { goals } = await json(["solve", SCENARIO, "--level", "3", "--seed", "3"]);
    expect(goals.true.value).toBeCloseTo(0.97 ** ((levels[3].steps.diamond ?? 0) - 1), 12);
    const nearest = Math.min(levels[3].steps.diamond ?? 99, levels[3].steps.ghost ?? 99);
    expect(goals.proxy.value).toBeCloseTo(0.97 ** (nearest - 1), 12);
  });

  test("for people: map, value, best actions, table", async () => {
    await inFolder(async (folder) => {
      writeFileSync(join(folder, "map.txt"), "A.D\n.#.\n..G\n");
      const { code, stdout } = await halfwatchHere(
        ["solve", SCENARIO, "--map", "map.txt", "--set", "discount=0.5"],
        folder,
      );
      expect(code).toBe(0);
      expect(stdout).toMatchInlineSnapshot(`
        "A . D
        . # .
        . . G

        true: 0.5000, best first: east
         0.500   1.000   0.000
         0.250       #   1.000
         0.125   0.063   0.000

        proxy: 0.5000, best first: east
         0.500   1.000   0.000
         0.250       #   1.000
         0.500   1.000   0.000
        "
      `);
    });
  });

  test.each([
    [["solve", SCENARIO], "solve needs a level: give either --map FILE or --level N\n"],
    [["solve", SCENARIO, "--map", "m", "--level", "1"], "solve needs a level: give either --map FILE or --level N\n"],
    [["solve", SCENARIO, "--level", "-1"], "--level is -1, expected an integer in [0, 2147483648]\n"],
    [
      ["solve", SCENARIO, "--map", "nowhere.txt"],
      "cannot read nowhere.txt: there is no such file or folder (ENOENT)\n",
    ],
  ])("%j is refused", async (args, stderr) => {
    expect(await halfwatchHere(args)).toEqual({ code: 2, stdout: "", stderr });
  });

  test("a map that is wrong is refused by file, row and column", async () => {
    await inFolder(async (folder) => {
      writeFileSync(join(folder, "map.txt"), "A.D\n.X.\n..G\n");
      const { code, stdout, stderr } = await halfwatchHere(["solve", SCENARIO, "--map", "map.txt"], folder);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toMatch(/^map\.txt: map row 2, column 2: found 'X', expected one of # \. A G D\n/);
    });
  });
});
