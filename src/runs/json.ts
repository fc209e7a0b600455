import { basename } from "node:path";
import type { z } from "zod";
import { UserError } from "../core/errors.ts";
import { canonicalJson, isSealed, seal, UNSEALED } from "../core/hash.ts";
import { readBytes, textOf } from "./files.ts";

/** The format of manifest.json and result.json that this version writes and reads. */
export const RUN_FORMAT = 2;

/** A manifest or a result of more bytes is none of ours. */
export const LARGEST_JSON = 100_000_000;

/**
 * Refuse a file of ours that another release wrote.
 *
 * @throws UserError saying both formats.
 */
export function refuseOtherFormat(found: unknown, known: number, subject: string): void {
  if (typeof found !== "number" || !Number.isInteger(found)) {
    throw new UserError(`${subject} has no format number; this version reads format ${known}`);
  }
  if (found === known) return;
  throw new UserError(
    `${subject} has format ${found}; this version reads format ${known}`,
    found > known ? "it was written by a newer release" : undefined,
  );
}

/** The first issue of a failed validation as "path: reason". */
export function issueText(error: z.ZodError): string {
  const [issue] = error.issues;
  return `${issue.path.join(".") || "content"}: ${issue.message}`;
}

/** One line of canonical JSON that carries its own checksum. */
export function sealedJson(content: object): Uint8Array {
  return seal(new TextEncoder().encode(`${canonicalJson({ ...content, sha256: UNSEALED })}\n`));
}

/** Read what {@link sealedJson} wrote. @throws UserError as {@link parseSealedJson}. */
export function readSealedJson<T>(path: string, schema: z.ZodType<T>): T {
  return parseSealedJson(readBytes(path, LARGEST_JSON), path, schema);
}

/** @throws UserError naming the file when it is damaged, was changed after it was written, or has another format. */
export function parseSealedJson<T>(bytes: Uint8Array, path: string, schema: z.ZodType<T>): T {
  const json = parseJson(bytes, path);
  if (typeof json !== "object" || json === null || !("format" in json))
    throw damaged(path, "is not a file of a run: it has no format");
  refuseOtherFormat(json.format, RUN_FORMAT, path);
  const { sha256: claimed, ...content } = { sha256: undefined, ...json };
  const parsed = schema.safeParse(content);
  if (!parsed.success) throw damaged(path, `is not valid: ${issueText(parsed.error)}`);
  if (typeof claimed !== "string" || !isSealed(bytes, claimed)) {
    throw damaged(path, "was changed after it was written: its checksum does not match");
  }
  return parsed.data;
}

/** What a JSON text says; undefined where it is none. */
export function jsonOf(text: Uint8Array | string): unknown {
  try {
    return JSON.parse(typeof text === "string" ? text : new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch {
    return undefined;
  }
}

/**
 * What a JSON text of ours says: a whole file, or a line of a log.
 *
 * @throws UserError naming the file, the line if one is given, and what is wrong there.
 */
export function parseAs<T>(schema: z.ZodType<T>, text: Uint8Array | string, path: string, line?: number): T {
  const parsed = schema.safeParse(parseJson(text, path, line));
  if (!parsed.success) throw damaged(path, `is not valid: ${issueText(parsed.error)}`, line);
  return parsed.data;
}

function parseJson(text: Uint8Array | string, path: string, line?: number): unknown {
  try {
    return JSON.parse(typeof text === "string" ? text : textOf(text, path));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw damaged(path, "is not JSON", line);
  }
}

/** The refusal of a file of a run that is not as it was written; `line` counts from 1. */
export function damaged(path: string, reason: string, line?: number): UserError {
  const hint =
    basename(path) === "manifest.json"
      ? "restore the file, or move this one file out of the folder and give the command that began the run: it writes a new one and keeps all cells"
      : "restore the file, or remove its folder to train the cell again";
  return new UserError(`${path}${line === undefined ? "" : `:${line}:`} ${reason}`, hint);
}
