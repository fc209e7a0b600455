import { dirname, isAbsolute, join, normalize } from "node:path";
import { UserError } from "../core/errors.ts";
import { canonicalJson, sha256 } from "../core/hash.ts";
import { suggest } from "../core/suggest.ts";
import { buildWorld } from "./build.ts";
import { isKeyPath, schemaProblems, unknownKey } from "./explain.ts";
import { ARM_NAMES, type Scenario, scenarioSchema } from "./schema.ts";
import {
  getAt,
  listOf,
  type MapTree,
  merge,
  oneLine,
  type Place,
  type Problem,
  parseTree,
  placeOfKey,
  setAt,
  show,
  showPath,
  type Tree,
  toPlain,
  toTree,
  toUserError,
  without,
} from "./tree.ts";

/** Reads a UTF-8 text. @throws UserError `<path>: no such file` and the like. */
type ReadText = (path: string) => string;

export interface LoadOptions {
  readonly path: string;
  readonly readText: ReadText;
  /** `--set` options, `key.path=value`, the value in YAML; later ones win. */
  readonly set?: readonly string[];
  /**
   * `keep` (default): setting a swept key replaces its values. `ignore`: there is no sweep, so setting one sets it; for
   * commands that look at one point only (eval, solve, levels).
   */
  readonly sweep?: "keep" | "ignore";
}

export interface LoadedScenario {
  readonly scenario: Scenario;
  /** {@link hashScenario} of it. */
  readonly hash: string;
  /** The file, as it was named. */
  readonly path: string;
}

/** One point of the sweep: the values of the swept keys, and the scenario that has them. */
export interface SweepPoint {
  readonly point: Readonly<Record<string, unknown>>;
  readonly scenario: Scenario;
}

const LARGEST_FILE = 1_000_000;
const LONGEST_CHAIN = 8;
const MOST_POINTS = 10_000;
/** Points beyond which only single values and shifts are checked at loading, not each of their combinations. */
const MOST_CHECKED_COMBINATIONS = 1000;
const MOST_SEEDS = 10_000;
const LARGEST_SEED = 2 ** 31;

/** What a test distribution may change: the rest is over when training is. */
const SHIFTED = ["world", "oversight", "goals", "discount", "evaluation"];
/** What makes no sense as an axis of an experiment. */
const UNSWEPT = ["extends", "name", "about", "arms", "seeds", "shift", "sweep", "primary"];

/**
 * Read a scenario file: its bases (`extends`), then itself, then `--set`, checked as a whole.
 *
 * @throws UserError with all problems, one line each (a hint may follow, indented): `file:line:column: ...` or `--set k=v: ...`.
 */
export function loadScenario({ path, readText, set = [], sweep = "keep" }: LoadOptions): LoadedScenario {
  let tree = readChain(path, readText, []);
  const ignored = sweep === "ignore" ? tree.entries.get("sweep") : undefined;
  if (ignored) tree = without(tree, "sweep");
  for (const option of set) tree = applyOption(tree, option);
  const scenario = check(ignored && !tree.entries.has("sweep") ? setAt(tree, ["sweep"], ignored) : tree);
  const loaded = sweep === "ignore" ? { ...scenario, sweep: {} } : scenario;
  return { scenario: loaded, hash: hashScenario(loaded), path };
}

/** SHA-256 (hex) of what determines the results of a cell beside its arm, seed and point of the sweep. */
export function hashScenario(scenario: Scenario): string {
  const { seeds: _seeds, arms: _arms, sweep: _sweep, about: _about, ...rest } = scenario;
  return sha256(canonicalJson(rest));
}

