import type { Metrics } from "../../src/experiment/cell.ts";
import { SELECTIONS } from "../../src/experiment/schema.ts";
import { select } from "../../src/experiment/select.ts";
import { meanInterval } from "../../src/experiment/statistics.ts";
import type { Capabilities } from "../capabilities.ts";
import { clock, interval, roughly, short, thousands } from "../numbers.ts";
import { type CellView, countCells, isAtWork, secondsLeft } from "../progress.ts";
import { sparkline, track } from "../tui/bars.ts";
import { type Glyphs, glyphsOf } from "../tui/glyphs.ts";
import { badge, heading, rule } from "../tui/parts.ts";
import {
  beside,
  cut,
  type Frame,
  fitTo,
  indent,
  line,
  type Row,
  rowOf,
  type Size,
  type Span,
  span,
  widthOf,
} from "../tui/span.ts";
import { brief, drawCurves } from "./curves.ts";
import { columnsOf, drawLive, type LivePlace, livePlace } from "./live-view.ts";
import { type Dashboard, isPaused, matrixOf, selectedOf, speedOf } from "./model.ts";

/** Rows of the smallest plot that says something, with its axis, and of the largest that is worth its place. */
const LEAST_PLOT = 6;
const MOST_PLOT = 18;
/** Rows of the log at most, its head included. */
const MOST_LOG = 9;
const LONGEST_NAME = 21;
/** Rows of the selected cell and the engine, with the one above. */
const CELL_ROWS = 4;

/** What stands where on the screen: a row count each, 0 where a part has no room. */
interface Layout {
  readonly head: number;
  /** Curves with what stands beside them, and a blank row below. */
  readonly curves: number;
  readonly matrix: number;
  readonly log: number;
  readonly live: LivePlace | null;
}

/** The matrix comes first, then curves, then the log; in a zoomed cell what its update measured. */
export function layoutOf(model: Dashboard, { columns, rows }: Size): Layout {
  const { points, point, isZoomed, isLive } = model;
  const head = points.length > 1 ? 3 : 2;
  const arms = model.arms.length + 1;
  const room = rows - head - CELL_ROWS;
  const forPlot = isZoomed ? room - measureRows(selectedOf(model), columns) - 1 : room - arms - 1;
  const forLog = isZoomed ? 0 : Math.min(MOST_LOG, forPlot - 10);
  const log = forLog >= 3 ? forLog : 0;
  const height = Math.min(MOST_PLOT, forPlot - log);
  const curves = height >= LEAST_PLOT ? height : 0;
  const live = isLive && curves > 0 ? livePlace(points[point].map, { columns: columns - 2, rows: curves }) : null;
  return { head, curves, matrix: isZoomed ? 0 : Math.min(arms, room), log, live };
}

/** The screen of a run: how far it is, learning curves, a sign for each cell, the selected cell, the latest events. */
export function dashboardView(model: Dashboard, size: Size, capabilities: Capabilities): Frame {
  const { columns, rows } = size;
  const layout = layoutOf(model, size);
  // The last column is left blank, as the first is.
  const room = columns - 1;
  const head = [
    headOf(model, columns, capabilities),
    rule(columns, capabilities),
    ...pointRow(model, room, capabilities),
  ];
  const curves = curveRows(model, layout, columns, capabilities);
  const cell = [...selectedCell(model, room, capabilities), engineRow(model, room, capabilities)];
  if (model.isZoomed) {
    const measures = measuresOf(selectedOf(model), columns, capabilities);
    return [...head, ...cell, [], ...curves, ...measures].slice(0, rows);
  }
  const matrix = matrixRows(model, { columns, rows: layout.matrix }, capabilities);
  const log = layout.log === 0 ? [] : [[], ...logRows(model, { columns: room, rows: layout.log - 1 }, capabilities)];
  return [...head, ...curves, ...matrix, legend(room, capabilities), ...cell, ...log];
}

