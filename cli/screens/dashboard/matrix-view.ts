import { grouped } from "../../../src/report/format.ts";
import type { CellView } from "../../../src/runner/progress.ts";
import { meanInterval } from "../../../src/statistics/intervals.ts";
import type { Capabilities } from "../../text/capabilities.ts";
import { interval, short } from "../../text/numbers.ts";
import { type Glyphs, glyphsOf } from "../../tui/glyphs.ts";
import { filled, fitting } from "../../tui/parts.ts";
import { type Frame, fitTo, line, type Row, type Size, type Span, span } from "../../tui/span.ts";
import { type Dashboard, matrixOf } from "./model.ts";

const LONGEST_NAME = 21;

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
  const numbers = 4 + 13 + (hasInterval ? 17 : 0) + (hasLabels ? 13 : 0);
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

/** What stands at a place of the matrix: an arm, and a seed where a cell is; beside the cells of an arm, its selected seed. */
export function cellIn(
  model: Dashboard,
  { columns, rows }: Size,
  column: number,
  row: number,
): { arm: number; seed: number } | undefined {
  // The matrix has a head of its own.
  const line = row - 1;
  const shown = rows - 1;
  const arm = firstArm(model.arms.length, model.arm, shown) + line;
  if (line < 0 || line >= shown || arm >= model.arms.length) return undefined;
  const layout = matrixLayoutOf(model, columns);
  const place = Math.floor((column - cellsFrom(layout)) / layout.cell);
  const isCell = place >= 0 && place < layout.shown;
  return { arm, seed: isCell ? layout.first + place : model.seed };
}

/** A row an arm, a sign a seed, and what the finished seeds came to. */
export function matrixRows(model: Dashboard, { columns, rows }: Size, capabilities: Capabilities): Frame {
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
    span(`${hasInterval ? "             95 %" : ""}${hasLabels ? "  labels/seed" : ""}`, { tone: "muted" }),
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

/** Stands for a cell whose training is over. */
const EVALUATED = "e";

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
  if (cell.evaluated !== null && !cell.isPaused) return EVALUATED;
  return cell.isPaused ? pause : levels[Math.min(levels.length - 2, Math.floor(fraction * (levels.length - 1)))];
}

/** What the screen's signs and numbers mean, for its help. */
export function dashboardSigns(capabilities: Capabilities): [sign: string, meaning: string][] {
  const glyphs = glyphsOf(capabilities);
  const levels = growing(glyphs);
  return [
    [glyphs.full, "the cell is done"],
    [`${levels[0]} to ${levels[levels.length - 2]}`, "it trains, and how far it is"],
    [EVALUATED, "it is trained and is being evaluated; the selected one says how far"],
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
    ["verdict", "what the selected cell's policy pursues where nobody looks; a control with ! failed"],
    ["leak", "true return by the rule oracle less that by label-legal"],
    ["separation", "true return of the deployed module less that of the other one"],
    ["leakage", "how much of an event that the proxy alone rewards is left as deployed"],
    ["selects", "the checkpoint that each rule of selection would take so far"],
  ];
}

/** What the signs of the matrix mean. */
export function legend(columns: number, capabilities: Capabilities): Row {
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
  if (returns.length === 0) row.push(none(4), none(13), ...(hasInterval ? [none(17)] : []));
  else {
    const { n, mean, low, high } = meanInterval(returns);
    row.push(span(String(n).padStart(4)), span(short(mean).padStart(13), { bold: true }));
    const bounds = interval(low, high);
    if (hasInterval) row.push(low === null ? none(17) : span(bounds.padStart(17)));
  }
  if (!hasLabels) return row;
  if (labels.length === 0) return [...row, none(13)];
  return [...row, span(grouped(labels.reduce((sum, each) => sum + each, 0) / labels.length).padStart(13))];
}
