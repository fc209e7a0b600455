import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { UserError } from "../../core/errors.ts";
import { makeFolders } from "../../core/folders.ts";
import * as constants from "../fused/constants.ts";

/** A shared library of the kernels, and what determines the bits that it computes. */
export interface Build {
  readonly path: string;
  /** The compiler's first line about itself. */
  readonly compiler: string;
  readonly flags: string;
  /** Widest vectors of the processor that it was compiled for, in bits. */
  readonly vectorBits: number;
}

/** `fused`: multiplications and additions may fuse. `exact`: WebAssembly's bits. */
export type Arithmetic = "fused" | "exact";
const ARITHMETIC: Readonly<Record<Arithmetic, readonly string[]>> = {
  fused: ["-ffp-contract=fast"],
  exact: ["-ffp-contract=off", "-DEXACT"],
};

const COMPILER = "cc";
/**
 * Nothing is relaxed but what {@link Arithmetic} says: sums keep their order, NaN and infinities their meaning. Records alias each other
 * (no-strict-aliasing); sqrt sets no errno, so it is one instruction.
 */
const FLAGS = ["-std=gnu11", "-O3", "-fno-math-errno", "-fno-strict-aliasing", "-fPIC", "-shared"];
/** `native` is spelt one way or the other. */
const PROCESSOR = ["-march=native", "-mcpu=native"];
/** What the kernels include: part of their source. */
const RECORDS = new URL("./records.h", import.meta.url);
const CONSTANTS = Object.entries(constants).map(([name, value]) => `-D${name}=${value}`);

/** Sleeping threads may outlive the library's handle. */
const LINKING = process.platform === "linux" ? ["-pthread", "-Wl,-z,nodelete"] : ["-pthread"];

const execute = promisify(execFile);

/**
 * The kernels compiled for this processor, from `cacheFolder` if they are there. A file's name holds the hash of all that determines
 * it (source, flags, compiler, processor) and the hash of its bytes, and it appears by renaming: processes that compile at the same
 * time do not disturb each other, and a damaged file is compiled anew.
 *
 * @throws UserError saying what is missing: a compiler that works, or a folder that can be written to.
 */
export async function buildKernels(
  cacheFolder: string,
  arithmetic: Arithmetic,
  source = new URL("./kernels.c", import.meta.url),
): Promise<Build> {
  const { processor, macros, compiler } = await probeCompiler();
  const flags = [...FLAGS, ...ARITHMETIC[arithmetic], processor, ...LINKING];
  const code = await Promise.all([source, RECORDS].map((file) => readFile(file)));
  const model = cpus()[0]?.model ?? "";
  const key = digest(JSON.stringify([flags, CONSTANTS, macros, compiler, model, ...code.map(digest)]));
  const path =
    (await cached(cacheFolder, key)) ??
    (await compile(cacheFolder, key, [...flags, ...CONSTANTS, "-x", "c", fileURLToPath(source)]));
  return { path, compiler, flags: flags.join(" "), vectorBits: vectorBits(macros) };
}

/** What the compiler says of itself and of this processor. */
async function probeCompiler(): Promise<{ processor: string; macros: string; compiler: string }> {
  let failure = "";
  for (const processor of PROCESSOR) {
    try {
      const { stdout: macros } = await execute(COMPILER, [processor, "-dM", "-E", "-x", "c", "/dev/null"]);
      const { stdout } = await execute(COMPILER, ["--version"]);
      return { processor, macros, compiler: stdout.split("\n")[0].trim() };
    } catch (error) {
      if (isNodeError(error) && error.code === "ENOENT") {
        throw new UserError(
          `engine native needs a C compiler, and there is no \`${COMPILER}\``,
          "add one, for instance `sudo apt-get install gcc libc6-dev` (Debian, Ubuntu) or `xcode-select --install` (macOS)",
        );
      }
      failure = messageOf(error);
    }
  }
  throw new UserError(`engine native needs a C compiler that knows this processor: ${failure}`);
}

/** The compiled file of `key`, if it is there and whole. */
async function cached(folder: string, key: string): Promise<string | undefined> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const [, itsKey, sum] = /^kernels-(\w+)-(\w+)\.so$/.exec(name) ?? [];
    if (itsKey !== key) continue;
    const path = join(folder, name);
    const bytes = await readFile(path).catch(() => undefined);
    if (bytes !== undefined && digest(bytes) === sum) return path;
  }
  return undefined;
}

async function compile(folder: string, key: string, args: readonly string[]): Promise<string> {
  let workshop: string;
  try {
    makeFolders(folder, 0o700);
    workshop = await mkdtemp(join(folder, "compiling-"));
  } catch (error) {
    throw new UserError(
      `engine native keeps its compiled kernels in ${folder}, which cannot be written: ${messageOf(error)}`,
    );
  }
  try {
    const output = join(workshop, "kernels.so");
    await execute(COMPILER, [...args, "-o", output]).catch((error) => {
      throw new UserError(`engine native could not be compiled: ${messageOf(error)}`);
    });
    const path = join(folder, `kernels-${key}-${digest(await readFile(output))}.so`);
    await rename(output, path);
    return path;
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

function vectorBits(macros: string): number {
  if (/__AVX512F__/.test(macros)) return 512;
  return /__AVX__/.test(macros) ? 256 : 128;
}

/** Half a SHA-256: collisions are no threat among files of one's own. */
function digest(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex").slice(0, 32);
}

/** A compiler's first complaint, or what went wrong before it could complain. */
function messageOf(error: unknown): string {
  const stderr = (error as { stderr?: string }).stderr ?? "";
  const complaint = stderr.split("\n").find((line) => /error/i.test(line));
  return complaint ?? (error instanceof Error ? error.message.split("\n")[0] : String(error));
}

function isNodeError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error;
}
