import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Engine } from "../../src/compute/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { UserError } from "../../src/core/errors.ts";
import { curveUpdates, type Next, runCell, Stopped } from "../../src/runner/cell.ts";
import { cellPaths } from "../../src/runs/cell-paths.ts";
import { planCells } from "../../src/runs/plan.ts";
import { readCheckpoint, readResult } from "../../src/runs/store.ts";
import { bytesOf } from "../runs/bytes.ts";
import { tinyScenario } from "../scenario/tiny.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await createWasmEngine({ threads: 1 });
});
afterAll(() => engine.dispose());
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "halfwatch-cell-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** 44 updates of 8 worlds x 5 steps: more than there are points of the curve. */
const [PLAN, OTHER] = planCells(
  tinyScenario({
    seeds: 2,
    world: { size: 3 },
    train: { worlds: 8, rollout: 5, steps: 8 * 5 * 44 },
    shift: { unseen: { "oversight.coverage": 0 } },
  }),
  "wasm",
);
const CELL = (run: string) => cellPaths(run, PLAN.id);

/** Answers `next` by the number of the call, from 1. */
const at = (answers: Readonly<Record<number, Next>>) => {
  let call = 0;
  return { next: (): Next => answers[++call] ?? "go on" };
};

/** The files of the cell, trained in one go. */
async function undisturbed(): Promise<Map<string, string>> {
  const run = join(folder, "undisturbed");
  await runCell(run, PLAN, engine);
  return bytesOf(run);
}

/** A run in which the cell was stopped after `updates` updates. */
async function stoppedAfter(updates: number, name = "stopped"): Promise<string> {
  const run = join(folder, name);
  await expect(runCell(run, PLAN, engine, at({ [updates]: "stop" }))).rejects.toThrow(Stopped);
  return run;
}

function refusal(message: string | RegExp) {
  return { error: expect.objectContaining({ name: "UserError", message: expect.stringMatching(message) }) };
}

async function trial(run: string): Promise<{ error: unknown }> {
  return runCell(run, PLAN, engine).then(
    () => ({ error: null }),
    (error: unknown) => ({ error }),
  );
}

test("the evaluation is told part by part, from none to all of them, after the last update and before the result", async () => {
  const run = join(folder, "evaluated");
  const told: unknown[] = [];
  await runCell(run, PLAN, engine, {
    onProgress: ({ update, updates }) => {
      if (update === updates) told.push("trained");
    },
    onEvaluate: (evaluated) => void told.push([evaluated.done, evaluated.of, readResult(CELL(run)) === undefined]),
  });
  const of = told.length - 2;
  // Two shifts, three views, evaluated and recorded; modules and verdict; maybe checkpoints that other rules select, in two shifts.
  expect([14, 16, 18]).toContain(of);
  expect(told).toEqual(["trained", ...Array.from({ length: of + 1 }, (_, done) => [done, of, true])]);
});

describe("the points of a curve", () => {
  test.each([
    [366, 20],
    [39, 20],
    [20, 20],
    [7, 7],
    [1, 1],
  ])("of %d updates are %d, evenly spaced, the last update among them", (updates, points) => {
    const chosen = [...curveUpdates(updates)];
    expect(chosen).toHaveLength(points);
    expect(chosen[points - 1]).toBe(updates);
    const gaps = chosen.map((update, i) => update - (chosen[i - 1] ?? 0));
    expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThanOrEqual(1);
  });
});

describe("a cell", () => {
  test("keeps twenty checkpoints: parameters of the first nineteen, the last with its optimiser, none to resume from", async () => {
    const files = await undisturbed();
    const cell = CELL(join(folder, "undisturbed"));
    const steps = [...curveUpdates(44)].map((update) => update * 8 * 5);
    const paths = steps.map((step) => `cells/${PLAN.id}/checkpoints/${step}.safetensors`);
    expect([...files.keys()].filter((path) => path.includes("checkpoints"))).toEqual(paths.sort());
    expect(existsSync(cell.resume)).toBe(false);
    const read = (step: number) => readCheckpoint(join(cell.checkpoints, `${step}.safetensors`));
    expect(Object.keys(read(steps[0]).state)).toEqual(["parameters"]);
    expect(Object.keys(read(steps[19]).state)).toEqual(["parameters", "firstMoments", "secondMoments", "steps"]);
    const size = (step: number) => readFileSync(join(cell.checkpoints, `${step}.safetensors`)).length;
    expect(size(steps[0])).toBeLessThan(size(steps[19]) / 2);
  });

  test("has the same bytes wherever it is saved, stopped and taken up again", async () => {
    const expected = await undisturbed();
    const run = join(folder, "interrupted");
    // After the first update, twice in a row, at and beside points of the curve, after the last update, and in the evaluation: then
    // only the last update is made anew.
    for (const updates of [1, 1, 7, 2, 3, 20, 10, 3]) {
      await expect(runCell(run, PLAN, engine, at({ [updates]: "stop" }))).rejects.toThrow(Stopped);
    }
    const taken: number[] = [];
    await runCell(run, PLAN, engine, { onResume: ({ update }) => void taken.push(update) });
    expect(taken).toEqual([43]);
    expect(bytesOf(run)).toEqual(expected);

    const saved = join(folder, "saved");
    await runCell(saved, PLAN, engine, { next: () => "save" });
    expect(bytesOf(saved)).toEqual(expected);
  });

  test("goes on from the update after which it was stopped, and says so first", async () => {
    const run = await stoppedAfter(5);
    const told: string[] = [];
    await runCell(run, PLAN, engine, {
      onResume: ({ update, updates, step }) => told.push(`resume ${update} of ${updates}, step ${step}`),
      onProgress: ({ update }) => told.push(`update ${update}`),
    });
    expect(told.slice(0, 2)).toEqual(["resume 5 of 44, step 200", "update 6"]);
    expect(told).toHaveLength(1 + 39);
  });

  test("is rolled back: lines and checkpoints after the last save, and the files of killed writes, are gone", async () => {
    const run = await stoppedAfter(5);
    const cell = CELL(run);
    writeFileSync(cell.metrics, `${readFileSync(cell.metrics, "utf8")}{"update":6}\n{"upd`);
    writeFileSync(join(cell.checkpoints, "280.safetensors"), "half");
    writeFileSync(join(cell.checkpoints, ".320.safetensors.0.tmp"), "half");
    writeFileSync(join(cell.root, ".resume.safetensors.0.tmp"), "half");
    writeFileSync(cell.evaluation, "{}");
    await runCell(run, PLAN, engine);
    expect(bytesOf(run)).toEqual(await undisturbed());
  });

  test("that was killed before its first save begins anew", async () => {
    const run = join(folder, "run");
    const cell = CELL(run);
    await expect(runCell(run, PLAN, engine, at({ 1: "stop" }))).rejects.toThrow(Stopped);
    rmSync(cell.resume);
    writeFileSync(join(cell.checkpoints, "40.safetensors"), "half");
    await runCell(run, PLAN, engine);
    expect(bytesOf(run)).toEqual(await undisturbed());
  });

  test("holds nothing of the command that trained it: other arms, seeds or words change no byte", async () => {
    const { scenario } = PLAN;
    const reworded = planCells(
      { ...scenario, about: "In other words", seeds: [0, 5], arms: ["naive", "route"] },
      "wasm",
    );
    const same = reworded.find(({ id }) => id === PLAN.id) ?? expect.fail("the cell has another id");
    const run = join(folder, "reworded");
    await runCell(run, same, engine);
    expect(bytesOf(run)).toEqual(await undisturbed());
  });
});

