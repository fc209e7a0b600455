import { UserError } from "../core/errors.ts";
import { canonicalJson } from "../core/hash.ts";
import { Stream } from "../core/random.ts";
import { suggest } from "../core/suggest.ts";
import { describePlanes, observedFeatures } from "../envs/observe.ts";
import type { World, WorldOptions } from "../envs/world.ts";
import { createWorld } from "../envs/worlds/table.ts";
import { ARMS } from "../routing/arms/table.ts";
import { readyFor } from "./defaults.ts";
import {
  type Entry,
  getAt,
  gridTrees,
  type MapTree,
  oneLine,
  type Problem,
  placeOfKey,
  setAt,
  show,
  showPath,
  type TextPlace,
  type Tree,
  textPlaceOf,
  toPlain,
} from "./located-tree.ts";
import { quirksOf } from "./loop-options.ts";
import { isKeyPath, schemaProblems, unknownKey } from "./messages.ts";
import { scenarioSchema, TRAINING } from "./schema.ts";

/*
 * What is checked of a scenario beyond its schema: that the names in one part are defined in another, and that it stays
 * right under each shift and at each point of the sweep, so that nothing is found out after the training.
 */

const MOST_POINTS = 10_000;
/** Points beyond which single values and shifts are checked, but not each of their combinations. */
const MOST_CHECKED_COMBINATIONS = 1000;

/** What a test distribution may change: the rest is over when training is. */
const SHIFTED: readonly string[] = ["world", "oversight", "goals", "discount", "evaluation"];
/** What makes no sense as an axis of an experiment. */
const UNSWEPT: readonly string[] = ["name", "about", "arms", "seeds", "shift", "sweep", "primary"];

/** Key path -> the value to put there. */
type Change = ReadonlyMap<string, Entry>;

/** All that is wrong with a scenario. */
export function scenarioProblems(tree: Tree): Problem[] {
  const checks = new VariantChecks([...schemaProblems(tree), ...crossProblems(tree)]);
  checks.levels(tree);
  const shifts = shiftsOf(tree, checks);
  for (const [context, shift] of shifts) checkShift(tree, context, shift, checks);
  checkSweep(tree, shifts, checks);
  return checks.problems;
}

/** Collects problems; one that the scenario has by itself, or that was reported before, is not said again. */
class VariantChecks {
  readonly problems: Problem[];
  private readonly known: Set<string>;
  /** Worlds that have been looked into, by their options: what is said where one has no level. */
  private readonly worlds = new Map<string, UserError | undefined>();

  constructor(own: readonly Problem[]) {
    this.problems = [...own];
    this.known = new Set(own.map(lineOf));
  }

  report(problem: Problem, context: string): void {
    if (this.known.has(lineOf(problem))) return;
    this.known.add(lineOf(problem));
    this.problems.push({ ...problem, message: `${context}: ${problem.message}` });
  }

  /** Report what is wrong with the changed scenario, and return it. */
  apply(tree: Tree, change: Change, context: string): Tree {
    let variant = tree;
    for (const [keyPath, entry] of parentsFirst(change)) {
      try {
        variant = setAt(readyFor(variant, keyPath), keyPath.split("."), entry);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        // No map to change: the schema accepts the key path, so something above it is wrong and was reported.
        if (this.problems.length === 0) throw error;
      }
    }
    for (const problem of [...schemaProblems(variant), ...crossProblems(variant)]) this.report(problem, context);
    return variant;
  }

  /** Report a world without a level: it would be found out when a cell is trained. */
  levels(tree: Tree, place?: TextPlace, context?: string): void {
    const part = getAt(tree, ["world"]);
    const options = scenarioSchema.shape.world.safeParse(part && toPlain(part));
    if (part === undefined || !options.success) return;
    const text = canonicalJson(options.data);
    const none = this.worlds.has(text) ? this.worlds.get(text) : withoutLevel(options.data);
    this.worlds.set(text, none);
    if (none === undefined) return;
    const problem = { place: place ?? part.place, message: none.message, hint: none.hint };
    if (context === undefined) this.problems.push(problem);
    else this.report(problem, context);
  }
}

