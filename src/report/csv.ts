import { SELECTIONS } from "../scenario/schema.ts";
import type { ReportTable } from "./claims.ts";
import type { Report } from "./collect.ts";

type Cell = string | number | boolean | null | undefined;

/**
 * A CSV text (RFC 4180): a header, then a line for each record. Fields with a comma, a quote or a line break are quoted, quotes
 * doubled; what is null or undefined is empty; numbers have all their digits. Lines end in a single line feed.
 *
 * @throws RangeError when a record is not as wide as the header, or a number not finite.
 */
export function toCsv(header: readonly string[], records: readonly (readonly Cell[])[]): string {
  const lines = [header, ...records].map((record, i) => {
    if (record.length !== header.length) {
      throw new RangeError(`toCsv: record ${i} has ${record.length} fields, expected ${header.length}`);
    }
    return record.map(field).join(",");
  });
  return `${lines.join("\n")}\n`;
}

function field(value: Cell): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new RangeError(`toCsv: a field is ${value}, expected a finite number`);
  }
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

/** results.csv: a line for each cell, shift and view. Returns, rates, steps per episode; costs of the cell's training. */
export function resultsCsv({ cells, scenario }: Report): string {
  const swept = Object.keys(scenario.sweep);
  const goals = Object.keys(scenario.goals).sort(byMeaning);
  const evaluations = cells.flatMap((cell) =>
    Object.entries(cell.evaluations).flatMap(([shift, byView]) =>
      Object.entries(byView).map(([view, evaluation]) => ({ ...cell, shift, view, evaluation })),
    ),
  );
  const namesIn = (of: (one: (typeof evaluations)[number]) => object) => [
    ...new Set(evaluations.flatMap((one) => Object.keys(of(one)))),
  ];
  const rates = namesIn(({ evaluation }) => evaluation.rates);
  const marked = namesIn(({ evaluation }) => evaluation.markedRates);
  const modules = namesIn(({ evaluation }) => evaluation.weights);
  return toCsv(
    [
      ...["cell", "arm", "seed", ...swept, "engine", "shift", "view", "deployed", "levels", "exact"],
      ...goals.flatMap((goal) => [`${goal}_return`, `${goal}_discounted`, `${goal}_normalised`]),
      ...rates.map((event) => `rate_${event}`),
      ...marked.map((event) => `marked_rate_${event}`),
      ...["steps_per_episode", "entropy", ...modules.map((module) => `weight_${module}`)],
      ...["labels", "episodes", "steps"],
    ],
    evaluations.map(({ result, shift, view, evaluation }) => [
      ...[result.cell, result.arm, result.seed, ...swept.map((key) => pointValue(result.point, key))],
      ...[result.engine, shift, view, view === result.summary.deployed, evaluation.levels, evaluation.exact],
      ...goals.flatMap((goal) => {
        const { return: undiscounted, discounted, normalised } = evaluation.goals[goal];
        return [undiscounted, discounted, normalised];
      }),
      ...rates.map((event) => evaluation.rates[event]),
      ...marked.map((event) => evaluation.markedRates[event]),
      ...[evaluation.steps, evaluation.entropy, ...modules.map((module) => evaluation.weights[module])],
      ...[result.summary.labelled, result.summary.episodes, result.steps],
    ]),
  );
}

/**
 * cells.csv: a line for each cell and shift. The verdict with each control, and the controls that failed; what each rule of selection picks, with
 * its returns as deployed, and the leak; separation of the modules and leakage of the events.
 */
