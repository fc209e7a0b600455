import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LineFollower } from "../../src/runner/line-follower.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "halfwatch-follow-"));
  path = join(folder, "metrics.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("every line once, wherever the writer is interrupted, between the bytes of a letter too", () => {
  const bytes = Buffer.from("one\nzwölf\n\nlast\n");
  for (let cut = 0; cut <= bytes.length; cut++) {
    rmSync(path, { force: true });
    const follower = new LineFollower(path);
    expect(follower.next()).toEqual({ lines: [], first: 1, isAgain: false, isMore: false });
    writeFileSync(path, bytes.subarray(0, cut));
    const before = follower.next().lines;
    appendFileSync(path, bytes.subarray(cut));
    expect([...before, ...follower.next().lines], `cut at ${cut}`).toEqual(["one", "zwölf", "", "last"]);
    expect(follower.next().lines).toEqual([]);
  }
});

test("a file that became shorter is read again from its begin", () => {
  writeFileSync(path, "one\ntwo\nthree\n");
  const follower = new LineFollower(path);
  expect(follower.next().lines).toEqual(["one", "two", "three"]);
  truncateSync(path, 4);
  expect(follower.next()).toEqual({ lines: ["one"], first: 1, isAgain: true, isMore: false });
  appendFileSync(path, "two\n");
  expect(follower.next()).toEqual({ lines: ["two"], first: 2, isAgain: false, isMore: false });
  rmSync(path);
  expect(follower.next()).toEqual({ lines: [], first: 1, isAgain: true, isMore: false });
});

test("more than a look takes is left for the next, and a line without end is refused, not waited for", () => {
  const text = `${"x".repeat(1000)}\n`.repeat(6000);
  writeFileSync(path, text);
  const follower = new LineFollower(path);
  const first = follower.next();
  expect(first.isMore).toBe(true);
  expect(first.lines.length + follower.next().lines.length).toBe(6000);
  appendFileSync(path, "x".repeat(1_100_000));
  expect(() => follower.next()).toThrow(`${path} has a line of more than 1048576 bytes: it is no log of halfwatch`);
});
