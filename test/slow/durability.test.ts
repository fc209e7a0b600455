import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  cellsOf,
  inTinyFolder,
  kill,
  killAndFinish,
  linesIn,
  runIn,
  startRun,
  TINY,
  undisturbed,
  until,
  wait,
} from "../cli/processes.ts";
import { bytesOf } from "../runs/bytes.ts";

/*
 * What test/cli/run/durability.test.ts does in seconds, often; and what a kill costs. Needs /proc.
 */

describe.each([
  ["cells side by side", ["--jobs", "2", "--seeds", "6"]],
  ["two threads in a cell", ["--jobs", "1", "--threads", "2", "--seeds", "6"]],
])("%s", (_, args) => {
  test("twenty kills at random moments, of runners and cells: the same bytes as undisturbed", async () => {
    const expected = await undisturbed(args);
    await inTinyFolder(async (folder) => {
      const { runners, cells, resumed } = await killAndFinish(folder, 20, args, 2);
      process.stderr.write(`killed ${runners} runners and ${cells} cells; ${resumed} times a cell went on\n`);
      expect(runners + cells).toBeGreaterThanOrEqual(20);
      expect(cells).toBeGreaterThan(2);
      expect(bytesOf(runIn(folder))).toEqual(expected);
    });
  });
});

/** A cell of a thousand updates of a second or two; points of its curve are further apart than a kill may cost. */
const LONG = TINY.replace(
  /steps: \d+, worlds: \d+, rollout: \d+/,
  "steps: 20000000, worlds: 128, rollout: 128",
).replace("hidden: [16, 16]", "hidden: [256, 256]");

test("a kill at any time costs at most ten seconds of training", async () => {
  await inTinyFolder(async (folder) => {
    writeFileSync(join(folder, "tiny.yaml"), LONG);
    const run = startRun(folder, ["--jobs", "1", "--threads", "1", "--arms", "route", "--seeds", "1"]);
    await until(() => linesIn(folder) > 0 || run.child.exitCode !== null);
    const [id] = readdirSync(join(runIn(folder), "cells"));
    const path = join(runIn(folder), "cells", id, "resume.safetensors");
    const saves = new Set<number>();
    const end = performance.now() + 45_000;
    while (performance.now() < end) {
      const found = statSync(path, { throwIfNoEntry: false });
      if (found) saves.add(found.mtimeMs);
      await wait(50);
    }
    const [cell] = cellsOf(run.pid);
    kill(run.pid, "SIGKILL");
    await run.done;
    const times = [...saves].sort((a, b) => a - b);
    const gaps = times.slice(1).map((time, i) => (time - times[i]) / 1000);
    const size = statSync(path).size;
    process.stderr.write(
      `saved ${times.length} times, ${size} bytes, at most ${Math.max(...gaps).toFixed(1)} s apart\n`,
    );
    expect(gaps.length).toBeGreaterThan(2);
    expect(Math.max(...gaps)).toBeLessThan(10);
    await until(() => statSync(`/proc/${cell}`, { throwIfNoEntry: false }) === undefined);
  });
});

test("a minute of extensions by four runners at once loses no cell, and every cell is trained once", async () => {
  await inTinyFolder(async (folder) => {
    const seeds = ["0..2", "2..4", "1,5", "0..5"];
    const runs = seeds.map((list) => startRun(folder, ["--seeds", list, "--jobs", "1", "--threads", "1"]));
    const outcomes = await Promise.all(runs.map(({ done }) => done));
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const trained = outcomes.reduce((sum, { stderr }) => sum + (stderr.match(/ done in /g)?.length ?? 0), 0);
    expect(trained).toBe(12);
    const alone = await inTinyFolder(async (other) => {
      expect((await startRun(other, ["--seeds", "0..5"]).done).code).toBe(0);
      return bytesOf(runIn(other));
    });
    // The manifest keeps the scenario of whoever came first; all else is the same.
    const cellsIn = (files: Map<string, string>) => [...files].filter(([path]) => path !== "manifest.json");
    expect(cellsIn(bytesOf(runIn(folder)))).toEqual(cellsIn(alone));
  });
});
