import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newestRun } from "../../../cli/arguments/run-directories.ts";
import { halfwatch } from "../halfwatch.ts";
import { halfwatchHere } from "../here.ts";

/*
 * Which run is meant: more than one, none, or the wrong folder. All that makes a folder a run here is that it has a manifest.
 */

const COMMANDS = ["watch", "report", "verify", "replay", "eval"];
const RUNS = ["runs/a-11111111", "runs/b-22222222", "runs/c-33333333"];
const NEWEST = RUNS[1];
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "halfwatch-runs-"));
  mkdirSync(join(folder, "elsewhere"));
  mkdirSync(join(folder, "runs/no-run"), { recursive: true });
  for (const run of RUNS) {
    mkdirSync(join(folder, run));
    writeFileSync(join(folder, run, "manifest.json"), "{}");
    utimesSync(join(folder, run, "manifest.json"), 1000, run === NEWEST ? 2000 : 1000);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const refused = async (command: string, ...paths: string[]): Promise<string> => {
  const { code, stdout, stderr } = await halfwatchHere([command, ...paths], folder);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  return stderr;
};

test.each(COMMANDS)("%s of several runs names the newest", async (command) => {
  expect(await refused(command, ...RUNS)).toBe(
    `3 runs are given, expected one; the newest is ${NEWEST}\n  see \`halfwatch ${command} --help\`\n`,
  );
  expect(await refused(command, RUNS[0], "runs/no-run")).toBe(
    `too many arguments for '${command}': ${RUNS[0]} runs/no-run\n  see \`halfwatch ${command} --help\`\n`,
  );
});

test.each(COMMANDS)("%s of what is no run says where runs are", async (command) => {
  const hint = `the newest run in runs is ${NEWEST}\n`;
  expect(await refused(command, "nowhere")).toBe(
    `cannot read nowhere: there is no such file or folder (ENOENT)\n  ${hint}`,
  );
  for (const path of ["runs", "elsewhere"]) {
    expect(await refused(command, path)).toBe(
      command === "replay"
        ? `${path} is nothing to replay\n  expected a run directory, a .safetensors checkpoint or an episode file (.jsonl); ${hint}`
        : `${path} is no run directory (it has no manifest.json)\n  ${hint}`,
    );
  }
});

test("where there is no run at all, it is said who writes one", () => {
  const { stderr } = halfwatch(["verify", "."], join(folder, "elsewhere"));
  expect(stderr).toBe(
    ". is no run directory (it has no manifest.json)\n  `halfwatch run` writes run directories into runs/, or where --out says\n",
  );
  expect(newestRun([])).toBeUndefined();
});
