import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { UserError } from "../../src/core/errors.ts";
import { runCell } from "../../src/runner/cell.ts";
import { cellPaths, checkpointPath } from "../../src/runs/cell-paths.ts";
import { encodeCheckpoint } from "../../src/runs/checkpoint.ts";
import { openEpisodes } from "../../src/runs/episodes.ts";
import { openRun } from "../../src/runs/manifest.ts";
import { manifestOf, planCells } from "../../src/runs/plan.ts";
import { readCheckpoint } from "../../src/runs/store.ts";
import { tinyScenario } from "../scenario/tiny.ts";
import { halfwatch, MAIN } from "./halfwatch.ts";
import { halfwatchHere } from "./here.ts";

/*
 * Files that are not what they should be, for every command that shows something: one message that says where, exit code 2, no stack,
 * in bounded time and memory.
 */

let folder: string;
let episodes: string;
let checkpoint: string;
const GIGABYTE = 1e9;
const SCENARIO = { arms: ["route"], seeds: 1, shift: { unseen: { "oversight.coverage": 0 } } };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "halfwatch-bad-"));
  const scenario = tinyScenario(SCENARIO);
  const run = join(folder, "run");
  openRun(run, manifestOf(scenario, "0"));
  const engine = await createWasmEngine({ threads: 1 });
  const [plan] = planCells(scenario, "wasm");
  await runCell(run, plan, engine);
  await engine.dispose();
  const cell = cellPaths(run, plan.id);
  episodes = cell.episodes;
  checkpoint = checkpointPath(cell, 640);

  const at = (name: string) => join(folder, name);
  const noise = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919 + 13) % 256);
  for (const end of ["jsonl", "safetensors", "yaml"]) {
    writeFileSync(at(`empty.${end}`), "");
    writeFileSync(at(`noise.${end}`), noise);
    mkdirSync(at(`folder.${end}`));
    writeFileSync(at(`long.${end}`), "");
    // A hole: it takes no room on the disk.
    truncateSync(at(`long.${end}`), GIGABYTE);
    execFileSync("mkfifo", [at(`pipe.${end}`)]);
  }
  const text = readFileSync(episodes, "utf8");
  writeFileSync(at("cut.jsonl"), text.slice(0, text.indexOf("\n") + 100));
  writeFileSync(at("newer.jsonl"), text.replace('"format":1', '"format":2'));
  writeFileSync(at("goose.jsonl"), text.replace('"kind":"diamond-ghost"', '"kind":"diamond-goose"'));
  writeFileSync(at("cut.safetensors"), readFileSync(checkpoint).subarray(0, 3000));
  const { world, ...rest } = readCheckpoint(checkpoint).scenario as { world: object };
  const goose = { ...readCheckpoint(checkpoint), scenario: { ...rest, world: { ...world, kind: "diamond-goose" } } };
  writeFileSync(at("goose.safetensors"), encodeCheckpoint(goose));
  for (const name of ["empty", "cut", "long", "folder"]) cpSync(run, at(`run-${name}`), { recursive: true });
  writeFileSync(at("run-empty/manifest.json"), "");
  truncateSync(at("run-cut/manifest.json"), 300);
  truncateSync(at("run-long/manifest.json"), GIGABYTE);
  rmSync(at("run-folder/manifest.json"));
  mkdirSync(at("run-folder/manifest.json"));
  copyFileSync(checkpoint, at("good.safetensors"));
  for (const name of ["swapped", "elsewhere", "unsealed"]) cpSync(run, at(`run-${name}`), { recursive: true });
  const [swapped, elsewhere, unsealed] = ["swapped", "elsewhere", "unsealed"].map((name) =>
    cellPaths(at(`run-${name}`), plan.id),
  );
  writeFileSync(checkpointPath(swapped, 640), encodeCheckpoint({ ...readCheckpoint(checkpoint), seed: 7 }));
  writeFileSync(elsewhere.metrics, "");
  writeFileSync(unsealed.result, readFileSync(unsealed.result, "utf8").replace('"seed":0', '"seed":1'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What may take all memory or never end is shown by a process with a small heap and little time. */
const isBoundless = (path: string): boolean => /^(run-)?(long|pipe)\b/.test(path);

async function show(args: readonly string[]) {
  if (!args.some(isBoundless)) return { ...(await halfwatchHere(args, folder)), signal: null };
  const command = [process.execPath, "--max-old-space-size=200", MAIN, ...args].map((each) => `'${each}'`).join(" ");
  const { status, signal, stdout, stderr } = spawnSync("bash", ["-c", `exec ${command} < /dev/null`], {
    cwd: folder,
    encoding: "utf8",
    timeout: 50_000,
  });
  return { code: status, signal, stdout, stderr };
}

async function expectRefused(args: readonly string[], message: RegExp): Promise<void> {
  const { code, signal, stdout, stderr } = await show(args);
  expect({ code, signal, stdout }, stderr).toEqual({ code: 2, signal: null, stdout: "" });
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stderr.trimEnd().split("\n").length).toBeLessThanOrEqual(3);
}

describe("episode files", () => {
  test.each([
    ["empty", /^empty\.jsonl is empty, expected an episode file$/m],
    ["noise", /^noise\.jsonl(:| is not)/],
    ["folder", /^folder\.jsonl is not a regular file$/m],
    ["pipe", /^pipe\.jsonl is not a regular file$/m],
    ["long", /^long\.jsonl: line 1 is longer than 1 MB$/m],
    ["cut", /^cut\.jsonl: line 2 is cut: the file ends in the middle of an episode$/m],
    ["newer", /^episode file newer\.jsonl has format 2; this version reads format 1$/m],
    ["goose", /^goose\.jsonl:.* world\.kind is "diamond-goose", expected diamond-ghost/],
  ])("%s", async (name, message) => {
    await expectRefused(["replay", `${name}.jsonl`], message);
  });

  test("cut at any byte: the line is named, or it ends after a whole episode", () => {
    const bytes = readFileSync(episodes);
    const path = join(folder, "cut-anywhere.jsonl");
    const lines = bytes.toString("utf8").split("\n");
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), (length) => {
        writeFileSync(path, bytes.subarray(0, length));
        const whole = bytes.subarray(0, length).toString("utf8").split("\n").length - 1;
        let said = "";
        try {
          const file = openEpisodes(path);
          while (file.more(3).length > 0);
          expect(file.entries).toHaveLength(whole - 1);
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          said = error.message;
        }
        if (whole === 0) expect(said).toMatch(/is empty|is not an episode file/);
        else if (bytes[length - 1] === 10) expect(said).toBe("");
        else expect(said).toBe(`${path}: line ${whole + 1} is cut: the file ends in the middle of an episode`);
      }),
      { numRuns: 200, seed: 1, examples: [[0], [1], [lines[0].length], [lines[0].length + 1], [lines[0].length + 2]] },
    );
  });
});

