import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { UserError } from "../../src/core/errors.ts";
import { runCell } from "../../src/runner/cell.ts";
import { cellPaths } from "../../src/runs/cell-paths.ts";
import { openRun } from "../../src/runs/manifest.ts";
import { manifestOf, planCells } from "../../src/runs/plan.ts";
import { readResumePoint } from "../../src/runs/resume.ts";
import { readRun } from "../../src/runs/store.ts";
import { tinyScenario } from "../scenario/tiny.ts";

/*
 * A run directory with a finished and an unfinished cell, damaged anywhere: it is refused by the name of the damaged file.
 */

const SCENARIO = tinyScenario({
  seeds: 2,
  world: { size: 3 },
  train: { worlds: 4, rollout: 5, steps: 4 * 5 * 8 },
  agent: { hidden: [2], critic: [2] },
  shift: { unseen: { "oversight.coverage": 0 } },
});
const [FINISHED, UNFINISHED] = planCells(SCENARIO, "wasm");

let run = "";
let files: string[] = [];
beforeAll(async () => {
  run = mkdtempSync(join(tmpdir(), "halfwatch-damage-"));
  openRun(run, manifestOf(SCENARIO, "0.0.0"));
  const engine = await createWasmEngine({ threads: 1 });
  await runCell(run, FINISHED, engine);
  let updates = 0;
  await runCell(run, UNFINISHED, engine, { next: () => (++updates === 5 ? "stop" : "go on") }).catch(() => {});
  await engine.dispose();
  files = readdirSync(run, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
});
afterAll(() => rmSync(run, { recursive: true, force: true }));

/** Read all of it, as `run`, `report` and `verify` do together. */
function readAll(): void {
  for (const id of readRun(run).unfinished) readResumePoint(cellPaths(run, id));
}

/** The refusal of the run after `path` was given other bytes, which are then put back. */
function refusalOf(path: string, change: (bytes: Buffer) => Uint8Array): UserError {
  const before = readFileSync(path);
  writeFileSync(path, change(Buffer.from(before)));
  try {
    readAll();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  } finally {
    writeFileSync(path, before);
  }
  throw new Error(`${path} was read as if nothing had happened`);
}

/** A place in a file, as a fraction of its length. */
const anywhere = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("a run directory", () => {
  test("is read while it is whole, and has a file of every kind", () => {
    readAll();
    const kinds = new Set(files.map((path) => path.replace(/^.*\//, "").replace(/\d+/, "N")));
    expect([...kinds].sort()).toEqual([
      "N.safetensors",
      "episodes.jsonl",
      "evaluation.json",
      "manifest.json",
      "metrics.jsonl",
      "result.json",
      "resume.safetensors",
    ]);
  });

  test("with any bits of any byte of any file flipped is refused by that file's name", () => {
    for (const path of files) {
      fc.assert(
        fc.property(anywhere, fc.integer({ min: 1, max: 255 }), (at, flip) => {
          const { message } = refusalOf(path, (bytes) => {
            bytes[Math.floor(at * bytes.length)] ^= flip;
            return bytes;
          });
          expect(message).toContain(path);
        }),
        { numRuns: 40, seed: 1 },
      );
    }
  });

  test("with any file cut anywhere is refused by that file's name", () => {
    for (const path of files) {
      fc.assert(
        fc.property(anywhere, (at) => {
          const { message } = refusalOf(path, (bytes) => bytes.subarray(0, Math.floor(at * bytes.length)));
          expect(message).toContain(path);
        }),
        { numRuns: 20, seed: 1 },
      );
    }
  });

  test("with any two files exchanged is refused", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (a, b) => {
        const [first, second] = [files[a % files.length], files[b % files.length]];
        fc.pre(!readFileSync(first).equals(readFileSync(second)));
        const other = readFileSync(second);
        const mine = readFileSync(first);
        writeFileSync(second, mine);
        try {
          refusalOf(first, () => other);
        } finally {
          writeFileSync(second, other);
        }
      }),
      { numRuns: 100, seed: 1 },
    );
  });
});
