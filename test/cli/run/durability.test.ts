import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { canonicalJson, seal, sha256, UNSEALED } from "../../../src/core/hash.ts";
import { bytesOf } from "../../runs/bytes.ts";
import { halfwatch, type Outcome } from "../halfwatch.ts";
import { halfwatchHere } from "../here.ts";
import {
  cellsOf,
  inTinyFolder,
  kill,
  killAndFinish,
  linesIn,
  runIn,
  startRun,
  startWatch,
  undisturbed,
  until,
} from "../processes.ts";

/*
 * Runs that are killed, stopped, shared, refused: what is left must be what an undisturbed run leaves, byte for byte.
 */

let expected: Map<string, string>;
beforeAll(async () => {
  expected = await undisturbed(["--jobs", "2", "--threads", "1"]);
});

const isLinux = process.platform === "linux";
const isRoot = process.getuid?.() === 0;

/** Run with `args` until cells have made `lines` updates together. */
async function runUntil(folder: string, lines: number, args: readonly string[] = ["--jobs", "2"]) {
  const run = startRun(folder, args);
  await until(() => linesIn(folder) >= lines || run.child.exitCode !== null);
  expect(run.child.exitCode).toBeNull();
  return run;
}

test("the same bytes with one or two cells side by side, and one or two threads", async () => {
  expect(await undisturbed(["--jobs", "1", "--threads", "2"])).toEqual(expected);
});

test.skipIf(!isLinux)("runner and cells killed at random moments: the same bytes as undisturbed", async () => {
  await inTinyFolder(async (folder) => {
    const { runners, cells, resumed } = await killAndFinish(folder, 3, ["--jobs", "2"], 1);
    expect(runners + cells).toBeGreaterThanOrEqual(3);
    expect(resumed).toBeGreaterThan(0);
    expect(bytesOf(runIn(folder))).toEqual(expected);
  });
});

describe("a run that is stopped", () => {
  test("by SIGINT, and then by SIGTERM, saves its cells, exits with 130 and goes on from there", async () => {
    await inTinyFolder(async (folder) => {
      for (const [signal, lines] of [
        ["SIGINT", 40],
        ["SIGTERM", 160],
      ] as const) {
        const run = await runUntil(folder, lines);
        const begun = performance.now();
        kill(run.pid, signal);
        const { code, stdout, stderr } = await run.done;
        expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
        expect(performance.now() - begun).toBeLessThan(10_000);
        expect(stderr).toMatch(/stopped: \d of 4 cells are done; the same command goes on from there\n$/);
        expect(cellsOf(run.pid)).toEqual([]);
        if (signal === "SIGTERM") expect(stderr).toMatch(/goes on at update \d+ of 187/);
      }
      const again = await startRun(folder, ["--jobs", "2"]).done;
      expect(again.code).toBe(0);
      expect(again.stderr).toMatch(/goes on at update \d+ of 187/);
      expect(bytesOf(runIn(folder))).toEqual(expected);
    });
  });

  test.skipIf(!isLinux)(
    "because its runner was killed: cells notice, save, end, and leave no lock behind",
    async () => {
      await inTinyFolder(async (folder) => {
        const run = await runUntil(folder, 40);
        const cells = cellsOf(run.pid);
        expect(cells).toHaveLength(2);
        kill(run.pid, "SIGKILL");
        await run.done;
        await until(() => cells.every((pid) => !isAlive(pid)));
        const locks = join(runIn(folder), "locks");
        const last = new Map<string, string>();
        for (const file of readdirSync(locks).sort()) {
          last.set(file.replace(/\.\d+$/, ""), readFileSync(join(locks, file), "utf8"));
        }
        expect([...last.values()]).toEqual(["free", "free"]);
        // Each of them saved at its very last update: nothing of its log is past the save.
        for (const id of last.keys()) {
          const cell = join(runIn(folder), "cells", id);
          const { update } = JSON.parse(header(join(cell, "resume.safetensors")).checkpoint);
          expect(readFileSync(join(cell, "metrics.jsonl"), "utf8").trimEnd().split("\n")).toHaveLength(update);
        }
        expect((await startRun(folder, ["--jobs", "2"]).done).code).toBe(0);
        expect(bytesOf(runIn(folder))).toEqual(expected);
      });
    },
  );
});

