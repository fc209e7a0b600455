import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Claim, guardBy, holderOf, holdersIn, type Lock, type Owner, takeLock } from "../../src/runs/lock.ts";
import { readManifest } from "../../src/runs/manifest.ts";

let run = "";
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), "halfwatch-lock-"));
});
afterEach(() => rmSync(run, { recursive: true, force: true }));

/** A claim by process `pid`, for which the processes in `gone` are gone, and locks not touched since 1970 too. */
const claimBy = (pid: number, gone: readonly number[] = []): Claim => ({
  owner: { host: "here", pid, place: "here", born: "" },
  isGone: (owner, touched) => (owner !== null && gone.includes(owner.pid)) || touched < 1000,
});

function taken(lock: Lock | { readonly holder: Owner | null }): Lock {
  if ("holder" in lock) throw new Error(`the lock is held by ${lock.holder?.pid}`);
  return lock;
}

/** Run a program of several processes side by side; what each printed. */
function inProcesses(count: number, program: string): Promise<string[]> {
  const one = (index: number) =>
    new Promise<string>((done, fail) => {
      const code = `const INDEX = ${index}; ${program}`;
      const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let text = "";
      child.stdout.on("data", (part) => {
        text += part;
      });
      child.on("close", (status) =>
        status === 0 ? done(text) : fail(new Error(`process ${index} ended with ${status}`)),
      );
    });
  return Promise.all(Array.from({ length: count }, (_, index) => one(index)));
}

const LOCK_MODULE = JSON.stringify(resolve("src/runs/lock.ts"));
const MANIFEST_MODULE = JSON.stringify(resolve("src/runs/manifest.ts"));
/** Source text: a claim of the process, for which process 999 is gone. Then wait for the others. */
const CLAIM = `
  const claim = {
    owner: { host: "here", pid: INDEX, place: "here", born: "" },
    isGone: (owner) => owner !== null && owner.pid === 999,
  };
  const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);`;

describe("a lock", () => {
  test("is held by the first who takes it; others are told by whom", () => {
    taken(takeLock(run, "a", claimBy(1)));
    expect(takeLock(run, "a", claimBy(2))).toEqual({ holder: claimBy(1).owner });
    expect(holderOf(run, "a", claimBy(2))).toEqual(claimBy(1).owner);
    taken(takeLock(run, "b", claimBy(2)));
  });

  test("can be taken again once it was released, and once it was discarded; then no file of it is left", () => {
    const first = taken(takeLock(run, "a", claimBy(1)));
    first.release();
    expect(holderOf(run, "a", claimBy(2))).toBeUndefined();
    const second = taken(takeLock(run, "a", claimBy(2)));
    second.discard();
    expect(readdirSync(join(run, "locks"))).toEqual([]);
    taken(takeLock(run, "a", claimBy(3)));
  });

  test("of a process that is gone is taken over; if it was not gone after all, it learns that", () => {
    const lost = taken(takeLock(run, "a", claimBy(1)));
    expect(lost.isOurs()).toBe(true);
    const lock = taken(takeLock(run, "a", claimBy(2, [1])));
    expect([lost.isOurs(), lock.isOurs()]).toEqual([false, true]);
    // What the loser still does harms nobody.
    lost.release();
    expect(holderOf(run, "a", claimBy(3))).toEqual(claimBy(2).owner);
  });

  test("is given up when its owner has not touched it for long", () => {
    const lock = taken(takeLock(run, "a", claimBy(1)));
    expect(holderOf(run, "a", claimBy(2))).toEqual(claimBy(1).owner);
    utimesSync(lock.path, 0, 0);
    expect(holderOf(run, "a", claimBy(2))).toBeUndefined();
    taken(takeLock(run, "a", claimBy(2)));
  });

  test.each(["", "{", "{}", '{"pid":"1"}'])(
    "whose file reads %j is held by somebody unknown until it is old",
    (text) => {
      mkdirSync(join(run, "locks"));
      const path = join(run, "locks", "a.0");
      writeFileSync(path, text);
      expect(takeLock(run, "a", claimBy(1))).toEqual({ holder: null });
      utimesSync(path, 0, 0);
      taken(takeLock(run, "a", claimBy(1)));
    },
  );

  test("is found among many as it is alone", () => {
    const names = ["a", "a.1", "b-seed1-0", "often", "free", "dead", "done", "never"];
    const claim = claimBy(1);
    // More than ten generations: numbers are not in the order of their letters.
    for (let i = 0; i < 6; i++) taken(takeLock(run, "often", claim)).release();
    for (const name of names.slice(0, 4)) taken(takeLock(run, name, claim));
    taken(takeLock(run, "free", claim)).release();
    taken(takeLock(run, "dead", claimBy(999)));
    taken(takeLock(run, "done", claim)).discard();
    const other = claimBy(2, [999]);
    expect(holdersIn(join(run, "nowhere"), names, other)).toEqual(new Map());
    const found = holdersIn(run, names, other);
    expect([...found.keys()]).toEqual(["a", "a.1", "b-seed1-0", "often"]);
    for (const name of names) expect(found.get(name)).toEqual(holderOf(run, name, other));
  });

  test("of another name that begins alike is another lock", () => {
    taken(takeLock(run, "route-seed1-0.1", claimBy(1)));
    expect(holderOf(run, "route-seed1-0", claimBy(2))).toBeUndefined();
    taken(takeLock(run, "route-seed1-0", claimBy(2)));
  });

  test("of a dead process is taken over by one of four that try at the same moment, 300 times", async () => {
    const names = Array.from({ length: 300 }, (_, i) => `cell${i}`);
    for (const name of names) taken(takeLock(run, name, claimBy(999)));
    const printed = await inProcesses(
      4,
      `import { takeLock } from ${LOCK_MODULE}; ${CLAIM}
       import { writeFileSync, readdirSync } from "node:fs";
       const run = ${JSON.stringify(run)};
       writeFileSync(run + "/ready" + INDEX, "");
       while (readdirSync(run).length < 5) sleep(1);
       for (let i = 0; i < 300; i++) if (!("holder" in takeLock(run, "cell" + i, claim))) console.log("cell" + i);`,
    );
    const wins = printed.flatMap((text) => text.split("\n").filter((line) => line !== ""));
    expect(wins.sort()).toEqual(names.sort());
    // Nobody won all of it, so they did meet.
    expect(printed.filter((text) => text !== "").length).toBeGreaterThan(1);
  });
});

