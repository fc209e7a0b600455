import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Node as YamlNode } from "yaml";
import { UserError } from "../core/errors.ts";

/** Where something was written: `text` is `scenarios/apples.yaml:7:24` or `--set oversight.coverage=.3`. */
export interface Place {
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
  readonly place: Place;
  readonly entries: ReadonlyMap<string, Entry>;
  /** Values in it, itself included; aliases count each time. */
  readonly size: number;
}
export interface Entry {
  readonly place: Place;
  readonly value: Tree;
}
interface ListTree {
  readonly type: "list";
  readonly place: Place;
  readonly items: readonly Tree[];
  readonly size: number;
}
interface ScalarTree {
  readonly type: "scalar";
  readonly place: Place;
  readonly value: unknown;
  readonly size: 1;
}

const MOST_VALUES = 50_000;
const DEEPEST = 64;
const MOST_SYNTAX_ERRORS = 20;
/** Names that reach into JavaScript's own objects. */
const REFUSED_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** A problem with the place that caused it; printed as one line, and one indented line for the hint. */
export interface Problem {
  readonly place: Place;
  readonly message: string;
  readonly hint?: string | undefined;
}

export function toUserError(problems: readonly Problem[]): UserError {
  const lines = problems.map(
    ({ place, message, hint }) => `${place.text}: ${message}${hint === undefined ? "" : `\n  ${hint}`}`,
  );
  return new UserError(lines.join("\n"));
}

/** Text of others, safe to print on one line: control characters are written as escapes. */
export function oneLine(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * Read a YAML 1.2 text (core schema). Refused, with their place: syntax errors (all of them), duplicate and non-text keys,
 * tags, several documents, aliases that contain themselves or expand to more than 50,000 values.
 *
 * `placeAt` names a position of the text. Returns null when the text holds nothing.
 * @throws UserError
 */
export function parseTree(text: string, placeAt: (line: number, column: number) => Place): Tree | null {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, version: "1.2", schema: "core" });
  const at = (offset: number): Place => {
    const { line, col } = lineCounter.linePos(offset);
    return placeAt(line, col);
  };
  if (document.errors.length > 0) {
    const problems = document.errors.slice(0, MOST_SYNTAX_ERRORS).map(({ code, message, pos }) => ({
      place: at(pos[0]),
      ...inOurWords(code, message, text.slice(pos[0], pos[0] + 100)),
    }));
    throw toUserError(problems);
  }
  if (document.directives?.yaml.explicit && document.directives.yaml.version !== "1.2") {
    throw toUserError([{ place: at(0), message: `YAML version ${document.directives.yaml.version}, expected 1.2` }]);
  }
  return document.contents === null ? null : new Reader(at).read(document.contents, 0);
}

/** What the parser says, with the advice that people need; `rest` is the text from the error on. */
function inOurWords(code: string, message: string, rest: string): Pick<Problem, "message" | "hint"> {
  switch (code) {
    case "TAB_AS_INDENT":
      return { message: "tabs are not allowed as indentation", hint: "indent with spaces" };
    case "DUPLICATE_KEY":
      return {
        message: `duplicate key ${oneLine(rest.split(/[:\r\n]/)[0].trim())}`,
        hint: "each key may stand once in a map",
      };
    case "MULTIPLE_DOCS":
      return { message: "a second document begins here, expected one document in a file" };
    default:
      return { message: `YAML syntax: ${oneLine(message.charAt(0).toLowerCase() + message.slice(1))}` };
  }
}

/** Converts the parser's nodes; anchors are remembered in reading order, so an alias sees the last one before it. */
class Reader {
  private readonly at: (offset: number) => Place;
  private readonly anchors = new Map<string, Tree | "open">();

  constructor(at: (offset: number) => Place) {
    this.at = at;
  }

