import fc from "fast-check";
import { ARMS } from "../../src/routing/arms/table.ts";
import { scenarioJsonSchema } from "../../src/scenario/messages.ts";

/*
 * Scenarios as the schema allows them, small enough to be trained in a moment. The schema says what keys there are and what values they take;
 * here is only what keeps them small, and what one part has to know of another (events, modules, shifts).
 */

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
}

export type Document = Record<string, unknown>;

const ROOT = scenarioJsonSchema() as unknown as { readonly $defs: Readonly<Record<string, Schema>> };
const PARTS = ROOT.$defs.scenario.properties ?? {};

/** Largest values, by key: what makes a training long, or a world large. */
const MOST: Readonly<Record<string, number>> = {
  ...{ size: 5, horizon: 10, radius: 5, gap: 3, steps: 600, worlds: 12, rollout: 16, epochs: 3, minibatches: 40 },
  ...{ hidden: 9, gateHidden: 9, critic: 9, channels: 3, kernel: 2, stride: 2, gateConv: 3, criticConv: 3 },
  ...{ levels: 6, validationEpisodes: 6 },
};

const MODULES = ["diamond", "ghost", "rest", "more"];

/** Values of a part of the schema; `key` is the last one on the way to it. */
function anyOf(schema: Schema, key: string): fc.Arbitrary<unknown> {
  const { const: constant, enum: names, properties, required = [], items, prefixItems } = schema;
  if (schema.$ref !== undefined) return anyOf(ROOT.$defs[schema.$ref.split("/").at(-1) ?? ""], key);
  if ("const" in schema) return fc.constant(constant);
  if (names !== undefined) return fc.constantFrom(...names);
  const choices = schema.anyOf ?? schema.oneOf;
  // A kind that is a file of somebody's own has no fixed options.
  const fixed = choices?.filter(({ properties: own }) => own?.kind?.pattern === undefined);
  if (fixed !== undefined) return fc.oneof(...fixed.map((choice) => anyOf(choice, key)));
  switch (schema.type) {
    case "string":
      return fc.constantFrom(...MODULES);
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "integer":
    case "number":
      return anyNumber(schema, key);
    case "array": {
      if (prefixItems !== undefined) return fc.tuple(...prefixItems.map((item) => anyOf(item, key)));
      const [minLength, maxLength] = [schema.minItems ?? 0, Math.min(3, schema.maxItems ?? 3)];
      return fc.array(anyOf(items ?? {}, key), { minLength, maxLength });
    }
    case "object":
      return anyObject(properties ?? {}, required);
    default:
      throw new Error(`anyOf: ${key} is of no known type: ${JSON.stringify(schema)}`);
  }
}

function anyObject(properties: Readonly<Record<string, Schema>>, required: readonly string[]): fc.Arbitrary<Document> {
  const entries = Object.entries(properties).map(([name, schema]) => [name, anyOf(schema, name)] as const);
  const capped = Object.keys(properties).filter((name) => name in MOST);
  const requiredKeys = [...new Set([...required, ...capped.filter((name) => "default" in properties[name])])];
  return fc.record(Object.fromEntries(entries), { requiredKeys });
}

function anyNumber(schema: Schema, key: string): fc.Arbitrary<number> {
  const { minimum = 0, type } = schema;
  const maximum = Math.min(schema.maximum ?? 1, MOST[key] ?? Number.POSITIVE_INFINITY);
  const bounds = [fc.constant(minimum), fc.constant(maximum)];
  if (type === "integer")
    return fc.oneof({ weight: 3, arbitrary: fc.integer({ min: minimum, max: maximum }) }, ...bounds);
  const usual = fc.double({ min: minimum, max: Math.min(maximum, 1), noNaN: true });
  return fc.oneof({ weight: 4, arbitrary: usual }, ...bounds);
}

/** A part, and each of its keys as a change by key path. */
const anyPart = (name: string): fc.Arbitrary<unknown> => anyOf(PARTS[name], name);

const EVENTS = ["diamond", "ghost"];
const anyReward = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(1, -1, 0.5, 0) },
  fc.constantFrom(1e6, -1e6, 1e-9, -0),
);
const anyGoal = fc.dictionary(fc.constantFrom(...EVENTS), anyReward, { maxKeys: 2, noNullPrototype: true });

