import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createActors } from "../../cli/policy/actors.ts";
import { wantedPath } from "../../cli/policy/choice.ts";
import { candidatesOf } from "../../cli/screens/player/comparison.ts";
import type { Engine } from "../../src/compute/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { summarise } from "../../src/report/summary.ts";
import { runCell } from "../../src/runner/cell.ts";
import { cellPaths } from "../../src/runs/cell-paths.ts";
import { openRun } from "../../src/runs/manifest.ts";
import { manifestOf, planCells } from "../../src/runs/plan.ts";
import { readRun } from "../../src/runs/store.ts";
import { loadStoredScenario } from "../../src/scenario/load.ts";
import type { Scenario } from "../../src/scenario/schema.ts";
import { bytesOf } from "../runs/bytes.ts";
import { tinyScenario } from "../scenario/tiny.ts";
import { halfwatch } from "./halfwatch.ts";
import { halfwatchHere } from "./here.ts";

/*
 * A run that three commands made: no sweep, then a sweep that repeats the default (2 epochs) beside another value, then one over two keys that
 * overlaps both, with one arm and more seeds.
 */

const COVERAGE = "oversight.coverage";
const EPOCHS = "train.epochs";
const of = (change: object) =>
  tinyScenario({
    ...{
      world: { size: 3 },
      arms: ["naive", "route"],
      seeds: [0],
      train: { steps: 256 },
      evaluation: { levels: 2, validationEpisodes: 8 },
    },
    shift: { unseen: { [COVERAGE]: 0 } },
    ...change,
  });
const COMMANDS = [
  of({}),
  of({ sweep: { [EPOCHS]: [2, 4] } }),
  of({ arms: ["naive"], seeds: [0, 1], sweep: { [COVERAGE]: [0.5, 0.1], [EPOCHS]: [2, 4] } }),
];
/** Of `naive` 2 epochs at two coverages and 4 at two, with two seeds; of `route` 2 epochs and 4 at coverage .5. */
const CELLS = 4 * 2 + 2;

let folder: string;
let run: string;
let engine: Engine;

async function train(dir: string, scenario: Scenario): Promise<void> {
  openRun(dir, manifestOf(scenario, "0.1.0"));
  const done = new Set(readRun(dir).finished.map(({ paths }) => paths.id));
  for (const plan of planCells(scenario, "wasm")) if (!done.has(plan.id)) await runCell(dir, plan, engine);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "halfwatch-points-"));
  run = join(folder, "tiny");
  engine = await createWasmEngine({ threads: 1 });
  for (const scenario of COMMANDS) await train(run, scenario);
});
afterAll(async () => {
  await engine.dispose();
  rmSync(folder, { recursive: true, force: true });
});

test("each command's table has the cells that an earlier one trained", async () => {
  const results = readRun(run).finished.map(({ result }) => result);
  expect(results).toHaveLength(CELLS);
  const counts = async (scenario: Scenario) =>
    (await summarise(scenario, results)).map(({ point, rows }) => [
      point,
      ...rows.filter(({ deployed }) => deployed).map(({ arm, seeds }) => `${arm} ${seeds.join()}`),
    ]);
  expect(await counts(COMMANDS[0])).toEqual([[{}, "naive 0,1", "route 0"]]);
  expect(await counts(COMMANDS[1])).toEqual([
    [{ [EPOCHS]: 2 }, "naive 0,1", "route 0"],
    [{ [EPOCHS]: 4 }, "naive 0,1", "route 0"],
  ]);
  expect((await counts(COMMANDS[2])).map(([, ...rows]) => rows)).toEqual(
    Array.from({ length: 4 }, () => ["naive 0,1"]),
  );
});

test("verify counts each cell once, finds none missing, and `watch` tells of all points", async () => {
  const { code, stdout } = halfwatch(["verify", run]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^10 of 10 cells are finished and whole \(\d+ files\)\n$/)]);
  const state = JSON.parse((await halfwatchHere(["watch", run, "--json"])).stdout);
  expect(state).toMatchObject({ run, scenario: "tiny", complete: true });
  expect(state.cells).toHaveLength(10);
  for (const cell of state.cells) {
    expect(cell).toMatchObject({
      state: "done",
      paused: false,
      fraction: 1,
      evaluated: null,
      where: null,
      message: null,
    });
    expect(cell.trueReturn).toBeTypeOf("number");
  }
  expect(state.tables.map(({ rows }: { rows: readonly unknown[] }) => rows.length > 0)).toEqual([
    true,
    true,
    true,
    true,
  ]);
  const watched = await halfwatchHere(["watch", run, "--plain"]);
  expect(watched.stderr).toContain("complete: 10 of 10 cells are done");
  expect(watched.stdout.match(/^tiny · .*/gm)).toEqual(
    [
      [50, 2],
      [50, 4],
      [10, 2],
      [10, 4],
    ].map(([coverage, epochs]) => expect.stringMatching(new RegExp(`coverage ${coverage} % .*${EPOCHS} ${epochs} `))),
  );
});

test("a cell is opened at any name of its point, and is not offered to be compared with itself", async () => {
  const first = wantedPath({ path: run, arm: "naive", seed: 0 });
  expect(wantedPath({ path: run, arm: "naive", seed: 0, point: { [EPOCHS]: 2 } })).toBe(first);
  expect(wantedPath({ path: run, arm: "naive", seed: 0, point: { [EPOCHS]: 2, [COVERAGE]: 0.5 } })).toBe(first);
  expect(() => wantedPath({ path: run, arm: "route", seed: 0, point: { [COVERAGE]: 0.1 } })).toThrow(
    `run ${run} has no finished cell of route with seed 0 at ${COVERAGE} 0.1`,
  );
  const actors = createActors();
  const actor = await actors.openPolicy({ path: first });
  expect(actor.point).toEqual({ [EPOCHS]: 2, [COVERAGE]: 0.5 });
  expect(candidatesOf(actor).filter((spec) => spec.startsWith("point:"))).toEqual([
    `point:${EPOCHS}=4`,
    `point:${COVERAGE}=0.1`,
  ]);
  await actors.dispose();
});

test("the report shows each point once, and its scenario.json trains these cells and no others, to the same bytes", async () => {
  expect((await halfwatchHere(["report", run])).code).toBe(0);
  const stored = JSON.parse(readFileSync(join(run, "report", "scenario.json"), "utf8"));
  const { scenario } = loadStoredScenario(stored, "scenario.json");
  const again = join(folder, "again", "tiny");
  await train(again, scenario);
  const cellsOf = (dir: string) => [...bytesOf(dir)].filter(([path]) => path.startsWith("cells/"));
  expect(cellsOf(again)).toEqual(cellsOf(run));
  const results = readFileSync(join(run, "report", "results.csv"), "utf8").split("\n");
  expect(results[0].split(",").slice(0, 5)).toEqual(["cell", "arm", "seed", EPOCHS, COVERAGE]);
  const points = new Set(results.slice(1, -1).map((line) => line.split(",").slice(3, 5).join(" ")));
  expect([...points]).toEqual(["2 0.5", "4 0.5", "2 0.1", "4 0.1"]);
  const text = readFileSync(join(run, "report", "tables.md"), "utf8");
  expect(text).not.toMatch(/have no result/);
  expect(cellPaths(run, readRun(run).finished[0].paths.id).id).toBe(readRun(again).finished[0].paths.id);
});