  read(node: YamlNode | null, depth: number, fallback = 0): Tree {
    const place = this.at(node?.range?.[0] ?? fallback);
    if (node === null) return { type: "scalar", place, value: null, size: 1 };
    if (depth > DEEPEST) throw toUserError([{ place, message: `nested more than ${DEEPEST} levels deep` }]);
    if (isAlias(node)) {
      const target = this.anchors.get(node.source);
      if (target === undefined) throw toUserError([{ place, message: `unknown anchor *${oneLine(node.source)}` }]);
      if (target === "open") {
        throw toUserError([{ place, message: `alias *${oneLine(node.source)} contains itself` }]);
      }
      return target;
    }
    if (node.tag !== undefined) {
      const tag = node.tag.replace(/^tag:yaml\.org,2002:/, "!!");
      throw toUserError([{ place, message: `tag ${oneLine(tag)} is not allowed`, hint: "write the plain value" }]);
    }
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor !== undefined) this.anchors.set(anchor, "open");
    const tree = this.convert(node, place, depth);
    if (tree.size > MOST_VALUES) {
      throw toUserError([{ place, message: `holds more than ${MOST_VALUES} values, aliases included` }]);
    }
    if (anchor !== undefined) this.anchors.set(anchor, tree);
    return tree;
  }

  private convert(node: YamlNode, place: Place, depth: number): Tree {
    if (isMap(node)) {
      const entries = new Map<string, Entry>();
      let size = 1;
      for (const pair of node.items) {
        const keyNode = pair.key as YamlNode | null;
        const keyPlace = this.at(keyNode?.range?.[0] ?? node.range?.[0] ?? 0);
        if (!isScalar(keyNode) || keyNode.tag !== undefined || (keyNode.source ?? "") === "") {
          throw toUserError([{ place: keyPlace, message: "a key must be plain text" }]);
        }
        // `true` and 1 are keys too: the text counts, not what YAML makes of it.
        const key = keyNode.source ?? "";
        refuseKey(key, keyPlace);
        if (entries.has(key)) {
          throw toUserError([
            { place: keyPlace, message: `duplicate key ${oneLine(key)}`, hint: "each key may stand once in a map" },
          ]);
        }
        const value = this.read(pair.value as YamlNode | null, depth + 1, keyNode.range?.[1]);
        size += value.size;
        entries.set(key, { place: keyPlace, value });
      }
      return { type: "map", place, entries, size };
    }
    if (isSeq(node)) {
      const items = node.items.map((item) => this.read(item as YamlNode | null, depth + 1, node.range?.[0]));
      return { type: "list", place, items, size: items.reduce((sum, item) => sum + item.size, 1) };
    }
    if (isScalar(node)) return { type: "scalar", place, value: node.value, size: 1 };
    throw toUserError([{ place, message: "expected a value" }]);
  }
}

function refuseKey(key: string, place: Place): void {
  if (REFUSED_KEYS.has(key)) throw toUserError([{ place, message: `key ${key} is not allowed` }]);
}

/** The tree of a plain value, all of it at one place. */
export function toTree(value: unknown, place: Place): Tree {
  if (Array.isArray(value)) {
    const items = value.map((item) => toTree(item, place));
    return { type: "list", place, items, size: items.reduce((sum, item) => sum + item.size, 1) };
  }
  if (typeof value === "object" && value !== null) {
    const entries = new Map<string, Entry>();
    for (const [key, part] of Object.entries(value)) {
      if (part !== undefined) entries.set(key, { place, value: toTree(part, place) });
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

function mapOf(place: Place, entries: ReadonlyMap<string, Entry>): MapTree {
  let size = 1;
  for (const { value } of entries.values()) size += value.size;
  return { type: "map", place, entries, size };
}

/** `tree` without some of its keys. */
export function without(tree: MapTree, ...keys: readonly string[]): MapTree {
  return mapOf(tree.place, new Map([...tree.entries].filter(([key]) => !keys.includes(key))));
}

/**
 * `over` on top of `base`: maps are merged key by key, everything else replaces, and so does a map whose `kind` is another
 * one (the old kind's keys mean nothing to it).
 */
export function merge(base: Tree, over: Tree): Tree {
  if (base.type !== "map" || over.type !== "map") return over;
  const kind = over.entries.get("kind");
  const baseKind = base.entries.get("kind");
  if (kind && baseKind && toPlain(kind.value) !== toPlain(baseKind.value)) return over;
  const entries = new Map(base.entries);
  for (const [key, entry] of over.entries) {
    const old = entries.get(key);
    entries.set(key, old ? { place: entry.place, value: merge(old.value, entry.value) } : entry);
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
export function placeOf(tree: Tree, path: readonly PropertyKey[]): Place {
  for (let length = path.length; length > 0; length--) {
    const part = getAt(tree, path.slice(0, length));
    if (part) return part.place;
  }
  return tree.place;
}

/** The place of a path's last key. */
export function placeOfKey(tree: Tree, path: readonly PropertyKey[]): Place {
  const parent = getAt(tree, path.slice(0, -1));
  const entry = parent?.type === "map" ? parent.entries.get(String(path[path.length - 1])) : undefined;
  return entry?.place ?? placeOf(tree, path);
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
