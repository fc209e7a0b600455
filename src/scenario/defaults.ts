import { canonicalJson } from "../core/hash.ts";
import { getAt, mapOf, type Tree, toPlain, without } from "./located-tree.ts";
import { scenarioSchema } from "./schema.ts";

/*
 * What a scenario has because it was written, and what because the schema filled it in.
 */

/** Keys that decide which other keys there are beside them, and what their defaults are. */
const DECIDING = /^(kind|algorithm)$/;

/**
 * A scenario before a key is changed. Where that decides what else there is (a kind, an algorithm), the part is left without the values that
 * the schema would fill in: they are of the old kind, and the new one has its own.
 */
export function readyFor(scenario: Tree, keyPath: string): Tree {
  const [part, ...inside] = keyPath.split(".");
  const value = getAt(scenario, [part]);
  if (!DECIDING.test(inside.at(-1) ?? "") || scenario.type !== "map" || value === undefined) return scenario;
  const entry = scenario.entries.get(part);
  const schema = scenarioSchema.shape[part as keyof typeof scenarioSchema.shape];
  const whole = schema?.safeParse(toPlain(value));
  if (entry === undefined || !whole?.success) return scenario;
  const text = canonicalJson(whole.data);
  const isSame = (changed: Tree): boolean => {
    const parsed = schema.safeParse(toPlain(changed));
    return parsed.success && canonicalJson(parsed.data) === text;
  };
  const bare = stripped(value, isSame, (changed) => changed);
  return mapOf(scenario.place, new Map(scenario.entries).set(part, { ...entry, value: bare }));
}

/** A tree without the keys that can go: `within` puts a changed tree in its place in the part. */
function stripped(tree: Tree, isSame: (part: Tree) => boolean, within: (changed: Tree) => Tree): Tree {
  if (tree.type !== "map") return tree;
  let kept = tree;
  for (const [key, entry] of tree.entries) {
    const rest = without(kept, key);
    const put = (value: Tree) => mapOf(tree.place, new Map(kept.entries).set(key, { ...entry, value }));
    kept = isSame(within(rest)) ? rest : put(stripped(entry.value, isSame, (inner) => within(put(inner))));
  }
  return kept;
}