describe("checkpoints", () => {
  test.each([
    ["empty", /^checkpoint empty\.safetensors is truncated: it has 0 bytes/],
    ["noise", /^checkpoint noise\.safetensors is not a safetensors file: /],
    ["folder", /^cannot read folder\.safetensors: it is a folder \(EISDIR\)$/m],
    ["pipe", /^pipe\.safetensors is not a regular file$/m],
    ["long", /^checkpoint long\.safetensors is not a safetensors file: its header does not begin with \{$/m],
    ["cut", /^checkpoint cut\.safetensors is truncated: /],
    ["goose", /^goose\.safetensors:.* world\.kind is "diamond-goose", expected diamond-ghost/],
  ])("%s", async (name, message) => {
    await expectRefused(["replay", `${name}.safetensors`], message);
    await expectRefused(["eval", `${name}.safetensors`], message);
  });

  test("cut at any byte", () => {
    const bytes = readFileSync(checkpoint);
    const path = join(folder, "cut-anywhere.safetensors");
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), (length) => {
        writeFileSync(path, bytes.subarray(0, length));
        expect(() => readCheckpoint(path)).toThrow(UserError);
        expect(() => readCheckpoint(path)).toThrow(`checkpoint ${path} is truncated`);
      }),
      { numRuns: 200, seed: 1, examples: [[0], [7], [8], [9]] },
    );
  });

  test("a comparison with what stands in no run, or is no mind", async () => {
    await expectRefused(
      ["replay", "good.safetensors", "--compare", "arm:naive"],
      /good\.safetensors does not stand in a run$/m,
    );
    await expectRefused(["replay", "good.safetensors", "--compare", "wish"], /^--compare wish: unknown form/);
    await expectRefused(["replay", "long.safetensors", "--compare", "oracle"], /^checkpoint long\.safetensors is not/);
  });
});

