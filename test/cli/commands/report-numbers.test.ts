import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderTables } from "../../../cli/run/results-table.ts";
import { createWasmEngine } from "../../../src/compute/wasm/engine.ts";
import { runCell } from "../../../src/runner/cell.ts";
import { openRun } from "../../../src/runs/manifest.ts";
import { manifestOf, planCells } from "../../../src/runs/plan.ts";
import { loadStoredScenario } from "../../../src/scenario/load.ts";
import { tinyScenario } from "../../scenario/tiny.ts";
import { halfwatchHere } from "../here.ts";

/*
 * Every number that a report writes, against its --json: of the tables in Markdown and HTML, of each CSV, and of the table in the terminal. The run
 * has two swept keys, other arms at other points, and cells that are not trained. Columns that this file does not know are an error.
 */

interface Interval {
  readonly low: number | null;
  readonly high: number | null;
}
interface Mean extends Interval {
  readonly n: number;
  readonly mean: number;
  readonly sd: number | null;
}
interface Verdict {
  readonly verdict: string;
  readonly trueReturn: number | null;
  readonly proxyReturn: number | null;
  readonly capability: number | null;
  readonly controls: Readonly<Record<string, number | null>>;
}
interface Row {
  readonly arm: string;
  readonly view: string;
  readonly deployed: boolean;
  readonly seeds: readonly number[];
  readonly trueReturn: Mean;
  readonly proxyReturn: Mean;
  readonly trueReturns: readonly number[];
  readonly rates: Readonly<Record<string, number>>;
  readonly theory: number | string;
  readonly iqm: Interval & { readonly estimate: number };
  readonly aboveHalf: (Interval & { readonly successes: number; readonly n: number; readonly fraction: number }) | null;
  readonly selections?: Readonly<Record<string, Mean>>;
  readonly verdicts?: readonly Verdict[];
  readonly labelled: number;
  readonly validated: number;
  readonly episodes: number;
  readonly steps: number;
}
interface Claim {
  readonly against: string;
  readonly seeds: readonly number[];
  readonly difference: Mean;
  readonly bootstrap: Interval;
  readonly improvement: Interval & { readonly estimate: number };
  readonly p: number | null;
  readonly pHolm: number | null;
}
interface Table {
  readonly point: Readonly<Record<string, unknown>>;
  readonly shift: string;
  readonly oversight: { readonly coverage: number };
  readonly levels: number;
  readonly optimum: number;
  readonly random: number;
  readonly rows: readonly Row[];
  readonly claims: readonly Claim[];
}
interface Cell {
  readonly id: string;
  readonly arm: string;
  readonly seed: number;
  readonly point: Readonly<Record<string, unknown>>;
  readonly steps: number;
  readonly episodes: number;
  readonly labelled: number;
  readonly deployed: string;
  readonly verdict: Verdict;
  readonly failed: readonly string[];
  readonly selectedSteps: Readonly<Record<string, number>>;
  readonly shifts: Readonly<
    Record<
      string,
      {
        readonly selected: Readonly<Record<string, { readonly trueReturn: number; readonly proxyReturn: number }>>;
        readonly leak: number;
        readonly separation: Readonly<Record<string, number>>;
        readonly leakage: Readonly<Record<string, number | null>>;
      }
    >
  >;
  readonly evaluations: Readonly<Record<string, Readonly<Record<string, Evaluation>>>>;
}
interface Evaluation {
  readonly levels: number;
  readonly exact: boolean;
  readonly goals: Readonly<
    Record<string, { readonly return: number; readonly discounted: number; readonly normalised: number | null }>
  >;
  readonly rates: Readonly<Record<string, number>>;
  readonly markedRates: Readonly<Record<string, number>>;
  readonly steps: number;
  readonly entropy: number | null;
  readonly weights: Readonly<Record<string, number>>;
}
interface Document {
  readonly engine: string;
  readonly tables: readonly Table[];
  readonly cells: readonly Cell[];
  readonly overall: readonly (Pick<Row, "arm" | "iqm"> & {
    readonly seeds: number;
    readonly improvement: Claim["improvement"] | null;
  })[];
}

