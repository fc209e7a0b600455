import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Engine } from "../../src/compute/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { runCell } from "../../src/runner/cell.ts";
import { openRun } from "../../src/runs/manifest.ts";
import { manifestOf, planCells } from "../../src/runs/plan.ts";
import { loadStoredScenario } from "../../src/scenario/load.ts";
import type { Scenario } from "../../src/scenario/schema.ts";
import { halfwatch } from "../cli/halfwatch.ts";
import { bytesOf } from "../runs/bytes.ts";
import { tinyScenario } from "../scenario/tiny.ts";

/* A scenario's keys say the same in any order, at every level: the cells are the same, to the byte. */

const SCENARIO = tinyScenario({
  world: { size: 3 },
  goals: {
    zeal: { ghost: 2, diamond: 0.5 },
    true: { ghost: -1, diamond: 1 },
    any: { diamond: 0.25, ghost: 0.75 },
    proxy: { ghost: 1, diamond: 1 },
  },
  routes: { ghost: ["ghost"], diamond: ["diamond"] },
  shift: {
    unseen: { "oversight.visible": true, "oversight.coverage": 0 },
    further: { "world.levels": "ghost-closer", "oversight.coverage": 0.25 },
    dear: { "goals.true": { ghost: -2, diamond: 1 } },
  },
  sweep: { "train.epochs": [3, 1], "oversight.coverage": [0.5] },
  ...{ arms: ["route", "route-random-labels"], seeds: [4], evaluation: { levels: 2, validationEpisodes: 8 } },
});

/** The same with the keys of every map the other way round. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, part]) => [key, turned(part)]),
  );
}

let folder: string;
let engine: Engine;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "halfwatch-order-"));
  engine = await createWasmEngine({ threads: 1 });
});
afterAll(async () => {
  await engine.dispose();
  rmSync(folder, { recursive: true, force: true });
});

async function trained(name: string, scenario: Scenario): Promise<[string, string][]> {
  const dir = join(folder, name);
  openRun(dir, manifestOf(scenario, "0.1.0"));
  for (const plan of planCells(scenario, "wasm")) await runCell(dir, plan, engine);
  return [...bytesOf(dir)].filter(([path]) => path.startsWith("cells/"));
}

test("the order of a scenario's keys changes no byte of a cell, and training a cell again gives its bytes", async () => {
  const written = loadStoredScenario(SCENARIO, "as written").scenario;
  const other = loadStoredScenario(turned(SCENARIO), "turned").scenario;
  const cells = await trained("written", written);
  expect(cells.length).toBeGreaterThan(20);
  expect(await trained("turned", other)).toEqual(cells);

  const { code, stdout } = halfwatch(["verify", join(folder, "turned"), "--rerun", "2"]);
  expect(stdout.match(/all \d+ files the same, byte for byte/g)).toHaveLength(2);
  expect(code).toBe(0);
});
