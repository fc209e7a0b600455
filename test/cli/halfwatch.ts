import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository, with a slash at its end. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** The compiled program; test/build.ts made it for this run. */
export const MAIN = process.env.HALFWATCH_MAIN ?? join(ROOT, "dist/cli/main.js");

/** Begins every escape code. */
export const ESCAPE = "\u001b";

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Run the compiled program (or another `main`), without a terminal, in a folder. */
export function halfwatch(args: readonly string[], cwd: string = ROOT, main: string = MAIN): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { cwd, encoding: "utf8" });
  return { code: status, stdout, stderr };
}

/** A folder that exists while `action` runs, or until the promise that it returns is settled, with a copy of scenarios/ in it. */
export function inFolder<T>(action: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "halfwatch-"));
  const remove = () => rmSync(folder, { recursive: true });
  let result: T;
  try {
    cpSync(join(ROOT, "scenarios"), join(folder, "scenarios"), { recursive: true });
    result = action(folder);
  } catch (error) {
    remove();
    throw error;
  }
  if (result instanceof Promise) return result.finally(remove) as T;
  remove();
  return result;
}

/** All files below a folder, to see that nothing was written. */
export function filesIn(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[]).sort();
}
