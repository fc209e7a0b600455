import { createHash, type Hash } from "node:crypto";
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { attempt, ensure } from "../core/cleanup.ts";
import { UserError } from "../core/errors.ts";
import { makeFolders } from "../core/folders.ts";
import { canonicalJson } from "../core/hash.ts";

/*
 * How files are read and written so that nothing is lost, and what the operating system's refusals are in words: the only module
 * of `src/` that touches files (test/architecture.test.ts lists the exceptions). What stands in which file is store.ts.
 */

/** A file's length in bytes, and the SHA-256 of that much of it. */
export interface FileMark {
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Appends records to a JSON-lines file, in the order in which they were written. Lines are buffered: `flush` hands them to the
 * operating system, `close` also to the disk. A reader may see a last line without its end.
 */
export class LineWriter {
  readonly path: string;
  private readonly file: number;
  private readonly limit: number;
  private readonly hash: Hash;
  private bytes: number;
  private pending: string[] = [];

  /** `limit` lines are buffered at most. */
  constructor(path: string, limit = 64) {
    this.path = path;
    this.limit = limit;
    this.file = guarded("write", path, () => openSync(path, "a"));
    const before = isFile(path) ? readBytes(path) : new Uint8Array(0);
    this.hash = createHash("sha256").update(before);
    this.bytes = before.length;
  }

  write(record: unknown): void {
    this.pending.push(`${canonicalJson(record)}\n`);
    if (this.pending.length >= this.limit) this.flush();
  }

  flush(): void {
    if (this.pending.length === 0) return;
    const bytes = new TextEncoder().encode(this.pending.join(""));
    this.pending = [];
    guarded("write", this.path, () => writeAll(this.file, bytes));
    this.hash.update(bytes);
    this.bytes += bytes.length;
  }

  /** Hand all lines to the disk; what the file then is. */
  mark(): FileMark {
    this.flush();
    guarded("write", this.path, () => fsyncSync(this.file));
    return { bytes: this.bytes, sha256: this.hash.copy().digest("hex") };
  }

