import { spawn } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pauseRun, unpauseRun } from "../../src/experiment/control.ts";
import { bytesOf } from "../experiment/runs.ts";
import { halfwatch, MAIN } from "./halfwatch.ts";
import { cellsOf, inTinyFolder, kill, linesIn, runIn, startRun, undisturbed, until, wait } from "./processes.ts";

const US = { host: "here", pid: 7 };

/** Start `halfwatch watch RUN --plain`. */
function startWatch(run: string) {
  const child = spawn(process.execPath, [MAIN, "watch", run, "--plain"], { stdio: ["ignore", "pipe", "pipe"] });
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (more: string) => {
      text[name] += more;
    });
  }
  const done = new Promise<{ code: number | null }>((resolve) => child.on("close", (code) => resolve({ code })));
  return { text, done };
}

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
    const run = startRun(folder, ["--jobs", "1"]);
    await until(() => linesIn(folder) >= 10);
    pauseRun(runIn(folder), US);
    await until(() => run.stderr().includes("is paused"));
    kill(run.pid, "SIGTERM");
    expect((await run.done).code).toBe(130);
    const again = await startRun(folder, ["--jobs", "2"]).done;
    expect(again.code).toBe(0);
    expect(again.stderr).toContain("control.json was left by an earlier command and is removed: the run goes on\n");
    expect(existsSync(join(runIn(folder), "control.json"))).toBe(false);
  });
}, 180_000);

test("a control file that cannot be read is named once by each cell, and training goes on", async () => {
  await inTinyFolder(async (folder) => {
    const run = startRun(folder, ["--jobs", "1"]);
    await until(() => linesIn(folder) >= 10);
    writeFileSync(join(runIn(folder), "control.json"), "{");
    const { code, stderr } = await run.done;
    expect(code).toBe(0);
    const said = stderr.split("\n").filter((line) => line.endsWith("control.json is not JSON; it is ignored"));
    expect(said).toHaveLength(4);
  });
}, 180_000);

test("watch --plain follows a run to its end and prints the run's own table", async () => {
  await inTinyFolder(async (folder) => {
    const run = startRun(folder, ["--jobs", "2"]);
    await until(() => linesIn(folder) >= 10);
    const watch = startWatch(runIn(folder));
    const { stdout } = await run.done;
    expect((await watch.done).code).toBe(0);
    const { text } = watch;
    expect(text.stderr).toMatch(/complete: 4 of 4 cells are done\n$/);
    expect(text.stderr.match(/^\[\d\/4\] (naive|route) seed [01] {2}done/gm)).toHaveLength(4);
    expect(stdout).toContain(text.stdout.trim());
    // and one that is complete already is looked at once
    const finished = halfwatch(["watch", runIn(folder), "--plain"]);
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

test.skipIf(process.platform !== "linux")(
  "a cell whose process was killed has failed, also for watch; verify and report bear it, and the same command trains it",
  async () => {
    const expected = await undisturbed(["--jobs", "2"]);
    await inTinyFolder(async (folder) => {
      const run = startRun(folder, ["--jobs", "1"]);
      await until(() => linesIn(folder) >= 10);
      const watch = startWatch(runIn(folder));
      await until(() => /^naive seed 0 is at update \d+ of 187$/m.test(watch.text.stderr));
      kill(cellsOf(run.pid)[0], "SIGKILL");
      expect((await run.done).code).toBe(1);
      expect((await watch.done).code).toBe(1);
      expect(watch.text.stderr).toMatch(
        /^\[\d\/4\] naive seed 0 {2}failed at update \d+ of 187: its process was killed by SIGKILL/m,
      );
      expect(watch.text.stderr).toMatch(/nobody trains it: 3 of 4 cells are done, 1 failed; the command that began it/);
      expect(halfwatch(["report", runIn(folder)]).code).toBe(0);
      const { code, stdout } = halfwatch(["verify", runIn(folder)]);
      expect([code, stdout]).toEqual([1, expect.stringContaining("missing: naive seed 0")]);
      rmSync(join(runIn(folder), "report"), { recursive: true });
      expect((await startRun(folder).done).code).toBe(0);
      expect(bytesOf(runIn(folder))).toEqual(expected);
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
