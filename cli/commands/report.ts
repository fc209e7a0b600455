import { basename, join, resolve } from "node:path";
import { canonicalJson } from "../../src/core/hash.ts";
import { collectReport, type Report } from "../../src/report/collect.ts";
import { cellsCsv, resultsCsv, summaryCsv } from "../../src/report/csv.ts";
import { describeReport, fewestSeeds } from "../../src/report/document.ts";
import { figuresOf } from "../../src/report/figures.ts";
import { toHtml } from "../../src/report/html.ts";
import { toMarkdown } from "../../src/report/markdown.ts";
import { FEW_SEEDS } from "../../src/report/summary.ts";
import { makeFolder, readText, writeAtomically } from "../../src/runs/files.ts";
import { readRun } from "../../src/runs/store.ts";
import { checkRun } from "../arguments/run-directories.ts";
import { print, printJson, say } from "../output.ts";
import { packageVersion } from "../package.ts";

export interface ReportOptions {
  readonly shift?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** Write figures, tables and a page about a run, and name them. */
export async function run([dir]: readonly string[], { shift, out, json }: ReportOptions): Promise<void> {
  checkRun(dir);
  const report = await collectReport(readRun(dir), {
    run: basename(resolve(dir)),
    reporter: packageVersion(),
    shift,
    readMetrics: readText,
  });
  const folder = out ?? join(dir, "report");
  const files = await filesOf(report);
  makeFolder(folder);
  for (const [name, content] of files) writeAtomically(join(folder, name), content);
  for (const text of report.leftOut) say(`not in the report: ${text}`);
  const fewest = fewestSeeds(report);
  if (fewest < FEW_SEEDS) say(`fewest seeds in a group: ${fewest}; fewer than ${FEW_SEEDS} carry no claim`);
  const paths = [...files.keys()].map((name) => join(folder, name));
  if (!json) {
    for (const path of paths) print(path);
    return;
  }
  printJson({
    run: dir,
    scenario: report.scenario.name,
    scenarioHash: report.scenarioHash,
    shift: report.shift,
    engine: report.engine,
    points: report.points,
    cells: report.cells.map(({ result, outcome, evaluations, curve, idle }) => ({
      ...{ id: result.cell, arm: result.arm, seed: result.seed, point: result.point, steps: result.steps },
      ...{ episodes: result.summary.episodes, labelled: result.summary.labelled },
      ...{ ...outcome, evaluations, curve, updates: idle[1], updatesWithoutRows: idle[0] },
    })),
    leftOut: report.leftOut,
    files: paths,
    overall: report.overall,
    tables: report.tables.map(({ statistics, ...table }) => ({
      ...table,
      rows: table.rows.map((row) => ({ ...row, ...statistics.get(row) })),
    })),
  });
}

/** Every file of a report, by name, in the order in which they are named. */
async function filesOf(report: Report): Promise<Map<string, string | Uint8Array>> {
  const { draw } = await import("../figures.ts");
  const figures = figuresOf(report);
  const blocks = describeReport(report, figures);
  const svgs = new Map<string, string>();
  const pictures: [string, string | Uint8Array][] = [];
  for (const { name, spec } of figures) {
    const { svg, png } = await draw(spec);
    svgs.set(name, svg);
    pictures.push(
      [`${name}.vl.json`, `${JSON.stringify(spec, null, 2)}\n`],
      [`${name}.svg`, `${svg}\n`],
      [`${name}.png`, png],
    );
  }
  return new Map([
    ["index.html", toHtml(`${report.run}: halfwatch report`, blocks, svgs)],
    ["tables.md", toMarkdown(blocks)],
    ["results.csv", resultsCsv(report)],
    ["cells.csv", cellsCsv(report)],
    ["summary.csv", summaryCsv(report)],
    ...pictures,
    ["scenario.json", `${canonicalJson(report.source)}\n`],
  ]);
}