/** Whether a process is there and not a zombie. */
function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z");
  } catch {
    return false;
  }
}

/** The metadata of a safetensors file. */
function header(path: string): Record<string, string> {
  const bytes = readFileSync(path);
  return JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString()).__metadata__;
}

describe("two runners at once", () => {
  test("share the cells, wait for each other, print the same whole table, and leave the same bytes", async () => {
    await inTinyFolder(async (folder) => {
      const runs = [startRun(folder, ["--jobs", "1"]), startRun(folder, ["--jobs", "1"])];
      const [a, b] = await Promise.all(runs.map(({ done }) => done));
      expect([a.code, b.code]).toEqual([0, 0]);
      expect(a.stdout).toBe(b.stdout);
      expect(a.stdout).toMatch(/route +only:diamond +2 /);
      // Every cell was trained by one of them.
      const trained = (text: string) => text.match(/ done in /g)?.length ?? 0;
      expect(trained(a.stderr) + trained(b.stderr)).toBe(4);
      expect(a.stderr + b.stderr).toMatch(/is trained by process \d+ on .*; its result is waited for/);
      expect(bytesOf(runIn(folder))).toEqual(expected);
    });
  });

  test("that ask for different seeds and arms lose nothing of the manifest", async () => {
    await inTinyFolder(async (folder) => {
      const runs = [
        startRun(folder, ["--seeds", "0..0", "--arms", "naive"]),
        startRun(folder, ["--seeds", "1..1", "--arms", "route"]),
      ];
      for (const { code } of await Promise.all(runs.map(({ done }) => done))) expect(code).toBe(0);
      const { arms, seeds } = JSON.parse(readFileSync(join(runIn(folder), "manifest.json"), "utf8"));
      expect([[...arms].sort(), seeds]).toEqual([
        ["naive", "route"],
        [0, 1],
      ]);
    });
  });
});

describe("a cell that fails", () => {
  test.skipIf(!isLinux)(
    "by a crash is named with its update, also by watch; the others go on; verify and report bear it; the same command tries it again",
    async () => {
      await inTinyFolder(async (folder) => {
        const run = await runUntil(folder, 10, ["--jobs", "1"]);
        const watch = startWatch(runIn(folder));
        await until(() => /^naive seed 0 is at update \d+ of 187$/m.test(watch.text.stderr));
        kill(cellsOf(run.pid)[0], "SIGKILL");
        const { code, stderr } = await run.done;
        expect(code).toBe(1);
        const failure = /^\[1\/4\] naive seed 0 {2}failed at update \d+ of 187: its process was killed by SIGKILL/m;
        expect(stderr).toMatch(failure);
        expect(stderr).toMatch(/^\[4\/4\] /m);
        expect(stderr).toMatch(
          /naive seed 0 failed at update \d+ of 187: .*\n {2}if nobody killed it, memory ran out: .*\n1 of 4 cells failed; the same command tries them again\n$/,
        );
        expect((await watch.done).code).toBe(1);
        expect(watch.text.stderr).toMatch(failure);
        expect(watch.text.stderr).toMatch(
          /nobody trains it: 3 of 4 cells are done, 1 failed; the command that began it/,
        );
        expect((await halfwatchHere(["report", runIn(folder)])).code).toBe(0);
        const verified = await halfwatchHere(["verify", runIn(folder)]);
        expect([verified.code, verified.stdout]).toEqual([1, expect.stringContaining("missing: naive seed 0")]);
        rmSync(join(runIn(folder), "report"), { recursive: true });
        const again = await startRun(folder).done;
        expect(again.code).toBe(0);
        expect(bytesOf(runIn(folder))).toEqual(expected);
      });
    },
    120_000,
  );

  test("by a damaged file is named, nothing of it is overwritten, and --json names it too", async () => {
    await inTinyFolder(async (folder) => {
      const run = await runUntil(folder, 40, ["--jobs", "1", "--seeds", "0..0"]);
      kill(run.pid, "SIGTERM");
      await run.done;
      const [id] = readdirSync(join(runIn(folder), "cells"));
      const path = join(runIn(folder), "cells", id, "resume.safetensors");
      const bytes = readFileSync(path);
      bytes[bytes.length - 1] ^= 1;
      writeFileSync(path, bytes);
      const { code, stdout, stderr } = await startRun(folder, ["--json", "--seeds", "0..0"]).done;
      expect(code).toBe(1);
      const reason = `checkpoint ${join("runs", basename(runIn(folder)), "cells", id, "resume.safetensors")} was changed after it was written`;
      expect(stderr).toContain(reason);
      const { failed, cells } = JSON.parse(stdout);
      expect(failed).toEqual([
        { id, where: "before its first update was done", message: expect.stringContaining(reason) },
      ]);
      expect(cells.filter(({ done }: { done: boolean }) => done)).toHaveLength(1);
      expect(readFileSync(path)).toEqual(bytes);
    });
  });
});