  close(): void {
    const finish = () => {
      this.flush();
      guarded("write", this.path, () => fsyncSync(this.file));
    };
    ensure(finish, () => closeSync(this.file));
  }
}

/**
 * Write a whole file so that, whenever the machine stops, the old or the new content stands there and nothing in between:
 * a temporary file in the same folder, fsync, rename, fsync of the folder.
 *
 * @throws UserError naming the path when the folder is missing, read-only or full.
 */
export function writeAtomically(path: string, content: Uint8Array | string): void {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  guarded("write", path, () => {
    const { file, temporary } = openTemporary(path);
    try {
      const fill = () => {
        writeAll(file, bytes);
        fsyncSync(file);
      };
      ensure(fill, () => closeSync(file));
      renameSync(temporary, path);
    } catch (error) {
      attempt(() => rmSync(temporary, { force: true }));
      throw error;
    }
    syncFolder(dirname(path));
  });
}

/** @throws UserError naming the path when it cannot be read, has no end (a pipe, a device), or is larger than `largest` bytes. */
export function readBytes(path: string, largest = Number.POSITIVE_INFINITY): Uint8Array {
  return guarded("read", path, () => {
    const status = statSync(path);
    if (!status.isFile() && !status.isDirectory()) throw new UserError(`${path} is not a regular file`);
    if (status.isFile() && status.size > largest) {
      throw new UserError(`${path} has ${megabytes(status.size)}, expected at most ${megabytes(largest)}`);
    }
    return readFileSync(path);
  });
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

/** SHA-256 of a file, read piece by piece. @throws UserError as {@link readBytes}. */
export function hashFile(path: string): string {
  const hash = createHash("sha256");
  const piece = new Uint8Array(PIECE);
  if (!isFile(path)) throw new UserError(`${path} is not a regular file`);
  guarded("read", path, () => {
    const file = openSync(path, "r");
    try {
      for (let read = 1; read > 0; ) {
        read = readSync(file, piece);
        hash.update(piece.subarray(0, read));
      }
    } finally {
      closeSync(file);
    }
  });
  return hash.digest("hex");
}

/** Bytes that are read at once. */
const PIECE = 1 << 18;

/** @throws UserError naming the path when it cannot be read or is not UTF-8 text. */
export function readText(path: string): string {
  return textOf(readBytes(path), path);
}

/** A line of a file: without its end, which only a file's last line may lack. */
export interface Line {
  /** Counted from 1. */
  readonly line: number;
  /** Where it begins, bytes. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly ended: boolean;
}

/**
 * The lines of a file, read piece by piece as they are asked for.
 *
 * @throws UserError naming the path when it cannot be read, is no regular file, or has a line longer than `longest` bytes.
 */
export function* readLines(path: string, longest: number): Generator<Line, void, void> {
  const piece = new Uint8Array(PIECE);
  if (!isFile(path)) throw new UserError(`${path} is not a regular file`);
  const file = guarded("read", path, () => openSync(path, "r"));
  try {
    let rest: Uint8Array = new Uint8Array(0);
    let offset = 0;
    for (let line = 1; ; ) {
      const read = guarded("read", path, () => readSync(file, piece, 0, piece.length, offset + rest.length));
      const bytes = new Uint8Array(rest.length + read);
      bytes.set(rest);
      bytes.set(piece.subarray(0, read), rest.length);
      let begin = 0;
      for (let end = bytes.indexOf(10, rest.length); end >= 0; end = bytes.indexOf(10, begin)) {
        yield { line: line++, offset: offset + begin, bytes: bytes.subarray(begin, end), ended: true };
        begin = end + 1;
      }
      rest = bytes.subarray(begin);
      offset += begin;
      if (rest.length > longest) throw new UserError(`${path}: line ${line} is longer than ${longest / 1e6} MB`);
      if (read > 0) continue;
      if (rest.length > 0) yield { line, offset, bytes: rest, ended: false };
      return;
    }
  } finally {
    closeSync(file);
  }
}

/**
 * Create a file that is not there yet; false if it is. Among processes that try the same path, on one host or several, one succeeds. A
 * reader may see it empty for a moment.
 */
export function createExclusively(path: string, content: string): boolean {
  return guarded("create", path, () => {
    let file: number;
    try {
      file = openSync(path, "wx");
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      throw error;
    }
    try {
      writeAll(file, new TextEncoder().encode(content));
    } catch (error) {
      attempt(() => rmSync(path, { force: true }));
      throw error;
    } finally {
      closeSync(file);
    }
    return true;
  });
}

/** A small file's text and when it was last touched, milliseconds since 1970; undefined where there is none. */
export function readTouched(path: string): { text: string; touched: number } | undefined {
  try {
    return { text: readFileSync(path, "utf8"), touched: statSync(path).mtimeMs };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw fileError("read", path, error);
  }
}

/**
 * At most `limit` bytes of a file from `offset` on, and the file's size; undefined where there is none.
 * @throws UserError naming the path when it cannot be read, or has no end (a pipe, a device).
 */
export function readFrom(path: string, offset: number, limit: number): { bytes: Uint8Array; size: number } | undefined {
  return guarded("read", path, () => {
    let file: number;
    try {
      // A pipe is opened at once too, and then seen to be one.
      file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
    try {
      const status = fstatSync(file);
      if (!status.isFile() && !status.isDirectory()) throw new UserError(`${path} is not a regular file`);
      const { size } = status;
      const bytes = new Uint8Array(Math.max(0, Math.min(limit, size - offset)));
      let done = 0;
      for (let read = 1; read > 0 && done < bytes.length; done += read) {
        read = readSync(file, bytes, done, bytes.length - done, offset + done);
      }
      return { bytes: bytes.subarray(0, done), size };
    } finally {
      closeSync(file);
    }
  });
}

/** Remove a file or folder, if it is there. */
export function remove(path: string): void {
  guarded("remove", path, () => rmSync(path, { recursive: true, force: true }));
}

export const pathExists = (path: string): boolean => existsSync(path);

/** Cut a file to its first `bytes`. */
export function cutFile(path: string, bytes: number): void {
  guarded("write", path, () => truncateSync(path, bytes));
}

/** A new file beside `path`. Exclusive creation makes the name ours, among processes and hosts, without a random number. */
function openTemporary(path: string): { file: number; temporary: string } {
  for (let attempt = 0; ; attempt++) {
    const temporary = join(dirname(path), `.${basename(path)}.${attempt}.tmp`);
    try {
      return { file: openSync(temporary, "wx"), temporary };
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}

/** Make a rename last. Where a folder cannot be opened or synced (Windows, some network file systems) the system sees to it. */
function syncFolder(folder: string): void {
  try {
    const file = openSync(folder, "r");
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (!["EISDIR", "EPERM", "EACCES", "EINVAL", "ENOTSUP"].includes(codeOf(error) ?? "")) throw error;
  }
}

/** Make a folder and those above it, if they are not there. */
export function makeFolder(path: string): void {
  guarded("create", path, () => makeFolders(path));
}

/** Names in a folder, sorted, without those that begin with a dot. */
export function listFolder(path: string): string[] {
  return namesIn(path).filter((name) => !name.startsWith("."));
}

/** Names in a folder, sorted, temporary files included. */
export function namesIn(path: string): string[] {
  return guarded("read", path, () => readdirSync(path)).sort();
}

/** Whether there is a regular file, whose content comes to an end. */
function isFile(path: string): boolean {
  return guarded("read", path, () => statSync(path).isFile());
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/** The text of UTF-8 bytes. @throws UserError naming the path when they are none. */
export function textOf(bytes: Uint8Array, path: string): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new UserError(`${path} is not UTF-8 text`);
  }
}

/** What the operating system refuses for reasons that are the user's to mend. */
const FILE_ERRORS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["EROFS", "the file system is read-only"],
  ["ENOSPC", "the disk is full"],
  ["EDQUOT", "the disk quota is used up"],
  ["EFBIG", "the file is too large"],
  ["EIO", "the disk reports an error"],
  ["ENOENT", "there is no such file or folder"],
  ["ENOTDIR", "a part of the path is not a folder"],
  ["EISDIR", "it is a folder"],
  ["EEXIST", "a file of that name is in the way"],
  ["ENAMETOOLONG", "the name is too long"],
  ["ELOOP", "its links go round in a circle"],
]);

function guarded<T>(verb: "read" | "write" | "create" | "remove", path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw fileError(verb, path, error);
  }
}

/** The `UserError` for a refusal of the operating system; any other error as it is. */
export function fileError(verb: string, path: string, error: unknown): unknown {
  const code = codeOf(error);
  const reason = code === undefined ? undefined : FILE_ERRORS.get(code);
  return reason === undefined ? error : new UserError(`cannot ${verb} ${path}: ${reason} (${code})`);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
