import { z } from "zod";
import { UserError } from "../core/errors.ts";
import { isRecord } from "../core/record.ts";
import type { WorldDefinition } from "../envs/world.ts";
import { WORLDS } from "../envs/worlds/table.ts";
import type { OverseerDefinition } from "../oversight/overseer.ts";
import { OVERSEERS } from "../oversight/overseers/table.ts";
import { type Arm, doingOf } from "../routing/arm.ts";
import { ARMS } from "../routing/arms/table.ts";
import { type Entry, listOf, mapOf, show, type TextPlace, type Tree, toUserError } from "./located-tree.ts";
import { recomposeSchema } from "./schema.ts";

/*
 * Kinds that a user writes: a scenario names a file beside it where the name of a kind would stand. The file's default export is a record as
 * those of the tables are, and joins them under a name that has its hash, so that the name says the code.
 */

/** What a file is for: where the scenario names it. */
export type Role = "world" | "overseer" | "arm";

/**
 * Brings the code of a file: reads it, loads it if that is allowed, and gives the name under which the scenario has it from then on.
 *
 * @throws UserError where it may not be loaded, cannot be, or does not export what its role needs.
 */
export type Bring = (role: Role, path: string) => string;

const FILE = /^[^#]*\.(?:ts|mts|js|mjs)$/;
const HASH_DIGITS = 12;

/** The name under which a world or an overseer of a file's own stands in scenarios: `cheese.ts#0123456789ab`. */
const keyOf = (file: string, sha256: string): string => `${file}#${sha256.slice(0, HASH_DIGITS)}`;

/**
 * A scenario's tree with each file that it names as a kind replaced by what `bring` calls it: under `kind` (also `world.kind` of a shift or a
 * sweep) and in `arms`. `folderOf` is the folder that a path is relative to, by where it is written.
 *
 * @throws UserError with each file that cannot be brought, by its place.
 */
export function broughtKinds(tree: Tree, folderOf: (place: TextPlace) => (path: string) => string, bring: Bring): Tree {
  const problems: { place: TextPlace; message: string; hint?: string | undefined }[] = [];
  const replace = (value: Tree, role: Role, keyPath: string): Tree => {
    if (value.type === "list")
      return listOf(
        value.place,
        value.items.map((item) => replace(item, role, keyPath)),
      );
    if (value.type !== "scalar" || typeof value.value !== "string" || !FILE.test(value.value)) return value;
    const { place } = value;
    if (!/^\.{1,2}\//.test(value.value)) {
      const message = `${keyPath} is ${show(value.value)}, expected a path that begins with ./`;
      problems.push({ place, message, hint: `a file beside the scenario is written ./${value.value}` });
      return value;
    }
    try {
      return { ...value, value: bring(role, folderOf(place)(value.value)) };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problems.push({ place, message: `${keyPath} is ${show(value.value)}: ${error.message}`, hint: error.hint });
      return value;
    }
  };
  const walk = (part: Tree, role: Role, keyPath: string): Tree => {
    if (part.type === "list")
      return listOf(
        part.place,
        part.items.map((item) => walk(item, role, keyPath)),
      );
    if (part.type !== "map") return part;
    const entries = new Map<string, Entry>();
    for (const [key, entry] of part.entries) {
      const here = keyPath === "" ? key : `${keyPath}.${key}`;
      const inside: Role = /^oversight\b/.test(key) ? "overseer" : /^world\b/.test(key) ? "world" : role;
      const isKind = /(?:^|\.)kind$/.test(key);
      const isArms = key === "arms";
      const value =
        isKind || isArms ? replace(entry.value, isArms ? "arm" : inside, here) : walk(entry.value, inside, here);
      entries.set(key, { ...entry, value });
    }
    return mapOf(part.place, entries);
  };
  const brought = walk(tree, "world", "");
  if (problems.length > 0) throw toUserError(problems);
  return brought;
}

/**
 * Add what a file exports to the table of its role; returns what the scenario calls it: a key with the hash, or an arm's own name.
 *
 * @throws UserError where the export is not a record of that role; the message continues `<path>: `.
 */
export function adopt(role: Role, file: string, sha256: string, exported: unknown): string {
  const key = keyOf(file, sha256);
  switch (role) {
    case "world": {
      if (!WORLDS.has(key)) WORLDS.set(key, { ...recordOf(worldRecord, role, exported), kind: key } as WorldDefinition);
      break;
    }
    case "overseer": {
      const record = recordOf(overseerRecord, role, exported);
      if (!OVERSEERS.has(key)) OVERSEERS.set(key, { ...record, kind: key } as OverseerDefinition);
      break;
    }
    case "arm":
      return adoptArm(recordOf(armRecord, role, exported));
    default:
      return role satisfies never;
  }
  recomposeSchema();
  return key;
}

function adoptArm(arm: Arm): string {
  const known = ARMS.get(arm.name);
  if (known !== undefined && JSON.stringify(doingOf(known)) !== JSON.stringify(doingOf(arm))) {
    throw new UserError(`it exports the arm ${arm.name}, which is the name of another arm`, "give it another name");
  }
  if (known === undefined) ARMS.set(arm.name, arm);
  recomposeSchema();
  return arm.name;
}

const text = z.string().min(1);
const schemaOfOptions = z.custom<z.ZodObject>((value) => isRecord(value) && isRecord(value.shape), {
  error: "expected a z.strictObject of options (z is exported by halfwatch)",
});
const callable = z.custom<(...args: never[]) => unknown>((value) => typeof value === "function", {
  error: "expected a function",
});
const change = z.record(z.string(), z.unknown());
const worldRecord = z.looseObject({
  about: text,
  options: schemaOfOptions,
  create: callable,
  sets: z.strictObject({ agreeing: change, distinguishing: change, controls: z.record(z.string(), change) }),
  fit: callable.optional(),
});
const overseerRecord = z.looseObject({ about: text, options: schemaOfOptions, create: callable });
const armRecord: z.ZodType<Arm> = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/, "expected lower-case letters, digits and hyphens, a letter first"),
  about: text,
  role: z.enum(["method", "variant", "placebo", "rival", "oracle"]),
  look: z
    .strictObject({ color: z.string().regex(/^#[0-9a-fA-F]{6}$/), shape: text })
    .default({ color: "#000000", shape: "stroke" }),
  reward: z.enum(["proxy", "labelled", "true"]),
  keep: z.enum(["all", "labelled", "matched"]),
  modules: z.enum(["single", "several"]),
  routing: z.enum(["labels", "off", "mean"]),
  labels: z.enum(["given", "random", "shuffled"]),
  gate: z.enum(["scenario", "fixed"]),
});

function recordOf<T>(schema: z.ZodType<T>, role: Role, exported: unknown): T {
  const result = schema.safeParse(exported);
  if (result.success) return result.data;
  const article = role === "world" ? "a" : "an";
  const [issue] = result.error.issues;
  const where = issue.path.length === 0 ? "" : `; ${issue.path.join(".")}: ${issue.message}`;
  throw new UserError(
    `its default export is not ${article} ${role}${where}`,
    `docs/extending.md shows ${article} ${role} whole`,
  );
}
