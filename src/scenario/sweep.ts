import { UserError } from "../core/errors.ts";
import { canonicalJson } from "../core/hash.ts";
import { listSeeds, withChange } from "./load.ts";
import type { Scenario } from "./schema.ts";
import { crossAxes } from "./validation.ts";

/*
 * Points of a sweep, and which cells stand at them. Two points that resolve to the same scenario stand for the same cells: a default that
 * is written out is still the default. So cells are looked up by what a point resolves to, never by how it is written.
 */

/** Values of swept keys, by key path. */
export type Point = Readonly<Record<string, unknown>>;

/** Swept keys and their values, crossed. `arms` and `seeds`, where they are there, choose from those of the scenario. */
type Grid = Readonly<Record<string, readonly unknown[]>>;

/** One point of the sweep: the values of the swept keys, and the scenario that has them. */
export interface SweepPoint {
  readonly point: Point;
  readonly scenario: Scenario;
  /** The same for every point that stands for the same cells. */
  readonly key: string;
  /** The cells that are planned here: those of any of these products. A cell keeps the name of the point at which it was planned first. */
  readonly planned: readonly (Product & { readonly point: Point })[];
}

/** All of some arms with all of some seeds. */
interface Product {
  readonly arms: readonly string[];
  readonly seeds: readonly number[];
}

/** A cell as a run plans it: one arm, one seed, one point. */
export interface PlannedCell {
  readonly arm: string;
  readonly seed: number;
  readonly point: Point;
}

/** One key for a cell, by whichever of its points. `at`: the one at which it stands. */
export const cellKey = ({ arm, seed }: Pick<PlannedCell, "arm" | "seed">, at: SweepPoint | undefined): string =>
  canonicalJson([arm, seed, at?.key ?? null]);

/** Keys of a grid that choose cells, and are not part of the point. */
const CHOOSING: readonly string[] = ["arms", "seeds"];

/** The grids of a sweep: one where it is a map. */
function gridsOf(sweep: Scenario["sweep"]): readonly Grid[] {
  return Array.isArray(sweep) ? sweep : [sweep as Grid];
}

/**
 * All points of the sweep, the last key fastest; one point, `{}`, where nothing is swept. Points that stand for the same cells are one, named
 * as the first of them.
 */
export function expandSweep(scenario: Scenario): SweepPoint[] {
  const seeds = listSeeds(scenario.seeds);
  const products = gridsOf(scenario.sweep).flatMap((grid) => {
    const chosen = <T>(key: string, all: readonly T[]) =>
      Object.hasOwn(grid, key) ? all.filter((one) => grid[key].includes(one)) : all;
    const axes = Object.entries(grid).filter(([key]) => !CHOOSING.includes(key));
    const points = crossAxes(axes).map((point) => Object.fromEntries(point));
    return { arms: chosen("arms", scenario.arms), seeds: chosen("seeds", seeds), points };
  });
  return resolvePoints(scenario, products);
}

/** Every cell of a scenario: seed by seed, so that every arm has a first result early; in a seed by point, then arm. */
export function plannedCells(scenario: Scenario, points: readonly SweepPoint[]): (PlannedCell & { at: SweepPoint })[] {
  return listSeeds(scenario.seeds).flatMap((seed) =>
    points.flatMap((at) =>
      scenario.arms.flatMap((arm) => {
        const product = at.planned.find(({ arms, seeds }) => arms.includes(arm) && seeds.includes(seed));
        return product === undefined ? [] : [{ arm, seed, point: product.point, at }];
      }),
    ),
  );
}

/** Points with the scenario that each resolves to; those that resolve to the same are one, and its cells are those of both. */
export function resolvePoints(
  scenario: Scenario,
  products: readonly (Product & { readonly points: readonly Point[] })[],
): SweepPoint[] {
  const found = new Map<string, SweepPoint>();
  for (const { arms, seeds, points } of products) {
    for (const point of points) {
      const at = { ...withChange(scenario, point, "sweep"), sweep: {} };
      const key = keyOf(at);
      const before = found.get(key);
      const all = [...(before?.planned ?? []), { arms, seeds, point }];
      found.set(key, before ? { ...before, planned: all } : { point, scenario: at, key, planned: all });
    }
  }
  return [...found.values()];
}

