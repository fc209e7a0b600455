import { ARMS } from "../routing/arms/table.ts";
import { fixed } from "./format.ts";
import type { Table } from "./summary.ts";

/*
 * What all figures share. A figure is a Vega-Lite specification: plain data that a reader can open in the Vega editor, change and
 * draw again. Each arm keeps its colour and shape in every figure. Colours are those of Okabe and Ito (2008), which colour-blind readers
 * tell apart, without their yellow, which is lost on white; where they end, of Tol's "muted" palette (2021).
 */

export type Spec = Readonly<Record<string, unknown>>;

/** What a figure says above itself. */
export interface Caption {
  readonly title: string;
  /** Lines that say what is drawn, and where it is from. */
  readonly lines: readonly string[];
}

/** Of the optimum's line. */
export const OPTIMUM_COLOR = "#767676";

/** An arm's look in every figure. */
export const armColor = (arm: string): string => ARMS.get(arm)?.look.color ?? "#000000";
export const armShape = (arm: string): string => ARMS.get(arm)?.look.shape ?? "stroke";

/** Scales that give each arm its colour and its shape, also in black and white. */
export function armScales(arms: readonly string[]): { color: Spec; shape: Spec } {
  return {
    color: { domain: arms, range: arms.map(armColor) },
    shape: { domain: arms, range: arms.map(armShape) },
  };
}

/** The parts of a specification that every figure has: schema, look, title. */
export function frame({ title, lines }: Caption): Spec {
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    padding: 12,
    title: { text: title, subtitle: lines, anchor: "start", frame: "group", offset: 10 },
    config: {
      font: "Arimo, Arial, Helvetica, sans-serif",
      view: { stroke: null },
      title: {
        fontSize: 15,
        subtitleFontSize: 11,
        subtitleColor: "#444444",
        subtitlePadding: 6,
        subtitleLineHeight: 15,
      },
      axis: {
        labelFontSize: 11,
        titleFontSize: 12,
        titleFontWeight: "normal",
        labelColor: "#222222",
        titleColor: "#222222",
        gridColor: "#e6e6e6",
        domainColor: "#888888",
        tickColor: "#888888",
      },
      legend: { labelFontSize: 12, symbolSize: 90, titleFontSize: 12, labelLimit: 0 },
    },
  };
}

/** The legend of the arms, above the plot. */
export const ARM_LEGEND: Spec = {
  title: null,
  orient: "top",
  direction: "horizontal",
  columns: 4,
  columnPadding: 18,
  symbolOpacity: 1,
  offset: 8,
};

/** Numbers below it are drawn as 0: between smaller ones a scale has no room for ticks. */
const LEAST_DRAWN = 1e-100;

/** A scale's domain around values, with ends at round numbers. */
export function roundDomain(values: readonly number[]): [number, number] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const size = Math.max(Math.abs(least), Math.abs(most));
  // Values that differ by rounding alone are one.
  const isSpread = most - least > Math.max(LEAST_DRAWN, 1e-9 * size);
  const range = isSpread ? most - least : size > LEAST_DRAWN ? size : 1;
  const magnitude = 10 ** Math.floor(Math.log10(range));
  const step = range / magnitude < 2 ? magnitude / 5 : range / magnitude < 5 ? magnitude / 2 : magnitude;
  const margin = range / 50;
  const round = (value: number) => Number(value.toPrecision(12));
  return [round(Math.floor((least - margin) / step) * step), round(Math.ceil((most + margin) / step) * step)];
}

/**
 * The domain of true returns that shows every seed, every theory line and the optimum. Intervals are shown as far as returns can
 * go at all; with two or three seeds they reach beyond, and are cut at the frame.
 */
export function returnDomain(tables: readonly Table[]): [number, number] {
  const values = tables.flatMap(({ rows, optimum }) => {
    const bound = Math.abs(optimum) * 1.05;
    const within = (value: number | null) => (value === null ? [] : [Math.max(-bound, Math.min(bound, value))]);
    return [
      optimum,
      ...rows.flatMap(({ deployed, trueReturns, trueReturn, theory }) => [
        ...(deployed ? [...trueReturns, ...within(trueReturn.low), ...within(trueReturn.high)] : []),
        ...(typeof theory === "number" ? [theory] : []),
      ]),
    ];
  });
  return roundDomain(values);
}

/** The exact optimum of what each arm is paid, of the arms that have one as they are deployed: none where the table has a dash. */
export function theoryOf(table: Table): { arm: string; value: number }[] {
  return table.rows.flatMap(({ arm, deployed, theory }) =>
    deployed && typeof theory === "number" ? [{ arm, value: theory }] : [],
  );
}

/**
 * Dashes of a line that lies on `count - 1` others: they take turns, so that each colour is seen. `turn` counts from 0.
 */
export function dashes(turn: number, count: number): { strokeDash: number[]; strokeDashOffset: number } {
  const [on, off] = [7, count === 1 ? 4 : 2];
  const period = count * (on + off);
  return { strokeDash: [on, period - on], strokeDashOffset: -turn * (on + off) || 0 };
}

/**
 * Series that lie on one another along a stretch (the same values at two neighbouring places, or at the only one), in the order of
 * their first members: their dashes have to take turns, and their names stand together.
 */
export function coincident<T extends { readonly points: readonly { readonly x: number; readonly value: number }[] }>(
  series: readonly T[],
): T[][] {
  const keysOf = ({ points }: T) => {
    const texts = points.map(({ x, value }) => `${x} ${fixed(value, 9)}`);
    return texts.length === 1 ? texts : texts.slice(1).map((text, i) => `${texts[i]} to ${text}`);
  };
  const groups: { members: T[]; keys: Set<string> }[] = [];
  for (const one of series) {
    const keys = keysOf(one);
    const group = groups.find((other) => keys.some((key) => other.keys.has(key)));
    if (group === undefined) groups.push({ members: [one], keys: new Set(keys) });
    else {
      group.members.push(one);
      for (const key of keys) group.keys.add(key);
    }
  }
  return groups.map(({ members }) => members);
}

/**
 * Places of labels along an axis, pixels: each as near as can be to where it is wanted, at least `gap` from its neighbours, none
 * below `bottom`. `wanted` in pixels from the top; returns places in the same order.
 */
export function spreadLabels(wanted: readonly number[], heights: readonly number[], bottom: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b]);
  const places = [...wanted];
  let free = Number.NEGATIVE_INFINITY;
  for (const i of order) {
    places[i] = Math.max(wanted[i], free + heights[i] / 2);
    free = places[i] + heights[i] / 2;
  }
  let limit = bottom;
  for (const i of order.reverse()) {
    places[i] = Math.min(places[i], limit - heights[i] / 2);
    limit = places[i] - heights[i] / 2;
  }
  return places;
}
