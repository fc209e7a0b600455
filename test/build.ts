import { spawnSync } from "node:child_process";

/**
 * Tests of the command line run the compiled program: compile it once, so that it is never stale. Type errors are printed
 * and left to `npm run check`, so that one of them does not hide what the tests have to say.
 */
export default function build(): void {
  spawnSync("npm", ["run", "--silent", "build:ts"], { stdio: "inherit" });
}
