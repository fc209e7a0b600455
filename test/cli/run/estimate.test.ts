import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { estimateRun, tellEstimate } from "../../../cli/run/estimate.ts";
import { createWasmEngine } from "../../../src/compute/wasm/engine.ts";
import { runCell } from "../../../src/runner/cell.ts";
import { cellPaths } from "../../../src/runs/cell-paths.ts";
import { planCells } from "../../../src/runs/plan.ts";
import { tinyScenario } from "../../scenario/tiny.ts";

const scenario = tinyScenario({
  ...{ arms: ["naive", "route"], seeds: 3, shift: { unseen: { "oversight.coverage": 0 } } },
  agent: { hidden: [64, 64], critic: [64, 64] },
  train: { steps: 8 * 16 * 60 },
});
const plans = planCells(scenario, "wasm");

test("what cells write is what was estimated, within a quarter; time is that of the longest of the processes side by side", async () => {
  const folder = mkdtempSync(join(tmpdir(), "halfwatch-estimate-"));
  try {
    const engine = await createWasmEngine({ threads: 1 });
    let written = 0;
    for (const plan of plans.filter(({ seed }) => seed === 0)) {
      await runCell(folder, plan, engine);
      const { root } = cellPaths(folder, plan.id);
      const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      written += files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
    }
    await engine.dispose();
    const estimate = await estimateRun(plans, "wasm", { jobs: 2, threads: 1 });
    expect(estimate).toMatchObject({ cells: 6, jobs: 2 });
    expect(estimate.bytes / (3 * written)).toBeGreaterThan(0.75);
    expect(estimate.bytes / (3 * written)).toBeLessThan(1.25);
    // Each cell starts a process, which takes half a second.
    expect(estimate.seconds).toBeGreaterThan(3 * 0.5);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("in words", () => {
  const told = (seconds: number | null, bytes: number, jobs = 1) => tellEstimate({ cells: 15, jobs, seconds, bytes });
  expect(told(64, 42_300_000, 2)).toBe("15 cells, ~65 s with 2 at a time, 42 MB on disk");
  expect(told(7200, 5_340_000_000)).toBe("15 cells, ~2.0 h, 5.3 GB on disk");
  expect(told(1, 140_000)).toBe("15 cells, ~1 s, 0.1 MB on disk");
  expect(told(null, 0)).toBe("15 cells, time not measured");
});
