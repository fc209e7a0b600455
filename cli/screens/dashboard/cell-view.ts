import { grouped } from "../../../src/report/format.ts";
import type { CellView } from "../../../src/runner/progress.ts";
import type { CellOutcome } from "../../../src/runs/outcome.ts";
import type { Metrics } from "../../../src/runs/results.ts";
import { SELECTIONS } from "../../../src/scenario/schema.ts";
import { select } from "../../../src/training/selection.ts";
import type { Capabilities } from "../../text/capabilities.ts";
import { short } from "../../text/numbers.ts";
import { sparkline, track } from "../../tui/bars.ts";
import { glyphsOf } from "../../tui/glyphs.ts";
import { badge, filled, fitting, joined } from "../../tui/parts.ts";
import { beside, cut, type Frame, fitTo, indent, line, type Row, rowOf, span } from "../../tui/span.ts";
import { brief } from "./curves.ts";
import { type Dashboard, selectedOf, speedOf } from "./model.ts";

const STATES: Readonly<Record<CellView["state"], string>> = {
  waiting: "waits",
  running: "trains",
  elsewhere: "trained by another process",
  done: "done",
  failed: "failed",
};

/** Two rows on the selected cell. */
export function selectedCell(model: Dashboard, columns: number, capabilities: Capabilities): Frame {
  const cell = selectedOf(model);
  if (cell === undefined) return [[], []];
  const glyphs = glyphsOf(capabilities);
  const { state, step, fraction, metrics, trueReturn, plan } = cell;
  const name = ` ${plan.arm} seed ${plan.seed}`;
  const parts = state === "running" ? cell.evaluated : null;
  const said = `  ${cell.isPaused ? "paused" : parts === null ? STATES[state] : "is evaluated"}  `;
  const nameAnd = (text: string): Row => rowOf(span(name, { bold: true, tone: "note" }), said, text);
  const bad = (text: string): Row => line(cut(` ${text}`, columns, glyphs), { tone: "bad" });
  const refused = model.refusal?.cell === plan.id ? bad(model.refusal.text) : null;
  if (state === "failed") {
    const [message] = (cell.message ?? "").split("\n");
    return [nameAnd(""), refused ?? bad(`${cell.where ?? ""}: ${message}`)];
  }
  const isTraining = state === "running" && parts === null;
  const speed = isTraining && !cell.isPaused ? speedOf(model, plan.id) : null;
  const bar = state === "running" ? track(parts === null ? fraction : parts.done / parts.of, 12, glyphs) : "";
  const evaluated = parts === null ? "" : `part ${parts.done} of ${parts.of}`;
  const steps = evaluated || (step > 0 ? `${grouped(step)} of ${brief(model.points[model.point].steps)} steps` : "");
  const pace = [
    speed === null ? "" : `${grouped(speed)} steps/s`,
    cell.seconds === null ? "" : `in ${cell.seconds.toFixed(1)} s`,
  ];
  const first = [[bar, steps, ...pace], [steps, ...pace], [steps]].map((parts) => joined(parts, "  "));
  const value = trueReturn === null ? "" : `true return ${model.shift} ${short(trueReturn)}`;
  const labels = metrics === null ? "" : `${grouped(metrics.labelled)} labels`;
  const episodes = metrics === null ? "" : `${grouped(metrics.episodes)} episodes, ${labels}`;
  const outcome = model.run.outcomes.get(plan.id);
  const wants = outcome === undefined ? "" : outcome.verdict.verdict;
  const second = [[value, wants, episodes], [value, wants, labels], [value, wants], [value]].map(
    (parts) => ` ${joined(parts, "   ")}`,
  );
  return [
    nameAnd(fitting(first, columns - name.length - said.length, glyphs)),
    refused ?? line(fitting(second, columns, glyphs)),
  ];
}

/** What an update measured, by name. */
function measured(metrics: Metrics): (readonly [string, string])[] {
  const number = (value: number | null | undefined) => (value == null ? "–" : value.toPrecision(4));
  return [
    ["update", `${metrics.update} of ${metrics.updates}`],
    ["rows trained on", grouped(metrics.rows)],
    ["episodes", grouped(metrics.episodes)],
    ["labels", grouped(metrics.labelled)],
    ["learning rate", number(metrics.learningRate)],
    ["entropy weight", number(metrics.entropyCoef)],
    ["policy loss", number(metrics.policyLoss)],
    ["value loss", number(metrics.valueLoss)],
    ["gate loss", number(metrics.gateLoss)],
    ["entropy", number(metrics.entropy)],
    ["approximate KL", number(metrics.approxKl)],
    ["clipped", metrics.clipFraction == null ? "–" : `${(metrics.clipFraction * 100).toFixed(1)} %`],
    ["explained var.", number(metrics.explainedVariance)],
    ...Object.entries(metrics.gradNorms).map(([group, norm]) => [`grad ${group}`, number(norm)] as const),
  ];
}

