import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openRecord } from "../../bench/record.ts";

const MACHINE = ["two cores", "Node 22"];
let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "halfwatch-record-"));
  path = join(folder, "record.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true }));

const never = (): Promise<number> => Promise.reject(new Error("measured again"));

test("what was measured is not measured again, in this run and in the next", async () => {
  const record = openRecord(path, MACHINE);
  expect(record.has("a")).toBe(false);
  expect(await record.ask("a", async () => 1)).toBe(1);
  expect(record.has("a")).toBe(true);
  expect(await record.ask("a", never)).toBe(1);
  const next = openRecord(path, MACHINE);
  expect(next.has("a")).toBe(true);
  expect(await next.ask("a", never)).toBe(1);
  expect(await next.ask("b", async () => 2)).toBe(2);
  expect(await openRecord(path, MACHINE).ask("b", never)).toBe(2);
});

test("each measurement is in the file at once; one that failed is not", async () => {
  const record = openRecord(path, MACHINE);
  await record.ask("a", async () => 1);
  await expect(record.ask("b", never)).rejects.toThrow("measured again");
  const lines = readFileSync(path, "utf8").trim().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toEqual([{ machine: MACHINE }, { name: "a", answer: 1 }]);
});

test("a line that was cut off is measured again, and the file is whole afterwards", async () => {
  await openRecord(path, MACHINE).ask("a", async () => 1);
  appendFileSync(path, '{"name":"b","ans');
  const record = openRecord(path, MACHINE);
  expect(record.has("b")).toBe(false);
  await record.ask("b", async () => 2);
  const again = openRecord(path, MACHINE);
  expect([await again.ask("a", never), await again.ask("b", never)]).toEqual([1, 2]);
});

test("a file that was cut off in its first line, or is empty, begins anew", async () => {
  for (const text of ["", '{"machine":["two']) {
    writeFileSync(path, text);
    await openRecord(path, MACHINE).ask("a", async () => 1);
    expect(await openRecord(path, MACHINE).ask("a", never)).toBe(1);
  }
});

test("another machine's file, and one that is none of ours, are refused and left alone", async () => {
  await openRecord(path, MACHINE).ask("a", async () => 1);
  const before = readFileSync(path, "utf8");
  expect(() => openRecord(path, ["four cores"])).toThrow("was measured on");
  expect(readFileSync(path, "utf8")).toBe(before);
  writeFileSync(path, "# Notes\n\nMine.\n");
  expect(() => openRecord(path, MACHINE)).toThrow("line 1 of");
  expect(readFileSync(path, "utf8")).toBe("# Notes\n\nMine.\n");
});

test("without a file measurements are kept for the run", async () => {
  const record = openRecord(null, MACHINE);
  await record.ask("a", async () => 1);
  expect(await record.ask("a", never)).toBe(1);
});
