import { createRequire } from "node:module";
import type { Node as YamlNode } from "yaml";
import {
  DEEPEST,
  type Entry,
  listOf,
  MOST_VALUES,
  mapOf,
  nothing,
  oneLine,
  type Problem,
  REFUSED_KEYS,
  type ScalarTree,
  type TextPlace,
  type Tree,
  toUserError,
} from "./located-tree.ts";

/** The parser, which is loaded with the first text: what a checkpoint holds is JSON, and the player opens a tenth sooner without it. */
type Yaml = typeof import("yaml");
const loadYaml = (): Yaml => createRequire(import.meta.url)("yaml");

/**
 * Read a YAML 1.2 text (core schema). Refused, all of them with their place: syntax errors, duplicate and non-text keys,
 * tags, several documents, aliases that contain themselves or expand to more than 50,000 values.
 *
 * `placeAt` names a position of the text. Returns null when the text holds nothing.
 * @throws UserError
 */
export function parseTree(text: string, placeAt: (line: number, column: number) => TextPlace): Tree | null {
  const yaml = loadYaml();
  const lineCounter = new yaml.LineCounter();
  const document = yaml.parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    version: "1.2",
    schema: "core",
    uniqueKeys: false,
  });
  const at = (offset: number): TextPlace => {
    const { line, col } = lineCounter.linePos(offset);
    return placeAt(line, col);
  };
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ code, message, pos }) => ({
      place: at(pos[0]),
      ...inOurWords(code, message),
    }));
    throw toUserError(problems);
  }
  if (document.directives?.yaml.explicit && document.directives.yaml.version !== "1.2") {
    throw toUserError([{ place: at(0), message: `YAML version ${document.directives.yaml.version}, expected 1.2` }]);
  }
  if (document.contents === null) return null;
  const reader = new Reader(yaml, at);
  const tree = reader.read(document.contents, 0);
  if (reader.problems.length > 0) throw toUserError(reader.problems);
  return tree;
}

/** What the parser says, with the advice that people need. */
function inOurWords(code: string, message: string): Pick<Problem, "message" | "hint"> {
  switch (code) {
    case "TAB_AS_INDENT":
      return { message: "tabs are not allowed as indentation", hint: "indent with spaces" };
    case "MULTIPLE_DOCS":
      return { message: "a second document begins here, expected one document in a file" };
    default:
      return { message: `YAML syntax: ${oneLine(message.charAt(0).toLowerCase() + message.slice(1))}` };
  }
}

/** Converts the parser's nodes and notes what is wrong with them; a part that is wrong becomes null. Anchors are remembered in reading order, so an alias sees the last one before it. */
class Reader {
  readonly problems: Problem[] = [];
  private readonly yaml: Yaml;
  private readonly at: (offset: number) => TextPlace;
  private readonly anchors = new Map<string, Tree | "open">();

  constructor(yaml: Yaml, at: (offset: number) => TextPlace) {
    this.yaml = yaml;
    this.at = at;
  }

  read(node: YamlNode | null, depth: number, fallback = 0): Tree {
    const place = this.at(node?.range?.[0] ?? fallback);
    if (node === null) return nothing(place);
    if (depth > DEEPEST) return this.refuse(place, `nested more than ${DEEPEST} levels deep`);
    if (this.yaml.isAlias(node)) {
      const target = this.anchors.get(node.source);
      if (target === undefined) return this.refuse(place, `unknown anchor *${oneLine(node.source)}`);
      if (target === "open") return this.refuse(place, `alias *${oneLine(node.source)} contains itself`);
      return target;
    }
    if (node.tag !== undefined) {
      const tag = node.tag.replace(/^tag:yaml\.org,2002:/, "!!");
      return this.refuse(place, `tag ${oneLine(tag)} is not allowed`, "write the plain value");
    }
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor !== undefined) this.anchors.set(anchor, "open");
    let tree = this.convert(node, place, depth);
    if (tree.size > MOST_VALUES) tree = this.refuse(place, `holds more than ${MOST_VALUES} values, aliases included`);
    if (anchor !== undefined) this.anchors.set(anchor, tree);
    return tree;
  }

  private convert(node: YamlNode, place: TextPlace, depth: number): Tree {
    if (this.yaml.isMap(node)) {
      const entries = new Map<string, Entry>();
      for (const pair of node.items) {
        const keyNode = pair.key as YamlNode | null;
        const keyPlace = this.at(keyNode?.range?.[0] ?? node.range?.[0] ?? 0);
        // `true` and 1 are keys too: the text counts, not what YAML makes of it.
        const key = this.yaml.isScalar(keyNode) && keyNode.tag === undefined ? (keyNode.source ?? "") : "";
        if (key === "") this.refuse(keyPlace, "a key must be plain text");
        else if (REFUSED_KEYS.has(key)) this.refuse(keyPlace, `key ${key} is not allowed`);
        else if (entries.has(key)) {
          this.refuse(keyPlace, `duplicate key ${oneLine(key)}`, "each key may stand once in a map");
        } else {
          const value = this.read(pair.value as YamlNode | null, depth + 1, keyNode?.range?.[1]);
          entries.set(key, { place: keyPlace, value });
        }
      }
      return mapOf(place, entries);
    }
    if (this.yaml.isSeq(node)) {
      return listOf(
        place,
        node.items.map((item) => this.read(item as YamlNode | null, depth + 1, node.range?.[0])),
      );
    }
    return this.yaml.isScalar(node)
      ? { type: "scalar", place, value: node.value, size: 1 }
      : this.refuse(place, "expected a value");
  }

  private refuse(place: TextPlace, message: string, hint?: string): ScalarTree {
    this.problems.push({ place, message, hint });
    return nothing(place);
  }
}