const scenario = loadStoredScenario(
  tinyScenario({
    world: { size: 3 },
    ...{ arms: ["naive", "route", "moe-no-route"], seeds: [0, 3], shift: { unseen: { "oversight.coverage": 0 } } },
    sweep: [
      { "oversight.coverage": [0.25, 0.5], "train.epochs": [1], arms: ["naive", "route"] },
      { "oversight.coverage": [0.5], "train.epochs": [2], arms: ["route", "moe-no-route"] },
    ],
    evaluation: { validationEpisodes: 20 },
    primary: { shift: "unseen", select: "label-legal" },
  }),
  "scenario",
).scenario;

let folder: string;
let run: string;
let document: Document;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "halfwatch-numbers-"));
  run = join(folder, "run");
  openRun(run, manifestOf(scenario, "0.1.0", "halfwatch run scenario.yaml"));
  const engine = await createWasmEngine({ threads: 1 });
  // All but the last: seed 3 of one arm has no result.
  for (const plan of planCells(scenario, "wasm").slice(0, -1)) await runCell(run, plan, engine);
  await engine.dispose();
  const { code, stdout, stderr } = await halfwatchHere(["report", run, "--json"]);
  expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
  document = JSON.parse(stdout);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const written = (name: string): string => readFileSync(join(run, "report", name), "utf8");
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Exactly one. */
function only<T>(found: readonly T[], what: string): T {
  expect(found.length, what).toBe(1);
  return found[0];
}

/** A number as tables have it, said anew. */
function three(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const text = value.toFixed(3);
  return text === "-0.000" ? "0.000" : text;
}
const range = ({ low, high }: Interval): string => (low === null ? "–" : `[${three(low)}, ${three(high)}]`);
const whole = (value: number): string => Math.round(value).toLocaleString("en-US");
const plus = (value: number): string => (three(value).startsWith("-") ? three(value) : `+${three(value)}`);
const pValue = (p: number | null): string => (p === null ? "–" : p < 0.001 ? "<0.001" : three(p));

/** Records of a CSV by their columns; no field of these has a comma, a quote or a line break in it. */
function csvOf(name: string): Record<string, string>[] {
  const [header, ...lines] = written(name)
    .trimEnd()
    .split("\n")
    .map((text) => text.split(","));
  return lines.map((fields) => {
    expect(fields.length).toBe(header.length);
    return Object.fromEntries(header.map((column, c) => [column, fields[c]]));
  });
}

/** Check a record against what each of its columns has to say. */
function expectRecord(record: Record<string, string>, expected: Readonly<Record<string, unknown>>): void {
  const said = Object.fromEntries(
    Object.entries(expected).map(([column, value]) => [
      column,
      value === null || value === undefined ? "" : String(value),
    ]),
  );
  expect(record).toEqual(said);
}

