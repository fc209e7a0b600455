import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mapIn } from "../../cli/commands/solve.ts";
import { loadScenario, parseSeeds } from "../../src/scenario/load.ts";
import { createDiamondGhost } from "../envs/diamond-ghost.ts";
import { halfwatch, inFolder, MAIN, ROOT } from "./halfwatch.ts";
import { halfwatchHere } from "./here.ts";

const LETTERS = createDiamondGhost().letters;

/** What a failing command prints: one document on stdout and nothing on stderr. */
async function failure(args: readonly string[], cwd = ROOT): Promise<unknown> {
  const { code, stdout, stderr } = await halfwatchHere(args, cwd);
  expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
  return JSON.parse(stdout);
}

describe("--json about what is wrong", () => {
  test("validate: every problem of a file at its place", async () => {
    await inFolder(async (folder) => {
      const text = "extends: scenarios/quickstart.yaml\noversigth: 1\ndiscount: high\n";
      writeFileSync(join(folder, "bad.yaml"), text);
      expect(await failure(["validate", "bad.yaml", "--json", "--set", "train.steps=-1"], folder)).toMatchObject({
        valid: false,
        errors: [
          { file: "bad.yaml", line: 2, column: 1, message: "unknown key oversigth; did you mean oversight?" },
          { file: "bad.yaml", line: 3, column: 11, message: 'discount is "high", expected a number in [0, 1]' },
          { file: null, line: null, column: null, message: expect.stringContaining("--set train.steps=-1: ") },
        ],
      });
    });
  });

  test("the text of a problem is what people are told", () => {
    inFolder((folder) => {
      writeFileSync(join(folder, "bad.yaml"), "extends: scenarios/quickstart.yaml\noversight: { coverage: 7 }\n");
      const { code, stdout, stderr } = halfwatch(["solve", "bad.yaml", "--level", "0", "--json"], folder);
      expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
      const { errors } = JSON.parse(stdout) as {
        errors: { file: string; line: number; column: number; message: string; hint: string | null }[];
      };
      const told = errors.map((e) => `${e.file}:${e.line}:${e.column}: ${e.message}\n${e.hint ? `  ${e.hint}\n` : ""}`);
      expect(halfwatch(["solve", "bad.yaml", "--level", "0"], folder).stderr).toBe(told.join(""));
    });
  });

  test.each([
    ["an unknown option", ["levels", "scenarios/quickstart.yaml", "--json", "--nonsense"]],
    ["a missing argument", ["eval", "--json"]],
    ["an unknown command", ["evall", "--json"]],
    ["no command", ["--json"]],
    ["an option's value", ["levels", "scenarios/quickstart.yaml", "-n", "x", "--json"]],
    ["a missing file", ["run", "nowhere.yaml", "--json"]],
    ["no run", ["watch", "nowhere", "--json"]],
    ["no run to verify", ["verify", "nowhere", "--json"]],
    ["no run to report", ["report", "nowhere", "--json"]],
    ["nothing to replay", ["replay", "nowhere", "--json"]],
    ["an unknown topic", ["list", "nonsense", "--json"]],
    ["an unknown scene", ["demo", "--scene", "9", "--json"]],
    ["an unknown arm", ["bench", "--arms", "nonsense", "--json"]],
    ["too many arguments", ["doctor", "nonsense", "--json"]],
    ["an unknown policy", ["eval", "scenarios/quickstart.yaml", "--policy", "nonsense", "--json"]],
  ])("%s", async (_name, args) => {
    expect(await failure(args)).toEqual({
      error: "input",
      errors: [
        { file: null, line: null, column: null, message: expect.stringMatching(/./), hint: expect.toSatisfy(isHint) },
      ],
    });
  });

  test("every command has it", async () => {
    const names = ["run", "watch", "eval", "solve", "levels", "play", "replay", "demo", "report", "verify", "list"];
    for (const name of [...names, "validate", "doctor", "bench"]) {
      expect((await halfwatchHere([name, "--help"])).stdout).toContain("--json");
    }
  });
});

const isHint = (hint: unknown): boolean => hint === null || typeof hint === "string";

test("play --json: games, scores and sums", async () => {
  const args = ["play", "scenarios/quickstart.yaml", "--json"];
  const { stdout, stderr } = await halfwatchHere(args, ROOT, "N\nk\n");
  expect(stderr).toBe("");
  const { levels, total } = JSON.parse(stdout);
  expect(levels).toMatchObject([
    { level: 0, moves: ["north"] },
    { level: 1, moves: ["north"] },
  ]);
  expect(Object.keys(total)).toEqual(Object.keys(levels[0].scores));
});