/** Learning curves, the selected cell's policy at their right, and a blank row; none where there is no room. */
function curveRows(
  model: Dashboard,
  { curves: height, live: place }: Layout,
  columns: number,
  capabilities: Capabilities,
): Frame {
  if (height === 0) return [];
  const width = columns - 2 - (place === null ? 0 : columnsOf(place));
  const curves = drawCurves(model, { width, height }, capabilities);
  if (place === null) return [...indent(curves, 1), []];
  const live = model.live?.cell === selectedOf(model)?.plan.id ? model.live : null;
  const board = drawLive(live, place, height, capabilities);
  return [...indent(beside([curves, board], columnsOf(place) - place.width, [width, place.width]), 1), []];
}

/** The run's name, which one must type to watch it, before all that can be said of how it stands. */
function headOf(model: Dashboard, columns: number, capabilities: Capabilities): Row {
  const { run, title } = model;
  const { seconds } = model.clock;
  const { done, failed } = countCells(run);
  const state = model.isStopping ? "stopping" : isPaused(model) ? "paused" : "";
  const count = `${done + failed} of ${run.cells.size} cells`;
  // Who looks at a run that nobody trains has seen no work.
  const time = seconds > 0 || isAtWork(run) ? clock(seconds) : "";
  const rest = isAtWork(run) ? secondsLeft(run, seconds) : null;
  const left = rest === null ? "" : `left ${roughly(rest)}`;
  const name = title.replace(/^halfwatch /, "");
  const heads = [
    [title, state, count, time, left],
    [name, state, count, time, left],
    [name, state, count, left],
    [name, state, count],
    [name, state, `${done + failed}/${run.cells.size}`],
  ].map(([named, ...parts]) => [named, joined(parts, " · ")]);
  // At the edges and between the two stands a blank.
  const room = columns - 3;
  const fits = heads.find(([named, right]) => widthOf(named) + widthOf(right) <= room);
  const [named, right] = fits ?? heads[heads.length - 1];
  const shown = cut(named, room - widthOf(right), glyphsOf(capabilities));
  return heading([span(shown, { bold: true })], [span(right)], columns);
}

/** Which point of the sweep is shown; nothing where there is one. */
function pointRow({ points, point }: Dashboard, columns: number, capabilities: Capabilities): Frame {
  if (points.length === 1) return [];
  const count = ` point ${point + 1} of ${points.length}  `;
  const values = Object.entries(points[point].values).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
  const shown = cut(values.join("  "), columns - count.length, glyphsOf(capabilities));
  return [rowOf(span(count, { tone: "muted" }), span(shown))];
}

/** How a matrix is laid out in its width. */
interface MatrixLayout {
  readonly name: number;
  /** Columns of a cell: 3 with a digit, else 1. */
  readonly cell: number;
  readonly first: number;
  readonly shown: number;
  readonly hasInterval: boolean;
  readonly hasLabels: boolean;
}

function matrixLayoutOf({ arms, seeds, seed }: Dashboard, columns: number): MatrixLayout {
  const name = Math.min(LONGEST_NAME, Math.max(...arms.map(({ length }) => length)));
  const hasLabels = columns >= 80;
  const hasInterval = columns >= 100;
  const numbers = 4 + 13 + (hasInterval ? 14 : 0) + (hasLabels ? 13 : 0);
  const room = columns - 3 - name - 2 - numbers;
  const cell = 3 * seeds.length + 1 <= room ? 3 : 1;
  const shown = Math.min(seeds.length, cell === 3 ? seeds.length : room);
  const first = Math.max(0, Math.min(seeds.length - shown, seed - (shown >> 1)));
  return { name, cell, first, shown, hasInterval, hasLabels };
}

/** First column of the cells: after pointer, name and a gap. */
const cellsFrom = ({ name }: MatrixLayout): number => 3 + name + 2;

