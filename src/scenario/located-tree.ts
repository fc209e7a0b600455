import { type InputProblem, UserError } from "../core/errors.ts";

/** Where something was written: `text` is `scenarios/apples.yaml:7:24` or `--set oversight.coverage=.3`. */
export interface TextPlace {
  readonly text: string;
  /** Orders the messages: file, line, column. */
  readonly order: readonly [string, number, number];
}

/**
 * A YAML value that knows where each part was written, so that files can be merged and changed and an error still names
 * the line that caused it. Trees are never changed in place: parts are shared between files, shifts and sweeps.
 */
export type Tree = MapTree | ListTree | ScalarTree;

export interface MapTree {
  readonly type: "map";
  readonly place: TextPlace;
  readonly entries: ReadonlyMap<string, Entry>;
  /** Values in it, itself included; aliases count each time. */
  readonly size: number;
}
export interface Entry {
  readonly place: TextPlace;
  readonly value: Tree;
}
interface ListTree {
  readonly type: "list";
  readonly place: TextPlace;
  readonly items: readonly Tree[];
  readonly size: number;
}
export interface ScalarTree {
  readonly type: "scalar";
  readonly place: TextPlace;
  readonly value: unknown;
  readonly size: 1;
}

export const MOST_VALUES = 50_000;
export const DEEPEST = 64;
/** Maps of a scenario whose entries are statements that are not mixed with others. */
const WHOLE: ReadonlySet<string> = new Set(["goals", "routes", "shift"]);
const MOST_PROBLEMS = 100;
/** Names that reach into JavaScript's own objects. */
export const REFUSED_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** A problem with the place that caused it; printed as one line, and one indented line for the hint. */
export interface Problem {
  readonly place: TextPlace;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** One error for all problems, each said once; beyond a hundred they are counted. */
export function toUserError(problems: readonly Problem[]): UserError {
  const told = new Map<string, InputProblem>();
  for (const { place, message, hint } of problems) {
    const text = `${place.text}: ${message}${hint === undefined ? "" : `\n  ${hint}`}`;
    const [file, line, column] = place.order;
    // A place that is not in a text file has its name in the message.
    told.set(
      text,
      line > 0
        ? { file, line, column, message, hint: hint ?? null }
        : { file: null, line: null, column: null, message: `${place.text}: ${message}`, hint: hint ?? null },
    );
  }
  const shown = [...told.keys()].slice(0, MOST_PROBLEMS);
  if (told.size > MOST_PROBLEMS) shown.push(`and ${told.size - MOST_PROBLEMS} more errors`);
  return new UserError(shown.join("\n"), undefined, [...told.values()]);
}

/** Text of others, safe to print on one line: control characters are written as escapes. */
export function oneLine(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

export function nothing(place: TextPlace): ScalarTree {
  return { type: "scalar", place, value: null, size: 1 };
}

function refuseKey(key: string, place: TextPlace): void {
  if (REFUSED_KEYS.has(key)) throw toUserError([{ place, message: `key ${key} is not allowed` }]);
}

/** The tree of a plain value, all of it at one place. @throws UserError when it is nested too deep. */
export function toTree(value: unknown, place: TextPlace, depth = 0): Tree {
  if (depth > DEEPEST) throw toUserError([{ place, message: `nested more than ${DEEPEST} levels deep` }]);
  if (Array.isArray(value)) {
    return listOf(
      place,
      value.map((item) => toTree(item, place, depth + 1)),
    );
  }
  if (typeof value === "object" && value !== null) {
    const entries = new Map<string, Entry>();
    for (const [key, part] of Object.entries(value)) {
      if (part !== undefined) entries.set(key, { place, value: toTree(part, place, depth + 1) });
    }
    return mapOf(place, entries);
  }
  return { type: "scalar", place, value, size: 1 };
}

export function toPlain(tree: Tree): unknown {
  switch (tree.type) {
    case "map":
      return Object.fromEntries([...tree.entries].map(([key, { value }]) => [key, toPlain(value)]));
    case "list":
      return tree.items.map(toPlain);
    case "scalar":
      return tree.value;
    default:
      return tree satisfies never;
  }
}

export function mapOf(place: TextPlace, entries: ReadonlyMap<string, Entry>): MapTree {
  let size = 1;
  for (const { value } of entries.values()) size += value.size;
  return { type: "map", place, entries, size };
}

/** A list of trees. */
export function listOf(place: TextPlace, items: readonly Tree[]): ListTree {
  return { type: "list", place, items, size: items.reduce((sum, item) => sum + item.size, 1) };
}

/** `tree` without some of its keys. */
export function without(tree: MapTree, ...keys: readonly string[]): MapTree {
  return mapOf(tree.place, new Map([...tree.entries].filter(([key]) => !keys.includes(key))));
}

/**
 * `over` on top of `base`: maps are merged key by key, everything else replaces, and so does a map whose `kind` (or `algorithm`) is
 * another one (the old kind's keys mean nothing to it). A goal, a route and a shift are one statement each: those of `over` replace whole.
 */
export function merge(base: Tree, over: Tree, above: readonly string[] = []): Tree {
  if (above.length === 2 && WHOLE.has(above[0])) return over;
  if (base.type !== "map" || over.type !== "map") return over;
  for (const tag of ["kind", "algorithm"]) {
    const kind = over.entries.get(tag);
    const baseKind = base.entries.get(tag);
    if (kind && baseKind && toPlain(kind.value) !== toPlain(baseKind.value)) return over;
  }
  const entries = new Map(base.entries);
  for (const [key, entry] of over.entries) {
    const old = entries.get(key);
    entries.set(key, old ? { place: entry.place, value: merge(old.value, entry.value, [...above, key]) } : entry);
  }
  return mapOf(over.place, entries);
}

/** `tree` with `entry` at a path of keys; maps on the way are made where there is nothing or null. @throws UserError */
export function setAt(tree: Tree, keys: readonly string[], entry: Entry, above: readonly string[] = []): Tree {
  if (keys.length === 0) return entry.value;
  const [key, ...rest] = keys;
  refuseKey(key, entry.place);
  const isNothing = tree.type === "scalar" && tree.value === null;
  if (tree.type !== "map" && !isNothing) {
    const path = above.join(".");
    throw toUserError([
      {
        place: entry.place,
        message: `unknown key ${oneLine([path, ...keys].join("."))}`,
        hint: `${path} is ${show(toPlain(tree))}, not a map`,
      },
    ]);
  }
  const entries = new Map(tree.type === "map" ? tree.entries : []);
  const old = entries.get(key);
  const value = setAt(old?.value ?? toTree({}, entry.place), rest, entry, [...above, key]);
  entries.set(key, { place: old && rest.length > 0 ? old.place : entry.place, value });
  return mapOf(tree.type === "map" ? tree.place : entry.place, entries);
}

/** The maps of swept keys in a scenario: one, or a list of them; none where there is no sweep, or something else in its place. */
export function gridTrees(scenario: Tree): MapTree[] {
  const sweep = getAt(scenario, ["sweep"]);
  const grids = sweep?.type === "list" ? sweep.items : sweep === undefined ? [] : [sweep];
  return grids.flatMap((grid) => (grid.type === "map" ? [grid] : []));
}

/** The part at a path of keys and positions; undefined where there is none. */
export function getAt(tree: Tree, path: readonly PropertyKey[]): Tree | undefined {
  let part: Tree | undefined = tree;
  for (const step of path) {
    if (part?.type === "map") part = part.entries.get(String(step))?.value;
    else if (part?.type === "list") part = part.items[Number(step)];
    else return undefined;
  }
  return part;
}

/** The place of a path's value, or of the deepest part of the path that exists. */
export function textPlaceOf(tree: Tree, path: readonly PropertyKey[]): TextPlace {
  for (let length = path.length; length > 0; length--) {
    const part = getAt(tree, path.slice(0, length));
    if (part) return part.place;
  }
  return tree.place;
}

/** The place of a path's last key. */
export function placeOfKey(tree: Tree, path: readonly PropertyKey[]): TextPlace {
  const parent = getAt(tree, path.slice(0, -1));
  const entry = parent?.type === "map" ? parent.entries.get(String(path[path.length - 1])) : undefined;
  return entry?.place ?? textPlaceOf(tree, path);
}

/** A value as a message shows it: short, on one line. */
export function show(value: unknown): string {
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  return oneLine(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

/** A path as people write it: `train.entropyCoef[0]`. */
export function showPath(path: readonly PropertyKey[]): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else text += `${text === "" ? "" : "."}${oneLine(String(step))}`;
  }
  return text;
}
