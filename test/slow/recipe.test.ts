import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import type { Table } from "../../src/report/summary.ts";
import { mean, standardDeviation } from "../../src/statistics/intervals.ts";
import { MAIN, ROOT } from "../cli/halfwatch.ts";

/** Mean, standard deviation and number of seeds of an independent prototype in C, `tails: all`, by coverage and arm. */
const REFERENCE: readonly (readonly [coverage: number, arm: string, mean: number, sd: number, n: number])[] = [
  [0.01, "naive", 0.199, 0.105, 9],
  [0.01, "filter", 0.406, 0.029, 5],
  [0.01, "oracle", 0.929, 0.001, 5],
  [0.01, "route", 0.529, 0.034, 9],
  [0.01, "moe-no-route", 0.465, 0.08, 9],
  [0.01, "route-no-gate", 0.034, 0.077, 5],
  [0.01, "route-random-labels", 0.022, 0.129, 5],
  [0.1, "naive", 0.689, 0.009, 5],
  [0.1, "filter", 0.739, 0.011, 5],
  [0.1, "oracle", 0.929, 0.001, 5],
  [0.1, "route", 0.59, 0.022, 5],
  [0.1, "moe-no-route", 0.587, 0.038, 5],
  [0.1, "route-no-gate", 0.012, 0.101, 5],
  [0.1, "route-random-labels", -0.043, 0.085, 5],
];

/** Half an hour on two cores; it goes on from the cells that runs/ has, and leaves them there. */
test("the recipe, tails all, at 1 % and 10 %: at least 12 of 14 means within max(.02, 2 standard errors) of the prototype", () => {
  const args = [MAIN, "run", "scenarios/recipe.yaml", "--json"];
  const { status, stdout } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    stdio: ["ignore", "pipe", "inherit"],
  });
  expect(status).toBe(0);
  const { tables } = JSON.parse(stdout) as { tables: readonly Table[] };
  const outside: string[] = [];
  for (const [coverage, arm, reference, sd, n] of REFERENCE) {
    const table = tables.find(
      ({ point }) => point["oversight.coverage"] === coverage && point["train.tails"] === "all",
    );
    const row = table?.rows.find((found) => found.arm === arm && found.deployed);
    if (row === undefined) throw new Error(`the run has no row of ${arm} at coverage ${coverage}`);
    const found = mean(row.trueReturns);
    const error = Math.hypot(sd / Math.sqrt(n), standardDeviation(row.trueReturns) / Math.sqrt(row.trueReturns.length));
    if (Math.abs(found - reference) > Math.max(0.02, 2 * error)) outside.push(`${arm} at ${coverage}: ${found}`);
  }
  expect(outside.length, outside.join(", ")).toBeLessThanOrEqual(2);
});