/** The arms that are shown in so many rows: the first one, with the selected one among them. */
const firstArm = (arms: number, selected: number, shown: number): number =>
  Math.max(0, Math.min(arms - shown, selected - (shown >> 1)));

/** What stands at a place of the screen: an arm, and a seed where a cell is; beside the cells of an arm, its selected seed. */
export function cellAt(
  model: Dashboard,
  size: Size,
  column: number,
  row: number,
): { arm: number; seed: number } | undefined {
  const { head, curves, matrix } = layoutOf(model, size);
  const shown = matrix - 1;
  // The matrix has a head of its own, and curves a blank row below them.
  const line = row - head - (curves > 0 ? curves + 1 : 0) - 1;
  const arm = firstArm(model.arms.length, model.arm, shown) + line;
  if (line < 0 || line >= shown || arm >= model.arms.length) return undefined;
  const layout = matrixLayoutOf(model, size.columns);
  const place = Math.floor((column - cellsFrom(layout)) / layout.cell);
  const isCell = place >= 0 && place < layout.shown;
  return { arm, seed: isCell ? layout.first + place : model.seed };
}

/** A row an arm, a sign a seed, and what the finished seeds came to. */
function matrixRows(model: Dashboard, { columns, rows }: Size, capabilities: Capabilities): Frame {
  const { seeds, arms, arm: selected } = model;
  const layout = matrixLayoutOf(model, columns);
  const { name, cell, first, shown, hasInterval, hasLabels } = layout;
  const last = first + shown - 1;
  const wide = Math.max(8, cell * shown + (cell === 3 ? 1 : 0));
  const range = shown < seeds.length ? `${seeds[first]} to ${seeds[last]} of ${seeds.length}` : "";
  const seedHead =
    cell === 3
      ? seeds.map((seed) => ` ${String(seed).slice(-2).padEnd(2)}`).join("")
      : shown >= 12
        ? `seeds ${range || `${seeds[first]} to ${seeds[last]}`}`
        : "seeds";
  const head = [
    span(`   ${"arm".padEnd(name)}  ${filled(seedHead, wide)}   n  true return`, { tone: "muted" }),
    span(`${hasInterval ? "          95 %" : ""}${hasLabels ? "  labels/seed" : ""}`, { tone: "muted" }),
  ];
  const room = rows - 1;
  const top = firstArm(arms.length, selected, room);
  const matrix = matrixOf(model);
  const body = arms.slice(top, top + room).map((arm, i) => {
    const cells = matrix[top + i];
    const isSelected = top + i === selected;
    const pointer = isSelected ? ` ${glyphsOf(capabilities).selected} ` : "   ";
    return fitTo(
      [
        span(`${pointer}${filled(arm, name)}  `, isSelected ? { bold: true, tone: "note" } : undefined),
        ...fitTo(cellSpans(model, cells, isSelected, layout, capabilities), wide),
        ...numbersOf(cells, layout, capabilities),
      ],
      columns,
    );
  });
  return [head, ...body];
}

const filled = (text: string, width: number): string => text.slice(0, width).padEnd(width);

function cellSpans(
  model: Dashboard,
  cells: readonly (CellView | undefined)[],
  isSelected: boolean,
  { cell: width, first, shown }: MatrixLayout,
  capabilities: Capabilities,
): Row {
  const glyphs = glyphsOf(capabilities);
  const optimum = model.points[model.point].bounds?.optimum ?? null;
  const spans: Span[] = [];
  for (let s = first; s < first + shown; s++) {
    const isHere = isSelected && s === model.seed;
    const cell = cells[s];
    const part = partOf(cell, optimum);
    const style = part === null ? { bold: isHere } : { heat: Math.max(0, Math.min(1, part)), bold: isHere };
    const digit = part === null ? " " : digitOf(part);
    const sign = signOf(cell, glyphs);
    if (width === 1) {
      const isDone = cell?.state === "done" && digit !== " ";
      spans.push(span(isDone ? digit : sign, isHere ? { inverse: true } : style));
      continue;
    }
    const isAfter = isSelected && s - 1 === model.seed;
    spans.push(span(isHere ? "[" : isAfter ? "]" : " ", { bold: true }), span(sign + digit, style));
  }
  if (width > 1 && isSelected && model.seed === first + shown - 1) spans.push(span("]", { bold: true }));
  return spans;
}

