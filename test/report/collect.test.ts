import { describe, expect, test } from "vitest";
import { collectReport } from "../../src/report/collect.ts";
import { cellPaths } from "../../src/runs/cell-paths.ts";
import { manifestOf } from "../../src/runs/plan.ts";
import type { CellResult } from "../../src/runs/results.ts";
import type { FinishedCell, RunContents } from "../../src/runs/store.ts";
import { evaluationOf, VERDICT } from "../runs/specimens.ts";
import { tinyScenario } from "../scenario/tiny.ts";

describe("what is collected of a run", () => {
  const scenario = tinyScenario({
    arms: ["naive", "route"],
    seeds: 2,
    shift: { unseen: { "oversight.coverage": 0 } },
    sweep: { "oversight.coverage": [0.5, 0.1] },
  });
  const manifest = manifestOf(scenario, "9.9.9");

  /** A cell whose returns are `value` in every shift and view. */
  function cell(arm: string, seed: number, coverage: number, engine: string, value: number): FinishedCell {
    const brief = { discounted: { true: value, proxy: 0 }, normalised: {}, rates: { timeout: 0 }, steps: 3 };
    const deployed = { unseen: brief, training: brief };
    const views = arm === "naive" ? { full: brief } : { full: brief, "only:diamond": brief };
    const result = {
      ...{ cell: `${arm}-seed${seed}-00000000`, arm, seed, engine, point: { "oversight.coverage": coverage } },
      ...{
        format: 2,
        scenarioHash: manifest.scenarioHash,
        steps: 640,
        checkpoints: { last: 640, "label-legal": 640, oracle: 640 },
        files: {},
      },
      summary: {
        ...{ deployed: arm === "naive" ? "full" : "only:diamond", episodes: 10, labelled: 1 },
        returns: { unseen: views, training: views },
        ...{ validation: { episodes: 2000, labelled: 20 }, verdict: VERDICT },
        selected: { last: deployed, "label-legal": deployed, oracle: deployed },
      },
    } as CellResult;
    return { paths: cellPaths("run", result.cell), result, evaluation: evaluationOf(value) };
  }
  const collect = (contents: Partial<RunContents>, shift?: string) =>
    collectReport(
      { manifest, finished: [], unfinished: [], ...contents },
      { run: "tiny-12345678", reporter: "9.9.9", shift, readMetrics: () => "" },
    );

  test("has tables by shift and point, the shift shown first; cells by point, arm and seed", async () => {
    const report = await collect({
      finished: [
        cell("route", 1, 0.1, "wasm", 0.1),
        cell("route", 0, 0.1, "wasm", 0.2),
        cell("naive", 0, 0.5, "wasm", 0.3),
      ],
    });
    expect(report.tables.map(({ shift, point }) => [shift, point["oversight.coverage"]])).toEqual([
      ["unseen", 0.5],
      ["unseen", 0.1],
      ["training", 0.5],
      ["training", 0.1],
    ]);
    expect(report.cells.map(({ result: { arm, seed } }) => [arm, seed])).toEqual([
      ["naive", 0],
      ["route", 0],
      ["route", 1],
    ]);
    expect(report.tables[1].rows.map(({ arm, view, trueReturns }) => [arm, view, trueReturns])).toEqual([
      ["route", "full", [0.2, 0.1]],
      ["route", "only:diamond", [0.2, 0.1]],
    ]);
    expect(report.leftOut).toEqual(["5 of the run's 8 cells have no result"]);
    expect(report.source.sweep).toEqual({ "oversight.coverage": [0.5, 0.1] });
    expect((await collect({ finished: [cell("naive", 0, 0.5, "wasm", 0)] }, "training")).tables[0].shift).toBe(
      "training",
    );
  });

  test("never mixes engines: the one with most cells is reported, the others are named", async () => {
    const report = await collect({
      finished: [
        cell("naive", 0, 0.5, "reference", 0.9),
        cell("naive", 0, 0.5, "wasm", 0.1),
        cell("naive", 1, 0.5, "wasm", 0.3),
      ],
    });
    expect(report.engine).toBe("wasm");
    expect(report.tables[0].rows[0].trueReturns).toEqual([0.1, 0.3]);
    expect(report.leftOut).toContain("1 cell by another engine than wasm is not mixed in");
  });

  test("is refused where there is nothing, and for an unknown shift", async () => {
    await expect(collect({ unfinished: ["naive-seed0-0"] })).rejects.toThrow(
      "run tiny-12345678 has no finished cell; 1 begun: naive-seed0-0",
    );
    await expect(collect({ finished: [cell("naive", 0, 0.5, "wasm", 0)] }, "sen")).rejects.toThrow("unknown shift sen");
  });
});