describe("an unfinished cell is refused by name, and stays as it is, when", () => {
  const flipped = (path: string, where: number) => {
    const bytes = readFileSync(path);
    bytes[where < 0 ? bytes.length + where : where] ^= 1;
    writeFileSync(path, bytes);
  };
  const cut = (path: string) => writeFileSync(path, readFileSync(path).subarray(0, -1));

  test.each<[string, (cell: ReturnType<typeof cellPaths>) => void, RegExp]>([
    ["its resume point was cut", ({ resume }) => cut(resume), /resume\.safetensors is truncated/],
    [
      "its resume point was changed",
      ({ resume }) => flipped(resume, -9),
      /resume\.safetensors was changed after it was/,
    ],
    [
      "its metrics were changed",
      ({ metrics }) => flipped(metrics, 20),
      /metrics\.jsonl was changed after its cell was saved/,
    ],
    ["its metrics were cut", ({ metrics }) => cut(metrics), /metrics\.jsonl was changed after its cell was saved/],
    ["its metrics are gone", ({ metrics }) => rmSync(metrics), /metrics\.jsonl is missing, although its cell's resume/],
    [
      "a kept checkpoint was changed",
      ({ checkpoints }) => flipped(join(checkpoints, "120.safetensors"), -1),
      /120\.safetensors was changed after its cell was saved/,
    ],
    [
      "a kept checkpoint has grown",
      ({ checkpoints }) => writeFileSync(join(checkpoints, "120.safetensors"), "\n", { flag: "a" }),
      /120\.safetensors was changed after its cell was saved/,
    ],
    [
      "a kept checkpoint stands in the place of its resume point",
      ({ checkpoints, resume }) => cpSync(join(checkpoints, "120.safetensors"), resume),
      /resume\.safetensors holds nothing to go on from/,
    ],
  ])("%s", async (_, damage, reason) => {
    const run = await stoppedAfter(5);
    damage(CELL(run));
    const before = bytesOf(run);
    expect(await trial(run)).toEqual(refusal(reason));
    expect(bytesOf(run)).toEqual(before);
  });

  test("its files are another cell's", async () => {
    const run = join(folder, "run");
    await expect(runCell(run, OTHER, engine, at({ 5: "stop" }))).rejects.toThrow(Stopped);
    renameSync(cellPaths(run, OTHER.id).root, CELL(run).root);
    const before = bytesOf(run);
    expect(await trial(run)).toEqual(refusal(`resume\\.safetensors is of another cell, ${OTHER.id}`));
    expect(bytesOf(run)).toEqual(before);
  });
});

describe("a training that diverges", () => {
  test("is a user error that names what became infinite, and the update; earlier work stays", async () => {
    const run = join(folder, "run");
    const failing: Engine = {
      ...engine,
      create: async (spec, parameters) => {
        const model = await engine.create(spec, parameters);
        const { update } = model;
        // The rate falls by a 44th of .01 each update: in update 4 it is .01 * 41 / 44.
        model.update = async (indices, hyper) => {
          const stats = await update.call(model, indices, hyper);
          return Math.abs(hyper.learningRate - (0.01 * 41) / 44) < 1e-9 ? { ...stats, valueLoss: Number.NaN } : stats;
        };
        return model;
      },
    };
    const error = await runCell(run, PLAN, failing).catch((caught: unknown) => caught);
    expect(error).toEqual(
      new UserError(
        "training of route, seed 0, diverged: valueLoss is NaN at update 4",
        "lower train.learningRate or train.maxGradNorm",
      ),
    );
    // Saved at the point of the curve before: update 3.
    expect(readCheckpoint(CELL(run).resume).update).toBe(3);
    await runCell(run, PLAN, engine);
    expect(readResult(CELL(run))).toBeDefined();
    expect(bytesOf(run)).toEqual(await undisturbed());
  });
});