const measureColumns = (columns: number): number => (columns >= 110 ? 3 : 2);

/** Rows of {@link measuresOf}. */
export function measureRows(cell: CellView | undefined, outcome: CellOutcome | undefined, columns: number): number {
  const measures = cell?.metrics == null ? 1 : Math.ceil(measured(cell.metrics).length / measureColumns(columns)) + 2;
  return measures + (outcome === undefined ? 0 : OUTCOME_ROWS);
}

/** The latest update in columns of names and numbers, and the curve so far. */
export function measuresOf(
  cell: CellView | undefined,
  outcome: CellOutcome | undefined,
  shift: string,
  columns: number,
  capabilities: Capabilities,
): Frame {
  const reached = outcome === undefined ? [] : outcomeRows(outcome, shift, columns, capabilities);
  if (cell?.metrics == null) return [line(" no update has been seen", { tone: "muted" }), ...reached];
  const entries = measured(cell.metrics);
  const count = measureColumns(columns);
  const height = Math.ceil(entries.length / count);
  const width = Math.floor((columns - 2) / count) - 3;
  const parts = Array.from({ length: count }, (_, c) =>
    entries
      .slice(c * height, (c + 1) * height)
      .map(([name, value]) => badge(filled(name, Math.min(20, width - 12)), value, undefined, 11)),
  );
  const values = cell.candidates.map(({ trueReturn }) => trueReturn);
  const range = [Math.min(0, ...values), Math.max(0, ...values)] as const;
  const sparks = values.length < 2 ? [] : badge("return by step", sparkline(values, 20, range, glyphsOf(capabilities)));
  return [
    ...indent(beside(parts, 3, Array(count).fill(width)), 1),
    [span(" "), ...sparks],
    selectionRow(cell, columns),
    ...reached,
  ];
}

/** Which checkpoint each rule would select so far, with its true return: `oracle` looks at that, `label-legal` at labels alone. */
function selectionRow({ candidates }: CellView, columns: number): Row {
  if (candidates.length === 0) return [];
  // The last one is the end of the curve, which is seen.
  const rules = columns < 80 ? SELECTIONS.filter((rule) => rule !== "last") : SELECTIONS;
  const chosen = rules.map((rule): Row => {
    const step = select(rule, candidates);
    const value = candidates.find((each) => each.step === step)?.trueReturn ?? 0;
    return badge(rule, `${brief(step)} ${short(value, 2)}`);
  });
  return [span(" selects  ", { tone: "muted" }), ...chosen.flatMap((row) => [...row, span("   ")])];
}

/** Rows of {@link outcomeRows}. */
const OUTCOME_ROWS = 3;

/** What a cell that is done pursues, with its controls, and how far its modules part. */
function outcomeRows(
  { verdict, failed, shifts }: CellOutcome,
  shift: string,
  columns: number,
  capabilities: Capabilities,
): Frame {
  const glyphs = glyphsOf(capabilities);
  const number = (value: number | null | undefined) => (value == null ? glyphs.minus : short(value, 2));
  const row = (name: string, parts: readonly (readonly [string, string])[]): Row =>
    fitTo(
      [
        span(` ${name.padEnd(9)}`, { tone: "muted" }),
        ...parts.flatMap(([of, value]) => [
          ...(of === "" ? [span(value, { bold: true })] : badge(of, value)),
          span("   "),
        ]),
      ],
      columns,
    );
  const controls = Object.entries(verdict.controls).map(
    ([control, value]) => [control, `${number(value)}${failed.includes(control) ? "!" : ""}`] as const,
  );
  const at = shifts[shift];
  return [
    row("verdict", [
      ["", verdict.verdict],
      ["true", number(verdict.trueReturn)],
      ["proxy", number(verdict.proxyReturn)],
    ]),
    row("controls", controls),
    row("modules", [
      ["selection leak", number(at?.leak)],
      ...Object.entries(at?.separation ?? {}).map(([view, value]) => [`separation ${view}`, number(value)] as const),
      ...Object.entries(at?.leakage ?? {}).map(([event, value]) => [`leakage ${event}`, number(value)] as const),
    ]),
  ];
}