describe("a guard", () => {
  test("waits while the name is held, lets one action run, and leaves no lock behind", () => {
    const lock = taken(takeLock(run, "manifest", claimBy(1)));
    let waited = 0;
    const guard = guardBy(run, claimBy(2), () => {
      if (++waited === 3) lock.release();
    });
    expect(guard("manifest", () => "done")).toBe("done");
    expect(waited).toBe(3);
    expect(readdirSync(join(run, "locks"))).toEqual([]);
  });

  test("whose action fails gives the lock up", () => {
    const guard = guardBy(run, claimBy(1), () => {});
    expect(() =>
      guard("manifest", () => {
        throw new Error("the disk is full");
      }),
    ).toThrow("the disk is full");
    expect(holderOf(run, "manifest", claimBy(2))).toBeUndefined();
  });
});

test("a manifest that four processes extend at the same time, from nothing, loses no seed and no arm", async () => {
  const dir = join(run, "dir");
  await inProcesses(
    4,
    `import { guardBy } from ${LOCK_MODULE}; import { openRun } from ${MANIFEST_MODULE}; ${CLAIM}
     import { writeFileSync, readdirSync } from "node:fs";
     const run = ${JSON.stringify(run)};
     writeFileSync(run + "/ready" + INDEX, "");
     while (readdirSync(run).filter((name) => name.startsWith("ready")).length < 4) sleep(1);
     const manifest = {
       format: 2, scenarioHash: "${"0".repeat(64)}", scenario: {}, versions: {}, points: [{}], asked: [], commands: [],
       primary: { metric: "m", shift: "s", select: "last" },
     };
     const dir = ${JSON.stringify(dir)};
     const guard = guardBy(dir, claim, () => sleep(1));
     for (let i = 0; i < 25; i++) openRun(dir, { ...manifest, arms: ["arm" + INDEX], seeds: [INDEX * 25 + i] }, guard);`,
  );
  const manifest = readManifest(dir);
  expect(manifest.seeds).toEqual(Array.from({ length: 100 }, (_, seed) => seed));
  expect([...manifest.arms].sort()).toEqual(["arm0", "arm1", "arm2", "arm3"]);
  expect(readdirSync(join(dir, "locks"))).toEqual([]);
});
