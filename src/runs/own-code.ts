import module from "node:module";
import { basename, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { z } from "zod";
import { UserError } from "../core/errors.ts";
import { canonicalJson, sha256 } from "../core/hash.ts";
import { adopt, type Bring, type Role } from "../scenario/own-kinds.ts";
import { makeFolder, pathExists, readBytes, textOf, writeAtomically } from "./files.ts";
import { RUN_FORMAT, readSealedJson, sealedJson } from "./json.ts";

/*
 * Code that a scenario brings: loaded only where that was allowed, known by its hash, and kept in the run directory, so that a run can go on
 * and be looked at without the folder in which it was written.
 *
 *     RUN/code/index.json            what each file is for
 *     RUN/code/<hash>/cheese.ts      the file as it was
 */

/** A file that a scenario brought. */
export interface OwnFile {
  readonly role: Role;
  /** What the scenario calls it. */
  readonly name: string;
  /** Its name without folders. */
  readonly file: string;
  /** Of its bytes, 64 hex digits. */
  readonly sha256: string;
}

/** A file that was brought, whole. */
interface BroughtFile extends OwnFile {
  readonly text: string;
}

const LARGEST_FILE = 1_000_000;
const FOLDER = "code";
const HASH_DIGITS = 12;
const indexSchema = z.strictObject({
  format: z.literal(RUN_FORMAT),
  files: z.array(
    z.strictObject({
      role: z.enum(["world", "overseer", "arm"]),
      name: z.string().min(1),
      file: z.string().regex(/^[^/\\#]+\.(?:ts|mts|js|mjs)$/),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});

/** What this process has brought, by the names that scenarios have for it. */
const brought = new Map<string, BroughtFile>();

/** Loads the code that a scenario names. */
export const allowCode: Bring = (role, path) => {
  const text = codeIn(path);
  return bringFile({ role, file: basename(path), sha256: sha256(text), text }, path);
};

function bringFile(given: Omit<BroughtFile, "name">, path: string): string {
  const name = adopt(given.role, given.file, given.sha256, load(path, given.text));
  brought.set(name, { ...given, name });
  return name;
}

/** Refuses the code that a scenario names, by file and hash. */
export const refuseCode: Bring = (_role, path) => {
  throw new UserError(
    `this is code (sha256 ${sha256(codeIn(path))}), and code runs only with --allow-code`,
    "read the file first: it can do whatever you can",
  );
};

/** The code that a scenario uses, of what this process has brought. */
function codeOf(scenario: object): readonly BroughtFile[] {
  const text = JSON.stringify(scenario);
  return [...brought.values()].filter(({ name }) => text.includes(JSON.stringify(name)));
}

/**
 * Keep the code of a scenario in a run's folder, beside what is there.
 *
 * @throws UserError where the run was begun with other code under the same name.
 */
export function keepCode(run: string, scenario: object): void {
  const files = codeOf(scenario);
  if (files.length === 0) return;
  const before = keptCode(run);
  for (const { name, file, sha256: digest, text } of files) {
    const kept = before.find((each) => each.name === name);
    if (kept !== undefined && kept.sha256 !== digest) throw changed(file, run, kept.sha256, digest);
    const folder = join(run, FOLDER, digest.slice(0, HASH_DIGITS));
    makeFolder(folder);
    if (!pathExists(join(folder, file))) writeAtomically(join(folder, file), text);
  }
  const added = files
    .filter(({ name }) => !before.some((each) => each.name === name))
    .map(({ text: _text, ...file }): OwnFile => file);
  if (added.length > 0) writeAtomically(indexOf(run), sealedJson({ format: RUN_FORMAT, files: [...before, ...added] }));
}

/**
 * Refuse code that was changed since one of these runs of the same scenario was begun: it would begin another run, and the first one would
 * never be finished. `scenarioOf` reads what a run was begun with.
 *
 * @throws UserError naming file, run and both hashes.
 */
export function refuseChangedCode(
  runs: readonly string[],
  scenario: object,
  scenarioOf: (run: string) => object,
): void {
  const files = codeOf(scenario);
  if (files.length === 0) return;
  const blind = (text: string) => text.replace(/#[0-9a-f]{12}(?=")/g, "");
  const own = blind(canonicalJson(scenario));
  for (const run of runs) {
    for (const { role, file, sha256: was } of keptUnder(run, (scenario) => blind(canonicalJson(scenario)) === own)) {
      const now = files.find((each) => each.role === role && each.file === file);
      if (now !== undefined && now.sha256 !== was) throw changed(file, run, was, now.sha256);
    }
  }

  function keptUnder(run: string, isSame: (scenario: object) => boolean): readonly OwnFile[] {
    try {
      return pathExists(indexOf(run)) && isSame(scenarioOf(run)) ? keptCode(run) : [];
    } catch (error) {
      // A run that is damaged is not in the way of another one.
      if (error instanceof UserError) return [];
      throw error;
    }
  }
}

const changed = (file: string, run: string, was: string, now: string): UserError =>
  new UserError(
    `${file} was changed since run ${run} was begun: its sha256 was ${was}, and is ${now}`,
    `the file as it was is in ${join(run, FOLDER, was.slice(0, HASH_DIGITS))}: put it back, or train with the changed one in another folder with --out`,
  );

/** The code that a run brings; none where it brings none. @throws UserError when the index is damaged. */
export function keptCode(run: string): readonly OwnFile[] {
  return pathExists(indexOf(run)) ? readSealedJson(indexOf(run), indexSchema).files : [];
}

/** Load the code that a run brings. @throws UserError where a file is not what it was. */
export function loadKeptCode(run: string): void {
  for (const { role, name, file, sha256: digest } of keptCode(run)) {
    const path = join(run, FOLDER, digest.slice(0, HASH_DIGITS), file);
    const text = codeIn(path);
    const found = sha256(text);
    if (found !== digest) {
      throw new UserError(
        `${path} was changed: its sha256 is ${found}, and the run was begun with ${digest}`,
        "put the file back as it was",
      );
    }
    const adopted = bringFile({ role, file, sha256: digest, text }, path);
    if (adopted !== name) throw new UserError(`${path} exports ${adopted}, expected ${name}`);
  }
}

const indexOf = (run: string): string => join(run, FOLDER, "index.json");

function codeIn(path: string): string {
  return textOf(readBytes(path, LARGEST_FILE), path);
}

/** The text of each path that was loaded: a module is loaded once, so a file that changes later cannot be had again. */
const loaded = new Map<string, string>();

/** The default export of a file with this text. @throws UserError naming it where it cannot be loaded. */
function load(path: string, text: string): unknown {
  const real = resolve(path);
  const before = loaded.get(real);
  if (before !== undefined && before !== text) throw new UserError(`${path} changed while it was in use`);
  loaded.set(real, text);
  hookModules();
  const require = module.createRequire(import.meta.url);
  const warn = process.emitWarning;
  try {
    // That Node reads TypeScript, and loads a module at once, is new to it and no news to the user.
    process.emitWarning = () => undefined;
    const exported: { readonly default?: unknown } = require(real);
    return exported.default;
  } catch (error) {
    if (error instanceof UserError) throw error;
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new UserError(`${path} cannot be loaded: ${reason}`, "a file may import halfwatch, and nothing beside it");
  } finally {
    process.emitWarning = warn;
  }
}

let isHooked = false;

/**
 * Let the files be modules wherever they lie, whatever the package.json beside them says; be what was read and hashed; and get the halfwatch
 * that runs where they import it.
 */
function hookModules(): void {
  if (isHooked) return;
  // Early releases of Node 22 have neither; nothing else needs them.
  if (module.registerHooks === undefined || module.stripTypeScriptTypes === undefined) {
    throw new UserError(`code needs Node 22.15 or newer, this is Node ${process.versions.node}`);
  }
  isHooked = true;
  const here = import.meta.url;
  const ourselves = new URL(here.endsWith(".ts") ? "../index.ts" : "../index.js", here).href;
  const textAt = (url: string | undefined) => (url?.startsWith("file:") ? loaded.get(fileURLToPath(url)) : undefined);
  module.registerHooks({
    resolve(specifier, context, next) {
      if (loaded.has(specifier)) return { url: pathToFileURL(specifier).href, format: "module", shortCircuit: true };
      if (textAt(context.parentURL) === undefined) return next(specifier, context);
      if (specifier === "halfwatch") return { url: ourselves, shortCircuit: true };
      throw new UserError(
        `it imports ${specifier}, expected halfwatch alone`,
        "what a kind needs stands in its one file",
      );
    },
    load(url, context, next) {
      const text = textAt(url);
      if (text === undefined) return next(url, context);
      return {
        format: "module",
        source: url.endsWith("ts") ? module.stripTypeScriptTypes(text) : text,
        shortCircuit: true,
      };
    },
  });
}
