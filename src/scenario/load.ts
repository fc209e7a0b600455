import { dirname, isAbsolute, join, normalize } from "node:path";
import { UserError } from "../core/errors.ts";
import { canonicalJson, sha256 } from "../core/hash.ts";
import { suggest } from "../core/suggest.ts";
import { readyFor } from "./defaults.ts";
import {
  getAt,
  gridTrees,
  listOf,
  type MapTree,
  merge,
  oneLine,
  setAt,
  show,
  type TextPlace,
  type Tree,
  toPlain,
  toTree,
  toUserError,
  without,
} from "./located-tree.ts";
import { parseTree } from "./located-yaml.ts";
import { isKeyPath, schemaProblems, unknownKey } from "./messages.ts";
import { type Bring, broughtKinds } from "./own-kinds.ts";
import { type Scenario, scenarioSchema, TRAINING } from "./schema.ts";
import { parentsFirst, scenarioProblems } from "./validation.ts";

/** Reads a UTF-8 text. @throws UserError `<path>: no such file` and the like. */
type ReadText = (path: string) => string;

export interface LoadOptions extends Adjustments {
  readonly path: string;
  readonly readText: ReadText;
}

interface Adjustments {
  /** How files that are named as kinds are brought; where it is left out, they are refused. */
  readonly bring?: Bring;
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

const LARGEST_FILE = 1_000_000;
const LONGEST_CHAIN = 8;
const MOST_SEEDS = 10_000;
const LARGEST_SEED = 2 ** 31;

/**
 * Read a scenario file: its bases (`extends`), then itself, then `--set`, checked as a whole.
 *
 * @throws UserError with all problems, one line each (a hint may follow, indented): `file:line:column: ...` or `--set k=v: ...`.
 */
export function loadScenario({ path, readText, ...adjustments }: LoadOptions): LoadedScenario {
  return adjusted(readChain(path, readText, []), path, adjustments);
}

/**
 * The scenario that a file of ours holds as JSON (a checkpoint, a manifest, an episode file), checked by the rules for one that a person
 * wrote. `path` is what messages call the file.
 *
 * @throws UserError with all problems, one line each: `path: ...` or `--set k=v: ...`.
 */
export function loadStoredScenario(json: unknown, path: string, adjustments: Adjustments = {}): LoadedScenario {
  return adjusted(asMap(toTree(json, { text: oneLine(path), order: [path, 0, 0] })), path, adjustments);
}

function adjusted(
  given: MapTree,
  path: string,
  { set = [], sweep = "keep", bring = noCode }: Adjustments,
): LoadedScenario {
  let tree = given;
  const ignored = sweep === "ignore" ? tree.entries.get("sweep") : undefined;
  if (ignored) tree = without(tree, "sweep");
  const refused: UserError[] = [];
  for (const option of set) {
    try {
      tree = applyOption(tree, option);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      refused.push(error);
    }
  }
  // A file is relative to the one that names it; on the command line, to the scenario.
  const folderOf = (place: TextPlace) => (name: string) =>
    join(dirname(place.order[1] > 0 ? place.order[0] : path), name);
  tree = broughtKinds(tree, folderOf, bring) as MapTree;
  if (refused.length > 0) throw togetherWith(tree, refused);
  const scenario = check(ignored && !tree.entries.has("sweep") ? setAt(tree, ["sweep"], ignored) : tree);
  const loaded = sweep === "ignore" ? { ...scenario, sweep: {} } : scenario;
  return { scenario: loaded, hash: hashScenario(loaded), path };
}

/** What a scenario cannot do unless it is given a way. */
const noCode: Bring = () => {
  throw new UserError("this is code, and none may be brought here");
};

/** SHA-256 (hex) of what determines the results of a cell beside its arm, seed and point of the sweep. */
export function hashScenario(scenario: Scenario): string {
  return sha256(canonicalJson(determining(scenario)));
}

/** A scenario without what may grow (arms, seeds, sweep), and without what is said of it. */
export function determining(scenario: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { seeds: _seeds, arms: _arms, sweep: _sweep, about: _about, ...rest } = scenario;
  return rest;
}

/** The scenario under one of its shifts; under `training` as it is. @throws UserError when it has no such shift. */
export function withShift(scenario: Scenario, shiftName: string): Scenario {
  if (shiftName === TRAINING) return scenario;
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

/** The seeds of a scenario: `20` stands for 0, 1, ..., 19. */
export function listSeeds(seeds: Scenario["seeds"]): number[] {
  return typeof seeds === "number" ? Array.from({ length: seeds }, (_, seed) => seed) : [...seeds];
}

/** `--seeds`: `20` (how many), `0..19` (a range, both ends in it), `0,3,7` (which), or ranges and numbers by commas. */
export function parseSeeds(given: string): number[] {
  // Blanks are no mistake at the ends, around a comma or around the dots.
  const text = given.trim().replace(/\s*(,|\.\.)\s*/g, "$1");
  const refuse = (): never => {
    throw new UserError(
      `--seeds ${oneLine(given)}: expected how many (20), a range (0..19) or a list (0,3,7)`,
      `seeds are integers in [0, ${LARGEST_SEED}], at most ${MOST_SEEDS} of them, none twice`,
    );
  };
  if (/^\d+$/.test(text)) {
    const count = Number(text);
    return count >= 1 && count <= MOST_SEEDS ? listSeeds(count) : refuse();
  }
  const seeds: number[] = [];
  for (const part of text.split(",")) {
    const range = /^(\d+)(?:\.\.(\d+))?$/.exec(part);
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
  const placeAt = (line: number, column: number): TextPlace => ({
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
  return asMap(tree);
}

function asMap(tree: Tree): MapTree {
  if (tree.type === "map") return tree;
  const found = tree.type === "list" ? "a list" : show(toPlain(tree));
  throw toUserError([{ place: tree.place, message: `found ${found}, expected a map of keys to values` }]);
}

/** One `--set key.path=value`. The keys of `sweep` and of each shift are key paths themselves. */
function applyOption(tree: MapTree, option: string): MapTree {
  const shown = oneLine(option);
  const text = `--set ${shown.length > 80 ? `${shown.slice(0, 77)}...` : shown}`;
  const place: TextPlace = { text, order: ["\uffff", 0, 0] };
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
  if (keys[0] === "sweep" || keys[0] === "shift") return setAt(tree, path, { place, value }) as MapTree;
  refuseOverruled(tree, keys, place);
  const key = keys.join(".");
  const grids = gridTrees(tree);
  const sweeping = grids.filter((grid) => grid.entries.has(key));
  if (sweeping.length === 0 && !isKeyPath(keys)) throw toUserError([{ place, ...unknownKey(keys, toPlain(tree)) }]);
  const changed = setAt(tree, keys, { place, value }) as MapTree;
  if (sweeping.length === 0) return changed;
  // A list is one value where the key itself takes lists, else the new list of values.
  const asOne = schemaProblems(changed).every((problem) => problem.place !== place);
  const values: Tree = value.type === "list" && !asOne ? value : listOf(place, [value]);
  const resweep = (grid: Tree): Tree =>
    grid.type === "map" && grid.entries.has(key) ? setAt(grid, [key], { place, value: values }) : grid;
  const sweep = getAt(tree, ["sweep"]) ?? grids[0];
  // A grid that does not name the key has its value from the scenario.
  const base = asOne && sweeping.length < grids.length ? changed : tree;
  const swept = sweep.type === "list" ? listOf(sweep.place, sweep.items.map(resweep)) : resweep(sweep);
  return setAt(base, ["sweep"], { place: sweep.place, value: swept }) as MapTree;
}

/** What is wrong with a scenario without the options that were refused, and with those: all in one go. */
function togetherWith(tree: MapTree, refused: readonly UserError[]): UserError {
  const all = [...refused];
  try {
    check(tree);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    all.unshift(error);
  }
  if (all.length === 1) return all[0];
  return new UserError(
    all.map(({ message }) => message).join("\n"),
    undefined,
    all.flatMap(({ problems = [] }) => problems),
  );
}

/** A key inside one that is swept is replaced at every point: setting it would change nothing, and nobody would be told. */
function refuseOverruled(tree: MapTree, keys: readonly string[], place: TextPlace): void {
  for (let length = 1; length < keys.length; length++) {
    const above = keys.slice(0, length).join(".");
    const entry = gridTrees(tree).flatMap((grid) => grid.entries.get(above) ?? [])[0];
    if (entry === undefined) continue;
    throw toUserError([
      {
        place,
        message: `${oneLine(keys.join("."))} is part of ${above}, which the sweep replaces at every point (${entry.place.text})`,
        hint: `set the values of the sweep: --set 'sweep.${above}=[...]'`,
      },
    ]);
  }
}

/** The scenario that a tree describes. @throws UserError with all its problems, in the order of the file. */
function check(tree: Tree): Scenario {
  const problems = scenarioProblems(tree);
  problems.sort((a, b) => compare(a.place.order, b.place.order));
  if (problems.length > 0) throw toUserError(problems);
  return scenarioSchema.parse(toPlain(tree));
}

function compare(a: TextPlace["order"], b: TextPlace["order"]): number {
  if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1;
  return a[1] - b[1] || a[2] - b[2];
}

/**
 * A scenario with some key paths changed, checked again; a key is changed before those inside it, in whatever order they are written.
 *
 * @throws UserError with what is then wrong with it; `context` is what its messages begin with.
 */
export function withChange(scenario: Scenario, change: Readonly<Record<string, unknown>>, context: string): Scenario {
  const place: TextPlace = { text: `scenario ${scenario.name}, ${context}`, order: ["", 0, 0] };
  let tree = toTree({ ...scenario, shift: {}, sweep: {}, primary: {} }, place);
  for (const [keyPath, value] of parentsFirst(Object.entries(change))) {
    tree = setAt(readyFor(tree, keyPath), keyPath.split("."), { place, value: toTree(value, place) });
  }
  const problems = schemaProblems(tree);
  if (problems.length > 0) throw toUserError(problems);
  const { shift, sweep, primary } = scenario;
  return { ...scenarioSchema.parse(toPlain(tree)), shift, sweep, primary };
}