/** Whether a command of the system succeeds. */
function shell(command: string): boolean {
  return spawnSync(command, { shell: true }).status === 0;
}

describe("a disk", () => {
  /** Mount a small file system at `path` while `action` runs. */
  async function onSmallDisk(path: string, size: string, action: () => Promise<void>): Promise<void> {
    mkdirSync(path);
    expect(shell(`mount -t tmpfs -o size=${size} none ${path}`)).toBe(true);
    try {
      await action();
    } finally {
      shell(`umount -l ${path}`);
    }
  }
  // Only root may mount; elsewhere test/runs/store.test.ts writes to /dev/full.
  const canMount = isLinux && isRoot && shell("unshare -m true");

  test.skipIf(!canMount)(
    "that is full stops cells by name, keeps what was finished, and lets them go on once there is room",
    async () => {
      await inTinyFolder(async (folder) => {
        await onSmallDisk(join(folder, "runs"), "700k", async () => {
          const full = await startRun(folder, ["--jobs", "2"]).done;
          expect(full.code).toBe(1);
          expect(full.stderr).toMatch(/cannot write runs\/tiny-\w+\/cells\/.*: the disk is full \(ENOSPC\)/);
          shell(`mount -o remount,size=50m ${join(folder, "runs")}`);
          const again = await startRun(folder, ["--jobs", "2"]).done;
          expect([again.code, again.stderr.includes("failed")]).toEqual([0, false]);
          expect(bytesOf(runIn(folder))).toEqual(expected);
        });
      });
    },
  );

  test.skipIf(!canMount)(
    "that is read-only is named before anything is trained; a finished run on it still prints its table",
    async () => {
      await inTinyFolder(async (folder) => {
        await onSmallDisk(join(folder, "runs"), "50m", async () => {
          expect((await startRun(folder, ["--seeds", "0..0"]).done).code).toBe(0);
          shell(`mount -o remount,ro ${join(folder, "runs")}`);
          expect(await startRun(folder, ["--seeds", "0..0"]).done).toMatchObject({
            code: 0,
            stdout: expect.stringMatching(/route +only:diamond +1 /),
          });
          const more = await startRun(folder, ["--seeds", "3"]).done;
          expect([more.code, more.stdout]).toEqual([2, ""]);
          expect(more.stderr).toMatch(
            /^cannot create runs\/tiny-\w+\/locks.*: the file system is read-only \(EROFS\)\n$/,
          );
        });
      });
    },
  );

  test.skipIf(isRoot)("folder without permission is named, and nothing is written", async () => {
    await inTinyFolder(async (folder) => {
      mkdirSync(join(folder, "runs"), { mode: 0o500 });
      const { code, stderr } = await startRun(folder).done;
      chmodSync(join(folder, "runs"), 0o700);
      expect(code).toBe(2);
      expect(stderr).toContain("permission denied (EACCES)");
    });
  });
});

