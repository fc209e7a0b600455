import { z } from "zod";
import { isRecord } from "../core/record.ts";
import { suggest } from "../core/suggest.ts";
import {
  getAt,
  type Problem,
  placeOfKey,
  show,
  showPath,
  type TextPlace,
  type Tree,
  textPlaceOf,
  toPlain,
} from "./located-tree.ts";
import { scenarioSchema } from "./schema.ts";

/*
 * What zod found, in words: where, what was found, what is allowed, and the field's own description as the hint.
 * What is allowed is read from the JSON schema, so that a message and the editor's completion never disagree.
 */

/** The part of JSON schema that the scenario's schema uses. */
interface JsonSchema {
  readonly $schema?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly prefixItems?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly description?: string;
}

/**
 * scenarios/schema.json: what an editor checks a scenario file by. A file with `extends` may leave anything out, also a
 * `kind` that its base has.
 */
export function scenarioJsonSchema(): Record<string, unknown> {
  const { $schema, ...scenario } = withFiles(z.toJSONSchema(scenarioSchema, { io: "input" }) as JsonSchema);
  const change = partial(scenario) as { properties: Record<string, unknown> };
  const base = { type: "string", description: "a scenario file, relative to this one, that this one changes" };
  return {
    $schema,
    title: "Halfwatch scenario",
    type: "object",
    if: { required: ["extends"] },
    // biome-ignore lint/suspicious/noThenProperty: the word of JSON schema
    then: { $ref: "#/$defs/change" },
    else: { $ref: "#/$defs/scenario" },
    $defs: { scenario, change: { ...change, properties: { extends: base, ...change.properties } } },
  };
}

/** The schema with files where kinds are named: what is in them, an editor cannot know. */
function withFiles(schema: JsonSchema): Record<string, unknown> {
  const { properties = {} } = schema;
  const { world, oversight, arms } = properties;
  const file = {
    type: "string",
    pattern: "^\\.{1,2}/.*\\.(ts|mts|js|mjs)$",
    description: "a file of your own (--allow-code)",
  };
  const ofFile = { type: "object", properties: { kind: file }, required: ["kind"] };
  const either = (kinds: JsonSchema) => ({ ...kinds, oneOf: [...(kinds.oneOf ?? []), ofFile] });
  return {
    ...schema,
    properties: {
      ...properties,
      world: either(world),
      oversight: either(oversight),
      arms: { ...arms, items: { anyOf: [arms.items, file] } },
    },
  };
}

/** A schema under which nothing is required; kinds may then overlap, so one of them becomes any of them. */
function partial(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(partial);
  if (!isRecord(schema)) return schema;
  const { required: _required, ...rest } = schema;
  return Object.fromEntries(
    Object.entries(rest).map(([key, part]) => [key === "oneOf" ? "anyOf" : key, partial(part)]),
  );
}

/** Keys by which the branches of a union are told apart. */
const TAGS = ["kind", "algorithm"];

/** The JSON schema of the kinds that there are, and its key paths; made anew where a kind was added. */
let made: { readonly of: unknown; readonly root: JsonSchema; keyPaths?: string[][] } | undefined;
function described() {
  if (made?.of !== scenarioSchema) {
    made = { of: scenarioSchema, root: z.toJSONSchema(scenarioSchema, { io: "input" }) as JsonSchema };
  }
  return made;
}

/** Every way in which a value at `path` may be described, given the scenario around it: kinds narrow the choice. */
function schemasAt(path: readonly PropertyKey[], scenario: unknown): readonly JsonSchema[] {
  let found: readonly JsonSchema[] = [described().root];
  let value: unknown = scenario;
  for (const step of path) {
    const narrowed = found.flatMap((schema) => branches(schema, value));
    found = narrowed.flatMap((schema): readonly JsonSchema[] => {
      if (typeof step === "number") {
        const item = schema.prefixItems?.[step] ?? schema.items;
        return item === undefined ? [] : [item];
      }
      const key = String(step);
      if (schema.properties && Object.hasOwn(schema.properties, key)) return [schema.properties[key]];
      return typeof schema.additionalProperties === "object" ? [schema.additionalProperties] : [];
    });
    value = isRecord(value) && Object.hasOwn(value, String(step)) ? value[String(step)] : undefined;
  }
  return found;
}

/** The key that tells the branches of a union apart, and what each branch has there. */
function tagOf(branch: JsonSchema): { readonly key: string; readonly value: unknown } | undefined {
  const key = TAGS.find((tag) => branch.properties?.[tag]?.const !== undefined);
  return key === undefined ? undefined : { key, value: branch.properties?.[key]?.const };
}

/** The branches of a union that fit the value's tag, or the tag's default; all of them where it has none that is known. */
function branches(schema: JsonSchema, value: unknown): readonly JsonSchema[] {
  const all = schema.oneOf ?? schema.anyOf;
  if (all === undefined) return [schema];
  const fitting = all.filter((branch) => {
    const tag = tagOf(branch);
    if (tag === undefined || !isRecord(value)) return false;
    return (value[tag.key] ?? defaultTag(all, tag.key)) === tag.value;
  });
  // A branch may be a union itself: a map of some kind, or null.
  return fitting.length > 0 ? fitting : all.flatMap((branch) => branches(branch, value));
}

