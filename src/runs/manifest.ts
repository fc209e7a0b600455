import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../core/errors.ts";
import { canonicalJson, sha256 } from "../core/hash.ts";
import { CELL_ID } from "./cell-paths.ts";
import { hashFile, listFolder, makeFolder, pathExists, readBytes, writeAtomically } from "./files.ts";
import { LARGEST_JSON, parseSealedJson, RUN_FORMAT, readSealedJson, sealedJson } from "./json.ts";

type JsonRecord = Readonly<Record<string, unknown>>;

/** What a run fixes before its first cell. */
export interface Manifest {
  readonly format: typeof RUN_FORMAT;
  /** Hash of the scenario without what may grow (arms, seeds, sweep). */
  readonly scenarioHash: string;
  /** The resolved scenario of the command that began the run. */
  readonly scenario: JsonRecord;
  /** The one metric that claims rest on, and the rule that selects checkpoints. */
  readonly primary: { readonly metric: string; readonly shift: string; readonly select: string };
  /** Whatever of ours can change a result: release and formats; not Node's version or the machine's. */
  readonly versions: Readonly<Record<string, string>>;
  readonly arms: readonly string[];
  readonly seeds: readonly number[];
  /** Points of the sweep, key path to value; one empty point without a sweep. */
  readonly points: readonly JsonRecord[];
  /** What commands asked for, each for all its arms with all its seeds at all its points: together the cells of the run. */
  readonly asked: readonly Pick<Manifest, "arms" | "seeds" | "points">[];
  /** Command lines that asked for it, each once, in the order in which they came first. */
  readonly commands: readonly string[];
}

const digest = z.string().regex(/^[0-9a-f]{64}$/, { error: "is not 64 hex digits" });
const record = z.record(z.string(), z.unknown());
const count = z.int().min(0);

const product = { arms: z.array(z.string()), seeds: z.array(count), points: z.array(record) };
const manifestSchema = z
  .strictObject({
    format: z.literal(RUN_FORMAT),
    scenarioHash: digest,
    scenario: record,
    primary: z.strictObject({ metric: z.string(), shift: z.string(), select: z.string() }),
    versions: z.record(z.string(), z.string()),
    ...product,
    asked: z.array(z.strictObject(product)).optional(),
    commands: z.array(z.string()).default([]),
  })
  // A run from before this was written down is taken to be of all arms with all seeds at all points.
  .transform(({ asked, ...rest }) => {
    const { arms, seeds, points } = rest;
    return { ...rest, asked: asked ?? [{ arms, seeds, points }] };
  });

/** The folder of a run's locks. */
export const LOCKS = "locks";

/** Runs `action` while no other process runs one of the same name in the same run; see lock.ts. */
export type Guard = <T>(name: string, action: () => T) => T;

/**
 * Create the run's manifest, or extend the lists of the one that is there. The rest of it never changes.
 * Processes that open a run at the same time need a `guard`, or the extension of one of them is lost.
 *
 * @returns the manifest as it now stands in the directory.
 * @throws UserError when the directory holds something else, or a run that was fixed differently.
 */
export function openRun(dir: string, manifest: Manifest, guard: Guard = (_name, action) => action()): Manifest {
  const path = join(dir, "manifest.json");
  makeFolder(dir);
  for (;;) {
    const bytes = pathExists(path) ? readBytes(path, LARGEST_JSON) : undefined;
    const before = bytes && parseSealedJson(bytes, path, manifestSchema);
    if (before === undefined) refuseStrangers(dir);
    const merged = before === undefined ? manifest : extended(dir, before, manifest);
    if (merged === before) return before;
    // The lock is named after what is replaced. Manifests only grow, so a name that is done with never comes back.
    const replaced = bytes === undefined ? "new" : sha256(bytes);
    const written = guard(`manifest-${replaced.slice(0, 16)}`, () => {
      const isSame = pathExists(path) ? hashFile(path) === replaced : bytes === undefined;
      if (isSame) writeAtomically(path, sealedJson(merged));
      return isSame;
    });
    if (written) return merged;
  }
}

/** The manifest with the lists of another added; the same object where that adds nothing. */
function extended(dir: string, before: Manifest, more: Manifest): Manifest {
  for (const key of ["scenarioHash", "primary", "versions"] as const) {
    const [was, is] = [canonicalJson(before[key]), canonicalJson(more[key])];
    if (was !== is) {
      throw new UserError(
        `run ${dir} was begun with ${key} ${was}; this is ${is}`,
        "what a run fixed before its first cell stays: choose another folder with --out",
      );
    }
  }
  const merged = {
    ...before,
    arms: union(before.arms, more.arms),
    seeds: union(before.seeds, more.seeds).sort((a, b) => a - b),
    points: union(before.points, more.points),
    asked: union(before.asked, more.asked),
    commands: union(before.commands, more.commands),
  };
  return canonicalJson(merged) === canonicalJson(before) ? before : merged;
}

/** A run whose manifest was lost keeps its cells: their ids say what they are of, and the manifest is written anew. */
function refuseStrangers(dir: string): void {
  const cells = pathExists(join(dir, "cells")) ? listFolder(join(dir, "cells")) : [];
  const isLost = cells.length > 0 && cells.every((id) => CELL_ID.test(id));
  // Another command may have written the manifest since it was looked for.
  const own = new Set(["manifest.json", LOCKS, "code", ...(isLost ? ["cells", "report", "control.json"] : [])]);
  const stranger = listFolder(dir).find((name) => !own.has(name));
  if (stranger === undefined) return;
  throw new UserError(
    `folder ${dir} is not a run: it has no manifest.json, and holds ${stranger}`,
    "choose a new or empty folder with --out",
  );
}

/** @throws UserError when there is none, or it is damaged. */
export function readManifest(dir: string): Manifest {
  return readSealedJson(join(dir, "manifest.json"), manifestSchema);
}

function union<T>(before: readonly T[], more: readonly T[]): T[] {
  return [...new Map([...before, ...more].map((item) => [canonicalJson(item), item])).values()];
}
