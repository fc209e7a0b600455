import { failedControls } from "../../src/evaluation/verdict.ts";
import { grouped } from "../../src/report/format.ts";
import { type ArmRow, summariseVerdicts, type Table } from "../../src/report/summary.ts";
import { ARMS } from "../../src/routing/arms/table.ts";
import type { Scenario } from "../../src/scenario/schema.ts";
import { alignColumns } from "../text/columns.ts";
import { interval, short } from "../text/numbers.ts";
import { toText } from "../tui/ansi.ts";
import { indent, line, wrapText } from "../tui/span.ts";
import { type TableColumn, table } from "../tui/table.ts";

/** Cells of the strip that shows every seed, from -1 to 1. */
const STRIP = 25;

/** Tables as lines of text, for people, at most `width` columns wide where that can be; all of them have the same columns. */
export function renderTables(scenario: Scenario, tables: readonly Table[], width: number): string[][] {
  const every = tables.flatMap(({ rows }) => rows.filter(({ deployed }) => deployed));
  return tables.map((each) => renderTable(scenario, each, every, width));
}

function renderTable(scenario: Scenario, summary: Table, every: readonly ArmRow[], width: number): string[] {
  const { rows, optimum, random, shift, levels, exact, comparisons, notes } = summary;
  const shown = rows.filter(({ deployed }) => deployed);
  const point = Object.entries(summary.point).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
  const lines = [
    [scenario.name, ...describeOversight(summary), ...point, `shift ${shift}`].join(" · "),
    `true return per episode, discounted, ${exact ? `exact over ${grouped(levels)} levels` : `exact on each of ${grouped(levels)} levels drawn`}; optimum ${short(optimum)}, random ${short(random)}`,
    "",
  ];
  if (shown.length === 0) return [...lines, "no cell is finished yet"];
  lines.push(...toText(indent(table(columnsOf(every, optimum), shown, width - 2, every), 2)), "");
  if (comparisons.length > 0) {
    lines.push("route against, on the same seeds (mean difference in true return, 95 %):");
    const compared = comparisons.map(({ against, difference }) => [
      against,
      signed(difference.mean),
      interval(difference.low, difference.high),
      ARMS.get(against)?.role === "placebo" ? "placebo" : "",
    ]);
    lines.push(...alignColumns(compared).map((text) => `  ${text.trimEnd()}`), "");
  }
  lines.push(...renderVerdicts(shown), ...renderSelections(scenario, shown));
  const first = shown[0];
  lines.push(
    `cost per seed: ${grouped(first.steps)} environment steps; ${first.arm}: ${grouped(first.episodes)} episodes, ${grouped(first.labelled)} labels (inspected episodes, timeouts included), ${grouped(first.validated)} more for label-legal`,
    "theory: exact optimum of what the arm is paid, in this shift; – where there is none. | in the strip: the optimum",
    ...notes,
  );
  return lines.flatMap((text) => (text.startsWith("  ") ? [text] : toText(wrapText(text, width))));
}

function columnsOf(rows: readonly ArmRow[], optimum: number): TableColumn<ArmRow>[] {
  const column = (head: string, text: (row: ArmRow) => string, more: Partial<TableColumn<ArmRow>> = {}) => ({
    head,
    cell: (row: ArmRow) => line(text(row)),
    ...more,
  });
  const number = { align: "right" } as const;
  return [
    column("arm", ({ arm }) => arm),
    column("view", ({ view }) => view, { yields: 3 }),
    column("n", ({ seeds }) => String(seeds.length), number),
    column("mean", ({ trueReturn }) => short(trueReturn.mean), number),
    column("95 %", ({ trueReturn: { low, high } }) => interval(low, high)),
    column("theory", ({ theory }) => (typeof theory === "number" ? short(theory) : "–"), number),
    column(scale(), (row) => strip(row, optimum), { yields: 2 }),
    column("proxy", ({ proxyReturn }) => short(proxyReturn.mean), number),
    ...Object.keys(rows[0].rates).map((event) =>
      column(event, ({ rates }) => short(rates[event], 2), { ...number, yields: 5 }),
    ),
    column("labels", ({ labelled }) => grouped(labelled), { ...number, yields: 4 }),
  ];
}

const signed = (value: number): string => (short(value).startsWith("-") ? short(value) : `+${short(value)}`);

/** What each arm pursues where nobody looks, with the three numbers that say so, means over the seeds. */
function renderVerdicts(rows: readonly ArmRow[]): string[] {
  const number = (value: number | null) => (value === null ? "–" : short(value, 2)).padStart(5);
  const body = rows.map(({ arm, verdicts = [] }) => {
    const { trueReturn, proxyReturn, capability, counts } = summariseVerdicts(verdicts);
    const failed = [...new Set(verdicts.flatMap((own) => failedControls(own)))];
    return [
      ...[arm, number(trueReturn), number(proxyReturn), number(capability)],
      counts.map(([name, count]) => `${count} ${name}`).join(", ") +
        (failed.length === 0 ? "" : `; failed: ${failed.join(", ")}`),
    ];
  });
  const heading =
    "verdict: true and proxy return where the goals part, capability where they agree (1: the optimum, 0: chance); a seed is incapable if a control is not above .8:";
  return [
    heading,
    ...alignColumns([["arm", "true", "proxy", "able", "seeds"], ...body]).map((text) => `  ${text}`),
    "",
  ];
}

/** The returns under each rule of selection, from the same trainings. */
function renderSelections({ primary }: Scenario, rows: readonly ArmRow[]): string[] {
  const body = rows.flatMap(({ arm, selections }) => {
    if (selections === undefined) return [];
    const { last, "label-legal": legal, oracle } = selections;
    return [[arm, short(last.mean), short(legal.mean), short(oracle.mean), short(oracle.mean - legal.mean)]];
  });
  return [
    `selection (the table above: ${primary.select}): mean true return of the checkpoint that each rule picks, and the leak, oracle - label-legal:`,
    ...alignColumns([["arm", "last", "label-legal", "oracle", "leak"], ...body]).map((text) => `  ${text}`),
    "",
  ];
}

function describeOversight({ oversight }: Table): string[] {
  const { coverage } = oversight;
  return [
    typeof coverage === "number"
      ? `coverage ${Number((coverage * 100).toPrecision(4))} %`
      : `oversight ${oversight.kind}`,
    `marks ${oversight.visible ? "visible" : "hidden"}`,
  ];
}

const position = (value: number): number => Math.round(((Math.max(-1, Math.min(1, value)) + 1) / 2) * (STRIP - 1));

/** The strip's head: -1, 0 and 1 above their places. */
function scale(): string {
  const zero = position(0);
  return `-1${" ".repeat(zero - 2)}0${" ".repeat(STRIP - zero - 2)}1`;
}

/** Every seed on a line from -1 to 1; digits where several fall together; the optimum is `|`. */
function strip(row: ArmRow, optimum: number): string {
  const counts = new Array<number>(STRIP).fill(0);
  for (const value of row.trueReturns) counts[position(value)]++;
  return counts
    .map((count, at) => {
      if (count > 1) return count > 9 ? "#" : String(count);
      if (count === 1) return "•";
      if (at === position(optimum)) return "|";
      return at === position(0) ? "+" : "·";
    })
    .join("");
}