/** A return as a part of the optimum: what a cell is shaded by. Null where one of them is not known. */
function partOf(cell: CellView | undefined, optimum: number | null): number | null {
  const value = cell?.trueReturn ?? null;
  return value === null || optimum === null || optimum <= 0 ? null : value / optimum;
}

/** Stands for the digit of what is a tenth of the optimum below 0, or more. */
const NEGATIVE = "-";

/** A part of the optimum in whole tenths. */
function digitOf(part: number): string {
  const tenths = Math.trunc(part * 10);
  return tenths < 0 ? NEGATIVE : String(Math.min(9, tenths));
}

/** How far a cell is, in signs that mean nothing else. */
const growing = ({ levels, floor }: Glyphs): readonly string[] =>
  levels.filter((sign) => sign !== floor && sign !== NEGATIVE);

/** A cell in one sign: how far it is, or how it ended. */
function signOf(cell: CellView | undefined, glyphs: Glyphs): string {
  const { floor, times, full, pause } = glyphs;
  if (cell === undefined) return " ";
  const { state, fraction } = cell;
  if (state === "failed") return times;
  if (state === "done") return full;
  if (state === "waiting") return floor;
  if (state === "elsewhere") return "~";
  const levels = growing(glyphs);
  return cell.isPaused ? pause : levels[Math.min(levels.length - 2, Math.floor(fraction * (levels.length - 1)))];
}

/** What the screen's signs and numbers mean, for its help. */
export function dashboardSigns(capabilities: Capabilities): [sign: string, meaning: string][] {
  const glyphs = glyphsOf(capabilities);
  const levels = growing(glyphs);
  return [
    [glyphs.full, "the cell is done"],
    [`${levels[0]} to ${levels[levels.length - 2]}`, "it trains, and how far it is"],
    [glyphs.pause, "it is paused"],
    [glyphs.floor, "it waits"],
    ["~", "another process trains it"],
    [glyphs.times, "it failed; the selected one says why"],
    ["0 to 9", "beside it: its latest true return, in tenths of the optimum; alone where seeds are many"],
    [NEGATIVE, "that is a tenth below 0, or more"],
    ["true return", "mean over episodes, discounted, where nobody looks unless the scenario says otherwise"],
    ["95 %", "interval of the mean over the seeds that are done (Student t)"],
    ["labels/seed", "inspected episodes that training has used"],
    ["theory", "what the selected arm is worth if it pursues exactly what it is paid for"],
    ["selects", "the checkpoint that each rule of selection would take so far"],
  ];
}

/** What the signs of the matrix mean. */
function legend(columns: number, capabilities: Capabilities): Row {
  const glyphs = glyphsOf(capabilities);
  const { full, floor, times } = glyphs;
  const levels = growing(glyphs);
  const trains = levels[(levels.length - 1) >> 1];
  const signs = [`${full} done`, `${trains} trains`, `${floor} waits`, `${times} failed`];
  const texts = [
    ` digit: return in tenths of the optimum, ${NEGATIVE} below 0   ${signs.join("  ")}`,
    ` digit: tenths of the optimum, ${NEGATIVE} below 0   ${signs.join("  ")}`,
    ` digit: tenths, ${NEGATIVE} below 0  ${signs.join(" ")}`,
  ];
  return line(fitting(texts, columns, glyphs), { tone: "muted" });
}

