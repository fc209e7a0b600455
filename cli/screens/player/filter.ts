import { UserError } from "../../../src/core/errors.ts";
import { suggest } from "../../../src/core/suggest.ts";
import type { EpisodeEntry } from "../../../src/runs/episodes.ts";

/**
 * Which episodes of a list are shown. Terms apart by blanks, all of which must hold:
 *
 *     outcome:ghost  label:unlabelled  shift:unseen  view:full     equal, or one of several: outcome:ghost,timeout
 *     marked:yes  marked:no
 *     return<0  true>=0.5  proxy=1  steps>10  number=7             `return` is the true return
 *     -outcome:ghost                                               not
 */
export interface Filter {
  readonly text: string;
  readonly accepts: (entry: EpisodeEntry) => boolean;
}

export const EVERYTHING: Filter = { text: "", accepts: () => true };

const NAMES = ["outcome", "label", "shift", "view", "marked"] as const;
const NUMBERS = ["return", "steps", "number", "seed"] as const;
const HELP = "for example outcome:ghost marked:no return<0 steps>5";

/** Read a filter; `goals` are names that may be compared too. @throws UserError saying what was found and what is allowed. */
export function parseFilter(text: string, goals: readonly string[]): Filter {
  const terms = text.split(/\s+/).filter((term) => term !== "");
  const tests = terms.map((term) => parseTerm(term, goals));
  return { text: terms.join(" "), accepts: (entry) => tests.every((accepts) => accepts(entry)) };
}

/** What of a filter that accepts none of the entries no entry has: a value that is misspelt, mostly. Null where each is there. */
export function unheardOf({ text }: Filter, entries: readonly EpisodeEntry[]): string | null {
  for (const term of text.split(" ")) {
    const [, key, value = ""] = /^(outcome|label|shift|view):(.+)$/.exec(term) ?? [];
    const name = NAMES.find((each) => each === key);
    if (name === undefined) continue;
    const known = [...new Set(entries.map((entry) => String(entry[name])))].sort();
    const missing = value.split(",").find((each) => !known.includes(each));
    if (missing === undefined) continue;
    const meant = suggest(missing, known);
    return `no episode has ${name} ${missing}${meant === undefined ? `; there is ${known.join(", ")}` : `; did you mean ${meant}?`}`;
  }
  return null;
}

function parseTerm(term: string, goals: readonly string[]): Filter["accepts"] {
  if (term.startsWith("-") && term.length > 1) {
    const accepts = parseTerm(term.slice(1), goals);
    return (entry) => !accepts(entry);
  }
  const [, key = "", sign = "", value = ""] = /^([\w-]+?)(:|<=|>=|<|>|=)(.*)$/.exec(term) ?? [];
  const numbers = [...NUMBERS, ...goals];
  if (sign === "") throw new UserError(`filter: ${term} has no : < > or =`, HELP);
  if (sign === ":") {
    const name = NAMES.find((each) => each === key);
    if (name === undefined) throw unknown(key, NAMES, numbers);
    if (value === "") throw new UserError(`filter: ${term} names nothing after the colon`, HELP);
    if (name !== "marked") {
      const wanted = new Set(value.split(","));
      return (entry) => wanted.has(entry[name]);
    }
    if (value !== "yes" && value !== "no") throw new UserError(`filter: marked is ${value}, expected yes or no`);
    return ({ marked }) => marked === (value === "yes");
  }
  const read = numberOf(key, goals);
  if (read === undefined) throw unknown(key, numbers, NAMES);
  const bound = value === "" ? Number.NaN : Number(value);
  if (!Number.isFinite(bound))
    throw new UserError(`filter: ${term} compares with ${value || "nothing"}, expected a number`);
  switch (sign) {
    case "<":
      return (entry) => read(entry) < bound;
    case "<=":
      return (entry) => read(entry) <= bound;
    case ">":
      return (entry) => read(entry) > bound;
    case ">=":
      return (entry) => read(entry) >= bound;
    default:
      return (entry) => read(entry) === bound;
  }
}

function numberOf(key: string, goals: readonly string[]): ((entry: EpisodeEntry) => number) | undefined {
  if (key === "return") return ({ returns }) => returns.true;
  if (key === "steps" || key === "number" || key === "seed") return (entry) => entry[key];
  return goals.includes(key) ? ({ returns }) => returns[key] : undefined;
}

function unknown(key: string, these: readonly string[], others: readonly string[]): UserError {
  if (others.includes(key)) {
    const sign = (NAMES as readonly string[]).includes(key) ? `${key}:...` : `${key}<... or ${key}>...`;
    return new UserError(`filter: ${key} is compared by ${sign}`, HELP);
  }
  const meant = suggest(key, [...these, ...others]);
  return new UserError(
    `filter: unknown key ${key}${meant === undefined ? "" : `; did you mean ${meant}?`}`,
    `keys: ${[...NAMES].join(", ")}; numbers: ${[...NUMBERS].join(", ")} and the goals`,
  );
}

/** Orders in which `s` takes one after another. */
export const SORTS = ["as recorded", "lowest true return", "highest proxy return", "longest", "outcome"] as const;
export type Sort = (typeof SORTS)[number];

/** Places in the list of the entries that a filter accepts, in an order; equals stay as they are recorded. */
export function arrange(entries: readonly EpisodeEntry[], filter: Filter, sort: Sort): number[] {
  const kept = [...entries.keys()].filter((i) => filter.accepts(entries[i]));
  const by = (compare: (a: EpisodeEntry, b: EpisodeEntry) => number) =>
    kept.sort((i, j) => compare(entries[i], entries[j]) || i - j);
  switch (sort) {
    case "as recorded":
      return kept;
    case "lowest true return":
      return by((a, b) => a.returns.true - b.returns.true);
    case "highest proxy return":
      return by((a, b) => b.returns.proxy - a.returns.proxy);
    case "longest":
      return by((a, b) => b.steps - a.steps);
    case "outcome":
      return by((a, b) => (a.outcome < b.outcome ? -1 : a.outcome > b.outcome ? 1 : 0));
    default:
      return sort satisfies never;
  }
}