test.each([
  [" 3 ", [0, 1, 2]],
  ["0 .. 2", [0, 1, 2]],
  [" 0, 1 ", [0, 1]],
  ["0 , 4.. 5\t", [0, 4, 5]],
])("--seeds '%s'", (text, seeds) => expect(parseSeeds(text)).toEqual(seeds));

test("blanks split no number", () => expect(() => parseSeeds("1 2")).toThrow("--seeds 1 2"));

describe("--shift training is the scenario as it is", () => {
  test.each([
    ["eval", ["--policy", "random"]],
    ["levels", ["-n", "2"]],
  ])("%s", async (command, more) => {
    const args = [command, "scenarios/quickstart.yaml", ...more, "--json"];
    const [plain, training] = [await halfwatchHere(args), await halfwatchHere([...args, "--shift", "training"])];
    expect({ ...JSON.parse(training.stdout), shift: 0 }).toEqual({ ...JSON.parse(plain.stdout), shift: 0 });
  });
});

test("an old Node is told the cure", () => {
  const old = spawnSync("bash", ["-c", "PATH=/usr/local/bin:/usr/bin:/bin; command -v node && node --version"], {
    encoding: "utf8",
  });
  const [path, version = ""] = old.stdout.trim().split("\n");
  if (!/^v(1\d|20|21)\./.test(version)) return;
  const plain = spawnSync(path, [MAIN, "list"], { encoding: "utf8" });
  expect(plain).toMatchObject({ status: 2, stdout: "" });
  expect(plain.stderr).toContain("npx halfwatch");
  const { status, stdout, stderr } = spawnSync(path, [MAIN, "list", "--json"], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 2, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({ error: "input", errors: [{ hint: expect.stringContaining("Node 22") }] });
});

describe("a map as commands print it is read by solve --map", () => {
  const values = async (args: readonly string[], cwd = ROOT) =>
    JSON.parse((await halfwatchHere(["solve", "scenarios/diamond-ghost.yaml", ...args, "--json"], cwd)).stdout).goals;
  test.each([
    ["levels", ["levels", "scenarios/diamond-ghost.yaml", "-n", "3"]],
    ["one of levels", ["levels", "scenarios/diamond-ghost.yaml", "-n", "1"]],
    ["solve", ["solve", "scenarios/diamond-ghost.yaml", "--level", "0"]],
  ])("%s", async (_name, args) => {
    await inFolder(async (folder) => {
      writeFileSync(join(folder, "map.txt"), (await halfwatchHere(args)).stdout);
      expect(await values(["--map", join(folder, "map.txt")])).toEqual(await values(["--level", "0"]));
    });
  });

  test("play, with its marks; a frame; blanks alone; a wrong letter keeps its place", () => {
    const map = "A.D\n...\n..G";
    expect(
      mapIn("true pays diamond 1\n\nlevel 0\nA . D*  ->  . . D\n. .*.   ->  . . .\n. . G   ->  . . A\n", LETTERS),
    ).toBe(map);
    expect(mapIn("│ A . D │\n│ . . . │\n│ . . G │\n", LETTERS)).toBe(map);
    expect(mapIn("A . D\n. . .\n. . G\n", LETTERS)).toBe(map);
    const two = "level 0\nA . D\n. . .\n. . G\n\nlevel 1\nA . D\n. . .\n. G .\n";
    expect(() => mapIn(two, LETTERS)).toThrow("holds 2 maps, expected one");
    expect(mapIn("A . D\n. x .\n. . G\n", LETTERS)).toBe("A.D\n.x.\n..G");
    expect(mapIn("A.D\n...\n..G\n", LETTERS)).toBe("A.D\n...\n..G\n");
  });
});

describe("an entry of goals and of shift replaces its base's whole", () => {
  const load = (text: string) => {
    const readText = (path: string) =>
      path === "own.yaml" ? `extends: scenarios/quickstart.yaml\n${text}` : readFileSync(join(ROOT, path), "utf8");
    return loadScenario({ path: "own.yaml", readText }).scenario;
  };

  test("a goal", () => {
    const { goals } = load("goals: { true: { diamond: 2 } }\n");
    expect(goals.true).toEqual({ diamond: 2 });
    expect(goals.proxy).toEqual(load("").goals.proxy);
  });

  test("a shift; the others stay", () => {
    const { shift } = load("shift: { ghost-closer: { oversight.coverage: 0.5 } }\n");
    expect(shift).toEqual({ ...load("").shift, "ghost-closer": { "oversight.coverage": 0.5 } });
  });
});
