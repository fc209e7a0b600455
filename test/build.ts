import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

/**
 * Tests of the command line run the compiled program: compile it once, into a folder of this run's own, so that it is never
 * stale and two runs side by side do not disturb each other. Type errors are printed and left to `npm run check`, so that one
 * of them does not hide what the tests have to say.
 */
export default function build(): () => void {
  const root = join(import.meta.dirname, "..");
  const folder = mkdtempSync(join(root, ".test-"));
  spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", "tsconfig.build.json", "--outDir", folder], {
    cwd: root,
    stdio: "inherit",
  });
  spawnSync(process.execPath, ["scripts/copy-kernels.ts", folder], { cwd: root, stdio: "inherit" });
  spawnSync(process.execPath, ["scripts/bundle-ink.ts", folder], { cwd: root, stdio: "inherit" });
  process.env.HALFWATCH_MAIN = join(folder, "cli/main.js");
  process.env.XDG_CACHE_HOME = join(folder, "cache");
  return () => rmSync(folder, { recursive: true, force: true });
}