function numbersOf(
  cells: readonly (CellView | undefined)[],
  { hasInterval, hasLabels }: MatrixLayout,
  capabilities: Capabilities,
): Row {
  const { minus } = glyphsOf(capabilities);
  const finished = cells.filter((cell) => cell?.state === "done");
  const returns = finished.flatMap((cell) => (cell?.trueReturn == null ? [] : [cell.trueReturn]));
  // Of those that have begun, as long as none is finished.
  const labels = (finished.length > 0 ? finished : cells).flatMap((cell) =>
    cell?.metrics ? [cell.metrics.labelled] : [],
  );
  const none = (width: number) => span(minus.padStart(width), { tone: "muted" });
  const row: Span[] = [];
  if (returns.length === 0) row.push(none(4), none(13), ...(hasInterval ? [none(14)] : []));
  else {
    const { n, mean, low, high } = meanInterval(returns);
    row.push(span(String(n).padStart(4)), span(short(mean).padStart(13), { bold: true }));
    const bounds = interval(low, high);
    if (hasInterval) row.push(low === null ? none(14) : span(bounds.padStart(14)));
  }
  if (!hasLabels) return row;
  if (labels.length === 0) return [...row, none(13)];
  return [...row, span(thousands(labels.reduce((sum, each) => sum + each, 0) / labels.length).padStart(13))];
}

const STATES: Readonly<Record<CellView["state"], string>> = {
  waiting: "waits",
  running: "trains",
  elsewhere: "trained by another process",
  done: "done",
  failed: "failed",
};

/** Two rows on the selected cell. */
function selectedCell(model: Dashboard, columns: number, capabilities: Capabilities): Frame {
  const cell = selectedOf(model);
  if (cell === undefined) return [[], []];
  const glyphs = glyphsOf(capabilities);
  const { state, step, fraction, metrics, trueReturn, plan } = cell;
  const name = ` ${plan.arm} seed ${plan.seed}`;
  const said = `  ${cell.isPaused ? "paused" : STATES[state]}  `;
  const nameAnd = (text: string): Row => rowOf(span(name, { bold: true, tone: "note" }), said, text);
  const bad = (text: string): Row => line(cut(` ${text}`, columns, glyphs), { tone: "bad" });
  const refused = model.refusal?.cell === plan.id ? bad(model.refusal.text) : null;
  if (state === "failed") {
    const [message] = (cell.message ?? "").split("\n");
    return [nameAnd(""), refused ?? bad(`${cell.where ?? ""}: ${message}`)];
  }
  const speed = state === "running" && !cell.isPaused ? speedOf(model, plan.id) : null;
  const bar = state === "running" ? track(fraction, 12, glyphs) : "";
  const steps = step > 0 ? `${thousands(step)} of ${brief(model.points[model.point].steps)} steps` : "";
  const pace = [
    speed === null ? "" : `${thousands(speed)} steps/s`,
    cell.seconds === null ? "" : `in ${cell.seconds.toFixed(1)} s`,
  ];
  const first = [[bar, steps, ...pace], [steps, ...pace], [steps]].map((parts) => joined(parts, "  "));
  const value = trueReturn === null ? "" : `true return ${model.shift} ${short(trueReturn)}`;
  const labels = metrics === null ? "" : `${thousands(metrics.labelled)} labels`;
  const episodes = metrics === null ? "" : `${thousands(metrics.episodes)} episodes, ${labels}`;
  const second = [[value, episodes], [value, labels], [value]].map((parts) => ` ${joined(parts, "   ")}`);
  return [
    nameAnd(fitting(first, columns - name.length - said.length, glyphs)),
    refused ?? line(fitting(second, columns, glyphs)),
  ];
}

/** Parts of a row, without those that are empty. */
const joined = (parts: readonly string[], separator: string): string => parts.filter(Boolean).join(separator);

/** The first of the texts that has room, from the fullest to the briefest. */
function fitting(texts: readonly string[], columns: number, glyphs: Glyphs): string {
  return texts.find((text) => widthOf(text) <= columns) ?? cut(texts.at(-1) ?? "", columns, glyphs);
}