function defaultTag(branchesOfUnion: readonly JsonSchema[], key: string): unknown {
  return branchesOfUnion.map((branch) => branch.properties?.[key]?.default).find((value) => value !== undefined);
}

/** Whether the schema knows a key path, under any kind. */
export function isKeyPath(path: readonly string[]): boolean {
  return schemasAt(path, undefined).length > 0;
}

/** "unknown key oversight.covrage; did you mean oversight.coverage?", or what is allowed there. */
export function unknownKey(path: readonly PropertyKey[], scenario: unknown): Pick<Problem, "message" | "hint"> {
  const parent = path.slice(0, -1);
  const key = String(path[path.length - 1]);
  const message = `unknown key ${showPath(path)}`;
  const siblings = new Set(
    schemasAt(parent, scenario)
      .flatMap((schema) => branches(schema, valueAt(scenario, parent)))
      .flatMap((schema) => Object.keys(schema.properties ?? {})),
  );
  if (path.length === 1) siblings.add("extends");
  const other = siblings.has(key) ? undefined : suggest(key, siblings);
  if (other !== undefined) return { message: `${message}; did you mean ${showPath([...parent, other])}?` };
  const { tag, found, owners } = ownersOf(parent, key, scenario);
  if (owners.length > 0) {
    return { message, hint: `${tag} ${show(found)} has no ${key}; it belongs to ${tag} ${owners.join(", ")}` };
  }
  const known = described();
  known.keyPaths ??= allKeyPaths(known.root);
  const elsewhere = known.keyPaths.find((candidate) => candidate[candidate.length - 1] === key);
  if (elsewhere) return { message: `${message}; did you mean ${elsewhere.join(".")}?` };
  return { message, ...(siblings.size > 0 ? { hint: `allowed: ${[...siblings].join(", ")}` } : {}) };
}

/** The branches at `parent` that know `key`, by their tags, and the tag that is there. */
function ownersOf(parent: readonly PropertyKey[], key: string, scenario: unknown) {
  const all = schemasAt(parent, undefined)
    .flatMap((schema) => branches(schema, undefined))
    .filter((branch) => tagOf(branch) !== undefined);
  const owners = all.filter((branch) => branch.properties && Object.hasOwn(branch.properties, key)).map(tagOf);
  const tag = owners[0]?.key ?? "kind";
  const found = valueAt(scenario, [...parent, tag]) ?? defaultTag(all, tag);
  return { tag, found, owners: owners.map((owner) => String(owner?.value)) };
}

function allKeyPaths(schema: JsonSchema, above: readonly string[] = []): string[][] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, part]) => [
    [...above, key],
    ...allKeyPaths(part, [...above, key]),
  ]);
  return [...own, ...(schema.oneOf ?? schema.anyOf ?? []).flatMap((branch) => allKeyPaths(branch, above))];
}

function valueAt(scenario: unknown, path: readonly PropertyKey[]): unknown {
  let value = scenario;
  for (const step of path) value = isRecord(value) && Object.hasOwn(value, step) ? value[String(step)] : undefined;
  return value;
}

/** The problems of a scenario's tree that its schema sees. */
export function schemaProblems(tree: Tree): Problem[] {
  const scenario = toPlain(tree);
  const result = scenarioSchema.safeParse(scenario);
  if (result.success) return [];
  return result.error.issues.flatMap(withinBranch).flatMap((issue): Problem[] => {
    const { path } = issue;
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        place: placeOfKey(tree, [...path, key]),
        ...unknownKey([...path, key], scenario),
      }));
    }
    if (issue.code === "invalid_key") {
      const expected = issue.issues[0]?.message ?? "another key";
      return [
        {
          place: placeOfKey(tree, path),
          message: `${showPath(path.slice(0, -1))} has the key ${show(path[path.length - 1])}, ${expected}`,
        },
      ];
    }
    const part = getAt(tree, path);
    const schemas = schemasAt(path, scenario);
    const hint = describeField(path, scenario);
    if (part === undefined) {
      return [
        {
          place: missingPlace(tree, path),
          message: `${showPath(path)} is missing, expected ${describeAll(schemas)}`,
          hint,
        },
      ];
    }
    const found = toPlain(part);
    const expected = issue.code === "invalid_format" ? issue.message.replace(/^expected /, "") : describeAll(schemas);
    return [
      {
        place: part.place,
        message: `${showPath(path)} is ${show(found)}, expected ${expected}${likelyChoice(found, schemas)}`,
        hint: likelySlip(found, schemas) ?? hint,
      },
    ];
  });
}