describe("runs", () => {
  test.each([
    ["run-empty", /^run-empty\/manifest\.json is not JSON$/m],
    ["run-cut", /^run-cut\/manifest\.json is not JSON$/m],
    ["run-long", /^run-long\/manifest\.json has 1000 MB, expected at most 100 MB$/m],
    ["run-folder", /^cannot read run-folder\/manifest\.json: it is a folder \(EISDIR\)$/m],
  ])("%s", async (name, message) => {
    for (const args of [
      ["replay", name],
      ["replay", name, "--compare", "oracle"],
      ["watch", name],
      ["report", name],
    ]) {
      await expectRefused(args, message);
    }
  });
});

describe("a policy of a run", () => {
  test("is refused where its checkpoint is another cell's, or the result that names it was edited", async () => {
    await expectRefused(
      ["replay", "run-swapped"],
      /^run-swapped\/cells\/route-seed0-\w{8}\/checkpoints\/640\.safetensors is of another cell, route-seed7-\w{8}, /,
    );
    await expectRefused(
      ["replay", "run-unsealed"],
      /^run-unsealed\/cells\/\S+\/result\.json was changed after it was written/,
    );
  });

  test("is shown where another file of its cell is damaged: `verify` looks for that", async () => {
    expect((await show(["replay", "run-elsewhere"])).code).toBe(0);
    expect(halfwatch(["verify", "run-elsewhere"], folder)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/metrics\.jsonl was changed/),
    });
  });
});

describe("scenarios", () => {
  test.each([
    ["empty", /^empty\.yaml/],
    ["noise", /^noise\.yaml: not UTF-8 text$/m],
    ["folder", /^cannot read folder\.yaml: it is a folder \(EISDIR\)$/m],
    ["long", /^long\.yaml: 1000\.0 MB, expected a text of at most 1 MB$/m],
  ])("%s", async (name, message) => {
    for (const command of ["levels", "play"]) await expectRefused([command, `${name}.yaml`], message);
  });
});

test.each([
  ["replay", "run", "--json"],
  ["levels", "run-scenario.yaml", "-n", "400"],
])("%s to a reader who has left ends without a word", (...args) => {
  writeFileSync(join(folder, "run-scenario.yaml"), JSON.stringify(tinyScenario(SCENARIO)));
  const command = [process.execPath, MAIN, ...args].map((each) => `'${each}'`).join(" ");
  const { stdout, stderr } = spawnSync("bash", ["-c", `${command} | head -c 5 > /dev/null; echo $PIPESTATUS`], {
    cwd: folder,
    encoding: "utf8",
  });
  expect({ stdout, stderr: stderr.replace(/^# wall.*\n/, "") }).toEqual({ stdout: "0\n", stderr: "" });
});

test.skipIf(process.getuid?.() === 0)("a file without permission is named", async () => {
  writeFileSync(join(folder, "secret.jsonl"), "", { mode: 0o000 });
  await expectRefused(["replay", "secret.jsonl"], /^cannot read secret\.jsonl: permission denied \(EACCES\)$/m);
});
