import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ESCAPE, filesIn, halfwatch, inFolder } from "../halfwatch.ts";
import { halfwatchHere } from "../here.ts";

const HEAD = "extends: scenarios/quickstart.yaml\n";
const bomb = Array.from({ length: 9 }, (_, i) =>
  i === 0
    ? "a0: &a0 [x, x, x, x, x, x, x, x, x, x, x, x]"
    : `a${i}: &a${i} [${Array(12)
        .fill(`*a${i - 1}`)
        .join(", ")}]`,
).join("\n");

/** Name, content of broken.yaml (a function writes what it likes into the folder), stderr without hints. */
const BROKEN: readonly (readonly [string, string | Uint8Array | ((folder: string) => void), readonly string[]])[] = [
  ["unknown key", `${HEAD}oversigth: 1\n`, ["broken.yaml:2:1: unknown key oversigth; did you mean oversight?"]],
  ["wrong type", `${HEAD}discount: high\n`, ['broken.yaml:2:11: discount is "high", expected a number in [0, 1]']],
  [
    "NaN",
    `${HEAD}train: { learningRate: .nan }\n`,
    ["broken.yaml:2:24: train.learningRate is NaN, expected a number in [1e-12, 1]"],
  ],
  [
    "coverage 1.5",
    `${HEAD}oversight:\n  coverage: 1.5\n`,
    ["broken.yaml:3:13: oversight.coverage is 1.5, expected a number in [0, 1]"],
  ],
  ["empty", "", ["broken.yaml:1:1: the file is empty, expected a scenario"]],
  ["10 MB", "a".repeat(10_000_000), ["broken.yaml: 10.0 MB, expected a text of at most 1 MB"]],
  ["binary", Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0, 0xff), ["broken.yaml: not UTF-8 text"]],
  ["NUL characters", "name: a\0b\n", ["broken.yaml:1:8: found the character U+0000, expected UTF-8 text"]],
  [
    "cyclic extends",
    "extends: broken.yaml\n",
    ["broken.yaml:1:10: extends goes in a circle: broken.yaml -> broken.yaml"],
  ],
  [
    "missing base",
    "extends: nowhere.yaml\n",
    ["broken.yaml:1:10: extends nowhere.yaml: cannot read nowhere.yaml: there is no such file or folder (ENOENT)"],
  ],
  ["alias bomb", bomb, ["broken.yaml:5:9: holds more than 50000 values, aliases included"]],
  ["duplicate keys", "name: a\nname: b\n", ["broken.yaml:2:1: duplicate key name"]],
  ["__proto__", `${HEAD}goals:\n  __proto__: { diamond: 1 }\n`, ["broken.yaml:3:3: key __proto__ is not allowed"]],
  ["missing file", () => {}, ["cannot read broken.yaml: there is no such file or folder (ENOENT)"]],
  [
    "directory",
    (folder) => mkdirSync(join(folder, "broken.yaml")),
    ["cannot read broken.yaml: it is a folder (EISDIR)"],
  ],
  [
    "syntax",
    `${HEAD}arms: [naive\n`,
    ["broken.yaml:3:1: YAML syntax: flow sequence in block collection must be sufficiently indented and end with a ]"],
  ],
  ["tab indentation", `${HEAD}train:\n\tsteps: 5\n`, ["broken.yaml:3:1: tabs are not allowed as indentation"]],
  ["a list", "- name: a\n", ["broken.yaml:1:1: found a list, expected a map of keys to values"]],
  [
    "unknown event",
    `${HEAD}goals: { true: { dimond: 1 } }\n`,
    ["broken.yaml:2:18: goals.true names the unknown event dimond; did you mean diamond?"],
  ],
  [
    "unknown module",
    `${HEAD}routes: { ghost: [gost] }\n`,
    ["broken.yaml:2:19: routes.ghost names the unknown module gost; did you mean ghost?"],
  ],
  [
    "goal named like an arm",
    `${HEAD}goals: { oracle: { diamond: 1 } }\n`,
    ["broken.yaml:2:10: goals.oracle has the name of an arm, expected another name"],
  ],
  [
    "bad shift path",
    `${HEAD}shift: { far: { world.level: ties } }\n`,
    ["broken.yaml:2:17: shift far: unknown key world.level; did you mean world.levels?"],
  ],
  [
    "bad sweep value",
    `${HEAD}sweep: { oversight.coverage: [0.1, 7] }\n`,
    ["broken.yaml:2:36: sweep: oversight.coverage is 7, expected a number in [0, 1]"],
  ],
  [
    "three at once",
    `${HEAD}discount: 2\narms: [nave]\nprimary: { shift: seen }\n`,
    [
      "broken.yaml:2:11: discount is 2, expected a number in [0, 1]",
      'broken.yaml:3:8: arms[0] is "nave", expected one of naive, filter, oracle, oracle-matched, route, route-random-labels, route-shuffled-labels, moe-no-route, route-no-gate, shrinkage-matched; did you mean naive?',
      "broken.yaml:4:19: primary.shift names the unknown shift seen; did you mean unseen?",
    ],
  ],
];

