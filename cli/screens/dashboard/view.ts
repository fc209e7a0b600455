import { grouped } from "../../../src/report/format.ts";
import { type CellView, countCells, isAtWork, secondsLeft } from "../../../src/runner/progress.ts";
import type { Capabilities } from "../../text/capabilities.ts";
import { clock, roughly } from "../../text/numbers.ts";
import { glyphsOf } from "../../tui/glyphs.ts";
import { fitting, heading, joined, rule } from "../../tui/parts.ts";
import { beside, cut, type Frame, indent, line, type Row, rowOf, type Size, span, widthOf } from "../../tui/span.ts";
import { measureRows, measuresOf, selectedCell } from "./cell-view.ts";
import { drawCurves } from "./curves.ts";
import { columnsOf, drawLive, type LivePlace, livePlace } from "./live-view.ts";
import { cellIn, legend, matrixRows } from "./matrix-view.ts";
import { type Dashboard, isPaused, selectedOf, speedOf } from "./model.ts";

/** Rows of the smallest plot that says something, with its axis, and of the largest that is worth its place. */
const LEAST_PLOT = 6;
const MOST_PLOT = 18;
/** Rows of the log at most, its head included. */
const MOST_LOG = 9;
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
  const forPlot = isZoomed
    ? room - measureRows(selectedOf(model), outcomeOfSelected(model), columns) - 1
    : room - arms - 1;
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
    const measures = measuresOf(selectedOf(model), outcomeOfSelected(model), model.shift, columns, capabilities);
    return [...head, ...cell, [], ...curves, ...measures].slice(0, rows);
  }
  const matrix = matrixRows(model, { columns, rows: layout.matrix }, capabilities);
  const log = layout.log === 0 ? [] : [[], ...logRows(model, { columns: room, rows: layout.log - 1 }, capabilities)];
  return [...head, ...curves, ...matrix, legend(room, capabilities), ...cell, ...log];
}

const outcomeOfSelected = (model: Dashboard) => model.run.outcomes.get(selectedOf(model)?.plan.id ?? "");

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
  const rest = isAtWork(run) ? secondsLeft(run, model.clock) : null;
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

/** What stands at a place of the screen: an arm, and a seed where a cell is; beside the cells of an arm, its selected seed. */
export function cellAt(
  model: Dashboard,
  size: Size,
  column: number,
  row: number,
): { arm: number; seed: number } | undefined {
  const { head, curves, matrix } = layoutOf(model, size);
  // Curves have a blank row below them.
  const line = row - head - (curves > 0 ? curves + 1 : 0);
  return cellIn(model, { columns: size.columns, rows: matrix }, column, line);
}

/** What trains the cells, on what, with how much memory, how fast all of them are together, and where there is room why. */
function engineRow(model: Dashboard, columns: number, capabilities: Capabilities): Row {
  const { engine, run } = model;
  const { name, spread, why } = engine;
  const on = `${name}${run.device === null ? "" : ` on ${run.device}`}`;
  const memory = memoryOf(model);
  const steps = isAtWork(run) ? speedOf(model) : null;
  const speed = steps === null ? "" : `${grouped(steps)} steps/s`;
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
  const megabytes = (count: number) => `${grouped(count / 2 ** 20)} MiB`;
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