/**
 * The same points with every key that any of them names, so that they can be told apart and drawn on one axis: what a point does not
 * name it has from its scenario. A key that means nothing at a point stays out (the coverage of an overseer that has none).
 */
export function nameInFull(points: readonly SweepPoint[]): SweepPoint[] {
  const keys = [...new Set(points.flatMap(({ point }) => Object.keys(point)))];
  return points.map((at) => ({
    ...at,
    point: Object.fromEntries(
      keys.flatMap((key): [string, unknown][] => {
        const value = Object.hasOwn(at.point, key) ? at.point[key] : valueAt(at.scenario, key.split("."));
        return value === undefined ? [] : [[key, value]];
      }),
    ),
  }));
}

/** Says at which of some points a cell stands that was trained at `point`; undefined where at none of them. */
export function placing(scenario: Scenario, points: readonly SweepPoint[]): (point: Point) => SweepPoint | undefined {
  const byKey = new Map(points.map((at) => [at.key, at]));
  const known = new Map(points.map((at): [string, SweepPoint | undefined] => [canonicalJson(at.point), at]));
  return (point) => {
    const text = canonicalJson(point);
    if (!known.has(text)) known.set(text, byKey.get(keyAt(scenario, point) ?? ""));
    return known.get(text);
  };
}

/** The sweep whose cells are exactly these, with the arms and seeds of its scenario. */
export function sweepOf(cells: readonly PlannedCell[]): Pick<Scenario, "sweep"> & Product {
  const arms = [...new Set(cells.map(({ arm }) => arm))];
  const seeds = [...new Set(cells.map(({ seed }) => seed))].sort((a, b) => a - b);
  const kinds = new Map<string, Point[]>();
  for (const { arm, seed, point } of cells) {
    const kind = canonicalJson(Object.keys(point).sort());
    kinds.set(kind, [...(kinds.get(kind) ?? []), { ...point, seeds: seed, arms: arm }]);
  }
  const grids = [...kinds.values()].flatMap((points) => crossing(points, Object.keys(points[0])));
  const shortened = grids.map(({ arms: someArms, seeds: someSeeds, ...axes }) => ({
    ...axes,
    ...(someSeeds.length < seeds.length && { seeds: someSeeds }),
    ...(someArms.length < arms.length && { arms: someArms }),
  })) as Record<string, unknown[]>[];
  const [first, ...more] = shortened;
  const isOne = more.length === 0 && CHOOSING.every((key) => !Object.hasOwn(first, key));
  return { arms, seeds, sweep: isOne ? first : shortened };
}

/** Grids that have exactly these points between them, no point twice. */
function crossing(points: readonly Point[], [key, ...rest]: readonly string[]): Grid[] {
  if (key === undefined) return [{}];
  const byValue = new Map<string, Point[]>();
  for (const point of points) {
    const text = canonicalJson(point[key]);
    byValue.set(text, [...(byValue.get(text) ?? []), point]);
  }
  const groups = new Map<string, { values: unknown[]; grids: readonly Grid[] }>();
  for (const own of byValue.values()) {
    const grids = crossing(own, rest);
    const text = canonicalJson(grids);
    const group = groups.get(text) ?? { values: [], grids };
    group.values.push(own[0][key]);
    groups.set(text, group);
  }
  return [...groups.values()].flatMap(({ values, grids }) => grids.map((grid) => ({ [key]: values, ...grid })));
}

function valueAt(part: unknown, keys: readonly string[]): unknown {
  if (keys.length === 0) return part;
  const [key, ...rest] = keys;
  const isMap = typeof part === "object" && part !== null && Object.hasOwn(part, key);
  return isMap ? valueAt((part as Record<string, unknown>)[key], rest) : undefined;
}

/** What determines the cells at a point, beside arm, seed and engine. */
function keyOf({ arms: _arms, seeds: _seeds, about: _about, name: _name, sweep: _sweep, ...rest }: Scenario): string {
  return canonicalJson(rest);
}

function keyAt(scenario: Scenario, point: Point): string | undefined {
  try {
    return keyOf(withChange(scenario, point, "sweep"));
  } catch (error) {
    // A point that this version refuses: none of its points can be that one.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