/** The scenario under one of its shifts. @throws UserError when it has no such shift. */
export function withShift(scenario: Scenario, shiftName: string): Scenario {
  const change = Object.hasOwn(scenario.shift, shiftName) ? scenario.shift[shiftName] : undefined;
  if (change === undefined) {
    const names = Object.keys(scenario.shift);
    const meant = suggest(shiftName, names);
    throw new UserError(
      `unknown shift ${oneLine(shiftName)}${meant === undefined ? "" : `; did you mean ${meant}?`}`,
      names.length > 0
        ? `scenario ${scenario.name} has: ${names.join(", ")}`
        : `scenario ${scenario.name} has no shift`,
    );
  }
  return withChange(scenario, change, `shift ${shiftName}`);
}

/** All points of the sweep, the last key fastest; one point, `{}`, where nothing is swept. */
export function expandSweep(scenario: Scenario): SweepPoint[] {
  return crossed(scenario.sweep).map((point) => ({
    point,
    scenario: { ...withChange(scenario, point, "sweep"), sweep: {} },
  }));
}

/** The seeds of a scenario: `20` stands for 0, 1, ..., 19. */
export function listSeeds(seeds: Scenario["seeds"]): number[] {
  return typeof seeds === "number" ? Array.from({ length: seeds }, (_, seed) => seed) : [...seeds];
}

/** `--seeds`: `20` (how many), `0..19` (a range, both ends in it), `0,3,7` (which), or ranges and numbers by commas. */
export function parseSeeds(text: string): number[] {
  const refuse = (): never => {
    throw new UserError(
      `--seeds ${oneLine(text)}: expected how many (20), a range (0..19) or a list (0,3,7)`,
      `seeds are integers in [0, ${LARGEST_SEED}], at most ${MOST_SEEDS} of them, none twice`,
    );
  };
  if (/^\d+$/.test(text)) {
    const count = Number(text);
    return count >= 1 && count <= MOST_SEEDS ? listSeeds(count) : refuse();
  }
  const seeds: number[] = [];
  for (const part of text.split(",")) {
    const range = /^(\d+)(?:\.\.(\d+))?$/.exec(part.trim());
    if (!range) return refuse();
    const first = Number(range[1]);
    const last = range[2] === undefined ? first : Number(range[2]);
    if (last < first || last > LARGEST_SEED || last - first >= MOST_SEEDS) return refuse();
    for (let seed = first; seed <= last; seed++) seeds.push(seed);
  }
  return seeds.length > MOST_SEEDS || new Set(seeds).size < seeds.length ? refuse() : seeds;
}

/** A file merged onto its bases; `chain` is how it was reached. */
function readChain(path: string, readText: ReadText, chain: readonly string[]): MapTree {
  const own = readFile(path, readText);
  const base = own.entries.get("extends");
  if (!base) return own;
  const fail = (message: string, hint?: string): never => {
    throw toUserError([{ place: base.value.place, message, hint }]);
  };
  const name = toPlain(base.value);
  if (typeof name !== "string" || name === "") {
    return fail(`extends is ${show(name)}, expected the path of a scenario file, relative to this one`);
  }
  const next = isAbsolute(name) ? normalize(name) : join(dirname(path), name);
  const reached = [...chain, normalize(path)];
  const shown = [...reached, next].map(oneLine).join(" -> ");
  if (reached.includes(next)) return fail(`extends goes in a circle: ${shown}`);
  if (reached.length > LONGEST_CHAIN) return fail(`extends is more than ${LONGEST_CHAIN} files deep: ${shown}`);
  let merged: Tree;
  try {
    merged = merge(readChain(next, readText, reached), without(own, "extends"));
  } catch (error) {
    // A base that cannot be read is this line's fault; what is wrong inside it names its own line.
    if (error instanceof UserError && !startsWithPosition(error.message)) {
      return fail(`extends ${oneLine(name)}: ${error.message}`, error.hint);
    }
    throw error;
  }
  return merged as MapTree;
}

function startsWithPosition(message: string): boolean {
  return /:\d+:\d+: /.test(message.split("\n")[0]);
}