const prefixed = (prefix: string, record: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [`${prefix}${key}`, value]));
/** Columns that only some records have a value for. */
const among = (record: Record<string, string>, prefix: string, values: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(
    Object.keys(record).flatMap((column) =>
      column.startsWith(prefix) ? [[column, values[column.slice(prefix.length)]]] : [],
    ),
  );

describe("CSV", () => {
  const pointOf = (record: Record<string, string>) => ({
    "oversight.coverage": Number(record["oversight.coverage"]),
    "train.epochs": Number(record["train.epochs"]),
  });

  test("results.csv: every field of every cell, shift and view", () => {
    const records = csvOf("results.csv");
    const views = document.cells.flatMap(({ evaluations }) => Object.values(evaluations).flatMap(Object.keys));
    expect(records.length).toBe(views.length);
    for (const record of records) {
      const cell = only(
        document.cells.filter(({ id }) => id === record.cell),
        record.cell,
      );
      const evaluation = cell.evaluations[record.shift][record.view];
      const goals = Object.entries(evaluation.goals).map(([goal, own]) => prefixed(`${goal}_`, own));
      expectRecord(record, {
        ...{ cell: cell.id, arm: cell.arm, seed: cell.seed, ...cell.point, engine: document.engine },
        ...{ shift: record.shift, view: record.view, deployed: record.view === cell.deployed },
        ...{ levels: evaluation.levels, exact: evaluation.exact, ...Object.assign({}, ...goals) },
        ...prefixed("rate_", evaluation.rates),
        ...prefixed("marked_rate_", evaluation.markedRates),
        ...{ steps_per_episode: evaluation.steps, entropy: evaluation.entropy },
        ...among(record, "weight_", evaluation.weights),
        ...{ labels: cell.labelled, episodes: cell.episodes, steps: cell.steps },
      });
    }
  });

  test("cells.csv: verdict, controls, selections, leak, separation and leakage of every cell and shift", () => {
    const records = csvOf("cells.csv");
    expect(records.length).toBe(2 * document.cells.length);
    for (const record of records) {
      const cell = only(
        document.cells.filter(({ id }) => id === record.cell),
        record.cell,
      );
      const { verdict, trueReturn, proxyReturn, capability, controls } = cell.verdict;
      const { selected, leak, separation, leakage } = cell.shifts[record.shift];
      const rules = Object.entries(selected).flatMap(([rule, returns]) => [
        [`${rule}_step`, cell.selectedSteps[rule]],
        [`${rule}_true_discounted`, returns.trueReturn],
        [`${rule}_proxy_discounted`, returns.proxyReturn],
      ]);
      const failed = Object.keys(controls).filter((name) => !(Number(controls[name] ?? -1) > 0.8));
      expectRecord(record, {
        ...{ cell: cell.id, arm: cell.arm, seed: cell.seed, ...cell.point, engine: document.engine },
        ...{ shift: record.shift, view: cell.deployed, verdict, failed_controls: failed.join(" ") },
        ...{ verdict_true: trueReturn, verdict_proxy: proxyReturn, verdict_capability: capability },
        ...prefixed("control_", controls),
        ...Object.fromEntries(rules),
        selection_leak: leak,
        ...among(record, "separation_", separation),
        ...among(record, "leakage_", leakage),
      });
      expect(cell.failed).toEqual(failed);
      expect(leak).toBe(selected.oracle.trueReturn - selected["label-legal"].trueReturn);
      // What modules come to alone is in the evaluations.
      const alone = (view: string) => cell.evaluations[record.shift][view];
      for (const [view, value] of Object.entries(separation)) {
        expect(value).toBe(alone(cell.deployed).goals.true.discounted - alone(view).goals.true.discounted);
      }
      for (const [event, value] of Object.entries(leakage)) {
        const [kept, full] = [alone(cell.deployed).rates[event], alone("full").rates[event]];
        expect(value).toBe(full < 0.05 ? null : kept / full);
      }
    }
    expect(new Set(records.map(({ separation_onlyghost: _, ...rest }) => Object.keys(rest).join())).size).toBe(1);
    expect(records.some((record) => record["separation_only:ghost"] !== "")).toBe(true);
  });

  test("summary.csv: statistics and claims of every row of every table", () => {
    const records = csvOf("summary.csv");
    expect(records.length).toBe(document.tables.reduce((sum, { rows }) => sum + rows.length, 0));
    for (const record of records) {
      const tables = document.tables.filter(
        ({ shift, point }) => shift === record.shift && same(point, pointOf(record)),
      );
      const table = only(tables, JSON.stringify(record));
      const row = only(
        table.rows.filter(({ arm, view }) => arm === record.arm && view === record.view),
        record.arm,
      );
      const claim = row.deployed ? table.claims.find(({ against }) => against === row.arm) : undefined;
      expectRecord(record, {
        ...{ ...table.point, shift: table.shift, arm: row.arm, view: row.view, deployed: row.deployed },
        ...{ seeds: row.seeds.length, true_mean: row.trueReturn.mean, true_sd: row.trueReturn.sd },
        ...{ true_t_low: row.trueReturn.low, true_t_high: row.trueReturn.high, true_iqm: row.iqm.estimate },
        ...{ true_iqm_low: row.iqm.low, true_iqm_high: row.iqm.high },
        ...{ theory: typeof row.theory === "number" ? row.theory : null, optimum: table.optimum, random: table.random },
        ...{
          above_half: row.aboveHalf?.fraction,
          above_half_low: row.aboveHalf?.low,
          above_half_high: row.aboveHalf?.high,
        },
        ...{ proxy_mean: row.proxyReturn.mean, route_minus_arm: claim?.difference.mean },
        ...{ difference_t_low: claim?.difference.low, difference_t_high: claim?.difference.high },
        ...{ difference_bootstrap_low: claim?.bootstrap.low, difference_bootstrap_high: claim?.bootstrap.high },
        ...{ improvement: claim?.improvement.estimate, improvement_low: claim?.improvement.low },
        ...{ improvement_high: claim?.improvement.high, p: claim?.p, p_holm: claim?.pHolm },
        ...{ labels: row.labelled, episodes: row.episodes, steps: row.steps },
      });
    }
    expect(records.some(({ p }) => p !== "")).toBe(true);
  });
});

/** What stands under the headings of a page, in order. */
type Part =
  | { readonly kind: "heading"; readonly level: number; readonly text: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "table"; readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] };

