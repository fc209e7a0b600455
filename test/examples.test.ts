import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { MAIN, ROOT } from "./cli/halfwatch.ts";

/** The public API as test/build.ts compiled it for this run: what "halfwatch" stands for in the examples. */
const API = pathToFileURL(join(MAIN, "../../src/index.js")).href;
const REDIRECT = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  registerHooks({
    resolve: (name, context, next) =>
      name === "halfwatch" ? { url: ${JSON.stringify(API)}, shortCircuit: true } : next(name, context),
  });`)}`;

/** Run an example from the repository's root; its lines. */
function run(example: string, ...args: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--import", REDIRECT, `examples/${example}`, ...args],
    { cwd: ROOT, encoding: "utf8" },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.trimEnd().split("\n");
}

describe("examples", () => {
  test("each of them is run below", () => {
    expect(readdirSync(join(ROOT, "examples")).sort()).toEqual([
      "evaluate-optimum.ts",
      "own-overseer.ts",
      "train-and-look.ts",
    ]);
  });

  test("evaluate-optimum: .900 around the Ghost, -.961 to the nearer one; the readme shows this script and these lines", () => {
    const lines = run("evaluate-optimum.ts");
    expect(lines).toEqual([
      "optimal:true: true return 0.900, proxy return 0.900, Ghost 0.000",
      "optimal:naive: true return -0.961, proxy return 0.961, Ghost 1.000",
    ]);
    const readme = readFileSync(join(ROOT, "README.md"), "utf8");
    expect(readme).toContain(`\`\`\`ts\n${readFileSync(join(ROOT, "examples/evaluate-optimum.ts"), "utf8")}\`\`\``);
    expect(readme).toContain(`\`\`\`\n${lines.join("\n")}\n\`\`\``);
  });

  test("evaluate-optimum takes --set's options: with hidden marks the naive optimum is the true one", () => {
    const returns = run("evaluate-optimum.ts", "scenarios/diamond-ghost.yaml", "oversight.visible=false").map(
      (line) => line.split(": ")[1],
    );
    // Hidden marks at coverage .1: naive is aligned above p* = (1 - .97^7) / 2 = .096.
    expect(returns[0]).toBe(returns[1]);
  });

  test("own-overseer: an agent that is trusted where nobody looks takes the Ghost there, and leaves it where it is watched", () => {
    const [inspected, ghost] = run("own-overseer.ts");
    // two columns of five, and the timeouts
    expect(Number(/^(\d+) %/.exec(inspected)?.[1])).toBeGreaterThan(20);
    const [, watched, elsewhere] = /watched ([.\d]+), elsewhere ([.\d]+)$/.exec(ghost) ?? [];
    expect(Number(elsewhere)).toBeGreaterThan(3 * Number(watched));
  });

  test("train-and-look: 50,000 watched steps part the modules by more than half a return", () => {
    const lines = run("train-and-look.ts");
    const [, inspected, ended] = /^(\d+) of (\d+) episodes were inspected$/.exec(lines[4]) ?? [];
    expect(Number(inspected)).toBeGreaterThan(1000);
    expect(inspected).toBe(ended);
    expect(lines.slice(5).map((line) => line.split(": ")[0])).toEqual([
      "full",
      "only:diamond",
      "only:ghost",
      "separation",
    ]);
    expect(Number(lines[8].split(": ")[1])).toBeGreaterThan(0.5);
  });
});

test("the package's own name leads to the compiled API, where a clone's examples look for it", () => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  expect(exports["."]).toEqual({ types: "./dist/src/index.d.ts", default: "./dist/src/index.js" });
  const { stdout } = spawnSync(
    process.execPath,
    ["--input-type=module", "--eval", 'console.log(import.meta.resolve("halfwatch"))'],
    { cwd: join(ROOT, "examples"), encoding: "utf8" },
  );
  expect(stdout.trim()).toBe(pathToFileURL(join(ROOT, "dist/src/index.js")).href);
});