function readFile(path: string, readText: ReadText): MapTree {
  const file = oneLine(path);
  const text = readText(path).replace(/^\ufeff/, "");
  if (text.length > LARGEST_FILE) {
    throw new UserError(`${file}: ${(text.length / 1e6).toFixed(1)} MB, expected a scenario of at most 1 MB`);
  }
  const placeAt = (line: number, column: number): Place => ({
    text: `${file}:${line}:${column}`,
    order: [file, line, column],
  });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what no text file holds
  const binary = /[\u0000-\u0008\u000e-\u001f\ufffd]/.exec(text);
  if (binary) {
    const lines = text.slice(0, binary.index).split("\n");
    const code = binary[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    throw toUserError([
      {
        place: placeAt(lines.length, lines[lines.length - 1].length + 1),
        message: `found the character U+${code}, expected UTF-8 text`,
      },
    ]);
  }
  const tree = parseTree(text, placeAt);
  if (tree === null) throw toUserError([{ place: placeAt(1, 1), message: "the file is empty, expected a scenario" }]);
  if (tree.type !== "map") {
    const found = tree.type === "list" ? "a list" : show(toPlain(tree));
    throw toUserError([{ place: tree.place, message: `found ${found}, expected a map of keys to values` }]);
  }
  return tree;
}

/** One `--set key.path=value`. The keys of `sweep` and of each shift are key paths themselves. */
function applyOption(tree: MapTree, option: string): MapTree {
  const shown = oneLine(option);
  const text = `--set ${shown.length > 80 ? `${shown.slice(0, 77)}...` : shown}`;
  const place: Place = { text, order: ["\uffff", 0, 0] };
  const equals = option.indexOf("=");
  const keys = equals < 0 ? [] : option.slice(0, equals).trim().split(".");
  if (keys.length === 0 || keys.some((key) => key === "")) {
    throw toUserError([
      { place, message: "expected key.path=value", hint: "for example --set oversight.coverage=0.3" },
    ]);
  }
  if (keys[0] === "extends") {
    throw toUserError([
      { place, message: "extends cannot be set", hint: "name the other file, or write one that extends it" },
    ]);
  }
  const value = parseTree(option.slice(equals + 1), () => place) ?? toTree(null, place);
  const path =
    keys[0] === "sweep" && keys.length > 1
      ? ["sweep", keys.slice(1).join(".")]
      : keys[0] === "shift" && keys.length > 2
        ? ["shift", keys[1], keys.slice(2).join(".")]
        : keys;
  const swept = getAt(tree, ["sweep", keys.join(".")]);
  if (swept === undefined) {
    if (path === keys && !isKeyPath(keys)) throw toUserError([{ place, ...unknownKey(keys, toPlain(tree)) }]);
    return setAt(tree, path, { place, value }) as MapTree;
  }
  // A list is one value where the key itself takes lists, else the new list of values.
  const asOne = schemaProblems(setAt(tree, keys, { place, value })).every((problem) => problem.place !== place);
  const values: Tree = value.type === "list" && !asOne ? value : listOf(place, [value]);
  return setAt(tree, ["sweep", keys.join(".")], { place, value: values }) as MapTree;
}

/** The scenario that a tree describes. @throws UserError with all its problems, in the order of the file. */
function check(tree: Tree): Scenario {
  const problems = [...schemaProblems(tree), ...crossProblems(tree), ...variantProblems(tree)];
  if (problems.length > 0) {
    problems.sort((a, b) => compare(a.place.order, b.place.order));
    throw toUserError(problems);
  }
  return scenarioSchema.parse(toPlain(tree));
}

function compare(a: Place["order"], b: Place["order"]): number {
  if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1;
  return a[1] - b[1] || a[2] - b[2];
}

/** What the schema cannot see: names in one part of the scenario that another part defines. */
function crossProblems(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  const keysAt = (...path: string[]): string[] => {
    const part = getAt(tree, path);
    return part?.type === "map" ? [...part.entries.keys()] : [];
  };
  const listAt = (...path: string[]): { name: unknown; place: Place }[] => {
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
  const unknown = (place: Place, what: string, name: string, known: readonly string[]): void => {
    const meant = suggest(name, known);
    problems.push({
      place,
      message: `${what} ${oneLine(name)}${meant === undefined ? "" : `; did you mean ${meant}?`}`,
      hint: known.length > 0 ? `there are: ${known.map(oneLine).join(", ")}` : "there is none",
    });
  };

  const events = eventsOf(tree);
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
    if (goal === "random" || (ARM_NAMES as readonly string[]).includes(goal)) {
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

  const shifts = keysAt("shift");
  const shift = getAt(tree, ["primary", "shift"]);
  const primary = shift === undefined ? "unseen" : toPlain(shift);
  if (typeof primary === "string" && !shifts.includes(primary)) {
    const place = shift?.place ?? placeOfKey(tree, getAt(tree, ["primary"]) ? ["primary"] : ["shift"]);
    unknown(place, "primary.shift names the unknown shift", primary, shifts);
  }
  return problems;
}

/** The events of the world, where its options are right. */
function eventsOf(tree: Tree): readonly string[] | undefined {
  const options = scenarioSchema.shape.world.safeParse(toPlain(getAt(tree, ["world"]) ?? tree));
  return options.success ? buildWorld(options.data).events : undefined;
}

/** What goes wrong once a shift, or a value of the sweep, is applied. */
function variantProblems(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  const known = new Set([...schemaProblems(tree), ...crossProblems(tree)].map((problem) => lineOf(problem)));
  const report = (found: readonly Problem[], context: string): void => {
    for (const problem of found) {
      if (known.has(lineOf(problem))) continue;
      known.add(lineOf(problem));
      problems.push({ ...problem, message: `${context}: ${problem.message}` });
    }
  };
  const tryOn = (changed: Tree, context: string, change: ReadonlyMap<string, { place: Place; value: Tree }>): Tree => {
    let variant = changed;
    for (const [keyPath, entry] of change) {
      try {
        variant = setAt(variant, keyPath.split("."), entry);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        const [message, hint] = error.message.slice(entry.place.text.length + 2).split("\n  ");
        report([{ place: entry.place, message, hint }], context);
      }
    }
    report([...schemaProblems(variant), ...crossProblems(variant)], context);
    return variant;
  };

  const shifts = getAt(tree, ["shift"]);
  const changes: [string, Map<string, { place: Place; value: Tree }>][] = [];
  if (shifts?.type === "map") {
    for (const [name, { value }] of shifts.entries) {
      if (value.type !== "map") continue;
      const right = new Map(
        [...value.entries].filter(([keyPath, entry]) => {
          const found = keyPathProblem(keyPath, tree, entry.place);
          if (!found && !SHIFTED.includes(keyPath.split(".")[0])) {
            report(
              [
                {
                  place: entry.place,
                  message: `${oneLine(keyPath)} cannot be shifted`,
                  hint: `a test distribution may change: ${SHIFTED.join(", ")}`,
                },
              ],
              `shift ${oneLine(name)}`,
            );
            return false;
          }
          if (found) report([found], `shift ${oneLine(name)}`);
          return !found;
        }),
      );
      changes.push([`shift ${oneLine(name)}`, right]);
    }
  }
  for (const [context, change] of changes) {
    const variant = tryOn(tree, context, change);
    const features = featuresOf(tree);
    const shifted = featuresOf(variant);
    if (features !== undefined && shifted !== undefined && features !== shifted) {
      const place =
        [...change].find(([keyPath]) => ["world", "oversight"].includes(keyPath.split(".")[0]))?.[1].place ??
        tree.place;
      report(
        [
          {
            place,
            message: `the observation has ${shifted} features, in training it has ${features}`,
            hint: "a policy can only be tested on observations of the size it was trained on",
          },
        ],
        context,
      );
    }
  }

  const sweep = getAt(tree, ["sweep"]);
  if (sweep?.type !== "map") return problems;
  const axes: [string, readonly Tree[]][] = [];
  for (const [keyPath, { place, value }] of sweep.entries) {
    const found = keyPathProblem(keyPath, tree, place);
    if (found) report([found], "sweep");
    else if (UNSWEPT.includes(keyPath.split(".")[0])) {
      report([{ place, message: `${oneLine(keyPath)} cannot be swept` }], "sweep");
    } else if (value.type === "list") {
      axes.push([keyPath, value.items]);
      const seen = new Set<string>();
      for (const item of value.items) {
        const text = JSON.stringify(toPlain(item));
        if (seen.has(text))
          report([{ place: item.place, message: `${keyPath} has ${show(toPlain(item))} twice` }], "sweep");
        seen.add(text);
      }
    }
  }
  const points = axes.reduce((product, [, values]) => product * values.length, 1);
  if (points > MOST_POINTS) {
    report([{ place: sweep.place, message: `${points} points, expected at most ${MOST_POINTS}` }], "sweep");
  }
  // Each value alone first: a value that is wrong by itself is reported once, not once for each combination.
  const before = problems.length;
  for (const [keyPath, values] of axes) {
    for (const value of values) tryOn(tree, "sweep", new Map([[keyPath, { place: value.place, value }]]));
  }
  if (problems.length > before || points > MOST_CHECKED_COMBINATIONS) return problems;
  for (const combination of cross(axes)) {
    const entries = combination.map(([keyPath, value]): [string, { place: Place; value: Tree }] => [
      keyPath,
      { place: value.place, value },
    ]);
    const variant = tryOn(tree, "sweep", new Map(entries));
    for (const [context, change] of changes) tryOn(variant, context, change);
  }
  return problems;
}

function lineOf({ place, message }: Problem): string {
  return `${place.text}: ${message}`;
}

function keyPathProblem(keyPath: string, tree: Tree, place: Place): Problem | undefined {
  const keys = keyPath.split(".");
  return isKeyPath(keys) ? undefined : { place, ...unknownKey(keys, toPlain(tree)) };
}

/** Features of the policy's observation, visible marks included, where world and oversight are right. */
function featuresOf(tree: Tree): number | undefined {
  const options = scenarioSchema.shape.world.safeParse(toPlain(getAt(tree, ["world"]) ?? tree));
  const oversight = scenarioSchema.shape.oversight.safeParse(toPlain(getAt(tree, ["oversight"]) ?? tree));
  if (!options.success || !oversight.success) return undefined;
  const { features, height, width } = buildWorld(options.data);
  return features + (oversight.data.visible ? height * width : 0);
}

/** Every combination of one value of each axis, the last axis fastest. */
function cross<T>(axes: readonly (readonly [string, readonly T[]])[]): [string, T][][] {
  let combinations: [string, T][][] = [[]];
  for (const [key, values] of axes) {
    combinations = combinations.flatMap((rest) => values.map((value): [string, T][] => [...rest, [key, value]]));
  }
  return combinations;
}

function crossed(sweep: Scenario["sweep"]): Record<string, unknown>[] {
  return cross(Object.entries(sweep)).map((point) => Object.fromEntries(point));
}

/** A scenario with some key paths changed, checked again. */
function withChange(scenario: Scenario, change: Readonly<Record<string, unknown>>, context: string): Scenario {
  const place: Place = { text: `scenario ${scenario.name}, ${context}`, order: ["", 0, 0] };
  let tree = toTree({ ...scenario, shift: {}, sweep: {}, primary: {} }, place);
  for (const [keyPath, value] of Object.entries(change)) {
    tree = setAt(tree, keyPath.split("."), { place, value: toTree(value, place) });
  }
  const problems = schemaProblems(tree);
  if (problems.length > 0) throw toUserError(problems);
  const { shift, sweep, primary } = scenario;
  return { ...scenarioSchema.parse(toPlain(tree)), shift, sweep, primary };
}