/** What trains the cells, on what, with how much memory, how fast all of them are together, and where there is room why. */
function engineRow(model: Dashboard, columns: number, capabilities: Capabilities): Row {
  const { engine, run } = model;
  const { name, spread, why } = engine;
  const on = `${name}${run.device === null ? "" : ` on ${run.device}`}`;
  const memory = memoryOf(model);
  const steps = isAtWork(run) ? speedOf(model) : null;
  const speed = steps === null ? "" : `${thousands(steps)} steps/s`;
  const inAll = speed && `${speed} in all`;
  const texts = [
    [on, spread, memory, inAll, why],
    [on, spread, memory, inAll],
    [on, spread, memory, speed],
    [on, memory, inAll],
    [on, memory, speed],
    [on, speed],
  ].map((parts) => ` ${joined(parts, " · ")}`);
  return line(fitting(texts, columns, glyphsOf(capabilities)), { tone: "muted" });
}

/** Of the cells that train now, together; else what a finished one took at most. */
function memoryOf({ run }: Dashboard): string {
  const known = [...run.cells.values()].filter(({ peakMemory }) => peakMemory !== null);
  const bytes = (cells: readonly CellView[]) => cells.map(({ peakMemory }) => peakMemory ?? 0);
  const running = bytes(known.filter(({ state }) => state === "running"));
  const done = bytes(known.filter(({ state }) => state === "done"));
  const megabytes = (count: number) => `${thousands(count / 2 ** 20)} MiB`;
  if (running.length > 0) return megabytes(running.reduce((sum, each) => sum + each, 0));
  return done.length > 0 ? `${megabytes(Math.max(...done))} a cell` : "";
}

function logRows({ log }: Dashboard, { columns, rows }: Size, capabilities: Capabilities): Frame {
  if (log.length === 0) return [line(" no events yet", { tone: "muted" })];
  return log.slice(-rows).map(({ elapsed, text, isBad }) => {
    const time = ` ${(elapsed === null ? "" : clock(elapsed)).padEnd(8)}  `;
    const shown = cut(text, columns - time.length, glyphsOf(capabilities));
    return rowOf(span(time, { tone: "muted" }), span(shown, isBad ? { tone: "bad" } : undefined));
  });
}

/** What an update measured, by name. */
function measured(metrics: Metrics): (readonly [string, string])[] {
  const number = (value: number | undefined) => (value === undefined ? "" : value.toPrecision(4));
  return [
    ["update", `${metrics.update} of ${metrics.updates}`],
    ["rows trained on", thousands(metrics.rows)],
    ["episodes", thousands(metrics.episodes)],
    ["labels", thousands(metrics.labelled)],
    ["learning rate", number(metrics.learningRate)],
    ["entropy weight", number(metrics.entropyCoef)],
    ["policy loss", number(metrics.policyLoss)],
    ["value loss", number(metrics.valueLoss)],
    ["gate loss", number(metrics.gateLoss)],
    ["entropy", number(metrics.entropy)],
    ["approximate KL", number(metrics.approxKl)],
    ["clipped", `${((metrics.clipFraction ?? 0) * 100).toFixed(1)} %`],
    ["explained var.", number(metrics.explainedVariance)],
    ...Object.entries(metrics.gradNorms ?? {}).map(([group, norm]) => [`grad ${group}`, number(norm)] as const),
  ];
}

const measureColumns = (columns: number): number => (columns >= 110 ? 3 : 2);

/** Rows of {@link measuresOf}. */
function measureRows(cell: CellView | undefined, columns: number): number {
  return cell?.metrics == null ? 1 : Math.ceil(measured(cell.metrics).length / measureColumns(columns)) + 2;
}

/** The latest update in columns of names and numbers, and the curve so far. */
function measuresOf(cell: CellView | undefined, columns: number, capabilities: Capabilities): Frame {
  if (cell?.metrics == null) return [line(" no update has been seen", { tone: "muted" })];
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
