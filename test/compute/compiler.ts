import { execFileSync } from "node:child_process";

/** Whether the native engine can be built here; says so once where not. */
export function hasCompiler(): boolean {
  try {
    execFileSync("cc", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    console.warn("native engine not tested: there is no C compiler `cc`");
    return false;
  }
}