/** Of a union: what is wrong inside the one branch that has the value's form, a map or a list; the issue itself where none or several have. */
function withinBranch(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const fitting = issue.errors.filter((own) => own.length > 0 && own.every(({ path }) => path.length > 0));
  if (fitting.length !== 1) return [issue];
  return fitting[0].flatMap((inner) => withinBranch({ ...inner, path: [...issue.path, ...inner.path] }));
}

/** A missing key is reported where its map stands, at the map's own key if it has one. */
function missingPlace(tree: Tree, path: readonly PropertyKey[]): TextPlace {
  const parent = path.slice(0, -1);
  return parent.length > 0 ? placeOfKey(tree, parent) : textPlaceOf(tree, path);
}

/** "; did you mean route?", where one of a few texts was wanted and another was written. */
function likelyChoice(found: unknown, schemas: readonly JsonSchema[]): string {
  if (typeof found !== "string") return "";
  const choices = schemas.flatMap((schema) => schema.enum ?? ("const" in schema ? [schema.const] : []));
  const meant = suggest(found, choices.map(String));
  return meant === undefined ? "" : `; did you mean ${meant}?`;
}

/** What people write who know YAML 1.1. */
function likelySlip(found: unknown, schemas: readonly JsonSchema[]): string | undefined {
  if (typeof found !== "string") return undefined;
  const wanted = new Set(schemas.flatMap((schema) => [schema, ...(schema.anyOf ?? [])]).map((schema) => schema.type));
  if ((wanted.has("number") || wanted.has("integer")) && /^[-+]?[\d_.]+(e[-+]?\d+)?$/i.test(found)) {
    const plain = found.replaceAll("_", "");
    if (plain !== found) return `YAML 1.2 reads ${found} as text; write ${plain}`;
    return `${found} is quoted; write it without quotes`;
  }
  if (wanted.has("boolean") && /^(yes|on|no|off)$/i.test(found)) {
    return `YAML 1.2 reads ${found} as text; write ${/^(yes|on)$/i.test(found) ? "true" : "false"}`;
  }
  return undefined;
}

/** The description of the field, or of the list that holds it. */
function describeField(path: readonly PropertyKey[], scenario: unknown): string | undefined {
  for (let length = path.length; length > 0; length--) {
    const inner = path.slice(0, length);
    const description = schemasAt(inner, scenario).find((schema) => schema.description)?.description;
    if (description) return `${String(inner[length - 1])}: ${description}`;
    if (typeof inner[length - 1] !== "number") return undefined;
  }
  return undefined;
}

function describeAll(schemas: readonly JsonSchema[]): string {
  const constants = schemas.flatMap((schema) => ("const" in schema ? [schema.const] : []));
  if (constants.length === schemas.length && constants.length > 1) return `one of ${constants.join(", ")}`;
  return [...new Set(schemas.map(describe))].join(" or ");
}

/** What a schema allows, as the end of a sentence: "a number in [0, 1]". */
function describe(schema: JsonSchema): string {
  if ("const" in schema) return String(schema.const);
  if (schema.enum) return `one of ${schema.enum.join(", ")}`;
  const union = schema.anyOf ?? schema.oneOf;
  if (union) {
    const tags = union.flatMap((branch) => tagOf(branch) ?? []);
    if (tags.length > 0) return `a map with ${tags[0].key} ${tags.map(({ value }) => value).join(", ")}`;
    return union.map(describe).join(" or ");
  }
  switch (schema.type) {
    case "number":
    case "integer":
      return `${schema.type === "integer" ? "an integer" : "a number"}${describeRange(schema)}`;
    case "boolean":
      return "true or false";
    case "string":
      return schema.maxLength === undefined ? "text" : `text of at most ${schema.maxLength} characters`;
    case "array":
      return describeList(schema);
    case "object":
      return "a map";
    case "null":
      return "null";
    default:
      return "a value";
  }
}

function describeRange({ minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  // Integers without a bound of their own carry the bounds of exact integers.
  const low = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const high = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  const open = exclusiveMinimum !== undefined;
  const bottom = exclusiveMinimum ?? low;
  if (bottom !== undefined && high !== undefined) return ` in ${open ? "(" : "["}${bottom}, ${high}]`;
  if (bottom !== undefined) return open ? ` above ${bottom}` : ` of at least ${bottom}`;
  return high === undefined ? "" : ` of at most ${high}`;
}

function describeList({ prefixItems, items, minItems, maxItems }: JsonSchema): string {
  if (prefixItems) return `a list of ${prefixItems.length}: ${prefixItems.map(describe).join(", ")}`;
  const count =
    minItems !== undefined && maxItems !== undefined
      ? `${minItems} to ${maxItems} `
      : minItems !== undefined
        ? `${minItems} or more `
        : "";
  return `a list of ${count}${describeMany(items ?? {})}`;
}

function describeMany(items: JsonSchema): string {
  if (items.enum) return `of ${items.enum.join(", ")}`;
  return describe(items).replace(/^(?:an? )?(\w+)/, "$1s");
}
