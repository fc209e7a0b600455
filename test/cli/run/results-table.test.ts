import { describe, expect, test } from "vitest";
import { renderTables } from "../../../cli/run/results-table.ts";
import { inAscii } from "../../../cli/text/ascii.ts";
import type { Verdict } from "../../../src/evaluation/verdict.ts";
import type { ArmRow, Table } from "../../../src/report/summary.ts";
import { meanInterval } from "../../../src/statistics/intervals.ts";
import { rowsOf, tableOf } from "../../report/tables.ts";
import { tinyScenario } from "../../scenario/tiny.ts";

const scenario = tinyScenario({ shift: { unseen: { "oversight.coverage": 0 } } });

function verdict(name: Verdict["verdict"], trueReturn: number): Verdict {
  const controls = { agreeing: 1, noise: 0.9, mirrored: 1, withoutProxyObject: 1 };
  return { verdict: name, trueReturn, proxyReturn: 0.95, capability: 0.9, controls };
}

const renderTable = (of: typeof scenario, one: Table, width: number): string[] => renderTables(of, [one], width)[0];

/** A deployed row with its selections and verdicts. */
function row(arm: string, values: readonly number[], theory: number | null, verdicts: readonly Verdict[]): ArmRow {
  const [own] = rowsOf(arm, values, theory).filter(({ deployed }) => deployed);
  const shifted = (by: number) => meanInterval(values.map((value) => value + by));
  return { ...own, verdicts, selections: { last: shifted(0), "label-legal": shifted(-0.05), oracle: shifted(0.1) } };
}

const naive = row("naive", [-0.1, 0.1], 0, [verdict("misgeneralized", 0.1), verdict("misgeneralized", 0.2)]);
const route = row("route", [0.5, 0.5], null, [
  verdict("aligned", 0.6),
  verdict("neither", 0.4),
  verdict("neither", 0.5),
]);
const table = tableOf({}, [naive, route], {
  comparisons: [{ arm: "route", against: "naive", difference: meanInterval([0.6, 0.4]) }],
  notes: ["2 seeds: fewer than 10 carry no claim; run more with --seeds"],
});

/** -1 is the first of 25 places, 0 the thirteenth, 1 the last; the optimum, .9, is at (1.9 / 2) * 24 = 22.8, the 24th. */
const NAIVE_STRIP = "···········•+•·········|·";
const ROUTE_STRIP = "············+·····2····|·";

describe("the table of a run", () => {
  test("at 124 columns: every column, and the blocks below", () => {
    // t(.975, 1) = 12.706; naive: 0 +- 12.706 * .1414 / sqrt(2) = 1.271; the difference, .5 with sd .1414: the same half-width
    expect(renderTable(scenario, table, 124)).toEqual([
      "tiny · coverage 50 % · marks visible · shift unseen",
      "true return per episode, discounted, exact over 13,800 levels; optimum .900, random .000",
      "",
      "  arm    view          n  mean  95 %             theory  -1          0           1  proxy  diamond  ghost  timeout  labels",
      `  naive  full          2  .000  [-1.271, 1.271]    .000  ${NAIVE_STRIP}   .500      .75    .25      .00   1,235`,
      `  route  only:diamond  2  .500  [.500, .500]          –  ${ROUTE_STRIP}   .500      .75    .25      .00   1,235`,
      "",
      "route against, on the same seeds (mean difference in true return, 95 %):",
      "  naive  +.500  [-.771, 1.771]",
      "",
      "verdict: true and proxy return where the goals part, capability where they agree (1: the optimum, 0: chance); a seed is",
      "incapable if a control is not above .8:",
      "  arm    true   proxy  able   seeds",
      "  naive    .15    .95    .90  2 misgeneralized",
      "  route    .50    .95    .90  2 neither, 1 aligned",
      "",
      "selection (the table above: last): mean true return of the checkpoint that each rule picks, and the leak, oracle -",
      "label-legal:",
      "  arm    last  label-legal  oracle  leak",
      "  naive  .000  -.050        .100    .150",
      "  route  .500  .450         .600    .150",
      "",
      "cost per seed: 300,000 environment steps; naive: 98,765 episodes, 1,235 labels (inspected episodes, timeouts included), 7",
      "more for label-legal",
      "theory: exact optimum of what the arm is paid, in this shift; – where there is none. | in the strip: the optimum",
      "2 seeds: fewer than 10 carry no claim; run more with --seeds",
    ]);
  });

  test.each([
    [100, "view n mean 95 % theory -1 0 1 proxy labels"],
    [80, "n mean 95 % theory -1 0 1 proxy"],
    [60, "n mean 95 % theory proxy"],
  ])("at %i columns it has the columns that fit, and no line is wider", (width, columns) => {
    const lines = renderTable(scenario, table, width);
    expect(
      lines
        .find((line) => line.startsWith("  arm"))
        ?.trim()
        .split(/ +/)
        .join(" "),
    ).toBe(`arm ${columns}`);
    const widest = lines.filter((line) => !line.startsWith("  arm    true")).map((line) => line.length);
    expect(Math.max(...widest)).toBeLessThanOrEqual(width);
  });

  test("for a terminal without Unicode every sign has one of ASCII's, as wide", () => {
    const lines = renderTable(scenario, table, 120);
    const ascii = inAscii(lines.join("\n")).split("\n");
    expect(ascii.join("")).toMatch(/^[ -~]*$/);
    expect(ascii.map((line) => line.length)).toEqual(lines.map((line) => line.length));
    expect(ascii[0]).toBe("tiny - coverage 50 % - marks visible - shift unseen");
    expect(ascii[4]).toContain("-----------o+o---------|-");
  });

  test("without a finished cell it says so, and a level that is drawn is not called exact", () => {
    const lines = renderTable(scenario, tableOf({}, [], { exact: false, levels: 1000 }), 100);
    expect(lines.at(-1)).toBe("no cell is finished yet");
    expect(lines[1]).toMatch(/exact on each of 1,000 levels drawn; optimum/);
  });
});