/** Values to put at a key path: of a whole part, or of one key in it. */
const anyChange = (parts: readonly string[]): fc.Arbitrary<readonly [string, unknown]> =>
  fc.constantFrom(...parts).chain((part) =>
    anyPart(part).chain((value) => {
      const keys = typeof value === "object" && value !== null ? Object.entries(value) : [];
      const whole: readonly [string, unknown] = [part, value];
      const within = keys.map(([key, own]): typeof whole => [`${part}.${key}`, own]);
      return fc.constantFrom(whole, ...within, ...within, ...within);
    }),
  );

const anyShifts = fc
  .dictionary(
    fc.constantFrom("unseen", "other", "odd"),
    fc.array(anyChange(["world", "oversight", "discount", "evaluation"]), { minLength: 1, maxLength: 2 }),
    { maxKeys: 2, noNullPrototype: true },
  )
  .map((shifts) =>
    Object.fromEntries(Object.entries(shifts).map(([name, changes]) => [name, Object.fromEntries(changes)])),
  );

const anyAxis = anyChange(["world", "oversight", "discount", "evaluation", "agent", "train"]);
const anyGrid = fc
  .array(
    anyAxis.chain(([key, value]) =>
      fc
        .tuple(fc.constant(key), fc.constant(value), anyAxis)
        .map(([path, one, [other, two]]) => [path, other === path ? [one, two] : [one]] as const),
    ),
    { maxLength: 2 },
  )
  .map((axes) => Object.fromEntries(axes) as Document);

/** Documents that may still contradict themselves: who asks for valid ones loads them, and leaves out what is refused. */
export function anyScenario(): fc.Arbitrary<Document> {
  return fc
    .record({
      name: fc.constantFrom("fuzz", "f", "a-1"),
      about: fc.constantFrom("", "Odd\nand even", "<b>&amp; | \\ `x`</b> 🙂"),
      world: anyPart("world"),
      goals: fc.record(
        { true: anyGoal, proxy: anyGoal, any: anyGoal },
        { requiredKeys: ["true", "proxy"], noNullPrototype: true },
      ),
      discount: fc.oneof(fc.constantFrom(0.97, 0, 1), fc.double({ min: 0, max: 1, noNaN: true })),
      oversight: anyPart("oversight"),
      agent: fc
        .record({
          own: anyPart("agent"),
          modules: fc.integer({ min: 2, max: MODULES.length }),
          without: fc.constantFrom<readonly string[]>(
            ["conv"],
            ["gateConv", "criticConv"],
            ["conv", "gateConv", "criticConv"],
          ),
        })
        .map(({ own, modules, without }) => {
          const kept = Object.entries(own as Document).filter(([key]) => !without.includes(key));
          return { ...Object.fromEntries(kept), modules: MODULES.slice(0, modules) } as Document;
        }),
      routes: fc.constantFrom(
        { diamond: ["diamond"], ghost: ["ghost"] },
        { ghost: ["ghost"], diamond: ["ghost", "diamond"] },
        { diamond: ["diamond"] },
        { ghost: ["diamond"] },
      ),
      train: anyPart("train"),
      arms: fc.uniqueArray(fc.constantFrom(...ARMS.keys()), {
        minLength: 1,
        maxLength: 3,
      }),
      seeds: fc.constantFrom<unknown[]>(1, 2, [7], [3, 0]),
      shift: anyShifts,
      sweep: fc.oneof(anyGrid, fc.array(anyGrid, { minLength: 1, maxLength: 2 })),
      evaluation: anyPart("evaluation"),
      primary: fc.record({
        metric: fc.constantFrom("true-return", "proxy-return"),
        shift: fc.constantFrom("training", "unseen", "other"),
        select: fc.constantFrom("last", "label-legal", "oracle"),
      }),
    })
    .map((document) => {
      // The primary shift is one that there is.
      const { primary, shift } = document;
      return Object.hasOwn(shift, primary.shift)
        ? document
        : { ...document, primary: { ...primary, shift: "training" } };
    });
}
