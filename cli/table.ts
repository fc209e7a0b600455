import type { Scenario } from "../src/experiment/schema.ts";
import type { ArmRow, Table } from "../src/experiment/summary.ts";
import { ARMS } from "../src/routing/arms.ts";
import { interval, short, thousands } from "./numbers.ts";
import { alignColumns } from "./output.ts";

/** Cells of the strip that shows every seed, from -1 to 1. */
const STRIP = 33;

/** A table as lines of text, for people. */
export function renderTable(scenario: Scenario, table: Table): string[] {
  const { rows, optimum, random, shift, levels, exact, comparisons, notes } = table;
  const shown = rows.filter(({ deployed }) => deployed);
  const point = Object.entries(table.point).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
  const lines = [
    [scenario.name, ...describeOversight(scenario, table), ...point, `shift ${shift}`].join(" · "),
    `true return per episode, discounted, ${exact ? `exact over ${thousands(levels)} levels` : `exact on each of ${thousands(levels)} levels drawn`}; optimum ${short(optimum)}, random ${short(random)}`,
    "",
  ];
  if (shown.length === 0) return [...lines, "no cell is finished yet"];
  const head = [
    "arm",
    "view",
    "n",
    "mean",
    "95 %",
    "theory",
    scale(),
    "proxy",
    ...Object.keys(shown[0].rates),
    "labels",
  ];
  const body = shown.map((row) => [
    row.arm,
    row.view,
    String(row.seeds.length),
    short(row.trueReturn.mean),
    interval(row.trueReturn.low, row.trueReturn.high),
    typeof row.theory === "number" ? short(row.theory) : "–",
    strip(row, optimum),
    short(row.proxyReturn.mean),
    ...Object.values(row.rates).map((rate) => short(rate, 2)),
    thousands(row.labelled),
  ]);
  lines.push(...alignColumns([head, ...body]).map((line) => `  ${line}`), "");
  if (comparisons.length > 0) {
    lines.push("route against, same seeds (mean difference in true return, 95 %):");
    const compared = comparisons.map(({ against, difference }) => [
      against,
      `${difference.mean < 0 ? "" : "+"}${short(difference.mean)}`,
      interval(difference.low, difference.high),
      ARMS.get(against)?.about.startsWith("placebo") ? "placebo" : "",
    ]);
    lines.push(...alignColumns(compared).map((line) => `  ${line.trimEnd()}`), "");
  }
  const first = shown[0];
  lines.push(
    `cost per seed: ${thousands(first.steps)} environment steps, ${thousands(first.episodes)} episodes (${first.arm}); labels: inspected episodes, timeouts included`,
    "theory: exact optimum of what the arm is paid, in this shift; – where there is none. | in the strip: optimum",
    ...notes,
  );
  return lines;
}

function describeOversight({ oversight }: Scenario, { point }: Table): string[] {
  const swept = point["oversight.coverage"];
  const coverage = typeof swept === "number" ? swept : "coverage" in oversight ? oversight.coverage : null;
  return [
    coverage === null ? `oversight ${oversight.kind}` : `coverage ${Number((coverage * 100).toPrecision(4))} %`,
    `marks ${oversight.visible ? "visible" : "hidden"}`,
  ];
}

const position = (value: number): number => Math.round(((Math.max(-1, Math.min(1, value)) + 1) / 2) * (STRIP - 1));

function scale(): string {
  const cells = new Array<string>(STRIP).fill(" ");
  for (const [value, text] of [
    [-1, "-1"],
    [0, "0"],
    [1, "1"],
  ] as const) {
    cells[Math.min(position(value), STRIP - text.length)] = text;
  }
  return cells.join("").slice(0, STRIP).padEnd(STRIP);
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