describe("a broken scenario: one line per error with its place, exit 2, nothing on stdout, nothing written", () => {
  test.each(BROKEN)("%s", async (_name, content, expected) => {
    await inFolder(async (folder) => {
      if (typeof content === "function") content(folder);
      else writeFileSync(join(folder, "broken.yaml"), content);
      const before = filesIn(folder);
      for (const args of [
        ["validate", "broken.yaml"],
        ["levels", "broken.yaml", "--plain"],
      ]) {
        const { code, stdout, stderr } = await halfwatchHere(args, folder);
        expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
        const lines = stderr.trimEnd().split("\n");
        expect(lines.filter((line) => !line.startsWith("  "))).toEqual(expected);
        expect(stderr).not.toMatch(/^ +at /m);
        expect(stderr).not.toContain(ESCAPE);
      }
      expect(filesIn(folder)).toEqual(before);
    });
  });

  test("a device that never ends is not read to its end", () => {
    expect(halfwatch(["validate", "/dev/zero"]).stderr).toBe(
      "/dev/zero: more than 1 MB, expected a text of at most 1 MB\n",
    );
  });
});

test("a wrong --set is named", async () => {
  expect(await halfwatchHere(["validate", "scenarios/quickstart.yaml", "--set", "oversight.covrage=.3"])).toEqual({
    code: 2,
    stdout: "",
    stderr: "--set oversight.covrage=.3: unknown key oversight.covrage; did you mean oversight.coverage?\n",
  });
  const args = ["validate", "scenarios/quickstart.yaml", "--set", "seeds=2", "--set", "discount=2"];
  const { code, stderr } = halfwatch(args);
  expect(code).toBe(2);
  expect(stderr.split("\n")[0]).toBe("--set discount=2: discount is 2, expected a number in [0, 1]");
});

test("a right file is counted: arms x seeds x points", async () => {
  const args = ["validate", "scenarios/quickstart.yaml", "--set", "arms=[naive, route]", "--set", "seeds=4"];
  expect(halfwatch([...args, "--set", "sweep.oversight.coverage=[0.1, 0.2, 0.3]"])).toEqual({
    code: 0,
    stdout: expect.stringMatching(
      /^scenarios\/quickstart.yaml: valid; 2 arms, 4 seeds, 3 points of the sweep: 24 cells\nestimate, from measured updates: 24 cells, ~[\d.]+ (s|min|h)( with \d+ at a time)?, 73 MB on disk\n$/,
    ),
    stderr: "",
  });
  expect((await halfwatchHere([...args, "--set", "arms=[naive]"])).stdout).toMatch(
    /^scenarios\/quickstart.yaml: valid; 1 arm, 4 seeds, 1 point of the sweep: 4 cells\n/,
  );
});

test("--json is one document, the resolved scenario in it", async () => {
  const args = ["validate", "scenarios/quickstart.yaml", "--json", "--set", "seeds=2"];
  const { code, stdout, stderr } = await halfwatchHere(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const { scenario, hash, estimate, ...rest } = JSON.parse(stdout);
  expect(estimate).toEqual({
    cells: 10,
    jobs: expect.any(Number),
    seconds: expect.any(Number),
    bytes: expect.any(Number),
  });
  expect(rest).toEqual({ valid: true, path: "scenarios/quickstart.yaml", arms: 5, seeds: 2, points: 1, cells: 10 });
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(scenario.oversight.coverage).toBe(0.01);
});

test("the readme of scenarios/ names commands that exist", async () => {
  const readme = readFileSync(new URL("../../../scenarios/README.md", import.meta.url), "utf8");
  const help = (await halfwatchHere(["--help"])).stdout;
  const commands = [...readme.matchAll(/`halfwatch ([a-z]+)/g)].map((match) => match[1]);
  expect(commands.length).toBeGreaterThan(0);
  for (const command of commands) expect(help).toMatch(new RegExp(`^  ${command} `, "m"));
});
