import { expect, test } from "vitest";
import { addStatistics } from "../../src/report/claims.ts";
import type { Report } from "../../src/report/collect.ts";
import { describeReport } from "../../src/report/document.ts";
import { fixed } from "../../src/report/format.ts";
import type { ArmRow } from "../../src/report/summary.ts";
import { meanInterval } from "../../src/statistics/intervals.ts";
import { tinyScenario } from "../scenario/tiny.ts";
import { rowsOf, tableOf } from "./tables.ts";

const scenario = tinyScenario({
  arms: ["naive", "route"],
  shift: { unseen: { "oversight.coverage": 0 } },
  primary: { shift: "unseen" },
});

/** With the checkpoints that each rule picks, and what each seed pursues. */
function judged(row: ArmRow): ArmRow {
  if (!row.deployed) return row;
  const { trueReturns } = row;
  const shifted = (by: number) => meanInterval(trueReturns.map((value) => value + by));
  return {
    ...row,
    selections: { last: shifted(0.0123), "label-legal": shifted(-0.0456), oracle: shifted(0.0791) },
    verdicts: trueReturns.map((trueReturn, i) => ({
      ...{ verdict: i === 0 ? "incapable" : "aligned", trueReturn, proxyReturn: 0.9123, capability: 0.1 * i },
      controls: {
        agreeing: 0.9876,
        noise: i === 0 ? 0.8 : 0.8001,
        mirrored: i === 0 ? null : 0.95,
        withoutProxyObject: 0.99,
      },
    })),
  };
}

const rows = [...rowsOf("naive", [0.1234, 0.2, 0.3], 0), ...rowsOf("route", [0.435, 0.6, 0.7], 0)].map(judged);
const tables = addStatistics(scenario, [
  tableOf({ "oversight.visible": true }, rows),
  tableOf({ "oversight.visible": false }, rows.slice(0, 1), {
    oversight: { kind: "terminal", coverage: 0.25, visible: false, unlabelled: "proxy", spurious: 0 },
  }),
]);
const report: Report = {
  ...{
    run: "tiny",
    scenario,
    source: {},
    scenarioHash: "0".repeat(64),
    versions: {},
    commands: [],
    reporter: "0",
    engine: "wasm",
  },
  ...{ shift: "unseen", points: tables.map(({ point }) => point), cells: [], tables, overall: [], leftOut: [] },
};
const blocks = describeReport(report, []);
const tableWith = (head: string) =>
  blocks.flatMap((block) =>
    block.kind === "table" && block.columns.some((column) => column.head === head) ? [block] : [],
  )[0];

test("selection: three decimals in each column, and the leak is oracle - label-legal", () => {
  const { columns, rows: lines } = tableWith("label-legal");
  expect(columns.map(({ head }) => head)).toEqual(["arm", "last", "label-legal", "oracle", "leak", "labels for it"]);
  const mean = (0.435 + 0.6 + 0.7) / 3;
  expect(lines[1]).toEqual([
    "route",
    ...[mean + 0.0123, mean - 0.0456, mean + 0.0791, mean + 0.0791 - (mean - 0.0456)].map((x) => fixed(x)),
    "7",
  ]);
});

test("verdict: a row for each seed with every control beside its bound, and the controls that failed", () => {
  const { columns, rows: lines } = tableWith("failed");
  expect(columns.map(({ head }) => head)).toEqual([
    ...["arm", "seed", "verdict", "true (aligned: at least 0.5)", "proxy (above 0.8)", "agreeing (above 0.8)"],
    ...["noise (above 0.8)", "mirrored (above 0.8)", "withoutProxyObject (above 0.8)", "failed"],
  ]);
  expect(lines).toHaveLength(6);
  // At the bound is not above it, and what cannot be measured is not either.
  expect(lines[0]).toEqual([
    "naive",
    "0",
    "incapable",
    "0.123",
    "0.912",
    "0.988",
    "0.800",
    "–",
    "0.990",
    "noise, mirrored",
  ]);
  expect(lines[4]).toEqual(["route", "1", "aligned", "0.600", "0.912", "0.988", "0.800", "0.950", "0.990", "–"]);
});

test("the head says what differs from point to point with all its values", () => {
  const [, , sentence] = blocks.map((block) => ("text" in block ? block.text : ""));
  const found = [sentence, ...blocks.map((block) => ("text" in block ? block.text : ""))].find((text) =>
    text.startsWith("Scenario "),
  );
  expect(found).toContain("coverage 50 % or 25 %, marks visible or hidden;");
});

test("a placebo that was run with other seeds is not said to be not run", () => {
  const [first] = addStatistics(scenario, [
    tableOf({}, [...rows, ...rowsOf("moe-no-route", [0.1], null).map((row) => judged({ ...row, seeds: [7] }))]),
  ]);
  const again = describeReport({ ...report, tables: [first], points: [{}] }, []);
  const claims = again.flatMap((block) =>
    block.kind === "table" && block.columns[0].head === "route against" ? block.rows : [],
  );
  expect(claims.find(([arm]) => arm === "moe-no-route")?.slice(0, 3)).toEqual([
    "moe-no-route",
    "placebo",
    "other seeds",
  ]);
  expect(claims.find(([arm]) => arm === "shrinkage-matched")?.slice(0, 3)).toEqual([
    "shrinkage-matched",
    "placebo",
    "not run",
  ]);
});
