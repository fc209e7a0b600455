import { type Curve, curveOf } from "../../../src/runner/progress.ts";
import type { Capabilities } from "../../text/capabilities.ts";
import { short } from "../../text/numbers.ts";
import { plot, type Series } from "../../tui/plot.ts";
import { beside, type Frame, line, type Row, type Style } from "../../tui/span.ts";
import { type Dashboard, matrixOf, meanCurve } from "./model.ts";

const SELECTED: Style = { tone: "note", bold: true };

/** In tenths. */
const SLACK = 0.03;

/** A name at the right end of its line. */
interface Label {
  readonly value: number;
  readonly text: string;
  readonly style?: Style;
}

/**
 * Learning curves of the selected point: the mean of each arm, the seeds of the selected one behind it, the optimum and the selected arm's
 * theory dashed; names at the right ends. Zoomed, the selected seed alone stands for its arm.
 */
export function drawCurves(
  model: Dashboard,
  { width, height }: { readonly width: number; readonly height: number },
  capabilities: Capabilities,
): Frame {
  const { arms, arm: selected, points, point, shift, isZoomed } = model;
  const { steps, bounds } = points[point];
  const curves = matrixOf(model).map((cells) => cells.map((cell) => (cell === undefined ? [] : curveOf(cell))));
  const means = curves.map((own, a) => (isZoomed ? (a === selected ? own[model.seed] : []) : meanCurve(own)));
  const theory = bounds?.theory.get(arms[selected]);
  const levels: Label[] = [
    ...(bounds === null
      ? []
      : [{ value: bounds.optimum, text: `optimum ${short(bounds.optimum, 2)}`, style: { tone: "muted" as const } }]),
    ...(theory === undefined
      ? []
      : [{ value: theory, text: `theory ${short(theory, 2)}`, style: { tone: "note" as const } }]),
  ];
  const across = (value: number): Curve => [
    [0, value],
    [steps, value],
  ];
  const others = means.flatMap((points, a): Series[] => (a === selected ? [] : [{ points, sign: "+" }]));
  const seeds = isZoomed ? [] : curves[selected];
  const series: Series[] = [
    ...levels.map(({ value, style }) => ({ points: across(value), dashed: true, sign: "-", ...(style && { style }) })),
    ...seeds.map((points): Series => ({ points, sign: ".", style: { tone: "muted" } })),
    ...others,
    { points: means[selected], sign: "*", style: SELECTED },
  ];
  const ends = means.flatMap((points, a): Label[] => {
    const last = points.at(-1);
    if (last === undefined) return [];
    return [{ value: last[1], text: arms[a], ...(a === selected && { style: SELECTED }) }];
  });
  const y = rangeOf([...levels.map(({ value }) => value), ...[...seeds, ...means].flat().map(([, value]) => value)]);
  const labels = [...levels, ...ends];
  const aside = Math.min(Math.floor(width / 4), Math.max(0, ...labels.map(({ text }) => text.length)));
  const rows = height - 3;
  const drawn = plot(
    {
      ...{ series, y, x: [0, steps], width: width - (aside > 0 ? aside + 1 : 0), height: height - 1 },
      yLabels: [y[0], Math.round(5 * (y[0] + y[1])) / 10, 0, y[1]].map((value) => [value, short(value, 2)] as const),
      xLabels: [0, steps / 2, steps].map((value) => [value, brief(value)] as const),
    },
    capabilities,
  );
  const title = isZoomed ? "true return by environment steps" : "mean true return by environment steps";
  return [
    line(`${title}, ${shift}`, { tone: "muted" }),
    ...beside([drawn, place(labels, y, rows)], 1, [width - (aside > 0 ? aside + 1 : 0), aside]),
  ];
}

/** A range in tenths that holds 0 and the values. */
export function rangeOf(values: readonly number[]): readonly [number, number] {
  // What is less than a dot beyond a tenth takes no further one.
  const low = Math.floor(Math.min(0, ...values) * 10 + SLACK) / 10;
  const high = Math.ceil(Math.max(0, ...values) * 10 - SLACK) / 10;
  return [low, Math.max(high, low + 0.2)];
}

/** Labels at their values, moved apart where two want one row; where rows are too few those of other arms are left out. */
function place(labels: readonly Label[], [low, high]: readonly [number, number], rows: number): Row[] {
  const wanted = (value: number) => Math.round(((high - value) / (high - low)) * (rows - 1));
  const kept = [...labels].sort((a, b) => Number(b.style !== undefined) - Number(a.style !== undefined)).slice(0, rows);
  const sorted = kept.sort((a, b) => b.value - a.value);
  const at: number[] = [];
  sorted.forEach(({ value }, i) => {
    at.push(Math.max(i === 0 ? 0 : at[i - 1] + 1, wanted(value)));
  });
  for (let i = at.length - 1, most = rows - 1; i >= 0; i--, most--) {
    at[i] = Math.min(at[i], most);
    most = at[i];
  }
  const placed: Row[] = Array.from({ length: rows }, () => []);
  sorted.forEach(({ text, style }, i) => {
    placed[at[i]] = line(text, style);
  });
  return placed;
}

/** Steps in few letters: `500k`, `1.5M`. */
export function brief(steps: number): string {
  if (steps < 1000) return String(Math.round(steps));
  const [value, unit] = steps < 999_500 ? [steps / 1000, "k"] : [steps / 1e6, "M"];
  return `${Number(value.toPrecision(3))}${unit}`;
}