const plainMarkdown = (text: string): string => text.replace(/\\([\\`*_<>|[\]()#~-])/g, "$1");

function partsOfMarkdown(text: string): Part[] {
  return text
    .trimEnd()
    .split("\n\n")
    .flatMap((block): Part[] => {
      const heading = /^(#+) (.*)$/.exec(block);
      if (heading) return [{ kind: "heading", level: heading[1].length, text: plainMarkdown(heading[2]) }];
      if (block.startsWith("```") || block.startsWith("![")) return [];
      if (!block.startsWith("|"))
        return block.split("\n").map((each) => ({ kind: "text", text: plainMarkdown(each.replace(/^- /, "")) }));
      const lines = block.split("\n").map((each) => each.slice(2, -2).split(" | ").map(plainMarkdown));
      return [{ kind: "table", head: lines[0], rows: lines.slice(2) }];
    });
}

const plainHtml = (text: string): string =>
  text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&");

function partsOfHtml(page: string): Part[] {
  const body = page
    .slice(page.indexOf("<body>"))
    .replace(/<figure.*?<\/figure>/gs, "")
    .replace(/<pre>.*?<\/pre>/gs, "");
  return [...body.matchAll(/<(h[123]|p|li|table)>(.*?)<\/\1>/gs)].map(([, tag, content]): Part => {
    if (tag.startsWith("h")) return { kind: "heading", level: Number(tag[1]), text: plainHtml(content) };
    if (tag !== "table") return { kind: "text", text: plainHtml(content) };
    const [head, ...rows] = [...content.matchAll(/<tr>(.*?)<\/tr>/gs)].map(([, row]) =>
      [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell]) => plainHtml(cell)),
    );
    return { kind: "table", head, rows };
  });
}

