import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pauseRun, unpauseRun } from "../../../src/runs/control.ts";
import { bytesOf } from "../../runs/bytes.ts";
import { halfwatch } from "../halfwatch.ts";
import { halfwatchHere } from "../here.ts";
import {
  cellsOf,
  inTinyFolder,
  kill,
  linesIn,
  runIn,
  startRun,
  startWatch,
  undisturbed,
  until,
  wait,
} from "../processes.ts";

const US = { host: "here", pid: 7 };
/** One cell of each arm, and one cell alone. */
const ONE_SEED = ["--seeds", "0..0"];
const ONE_CELL = [...ONE_SEED, "--arms", "naive"];

test("a pause holds every cell where it is, and a run that was paused twice leaves the bytes of one that was not", async () => {
  const expected = await undisturbed(["--jobs", "2"]);
  await inTinyFolder(async (folder) => {
    const run = startRun(folder, ["--jobs", "2"]);
    for (const lines of [20, 120]) {
      await until(() => linesIn(folder) >= lines || run.child.exitCode !== null);
      pauseRun(runIn(folder), US);
      await until(() => run.stderr().split("is paused, by process 7 on here").length > 2 * (lines === 20 ? 1 : 2));
      const before = linesIn(folder);
      await wait(600);
      expect(linesIn(folder)).toBe(before);
      expect(run.child.exitCode).toBeNull();
      unpauseRun(runIn(folder));
    }
    expect((await run.done).code).toBe(0);
    expect(bytesOf(runIn(folder))).toEqual(expected);
  });
}, 180_000);

test("a run that is paused is stopped as any other; the next command says that it lifts the pause", async () => {
  await inTinyFolder(async (folder) => {
    const run = startRun(folder, ["--jobs", "1", ...ONE_CELL]);
    await until(() => linesIn(folder) >= 10);
    pauseRun(runIn(folder), US);
    await until(() => run.stderr().includes("is paused"));
    kill(run.pid, "SIGTERM");
    expect((await run.done).code).toBe(130);
    const again = await startRun(folder, ONE_CELL).done;
    expect(again.code).toBe(0);
    expect(again.stderr).toContain("control.json was left by an earlier command and is removed: the run goes on\n");
    expect(existsSync(join(runIn(folder), "control.json"))).toBe(false);
  });
}, 180_000);

test("a control file that cannot be read is named once by each cell, and training goes on", async () => {
  await inTinyFolder(async (folder) => {
    const run = startRun(folder, ["--jobs", "1", ...ONE_SEED]);
    await until(() => linesIn(folder) >= 10);
    writeFileSync(join(runIn(folder), "control.json"), "{");
    const { code, stderr } = await run.done;
    expect(code).toBe(0);
    const said = stderr.split("\n").filter((line) => line.endsWith("control.json is not JSON; it is ignored"));
    expect(said).toHaveLength(2);
  });
}, 180_000);

test("watch --plain follows a run to its end and prints the run's own table", async () => {
  await inTinyFolder(async (folder) => {
    const run = startRun(folder, ["--jobs", "2", ...ONE_SEED]);
    await until(() => linesIn(folder) >= 10);
    const watch = startWatch(runIn(folder));
    const { stdout } = await run.done;
    expect((await watch.done).code).toBe(0);
    const { text } = watch;
    expect(text.stderr).toMatch(/complete: 2 of 2 cells are done\n$/);
    expect(text.stderr.match(/^\[\d\/2\] (naive|route) seed 0 {2}done/gm)).toHaveLength(2);
    expect(stdout).toContain(text.stdout.trim());
    // and one that is complete already is looked at once
    const finished = await halfwatchHere(["watch", runIn(folder), "--plain"]);
    expect(finished.code).toBe(0);
    expect(finished.stdout).toBe(text.stdout);
  });
}, 180_000);

test.skipIf(process.platform !== "linux")(
  "watch says which cell is no longer trained when its processes are killed, and ends with 1 when nobody goes on",
  async () => {
    await inTinyFolder(async (folder) => {
      const run = startRun(folder, ["--jobs", "1"]);
      await until(() => linesIn(folder) >= 10);
      pauseRun(runIn(folder), US);
      await until(() => run.stderr().includes("is paused"));
      const watch = startWatch(runIn(folder));
      await until(() => watch.text.stderr.includes("is paused"));
      const cells = cellsOf(run.pid);
      kill(run.pid, "SIGKILL");
      for (const pid of cells) kill(pid, "SIGKILL");
      await run.done;
      expect((await watch.done).code).toBe(1);
      expect(watch.text.stderr).toMatch(/^naive seed 0 is no longer trained$/m);
      expect(watch.text.stderr).toMatch(
        /nobody trains it: 0 of 4 cells are done; the command that began it goes on from there\n$/,
      );
    });
  },
  180_000,
);

test("what is no run is refused in one message", async () => {
  await inTinyFolder(async (folder) => {
    const { code, stderr } = halfwatch(["watch", folder, "--plain"]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${folder} is no run directory (it has no manifest.json)\n`);
  });
});
