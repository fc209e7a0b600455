import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { controlPath, pauseRun, readControl, unpauseRun } from "../../src/runs/control.ts";

let run: string;
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), "halfwatch-control-"));
});
afterEach(() => rmSync(run, { recursive: true }));

test("a run is paused from the first pause to the next lifting, whoever does either; the last writer wins", () => {
  expect(readControl(run)).toEqual({ kind: "go on" });
  pauseRun(run, { host: "one", pid: 1 });
  pauseRun(run, { host: "two", pid: 2 });
  expect(readControl(run)).toEqual({ kind: "paused", by: { host: "two", pid: 2 } });
  unpauseRun(run);
  unpauseRun(run);
  expect(readControl(run)).toEqual({ kind: "go on" });
  expect(readdirSync(run)).toEqual([]);
});

test.each([
  ["", "is not JSON"],
  ['{"format":1,"paused":tr', "is not JSON"],
  ['{"format":2,"host":"a","paused":true,"pid":1}', "is not a control file of this version"],
  ['{"format":1,"host":"a","paused":true,"pid":1,"stop":true}', "is not a control file of this version"],
  ["\u0000".repeat(5000), "has more than 4096 bytes"],
])("a file that nobody of ours wrote is named and ignored: %j", (text, reason) => {
  writeFileSync(controlPath(run), text);
  expect(readControl(run)).toEqual({ kind: "unreadable", message: `${controlPath(run)} ${reason}; it is ignored` });
});