/** The error of a world that has no level. */
function withoutLevel(options: WorldOptions): UserError | undefined {
  try {
    createWorld(options).sample(new Stream(0, "level"));
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

function lineOf({ place, message }: Problem): string {
  return `${place.text}: ${message}`;
}

/** The shifts as changes, each with the words that lead its messages; key paths that are wrong are reported and left out. */
function shiftsOf(tree: Tree, checks: VariantChecks): (readonly [string, Change])[] {
  const part = getAt(tree, ["shift"]);
  if (part?.type !== "map") return [];
  return [...part.entries].map(([name, { value }]) => {
    const context = `shift ${oneLine(name)}`;
    const change = new Map<string, Entry>();
    for (const [keyPath, entry] of value.type === "map" ? value.entries : []) {
      const problem = keyPathProblem(keyPath, tree, entry.place);
      if (problem) checks.report(problem, context);
      else if (SHIFTED.includes(keyPath.split(".")[0])) change.set(keyPath, entry);
      else {
        const hint = `a test distribution may change: ${SHIFTED.join(", ")}`;
        checks.report({ place: entry.place, message: `${oneLine(keyPath)} cannot be shifted`, hint }, context);
      }
    }
    for (const problem of contradictionsIn(change)) checks.report(problem, context);
    return [context, change];
  });
}

function checkShift(tree: Tree, context: string, shift: Change, checks: VariantChecks): void {
  const shiftedTree = checks.apply(tree, shift, context);
  const cause = [...shift].find(([keyPath]) => /^(world|oversight)\b/.test(keyPath));
  const place = cause?.[1].place ?? tree.place;
  checks.levels(shiftedTree, place, context);
  const trained = featuresOf(tree);
  const shifted = featuresOf(shiftedTree);
  if (trained === undefined || shifted === undefined) return;
  if (trained !== shifted) {
    const message = `the observation has ${shifted} features, in training it has ${trained}`;
    const hint = "a policy can only be tested on observations of the size it was trained on";
    checks.report({ place, message, hint }, context);
    return;
  }
  const [seen, seenInTraining] = [shiftedTree, tree].map((variant) => {
    const world = worldOf(variant);
    return world && describePlanes(world);
  });
  if (seen === seenInTraining) return;
  const message = `the observation shows ${seen}, in training it shows ${seenInTraining}`;
  checks.report({ place, message, hint: "a policy can only be tested on what it was trained to read" }, context);
}

function checkSweep(tree: Tree, shifts: readonly (readonly [string, Change])[], checks: VariantChecks): void {
  const sweep = getAt(tree, ["sweep"]);
  if (sweep === undefined) return;
  const grids = gridTrees(tree).map((grid) => axesOf(tree, grid, sweep.type === "list", checks));
  const points = grids.reduce((sum, axes) => sum + axes.reduce((product, [, values]) => product * values.length, 1), 0);
  if (points > MOST_POINTS) {
    checks.report({ place: sweep.place, message: `${points} points, expected at most ${MOST_POINTS}` }, "sweep");
  }
  // Each value alone first: one that is wrong by itself is reported once, not once for each combination.
  const before = checks.problems.length;
  for (const [keyPath, values] of grids.flat()) {
    const seen = new Map<string, TextPlace>();
    for (const entry of values) {
      const text = JSON.stringify(toPlain(entry.value));
      const first = seen.get(text);
      if (first !== undefined) {
        const message = `${keyPath} has ${oneLine(text)} twice`;
        checks.report({ place: entry.place, message, hint: `first at ${first.text}` }, "sweep");
      } else seen.set(text, entry.place);
      checks.apply(tree, new Map([[keyPath, entry]]), "sweep");
    }
  }
  if (checks.problems.length > before || points > MOST_CHECKED_COMBINATIONS) return;
  const known = new Map<string, Change>();
  for (const point of grids.flatMap(crossAxes)) {
    const change = new Map(point);
    const contradictions = contradictionsIn(change);
    for (const problem of contradictions) checks.report(problem, "sweep");
    if (contradictions.length > 0) continue;
    const variant = checks.apply(tree, change, "sweep");
    const cause = point.find(([keyPath]) => /^world\b/.test(keyPath));
    if (cause !== undefined) checks.levels(variant, cause[1].place, "sweep");
    for (const [context, shift] of shifts) checkShift(variant, context, shift, checks);
    const resolved = scenarioSchema.safeParse(toPlain(variant));
    if (!resolved.success) continue;
    const text = canonicalJson(resolved.data);
    const problem = coincidence(known.get(text), change);
    if (problem) checks.report(problem, "sweep");
    if (!known.has(text)) known.set(text, change);
  }
}

/** The axes of one map of swept keys; what cannot be one is reported and left out. */
function axesOf(tree: Tree, grid: MapTree, isListed: boolean, checks: VariantChecks): [string, readonly Entry[]][] {
  return [...grid.entries].flatMap(([keyPath, { place, value }]): [string, readonly Entry[]][] => {
    if (isListed && (keyPath === "arms" || keyPath === "seeds")) {
      checkChoice(tree, keyPath, value, checks);
      return [];
    }
    const problem = keyPathProblem(keyPath, tree, place);
    if (problem) checks.report(problem, "sweep");
    else if (UNSWEPT.includes(keyPath.split(".")[0])) {
      checks.report({ place, message: `${oneLine(keyPath)} cannot be swept` }, "sweep");
    } else if (value.type === "list") {
      return [[keyPath, value.items.map((item) => ({ place: item.place, value: item }))]];
    }
    return [];
  });
}

/** `arms` and `seeds` of a map in a list of sweeps choose from those of the scenario. */
function checkChoice(tree: Tree, key: "arms" | "seeds", chosen: Tree, checks: VariantChecks): void {
  const whole = scenarioSchema.shape[key].safeParse(toPlain(getAt(tree, [key]) ?? chosen));
  if (!whole.success || chosen.type !== "list") return;
  const all: readonly unknown[] =
    typeof whole.data === "number" ? Array.from({ length: whole.data }, (_, seed) => seed) : whole.data;
  for (const item of chosen.items) {
    const value = toPlain(item);
    if (all.includes(value)) continue;
    const message = `${key} has ${show(value)}, which is not among the scenario's ${key}`;
    checks.report({ place: item.place, message, hint: `they are: ${all.slice(0, 20).join(", ")}` }, "sweep");
  }
}

/**
 * Keys of one change that say different things: a map, and another value for a key inside it. Where both say the same, or the map says
 * nothing of the key, there is nothing to decide.
 */
function contradictionsIn(change: Change): Problem[] {
  return [...change].flatMap(([keyPath, { place, value }]) =>
    [...change].flatMap(([above, entry]): Problem[] => {
      if (!keyPath.startsWith(`${above}.`)) return [];
      const inside = keyPath.slice(above.length + 1).split(".");
      const there = valueInside(entry.value, inside);
      if (there === undefined || canonicalJson(there) === canonicalJson(toPlain(value))) return [];
      return [
        {
          place,
          message: `${oneLine(keyPath)} is ${show(toPlain(value))}, but ${oneLine(above)} has ${show(there)} there (${entry.place.text})`,
          hint: "give the value in one of the two places",
        },
      ];
    }),
  );
}

/** What a tree has at a path, or what ends the path before; undefined where a map on the way does not name the key. */
function valueInside(tree: Tree, path: readonly string[]): unknown {
  const [key, ...rest] = path;
  if (key === undefined || tree.type !== "map") return toPlain(tree);
  const entry = tree.entries.get(key);
  return entry && valueInside(entry.value, rest);
}

/** What is wrong with two points that come to the same scenario though they give one key two values. */
function coincidence(before: Change | undefined, change: Change): Problem | undefined {
  for (const [keyPath, { place, value }] of before === undefined ? [] : change) {
    const other = before?.get(keyPath);
    const [text, otherText] = [show(toPlain(value)), other && show(toPlain(other.value))];
    if (other === undefined || canonicalJson(toPlain(value)) === canonicalJson(toPlain(other.value))) continue;
    const message = `${keyPath} ${text} and ${otherText} (${other.place.text}) come to the same scenario`;
    return { place, message, hint: "each point is a cell of its own for every arm and seed: leave one of them out" };
  }
  return undefined;
}

/** Changes by key path, each before those inside it: what is written first must not decide what holds. */
export function parentsFirst<T>(changes: Iterable<readonly [string, T]>): (readonly [string, T])[] {
  const depth = (keyPath: string) => keyPath.split(".").length;
  return [...changes].sort(([a], [b]) => depth(a) - depth(b));
}

/** Every combination of one value of each axis, the last axis fastest. */
export function crossAxes<T>(axes: readonly (readonly [string, readonly T[]])[]): [string, T][][] {
  let combinations: [string, T][][] = [[]];
  for (const [key, values] of axes) {
    combinations = combinations.flatMap((rest) => values.map((value): [string, T][] => [...rest, [key, value]]));
  }
  return combinations;
}

function keyPathProblem(keyPath: string, tree: Tree, place: TextPlace): Problem | undefined {
  const keys = keyPath.split(".");
  return isKeyPath(keys) ? undefined : { place, ...unknownKey(keys, toPlain(tree)) };
}

/** The world, where its options are right. */
function worldOf(tree: Tree): World | undefined {
  const part = getAt(tree, ["world"]);
  const options = scenarioSchema.shape.world.safeParse(part && toPlain(part));
  return options.success ? createWorld(options.data) : undefined;
}

/** Features of the policy's observation, visible marks included, where world and oversight are right. */
function featuresOf(tree: Tree): number | undefined {
  const world = worldOf(tree);
  const part = getAt(tree, ["oversight"]);
  const oversight = scenarioSchema.shape.oversight.safeParse(part && toPlain(part));
  if (!world || !oversight.success) return undefined;
  return observedFeatures(world, oversight.data.visible);
}

/** What the schema cannot see: names in one part of the scenario that another part defines. */
function crossProblems(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  const keysAt = (...path: string[]): string[] => {
    const part = getAt(tree, path);
    return part?.type === "map" ? [...part.entries.keys()] : [];
  };
  const listAt = (...path: string[]): { name: unknown; place: TextPlace }[] => {
    const part = getAt(tree, path);
    return part?.type === "list" ? part.items.map((item) => ({ name: toPlain(item), place: item.place })) : [];
  };
  const twice = (path: readonly string[], word: string): void => {
    const seen = new Set<unknown>();
    for (const { name, place } of listAt(...path)) {
      if (seen.has(name)) problems.push({ place, message: `${showPath(path)} names ${word} ${show(name)} twice` });
      seen.add(name);
    }
  };
  const unknown = (place: TextPlace, what: string, name: string, known: readonly string[]): void => {
    const meant = suggest(name, known);
    problems.push({
      place,
      message: `${what} ${oneLine(name)}${meant === undefined ? "" : `; did you mean ${meant}?`}`,
      hint: known.length > 0 ? `there are: ${known.map(oneLine).join(", ")}` : "there is none",
    });
  };

  const events = worldOf(tree)?.events;
  const goals = keysAt("goals");
  if (getAt(tree, ["goals"])?.type === "map") {
    for (const needed of ["true", "proxy"]) {
      if (!goals.includes(needed)) {
        problems.push({
          place: placeOfKey(tree, ["goals"]),
          message: `goals has no goal ${needed}, expected true and proxy`,
          hint: "true: the goal that is meant; proxy: the one that anyone can see",
        });
      }
    }
  }
  for (const goal of goals) {
    const place = placeOfKey(tree, ["goals", goal]);
    if (goal === "random" || ARMS.has(goal)) {
      problems.push({
        place,
        message: `goals.${goal} has the name of ${goal === "random" ? "a policy" : "an arm"}, expected another name`,
        hint: "eval --policy tells goals and arms apart by their names",
      });
    }
    for (const event of keysAt("goals", goal)) {
      if (events && !events.includes(event)) {
        unknown(
          placeOfKey(tree, ["goals", goal, event]),
          `goals.${oneLine(goal)} names the unknown event`,
          event,
          events,
        );
      }
    }
  }
  const routes = getAt(tree, ["routes"]);
  if (routes?.type === "map" && routes.entries.size === 0) {
    problems.push({
      place: routes.place,
      message: "routes is {}, expected at least one label",
      hint: "routes: label (an event) -> modules that may learn from it",
    });
  }
  const modules = listAt("agent", "modules").flatMap(({ name }) => (typeof name === "string" ? [name] : []));
  for (const label of keysAt("routes")) {
    if (events && !events.includes(label)) {
      unknown(placeOfKey(tree, ["routes", label]), "routes has the label of an unknown event", label, events);
    }
    for (const { name, place } of listAt("routes", label)) {
      if (typeof name === "string" && modules.length > 0 && !modules.includes(name)) {
        unknown(place, `routes.${oneLine(label)} names the unknown module`, name, modules);
      }
    }
    twice(["routes", label], "module");
  }
  twice(["agent", "modules"], "module");
  twice(["arms"], "arm");
  twice(["seeds"], "seed");

  problems.push(...trunkProblems(tree));

  const shifts = keysAt("shift");
  const shift = getAt(tree, ["primary", "shift"]);
  const primary = shift === undefined ? "unseen" : toPlain(shift);
  if (shifts.includes(TRAINING)) {
    const place = placeOfKey(tree, ["shift", TRAINING]);
    problems.push({ place, message: `shift.${TRAINING} has the name of the scenario's own distribution` });
  }
  if (typeof primary === "string" && primary !== TRAINING && !shifts.includes(primary)) {
    const place = shift?.place ?? placeOfKey(tree, getAt(tree, ["primary"]) ? ["primary"] : ["shift"]);
    unknown(place, "primary.shift names the unknown shift", primary, shifts);
  }
  return problems;
}

/** Whether the convolutions of `agent.conv` fit what the world shows, and whether they stand alone. */
function trunkProblems(tree: Tree): Problem[] {
  const part = getAt(tree, ["agent", "conv"]);
  const conv = scenarioSchema.shape.agent.shape.conv.safeParse(part && toPlain(part));
  const world = worldOf(tree);
  if (part === undefined || !conv.success || conv.data === undefined || world === undefined) return [];
  const problems: Problem[] = [];
  let sizes: readonly [number, number] = [world.planeHeight, world.planeWidth];
  for (const [depth, { kernel, stride = 1 }] of conv.data.entries()) {
    const [height, width] = sizes;
    if (kernel > Math.min(height, width)) {
      problems.push({
        place: textPlaceOf(tree, ["agent", "conv", depth, "kernel"]),
        message: `agent.conv[${depth}].kernel is ${kernel}, expected at most ${Math.min(height, width)}`,
        hint: `it reads ${height} rows and ${width} columns`,
      });
      break;
    }
    sizes = [Math.floor((height - kernel) / stride) + 1, Math.floor((width - kernel) / stride) + 1];
  }
  const train = getAt(tree, ["train"]);
  const options = scenarioSchema.shape.train.safeParse(train && toPlain(train));
  if (options.success && quirksOf(options.data).has("linearCritic")) {
    problems.push({
      place: textPlaceOf(tree, ["train", "quirks"]),
      message: "train.quirks has linearCritic beside agent.conv, expected one of the two",
      hint: "a convolution of agent.conv has a ReLU, so no critic behind it is linear",
    });
  }
  for (const key of ["gateConv", "criticConv"]) {
    const channels = getAt(tree, ["agent", key]);
    if (channels === undefined || toPlain(channels) === 0) continue;
    problems.push({
      place: placeOfKey(tree, ["agent", key]),
      message: `agent.${key} stands beside agent.conv, expected one of the two`,
      hint: "agent.conv is a trunk of convolutions with ReLU for every network; gateConv and criticConv are linear 1x1 ones",
    });
  }
  return problems;
}
