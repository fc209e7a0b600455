import { dirname } from "node:path";
import { z } from "zod";
import { canonicalJson } from "../core/hash.ts";
import type { CellPaths } from "./cell-paths.ts";
import { makeFolder, pathExists, readFrom, textOf, writeAtomically } from "./files.ts";

/*
 * Why a cell failed, for whoever looks at the run from elsewhere: failure.json in the cell's folder, written by the process that saw it
 * fail. No hash covers it and nothing is decided by it. Taking the cell up again removes it, as everything that its last save does
 * not name (store.ts:startCell, resume.ts:rollBack).
 */

/** The most bytes that such a file can have; more is not ours, and never read. */
const LONGEST = 1 << 16;

const failureSchema = z.strictObject({
  format: z.literal(1),
  /** "at update 12 of 366". */
  where: z.string(),
  message: z.string(),
  hint: z.string().optional(),
});

export type Failure = Omit<z.infer<typeof failureSchema>, "format">;

/** Write down why a cell failed, unless it is finished. @throws UserError when the file cannot be written. */
export function writeFailure({ failure, result }: CellPaths, { where, message, hint }: Failure): void {
  if (pathExists(result)) return;
  makeFolder(dirname(failure));
  const text = canonicalJson({ format: 1, where, message, ...(hint !== undefined && { hint }) });
  writeAtomically(failure, `${text}\n`);
}

/** Why a cell failed last; undefined where it did not, or what is there is not ours. Never throws. */
export function readFailure({ failure }: CellPaths): Failure | undefined {
  try {
    const found = readFrom(failure, 0, LONGEST);
    if (found === undefined || found.size > LONGEST) return undefined;
    const { format: _, ...rest } = failureSchema.parse(JSON.parse(textOf(found.bytes, failure)));
    return rest;
  } catch {
    return undefined;
  }
}