describe("verify", () => {
  /** A finished run, and a copy of it for each test to damage. */
  const inFinished = (action: (dir: string, verify: (...args: string[]) => Promise<Outcome>) => Promise<void>) =>
    inTinyFolder(async (folder) => {
      if (!existsSync(MASTER.path)) {
        expect((await startRun(folder, ["--seeds", "0..0"]).done).code).toBe(0);
        MASTER.path = `${folder}-master`;
        cpSync(runIn(folder), MASTER.path, { recursive: true });
      }
      const dir = join(folder, "copy");
      cpSync(MASTER.path, dir, { recursive: true });
      await action(dir, (...args) => halfwatchHere(["verify", dir, ...args]));
    });
  const MASTER = { path: "" };
  beforeAll(() => () => rmSync(MASTER.path, { recursive: true, force: true }));
  const cellIn = (dir: string, arm: string) => {
    const id = readdirSync(join(dir, "cells")).find((name) => name.startsWith(arm)) ?? "";
    return join(dir, "cells", id);
  };

  test("of a whole run says so, and finds the same bytes when it trains cells again", async () => {
    await inFinished(async (dir) => {
      const { code, stdout } = halfwatch(["verify", dir, "--rerun", "2"]);
      expect(stdout).toMatch(
        /^2 of 2 cells are finished and whole \(49 files\)\nrepeated: naive-seed0-\w+, all 24 files the same, byte for byte\nrepeated: route-seed0-\w+, all 24 files the same, byte for byte\n$/,
      );
      expect(code).toBe(0);
    });
  });

  test("of a run that lacks a cell and nothing else exits with 1", async () => {
    await inFinished(async (dir, verify) => {
      rmSync(cellIn(dir, "naive"), { recursive: true });
      expect(await verify()).toMatchObject({
        code: 1,
        stdout: "1 of 2 cells are finished and whole (25 files)\nmissing: naive seed 0\n",
      });
    });
  });

  test("names a missing cell, a damaged file and an unrecorded one, all in one go, and exits with 1", async () => {
    await inFinished(async (dir, verify) => {
      rmSync(cellIn(dir, "naive"), { recursive: true });
      const metrics = join(cellIn(dir, "route"), "metrics.jsonl");
      writeFileSync(metrics, "{}\n", { flag: "a" });
      mkdirSync(join(dir, "cells", "notes"));
      const { code, stdout } = await verify();
      expect(stdout.split("\n")).toEqual([
        "0 of 2 cells are finished and whole (1 files)",
        `damaged: ${join(dir, "cells", "notes")} is not a cell of this run`,
        `damaged: ${metrics} was changed after its cell was finished: its hash does not match`,
        "missing: naive seed 0",
        "missing: route seed 0",
        "",
      ]);
      expect(code).toBe(1);
    });
  });

  test("finds by training again what no hash can show: a result that was made up whole", async () => {
    await inFinished(async (dir, verify) => {
      const cell = cellIn(dir, "route");
      const evaluation = join(cell, "evaluation.json");
      writeFileSync(evaluation, readFileSync(evaluation, "utf8").replace(/"discounted":[\d.]+/, '"discounted":0.99'));
      const path = join(cell, "result.json");
      const result = JSON.parse(readFileSync(path, "utf8"));
      result.files["evaluation.json"] = sha256(readFileSync(evaluation));
      writeFileSync(path, seal(new TextEncoder().encode(`${canonicalJson({ ...result, sha256: UNSEALED })}\n`)));
      expect((await verify()).code).toBe(0);
      const { code, stdout } = halfwatch(["verify", dir, "--rerun", "2", "--json"]);
      expect(code).toBe(1);
      const { sound, repeated, damaged } = JSON.parse(stdout);
      expect({ sound, damaged }).toEqual({ sound: false, damaged: [] });
      expect(repeated.flatMap(({ differing }: { differing: string[] }) => differing)).toEqual([path, evaluation]);
    });
  });

  test("of what is no run is a user error", () => {
    const { code, stdout, stderr } = halfwatch(["verify", "no-such-run"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^cannot read no-such-run: there is no such file or folder \(ENOENT\)\n/);
  });
});
