import { join } from "node:path";
import { z } from "zod";
import { canonicalJson } from "../core/hash.ts";
import { readFrom, remove, textOf, writeAtomically } from "./files.ts";

/*
 * How somebody outside asks a run to pause. The run is paused while its folder holds control.json; each process that trains a cell looks once
 * per update. The file appears by rename and says one thing, so several writers need no lock: the last one wins, and lifting a
 * pause that is not there is no error. It is no part of a result: no hash covers it, and a pause changes no byte of what is trained.
 */

/** The most bytes that a control file can have; more is not ours, and never read. */
const LONGEST = 4096;

const controlSchema = z.strictObject({
  format: z.literal(1),
  paused: z.literal(true),
  host: z.string(),
  pid: z.int().min(0),
});

/** Whom to ask why a run is paused. */
export interface Pauser {
  readonly host: string;
  readonly pid: number;
}

/** `unreadable` is a sentence for people; the run then goes on as if there were no file. */
export type Control =
  | { readonly kind: "go on" }
  | { readonly kind: "paused"; readonly by: Pauser }
  | { readonly kind: "unreadable"; readonly message: string };

export function controlPath(run: string): string {
  return join(run, "control.json");
}

/** What the run is asked to do now. Never throws: training does not end because of this file. */
export function readControl(run: string): Control {
  const path = controlPath(run);
  const ignored = (reason: string): Control => ({ kind: "unreadable", message: `${path} ${reason}; it is ignored` });
  try {
    const found = readFrom(path, 0, LONGEST);
    if (found === undefined) return { kind: "go on" };
    if (found.size > LONGEST) return ignored(`has more than ${LONGEST} bytes`);
    const parsed = controlSchema.safeParse(JSON.parse(textOf(found.bytes, path)));
    if (!parsed.success) return ignored("is not a control file of this version");
    const { host, pid } = parsed.data;
    return { kind: "paused", by: { host, pid } };
  } catch (error) {
    return ignored(error instanceof SyntaxError ? "is not JSON" : "cannot be read");
  }
}

/** Ask every process that trains a cell of the run to wait after its update. @throws UserError when the file cannot be written. */
export function pauseRun(run: string, { host, pid }: Pauser): void {
  writeAtomically(controlPath(run), `${canonicalJson({ format: 1, paused: true, host, pid })}\n`);
}

/** Let the run go on, whoever paused it. @throws UserError when the file cannot be removed. */
export function unpauseRun(run: string): void {
  remove(controlPath(run));
}
