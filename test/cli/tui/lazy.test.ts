import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { MAIN, ROOT } from "../halfwatch.ts";

/** Run the program and say which packages it had loaded when it ended. */
function packagesLoaded(args: readonly string[]): string[] {
  const hook = `
    import { registerHooks } from "node:module";
    const loaded = new Set();
    registerHooks({ load(url, context, next) {
      const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1];
      if (name) loaded.add(name);
      return next(url, context);
    } });
    process.on("exit", () => process.stderr.write("LOADED " + [...loaded].sort().join(" ") + "\\n"));`;
  const { stderr } = spawnSync(
    process.execPath,
    ["--import", `data:text/javascript,${encodeURIComponent(hook)}`, MAIN, ...args],
    { cwd: ROOT, encoding: "utf8" },
  );
  return (/^LOADED (.*)$/m.exec(stderr)?.[1] ?? "").split(" ").filter(Boolean);
}

test("neither help nor plain output loads Ink or React", () => {
  expect(packagesLoaded(["--help"])).toEqual(["commander"]);
  const levels = packagesLoaded(["levels", "scenarios/quickstart.yaml"]);
  expect(levels).toContain("yaml");
  expect(levels.filter((name) => ["ink", "react", "react-reconciler", "yoga-layout"].includes(name))).toEqual([]);
});

test("Ink and React are imported by screens alone, and screens only when they are opened", () => {
  const sources = globSync("cli/**/*.{ts,tsx}", { cwd: ROOT });
  const importers = sources.filter((path) => /from "(ink|react)"/.test(readFileSync(join(ROOT, path), "utf8")));
  expect(importers.every((path) => path.endsWith(".tsx"))).toBe(true);
  const eager = sources.filter(
    (path) =>
      !path.endsWith(".tsx") &&
      /^import (?!type\b)[^;]*from "[^"]*\.tsx"/m.test(readFileSync(join(ROOT, path), "utf8")),
  );
  expect(eager).toEqual([]);
});

test("the compiled screens bring Ink and React in one file, with the licences of all that is in it", () => {
  const compiled = (name: string) => readFileSync(join(dirname(MAIN), "tui", name), "utf8");
  const imported = [...compiled("ink.js").matchAll(/^import .* from "(.*)";$/gm)].map(([, name]) => name);
  expect(imported).toContain("./terminal.js");
  expect(imported.filter((name) => !name.startsWith("node:") && name !== "./terminal.js")).toEqual([]);
  for (const name of ["ink", "react", "yoga-layout"]) {
    expect(compiled("ink.licences.txt")).toMatch(new RegExp(`^${name} [0-9.]+, MIT\\n\\n(MIT License|By Meta)`, "m"));
  }
});