/** A table as the report has to write it, from its --json: which it is, by its head, and all of its rows. */
function expectedRows(head: readonly string[], table: Table): readonly (readonly string[])[] {
  const deployed = table.rows.filter((row) => row.deployed);
  const theory = ({ theory: value }: Row) => (typeof value === "number" ? three(value) : "–");
  const cellsOf = (arm: string) => document.cells.filter((cell) => cell.arm === arm && same(cell.point, table.point));
  const column = (name: string, of: (name: string) => string): string => of(name.replace(/ \(.*\)$/, ""));
  switch (head[0] === "arm" ? head[1] : head[0]) {
    case "view":
      if (!head.includes("IQM")) {
        return table.rows
          .filter((row) => !row.deployed)
          .map((row) => [
            ...[
              row.arm,
              row.view,
              String(row.trueReturn.n),
              three(row.trueReturn.mean),
              range(row.trueReturn),
              theory(row),
            ],
            three(row.proxyReturn.mean),
          ]);
      }
      return deployed.map((row) => [
        ...[row.arm, row.view, String(row.seeds.length), three(row.trueReturn.mean), range(row.trueReturn)],
        ...[three(row.iqm.estimate), range(row.iqm), theory(row)],
        row.aboveHalf === null ? "–" : `${row.aboveHalf.successes}/${row.aboveHalf.n} ${range(row.aboveHalf)}`,
        ...[three(row.proxyReturn.mean), ...Object.values(row.rates).map(three)],
        ...[whole(row.labelled), whole(row.episodes), whole(row.steps)],
      ]);
    case "route against": {
      const tested = head.includes("p");
      const claims = table.claims.map((claim) => [
        ...[claim.against, claim.against === "moe-no-route" ? "placebo" : "", String(claim.seeds.length)],
        ...[plus(claim.difference.mean), range(claim.difference), range(claim.bootstrap)],
        ...[three(claim.improvement.estimate), range(claim.improvement)],
        ...(tested ? [pValue(claim.p), pValue(claim.pHolm)] : []),
      ]);
      // Placebos that were not run have no numbers.
      const placebos = ["route-random-labels", "route-shuffled-labels", "moe-no-route", "shrinkage-matched"];
      const absent = placebos.filter((name) => !claims.some(([against]) => against === name));
      return [...claims, ...absent.map((name) => [name, "placebo", "not run", ...head.slice(3).map(() => "–")])];
    }
    case "true":
      return deployed.map(({ arm, verdicts = [] }) => {
        const mean = (of: (verdict: Verdict) => number | null) =>
          verdicts.some((verdict) => of(verdict) === null)
            ? null
            : verdicts.reduce((sum, verdict) => sum + Number(of(verdict)), 0) / verdicts.length;
        const names = [...new Set(verdicts.map(({ verdict }) => verdict))];
        const count = (name: string) => verdicts.filter(({ verdict }) => verdict === name).length;
        const counts = names.sort((a, b) => count(b) - count(a)).map((name) => `${count(name)} ${name}`);
        const means = [mean((v) => v.trueReturn), mean((v) => v.proxyReturn), mean((v) => v.capability)];
        return [arm, ...means.map(three), counts.join(", ")];
      });
    case "seed":
      return deployed.flatMap(({ arm, seeds, verdicts = [] }) =>
        verdicts.map((verdict, i) => {
          const cell = only(
            cellsOf(arm).filter(({ seed }) => seed === seeds[i]),
            `${arm} ${seeds[i]}`,
          );
          expect(cell.verdict).toEqual(verdict);
          const controls = head.slice(5, -1).map((name) => column(name, (own) => three(verdict.controls[own])));
          return [
            ...[arm, String(seeds[i]), verdict.verdict, three(verdict.trueReturn), three(verdict.proxyReturn)],
            ...[...controls, cell.failed.join(", ") || "–"],
          ];
        }),
      );
    case "last":
      return deployed.map(({ arm, selections = {}, validated }) => {
        const [last, legal, oracle] = ["last", "label-legal", "oracle"].map((rule) => selections[rule].mean);
        return [arm, three(last), three(legal), three(oracle), three(oracle - legal), whole(validated)];
      });
    default: {
      const [, kind] = /^(separation from|leakage of) /.exec(head[1]) ?? [];
      expect(kind, `a table with the columns ${head.join(", ")}`).toBeDefined();
      return deployed
        .filter(({ arm }) => arm !== "naive")
        .map(({ arm }) => [
          arm,
          ...head.slice(1).map((name) => {
            const own = name.replace(/^(separation from|leakage of) /, "");
            const values = cellsOf(arm).map(
              ({ shifts }) => ({ ...shifts[table.shift].separation, ...shifts[table.shift].leakage })[own],
            );
            return values.includes(null)
              ? "–"
              : three(values.reduce<number>((sum, value) => sum + Number(value), 0) / values.length);
          }),
        ]);
    }
  }
}

describe.each([
  ["tables.md", partsOfMarkdown],
  ["index.html", partsOfHtml],
])("%s", (name, partsOf) => {
  test("every table of every point and shift", () => {
    let shift = "";
    let point = "";
    const seen = new Map<Table, number>();
    for (const part of partsOf(written(name))) {
      if (part.kind === "heading") {
        if (part.level === 2) shift = /^Shift (\S+)/.exec(part.text)?.[1] ?? "";
        if (part.level === 2) point = "";
        if (part.level === 3) point = part.text;
        continue;
      }
      const pointText = (each: Table) =>
        Object.entries(each.point)
          .map(([key, value]) => `${key} ${value}`)
          .join(" · ");
      const table = document.tables.find((each) => each.shift === shift && pointText(each) === point);
      if (part.kind === "text") {
        if (!/^True return per episode/.test(part.text)) continue;
        expect(table, `${shift} ${point}`).toBeDefined();
        const { levels, optimum, random } = table as Table;
        expect(part.text).toBe(
          `True return per episode, discounted, exact over ${whole(levels)} levels; optimum ${three(optimum)}, random ${three(random)}.`,
        );
        continue;
      }
      if (part.head.includes("P(route improves on it)")) {
        const row = (each: (Interval & { readonly estimate: number }) | null) =>
          each === null ? ["–", "–"] : [three(each.estimate), range(each)];
        expect(part.rows).toEqual(
          document.overall.map(({ arm, seeds, iqm, improvement }) => [
            arm,
            String(seeds),
            ...row(iqm),
            ...row(improvement),
          ]),
        );
        continue;
      }
      expect(table, `${shift} ${point}: ${part.head.join(", ")}`).toBeDefined();
      expect(part.rows).toEqual(expectedRows(part.head, table as Table));
      seen.set(table as Table, (seen.get(table as Table) ?? 0) + 1);
    }
    // Arms, claims, selection, modules and other views each; under the primary shift two of the verdict more.
    expect(document.tables.map((table) => seen.get(table))).toEqual(
      document.tables.map(({ shift: own }) => (own === "unseen" ? 7 : 5)),
    );
  });

  test("what is said of the whole run", () => {
    const texts = partsOf(written(name)).flatMap((part) => (part.kind === "text" ? [part.text] : []));
    expect(texts.slice(0, 4)).toEqual([
      "Scenario tiny: world diamond-ghost, oversight terminal, coverage 25 % or 50 %, marks visible; 3 arms, 3 points of a sweep over oversight.coverage and train.epochs; 11 cells finished. Figures show shift unseen.",
      "Only 1 seed in the smallest group: fewer than 10 carry no claim.",
      "Placebos not run: route-random-labels, route-shuffled-labels, shrinkage-matched.",
      "1 of the run's 12 cells have no result.",
    ]);
  });
});

