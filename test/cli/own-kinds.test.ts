import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sha256 } from "../../src/core/hash.ts";
import { halfwatch, MAIN, ROOT } from "./halfwatch.ts";

const FIXTURES = join(ROOT, "test/fixtures/kinds");
const SCENARIO = "icy-cheese.yaml";
const ONE = ["--seeds", "1", "--arms", "naive,route-labelled-reward", "--plain"];
const hashOf = (file: string): string => sha256(readFileSync(join(FIXTURES, file)));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "halfwatch-own-"));
  cpSync(FIXTURES, folder, { recursive: true });
  // What `npm init` writes: by it a .ts file would be no module.
  writeFileSync(join(folder, "package.json"), '{ "type": "commonjs" }\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A run with nothing wrong: its output. */
function allowed(args: readonly string[], cwd = folder): string {
  const { code, stdout, stderr } = halfwatch([...args, "--allow-code"], cwd);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}
const runIn = (cwd: string): string => join("runs", readdirSync(join(cwd, "runs"))[0]);

describe("kinds of a folder's own", () => {
  test("without --allow-code each file is refused by its place and its hash, and nothing is written", () => {
    for (const command of [
      ["run"],
      ["validate"],
      ["levels"],
      ["eval", "--policy", "random"],
      ["solve", "--level", "0"],
    ]) {
      const { code, stdout, stderr } = halfwatch([command[0], SCENARIO, ...command.slice(1)], folder);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toContain(
        `${SCENARIO}:3:16: world.kind is "./icy-cheese.ts": this is code (sha256 ${hashOf("icy-cheese.ts")}), and code runs only with --allow-code\n`,
      );
      expect(stderr).toContain(
        `${SCENARIO}:8:20: oversight.kind is "./every.ts": this is code (sha256 ${hashOf("every.ts")})`,
      );
      expect(stderr).toMatch(/icy-cheese\.yaml:12:22: arms is "\.\/route-labelled-reward\.ts": this is code/);
    }
    expect(readdirSync(folder)).not.toContain("runs");
  });

  test("with it they train, and every command knows the run without the folder's files", { timeout: 120_000 }, () => {
    allowed(["run", SCENARIO, ...ONE]);
    const elsewhere = mkdtempSync(join(tmpdir(), "halfwatch-moved-"));
    try {
      cpSync(join(folder, "runs"), join(elsewhere, "runs"), { recursive: true });
      const run = runIn(elsewhere);
      expect(JSON.parse(allowed(["report", run, "--json"], elsewhere)).cells).toHaveLength(2);
      expect(allowed(["verify", run, "--rerun", "2"], elsewhere)).toMatch(/2 of 2 cells are finished and whole/);
      expect(allowed(["eval", run, "--arm", "route-labelled-reward"], elsewhere)).toContain("route-labelled-reward");
      expect(allowed(["replay", run, "--plain", "--episode", "3"], elsewhere)).toMatch(/^been: [01] · home: \d+$/m);
      expect(JSON.parse(allowed(["watch", run, "--json"], elsewhere)).scenario ?? "icy-cheese").toMatch(/icy-cheese/);
      const { code, stderr } = halfwatch(["report", run], elsewhere);
      expect(code).toBe(2);
      expect(stderr).toContain(`brings code: icy-cheese.ts (sha256 ${hashOf("icy-cheese.ts")})`);
      // A checkpoint is found to be of the run that it lies in.
      const [cell] = readdirSync(join(elsewhere, run, "cells"));
      const [checkpoint] = readdirSync(join(elsewhere, run, "cells", cell, "checkpoints"));
      const path = join(run, "cells", cell, "checkpoints", checkpoint);
      expect(allowed(["eval", path], elsewhere)).toContain("icy-cheese");
      // A copy that was changed is no longer what the cells were trained with.
      const copy = join(elsewhere, run, "code", hashOf("icy-cheese.ts").slice(0, 12), "icy-cheese.ts");
      writeFileSync(copy, `${readFileSync(copy, "utf8")}\n`);
      const tampered = halfwatch(["verify", run, "--allow-code"], elsewhere);
      expect(tampered.code).toBe(2);
      expect(tampered.stderr).toContain(`and the run was begun with ${hashOf("icy-cheese.ts")}`);
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
  });

  test("a killed run goes on to the same bytes; a file that was changed meanwhile is refused by both hashes", {
    timeout: 120_000,
  }, async () => {
    const own = mkdtempSync(join(tmpdir(), "halfwatch-killed-"));
    try {
      cpSync(FIXTURES, own, { recursive: true });
      const args = ["run", SCENARIO, "--allow-code", ...ONE, "--set", "train.steps=65536"];
      const child = spawn(process.execPath, [MAIN, ...args], { cwd: own, stdio: "ignore", detached: true });
      const ended = new Promise((resolve) => child.on("exit", resolve));
      const isTraining = () => {
        try {
          return readdirSync(join(own, runIn(own), "cells")).length > 0;
        } catch {
          return false;
        }
      };
      for (let tries = 0; tries < 200 && !isTraining(); tries++) await wait(50);
      await wait(400);
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      await ended;
      const file = join(own, "icy-cheese.ts");
      const text = readFileSync(file, "utf8");
      writeFileSync(file, text.replace("an icy floor", "a floor of ice"));
      const refused = halfwatch(args, own);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain(
        `icy-cheese.ts was changed since run ${runIn(own)} was begun: its sha256 was ${sha256(text)}, and is ${sha256(readFileSync(file))}`,
      );
      writeFileSync(file, text);
      allowed(
        args.filter((word) => word !== "--allow-code"),
        own,
      );
      expect(allowed(["verify", runIn(own), "--rerun", "1"], own)).toMatch(/the same, byte for byte/);
    } finally {
      rmSync(own, { recursive: true, force: true });
    }
  });

  test.each([
    ["what does not exist", "world: { kind: ./none.ts }", /world\.kind is "\.\/none\.ts": .*no such file/],
    [
      "a path that does not say it is one",
      "world: { kind: icy-cheese.ts }",
      /expected a path that begins with \.\/\n.*written \.\/icy-cheese\.ts/,
    ],
    ["an export of another role", "world: { kind: ./every.ts }", /its default export is not a world; sets: /],
    ["a file without a default export", "world: { kind: ./bare.ts }", /its default export is not a world/],
    ["code that throws", "world: { kind: ./broken.ts }", /cannot be loaded: no cheese today/],
    ["another import", "world: { kind: ./reaching.ts }", /it imports node:fs, expected halfwatch alone/],
    [
      "an option that the file's schema refuses",
      "world: { kind: ./icy-cheese.ts, slip: 2 }",
      /world\.slip is 2, expected a number in \[0, 1\]/,
    ],
    [
      "an option that it has not",
      "world: { kind: ./icy-cheese.ts, slipp: .2 }",
      /unknown key world\.slipp; did you mean world\.slip\?/,
    ],
  ])("%s is refused in words", (_, world, message) => {
    writeFileSync(join(folder, "bare.ts"), "export const nothing = 1;\n");
    writeFileSync(join(folder, "broken.ts"), 'throw new Error("no cheese today");\n');
    writeFileSync(
      join(folder, "reaching.ts"),
      'import { readFileSync } from "node:fs";\nexport default readFileSync;\n',
    );
    writeFileSync(join(folder, "bad.yaml"), `extends: ${SCENARIO}\n${world}\n`);
    const { code, stdout, stderr } = halfwatch(["validate", "bad.yaml", "--allow-code"], folder);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^bad\.yaml:2:\d+: /);
    expect(stderr).not.toMatch(/ {4}at /);
  });
});

describe("kinds of the package", () => {
  test("one file and one line in a table each: list, validate, run, eval, replay and report know them", {
    timeout: 180_000,
  }, () => {
    const clone = mkdtempSync(join(tmpdir(), "halfwatch-clone-"));
    try {
      for (const part of ["src", "cli", "scenarios", "package.json"]) {
        cpSync(join(ROOT, part), join(clone, part), { recursive: true });
      }
      symlinkSync(join(ROOT, "node_modules"), join(clone, "node_modules"));
      for (const [file, table, line] of [
        ["icy-cheese", "src/envs/worlds", "diamondGhost"],
        ["every", "src/oversight/overseers", "terminal"],
        ["route-labelled-reward", "src/routing/arms", "shrinkageMatched"],
      ]) {
        const own = readFileSync(join(FIXTURES, `${file}.ts`), "utf8");
        writeFileSync(
          join(clone, table, `${file}.ts`),
          own
            .replace(
              /import \{ gridWorld, type WorldDefinition, z \} from "halfwatch";/,
              'import { z } from "zod";\nimport { gridWorld } from "../grid-world.ts";\nimport type { WorldDefinition } from "../world.ts";',
            )
            .replace(
              /import \{ type OverseerDefinition, wholeEpisode, z \} from "halfwatch";/,
              'import { z } from "zod";\nimport { type OverseerDefinition, wholeEpisode } from "../overseer.ts";',
            )
            .replace(/import type \{ Arm \} from "halfwatch";/, 'import type { Arm } from "../arm.ts";'),
        );
        const path = join(clone, table, "table.ts");
        const before = readFileSync(path, "utf8");
        const added = before.replace(new RegExp(`\\b${line}(,?\\s*)\\]`), `${line}, own$1]`);
        expect(added).not.toBe(before);
        writeFileSync(path, `import own from "./${file}.ts";\n${added}`);
      }
      const scenario = readFileSync(join(FIXTURES, SCENARIO), "utf8")
        .replace("./icy-cheese.ts", "icy-cheese")
        .replace("./every.ts", "every")
        .replace("./route-labelled-reward.ts", "route-labelled-reward");
      mkdirSync(join(clone, "own"));
      writeFileSync(join(clone, "own", SCENARIO), scenario);
      const known = (args: readonly string[]): string => {
        const { code, stdout, stderr } = fromSource(clone, args);
        expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
        return stdout;
      };
      const path = join("own", SCENARIO);
      const lists = known(["list"]);
      for (const name of ["icy-cheese", "every", "route-labelled-reward"]) {
        expect(lists).toMatch(new RegExp(`^  ${name} +\\S`, "m"));
      }
      expect(known(["validate", path])).toContain("valid; 3 arms");
      expect(known(["run", path, ...ONE])).toContain("icy-cheese · oversight every");
      const run = runIn(clone);
      expect(known(["eval", run])).toContain("icy-cheese");
      expect(known(["eval", path, "--policy", "optimal:proxy", "--shift", "unseen"])).toMatch(/misgeneralized/);
      expect(known(["replay", run, "--arm", "route-labelled-reward", "--plain"])).toContain(
        "icy-cheese · route-labelled-reward",
      );
      expect(known(["report", run])).toContain("arms.svg");
      // The colour and the shape that the record gives the arm are in the figure.
      expect(readFileSync(join(clone, run, "report/arms.vl.json"), "utf8")).toContain("#117733");
    } finally {
      rmSync(clone, { recursive: true });
    }
  });
});

function fromSource(clone: string, args: readonly string[]) {
  return halfwatch(args, clone, join(clone, "cli/main.ts"));
}
