import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createReferenceEngine } from "../../src/compute/reference/engine.ts";
import { runCell, Stopped } from "../../src/runner/cell.ts";
import { type CellPaths, cellPaths } from "../../src/runs/cell-paths.ts";
import { readFailure, writeFailure } from "../../src/runs/failure.ts";
import { planCells } from "../../src/runs/plan.ts";
import { isUntidy, tidyCell } from "../../src/runs/store.ts";
import { tinyScenario } from "../scenario/tiny.ts";
import { bytesOf } from "./bytes.ts";

const [plan] = planCells(tinyScenario(), "reference");
const FAILURE = { where: "at update 3 of 5", message: "the loss is not finite", hint: "lower it" };
let run: string;
let cell: CellPaths;
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), "halfwatch-failure-"));
  cell = cellPaths(run, plan.id);
});
afterEach(() => rmSync(run, { recursive: true }));

test("what was written is read, with a hint and without; a cell that left nothing has none", () => {
  expect(readFailure(cell)).toBeUndefined();
  writeFailure(cell, FAILURE);
  expect(readFailure(cell)).toEqual(FAILURE);
  const { hint: _, ...plain } = FAILURE;
  writeFailure(cell, plain);
  expect(readFailure(cell)).toEqual(plain);
});

test.each([
  "",
  '{"format":1,"where":"a"',
  '{"format":2,"where":"a","message":"b"}',
  '{"format":1,"where":"a","message":"b","by":"c"}',
  `{"format":1,"where":"a","message":"${"x".repeat(1 << 16)}"}`,
])("a file that is not ours says nothing: %.50j", (text) => {
  mkdirSync(dirname(cell.failure), { recursive: true });
  writeFileSync(cell.failure, text);
  expect(readFailure(cell)).toBeUndefined();
});

test("taking the cell up removes it, from the begin and from a save, and it is in no byte of the result", async () => {
  const engine = createReferenceEngine();
  await runCell(run, plan, engine);
  const expected = bytesOf(run);
  rmSync(cell.root, { recursive: true });
  writeFailure(cell, FAILURE);
  let updates = 0;
  const next = () => {
    expect(existsSync(cell.failure)).toBe(false);
    return ++updates === 2 ? "stop" : "go on";
  };
  await expect(runCell(run, plan, engine, { next })).rejects.toThrow(Stopped);
  writeFailure(cell, FAILURE);
  await runCell(run, plan, engine, { onResume: () => expect(existsSync(cell.failure)).toBe(false) });
  expect(bytesOf(run)).toEqual(expected);
});

test("a finished cell gets none; one that came in its last moment is tidied away", async () => {
  await runCell(run, plan, createReferenceEngine());
  writeFailure(cell, FAILURE);
  expect(existsSync(cell.failure)).toBe(false);
  writeFileSync(cell.failure, "{}");
  expect(isUntidy(cell)).toBe(true);
  tidyCell(cell);
  expect(existsSync(cell.failure)).toBe(false);
});