test("the table in the terminal", () => {
  const dotted = (value: number, decimals = 3) => {
    const text = value.toFixed(decimals).replace(/^-(0\.0+)$/, "$1");
    return text.replace(/^(-?)0\./, "$1.");
  };
  const tables = document.tables.filter(({ shift }) => shift === "unseen");
  renderTables(scenario, tables as never, 160).forEach((lines, t) => {
    const { rows, levels, optimum, random, claims } = tables[t];
    expect(lines[1]).toBe(
      `true return per episode, discounted, exact over ${whole(levels)} levels; optimum ${dotted(optimum)}, random ${dotted(random)}`,
    );
    const deployed = rows.filter((row) => row.deployed);
    const at = lines.findIndex((text) => /^ +arm +view/.test(text));
    const cut = (text: string) => text.trim().split(/\s{2,}/);
    // The head of the strip is a scale, which takes three columns.
    expect(cut(lines[at])).toEqual([
      ...[
        "arm",
        "view",
        "n",
        "mean",
        "95 %",
        "theory",
        "-1",
        "0",
        "1",
        "proxy",
        ...Object.keys(deployed[0].rates),
        "labels",
      ],
    ]);
    deployed.forEach((row, i) => {
      const fields = cut(lines[at + 1 + i]);
      const { low, high } = row.trueReturn;
      expect(fields.toSpliced(6, 1)).toEqual([
        ...[row.arm, row.view, String(row.seeds.length), dotted(row.trueReturn.mean)],
        low === null || high === null ? "–" : `[${dotted(low)}, ${dotted(high)}]`,
        ...[typeof row.theory === "number" ? dotted(row.theory) : "–", dotted(row.proxyReturn.mean)],
        ...[...Object.values(row.rates).map((rate) => dotted(rate, 2)), whole(row.labelled)],
      ]);
      // A seed is a sign of the strip, where it lies between -1 and 1.
      const signs = [...fields[6]].map((sign) => (sign === "•" ? 1 : Number(sign) || 0));
      const places = row.trueReturns.map((value) => Math.round(((value + 1) / 2) * 24));
      expect(signs).toEqual(Array.from({ length: 25 }, (_, place) => places.filter((own) => own === place).length));
    });
    for (const { against, difference } of claims) {
      const { mean, low, high } = difference;
      const interval = low === null || high === null ? "–" : `[${dotted(low)}, ${dotted(high)}]`;
      const found = lines.find((text) => text.startsWith(`  ${against} `) && /[+-]/.test(cut(text)[1] ?? ""));
      expect(cut(found ?? "").slice(0, 3)).toEqual([
        against,
        dotted(mean).startsWith("-") ? dotted(mean) : `+${dotted(mean)}`,
        interval,
      ]);
    }
    const leak = lines.findIndex((text) => text.startsWith("selection ("));
    deployed.forEach(({ arm, selections = {} }, i) => {
      const [last, legal, oracle] = ["last", "label-legal", "oracle"].map((rule) => selections[rule].mean);
      expect(cut(lines[leak + 2 + i])).toEqual([
        arm,
        ...[last, legal, oracle, oracle - legal].map((value) => dotted(value)),
      ]);
    });
  });
});