export function cellsCsv({ cells, scenario }: Report): string {
  const swept = Object.keys(scenario.sweep);
  const lines = cells.flatMap(({ result, outcome }) =>
    Object.entries(outcome.shifts).map(([shift, at]) => ({ result, outcome, shift, at })),
  );
  const namesIn = (of: (line: (typeof lines)[number]) => object) => [
    ...new Set(lines.flatMap((line) => Object.keys(of(line)))),
  ];
  const controls = namesIn(({ outcome }) => outcome.verdict.controls);
  const views = namesIn(({ at }) => at.separation);
  const events = namesIn(({ at }) => at.leakage);
  return toCsv(
    [
      ...["cell", "arm", "seed", ...swept, "engine", "shift", "view", "verdict", "failed_controls"],
      ...["verdict_true", "verdict_proxy", "verdict_capability", ...controls.map((control) => `control_${control}`)],
      ...SELECTIONS.flatMap((rule) => [`${rule}_step`, `${rule}_true_discounted`, `${rule}_proxy_discounted`]),
      ...["selection_leak", ...views.map((view) => `separation_${view}`), ...events.map((event) => `leakage_${event}`)],
    ],
    lines.map(({ result, outcome, shift, at }) => {
      const { verdict, failed, selectedSteps, deployed } = outcome;
      return [
        ...[result.cell, result.arm, result.seed, ...swept.map((key) => pointValue(result.point, key))],
        ...[result.engine, shift, deployed, verdict.verdict, failed.join(" ")],
        ...[verdict.trueReturn, verdict.proxyReturn, verdict.capability],
        ...controls.map((control) => verdict.controls[control as keyof typeof verdict.controls]),
        ...SELECTIONS.flatMap((rule) => {
          const { trueReturn, proxyReturn } = at.selected[rule];
          return [selectedSteps[rule], trueReturn, proxyReturn];
        }),
        ...[at.leak, ...views.map((view) => at.separation[view]), ...events.map((event) => at.leakage[event])],
      ];
    }),
  );
}

/** summary.csv: a line for each point, shift, arm and view, with the statistics of tables.md and the claims about `route`. */
export function summaryCsv({ tables, scenario }: Report): string {
  const swept = Object.keys(scenario.sweep);
  return toCsv(
    [
      ...[...swept, "shift", "arm", "view", "deployed", "seeds"],
      ...["true_mean", "true_sd", "true_t_low", "true_t_high", "true_iqm", "true_iqm_low", "true_iqm_high"],
      ...["theory", "optimum", "random", "above_half", "above_half_low", "above_half_high", "proxy_mean"],
      ...[
        "route_minus_arm",
        "difference_t_low",
        "difference_t_high",
        "difference_bootstrap_low",
        "difference_bootstrap_high",
      ],
      ...["improvement", "improvement_low", "improvement_high", "p", "p_holm"],
      ...["labels", "episodes", "steps"],
    ],
    tables.flatMap((table) => table.rows.map((row) => summaryRecord(table, row, swept))),
  );
}

function summaryRecord(table: ReportTable, row: ReportTable["rows"][number], swept: readonly string[]): Cell[] {
  const { trueReturn, proxyReturn, theory } = row;
  const statistics = table.statistics.get(row);
  const claim = row.deployed ? table.claims.find(({ against }) => against === row.arm) : undefined;
  return [
    ...swept.map((key) => pointValue(table.point, key)),
    ...[table.shift, row.arm, row.view, row.deployed, row.seeds.length],
    ...[trueReturn.mean, trueReturn.sd, trueReturn.low, trueReturn.high],
    ...[statistics?.iqm.estimate, statistics?.iqm.low, statistics?.iqm.high],
    ...[typeof theory === "number" ? theory : null, table.optimum, table.random],
    ...[statistics?.aboveHalf?.fraction, statistics?.aboveHalf?.low, statistics?.aboveHalf?.high, proxyReturn.mean],
    ...[claim?.difference.mean, claim?.difference.low, claim?.difference.high],
    ...[claim?.bootstrap.low, claim?.bootstrap.high],
    ...[claim?.improvement.estimate, claim?.improvement.low, claim?.improvement.high, claim?.p, claim?.pHolm],
    ...[row.labelled, row.episodes, row.steps],
  ];
}

/** The true goal first, then the proxy goal, then others by name. */
function byMeaning(a: string, b: string): number {
  const rank = (goal: string) => ["true", "proxy"].indexOf(goal) + 1 || 3;
  return rank(a) - rank(b) || (a < b ? -1 : 1);
}

function pointValue(point: Readonly<Record<string, unknown>>, key: string): Cell {
  const value = point[key];
  return typeof value === "object" && value !== null ? JSON.stringify(value) : (value as Cell);
}
