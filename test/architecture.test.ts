import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

/** A source file: its path from the repository's root, and what stands in it. */
interface Source {
  readonly path: string;
  readonly text: string;
}

/** Which rooms of src/ a room may import from, itself aside (design, section 1); `type:` allows types only. */
const ARROWS: ReadonlyMap<string, readonly string[]> = new Map([
  ["core", []],
  ["envs", ["core"]],
  ["oversight", ["core"]],
  ["routing", ["core"]],
  ["compute", ["core"]],
  ["agents", ["core", "compute/engine.ts"]],
  ["evaluation", ["core", "envs", "type:oversight", "oversight/label.ts", "routing", "compute/engine.ts", "agents"]],
  ["statistics", ["core"]],
  ["scenario", ["core", "envs", "oversight", "routing", "agents", "compute/engine.ts", "evaluation"]],
  ["training", ["core", "envs", "oversight", "routing", "agents", "compute/engine.ts", "scenario"]],
  ["runs", ["core", "routing", "compute/engine.ts", "evaluation", "scenario", "training"]],
  ["runner", ["core", "routing", "compute", "evaluation", "scenario", "training", "runs"]],
  ["report", ["core", "routing", "evaluation", "statistics", "scenario", "runs"]],
  // the public API
  [
    "index.ts",
    [
      ...["core", "envs", "oversight", "agents", "compute", "routing", "evaluation"],
      ...["statistics", "scenario", "training", "runs", "runner", "report"],
    ],
  ],
]);

/** Which folders beside its own a folder of src/compute may import from: what engines share lies above them. */
const ENGINES: ReadonlyMap<string, readonly string[]> = new Map([
  ["reference", []],
  ["fused", []],
  ["wasm", ["fused"]],
  ["native", ["fused"]],
  ["tfjs", []],
]);

const MAY_TOUCH_FILES = [
  "src/core/folders.ts",
  "src/runs/files.ts",
  "src/compute/wasm/engine.ts",
  "src/compute/native/build.ts",
];

/** What a computation that repeats exactly may not ask: chance without a seed, the clock, the environment, the console. */
const BANNED: readonly RegExp[] = [
  /\bMath\.random\b/,
  /\bDate\b/,
  /\bperformance\b/,
  /\bhrtime\b/,
  /\bperf_hooks\b/,
  /\bset(?:Timeout|Interval)\b/,
  /\bprocess\.(?:env|argv|stdout|stderr|uptime)\b/,
  /\bconsole\b/,
  /\brandomBytes\b|\brandomUUID\b|\bgetRandomValues\b/,
  /\bxorwow\b/,
];

/** Every breach of the rules above in the sources, as `path:line: what`. */
function breaches(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) => {
    const code = withoutComments(text);
    const found: string[] = [];
    const at = (index: number) => `${path}:${code.slice(0, index).split("\n").length}`;
    for (const { index, name, typeOnly } of importsOf(code)) {
      const reason = name.startsWith(".") ? wrongArrow(path, name, typeOnly) : wrongPackage(path, name);
      if (reason !== null) found.push(`${at(index)}: ${reason}`);
    }
    code.split("\n").forEach((line, i) => {
      for (const banned of BANNED) {
        const match = banned.exec(line);
        if (match) found.push(`${path}:${i + 1}: ${match[0]}`);
      }
    });
    return found;
  });
}

function wrongArrow(path: string, name: string, typeOnly: boolean): string | null {
  const target = normalize(join(dirname(path), name));
  if (!target.startsWith("src/")) return `imports ${target}, outside of src`;
  const [room, inside] = [roomOf(path), target.slice("src/".length)];
  const arrows = ARROWS.get(room);
  if (arrows === undefined) return `stands in the unknown room ${room}`;
  if (roomOf(target) === room) return room === "compute" ? wrongEngine(path, target) : null;
  const allowed = arrows.some((arrow) => {
    const [head, tail] = arrow.startsWith("type:") ? [true, arrow.slice("type:".length)] : [false, arrow];
    return (!head || typeOnly) && (inside === tail || inside.startsWith(`${tail}/`));
  });
  return allowed ? null : `${room} imports ${inside}`;
}

function wrongEngine(path: string, target: string): string | null {
  const [from, to] = [engineOf(path), engineOf(target)];
  if (from === null || to === null || from === to) return null;
  return ENGINES.get(from)?.includes(to) ? null : `engine ${from} imports ${to}`;
}

/** The folder of src/compute that a file lies in; null: none. */
function engineOf(path: string): string | null {
  const [, , folder, file] = path.split("/");
  return file === undefined ? null : folder;
}

function wrongPackage(path: string, name: string): string | null {
  const isFiles = /^(?:node:)?fs(?:\/|$)/.test(name);
  return isFiles && !MAY_TOUCH_FILES.includes(path) ? `touches files through ${name}` : null;
}

function roomOf(path: string): string {
  return path.split("/")[1];
}

/** `import ... from "x"`, `export ... from "x"`, `import "x"`, `import("x")`, `require("x")`, `new URL("x", ...)`. */
function importsOf(code: string): { index: number; name: string; typeOnly: boolean }[] {
  const pattern =
    /\b(?:import|export)\s+(type\b)?[^"'`;]*?\bfrom\s*["']([^"']+)["']|\bimport\s*["']([^"']+)["']|\b(?:import|require)\s*\(\s*["'`]([^"'`]+)["'`]|\bnew URL\(\s*["'`]([^"'`]+)["'`]/g;
  return [...code.matchAll(pattern)].map(({ index, 0: match, 1: type, 2: a, 3: b, 4: c, 5: d }) => ({
    // where the import ends: there stands the name
    index: index + match.length,
    name: a ?? b ?? c ?? d,
    typeOnly: type !== undefined,
  }));
}

/** The code with comments blanked out, line for line; strings are kept, so that `//` in a URL is no comment. */
function withoutComments(text: string): string {
  return text.replace(/("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (match, string) =>
    string === undefined ? match.replace(/[^\n]/g, " ") : match,
  );
}

const ROOT = resolve(import.meta.dirname, "..");

function sourcesUnder(folder: string): Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: relative(ROOT, path), text: readFileSync(path, "utf8") }));
}

describe("src", () => {
  const sources = sourcesUnder("src");

  test("keeps to the arrows, and asks neither chance, clock, environment, console nor (but for three files) the disk", () => {
    expect(breaches(sources)).toEqual([]);
  });

  test("has the rooms of the design, and the check reads what each of them imports", () => {
    const rooms = new Set(sources.map(({ path }) => roomOf(path)).filter((room) => room !== "index.ts"));
    expect([...rooms].sort()).toEqual([...ARROWS.keys()].filter((room) => room !== "index.ts").sort());
    for (const room of rooms) {
      const imports = sources
        .filter(({ path }) => roomOf(path) === room)
        .flatMap(({ text }) => importsOf(withoutComments(text)));
      expect(imports.length, room).toBeGreaterThan(0);
    }
  });

  test("no line that imports escapes the check", () => {
    for (const { path, text } of sources) {
      const code = withoutComments(text);
      const names = new Set(importsOf(code).map(({ name }) => name));
      for (const [, name] of code.matchAll(/^(?:import .*|export .*|\}.*)(?:from )"(.+)";$/gm)) {
        expect(names, path).toContain(name);
      }
    }
  });
});

test("no two files import each other in a circle, types included", () => {
  const files = [...sourcesUnder("src"), ...sourcesUnder("cli")];
  const next = new Map(
    files.map(({ path, text }) => [
      path,
      importsOf(withoutComments(text)).flatMap(({ name }) =>
        name.startsWith(".") ? [normalize(join(dirname(path), name))] : [],
      ),
    ]),
  );
  const circles: string[] = [];
  const seen = new Set<string>();
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(" -> "));
    if (seen.has(path)) return;
    seen.add(path);
    for (const target of next.get(path) ?? []) visit(target, [...way, path]);
  };
  for (const { path } of files) visit(path, []);
  expect(circles).toEqual([]);
});

/** Names that several files export: commands are told apart by their files, and engines do the same work by the same names. */
const SHARED: readonly RegExp[] = [/^cli\/commands\//, /^src\/compute\/(?:reference|wasm|native|tfjs)\//];

/** Every name that several files export, and is not shared by design, with its files. */
function homonyms(sources: readonly Source[]): string[] {
  const files = new Map<string, string[]>();
  for (const { path, text } of sources) {
    for (const [, name] of withoutComments(text).matchAll(
      /^export (?:async |declare )?(?:function\*?|const|let|class|interface|type|enum) (\w+)/gm,
    )) {
      files.set(name, [...(files.get(name) ?? []), path]);
    }
  }
  return [...files]
    .filter(([, paths]) => paths.length > 1 && !SHARED.some((shared) => paths.every((path) => shared.test(path))))
    .map(([name, paths]) => `${name}: ${paths.join(", ")}`);
}

test("an exported name means one thing", () => {
  const sources = [...sourcesUnder("src"), ...sourcesUnder("cli")].filter(
    ({ path }) => !path.startsWith("src/compute/wasm/assembly/"),
  );
  expect(homonyms(sources)).toEqual([]);
  const planted = [
    { path: "src/envs/a.ts", text: "export interface Scene {}" },
    { path: "cli/b.ts", text: "export const Scene = 1;\n// export type Other = 1;" },
    { path: "cli/c.ts", text: "export type Other = 1;" },
  ];
  expect(homonyms(planted)).toEqual(["Scene: src/envs/a.ts, cli/b.ts"]);
});

describe("the check finds planted faults", () => {
  const plant = (path: string, text: string) => breaches([{ path, text }]);

  test.each([
    ["src/envs/world.ts", 'import { a } from "../oversight/label.ts";', "envs imports oversight/label.ts"],
    ["src/oversight/full.ts", 'import type { World } from "../envs/world.ts";', "oversight imports envs/world.ts"],
    ["src/agents/ppo.ts", 'import { a } from "../routing/route.ts";', "agents imports routing/route.ts"],
    ["src/agents/ppo.ts", 'import { a } from "../compute/create.ts";', "agents imports compute/create.ts"],
    ["src/agents/ppo.ts", 'import { a } from "../compute/wasm/engine.ts";', "agents imports compute/wasm/engine.ts"],
    ["src/routing/route.ts", 'import "../agents/ppo.ts";', "routing imports agents/ppo.ts"],
    ["src/compute/engine.ts", 'export * from "../agents/ppo.ts";', "compute imports agents/ppo.ts"],
    ["src/compute/fused/plan.ts", 'import { a } from "../../envs/grid.ts";', "compute imports envs/grid.ts"],
    ["src/compute/fused/plan.ts", 'import { a } from "../reference/network.ts";', "engine fused imports reference"],
    ["src/compute/tfjs/rows.ts", 'import { a } from "../fused/arena.ts";', "engine tfjs imports fused"],
    ["src/core/goal.ts", 'import { a } from "../envs/grid.ts";', "core imports envs/grid.ts"],
    [
      "src/evaluation/theory.ts",
      'const a = await import("../training/train.ts");',
      "evaluation imports training/train.ts",
    ],
    ["src/evaluation/theory.ts", 'import { a } from "../oversight/full.ts";', "evaluation imports oversight/full.ts"],
    ["src/evaluation/theory.ts", 'import { a } from "../compute/create.ts";', "evaluation imports compute/create.ts"],
    ["src/runner/run.ts", 'import { a } from "../../cli/main.ts";', "imports cli/main.ts, outside of src"],
    [
      "src/runner/run.ts",
      'new Worker(new URL("../../cli/run/cell.ts", import.meta.url));',
      "imports cli/run/cell.ts, outside of src",
    ],
    ["src/runner/run.ts", 'import * as fs from "fs";', "touches files through fs"],
    ["src/envs/grid.ts", "import { readFile } from 'node:fs/promises';", "touches files through node:fs/promises"],
    ["src/attic/old.ts", 'import { a } from "../core/goal.ts";', "stands in the unknown room attic"],
    ["src/core/random.ts", "const x = Math.random();", "Math.random"],
    ["src/core/random.ts", "const t = Date.now();", "Date"],
    ["src/core/random.ts", "const t = globalThis.performance.now();", "performance"],
    ["src/core/random.ts", "const t = process.hrtime();", "hrtime"],
    ["src/core/random.ts", 'const e = process.env["HOME"];', "process.env"],
    ["src/core/random.ts", 'console.log("x");', "console"],
    ["src/core/random.ts", "setTimeout(go, 1);", "setTimeout"],
    ["src/core/random.ts", "seedrandom.xorwow(seed);", "xorwow"],
  ])("%s: %s", (path, text, reason) => {
    expect(plant(path, `\n\n${text}\n`)).toEqual([`${path}:3: ${reason}`]);
  });

  test("an import that spreads over lines is reported where its name stands", () => {
    expect(plant("src/envs/a.ts", 'import {\n  a,\n  type B,\n} from "../routing/route.ts";\n')).toEqual([
      "src/envs/a.ts:4: envs imports routing/route.ts",
    ]);
  });

  test("each fault is reported, not only the first", () => {
    expect(plant("src/envs/a.ts", "Math.random(); Date.now();\nconsole.log(1);")).toHaveLength(3);
  });

  test("what is allowed is not reported", () => {
    const allowed: Source[] = [
      { path: "src/agents/ppo.ts", text: 'import type { Model } from "../compute/engine.ts";' },
      { path: "src/evaluation/theory.ts", text: 'import type { Overseer } from "../oversight/overseer.ts";' },
      { path: "src/compute/wasm/engine.ts", text: 'import { a } from "../fused/model.ts";' },
      { path: "src/compute/create.ts", text: 'import { a } from "./wasm/engine.ts";' },
      { path: "src/runs/files.ts", text: 'import { readFileSync } from "node:fs";' },
      { path: "src/training/train.ts", text: 'import { a } from "../envs/batch.ts";\nimport { z } from "zod";' },
      { path: "src/core/goal.ts", text: "// Math.random, Date and the console are banned\n/* import 'node:fs' */" },
      { path: "src/core/goal.ts", text: 'const url = "https://example.org"; const updateDate1 = dateless;' },
    ];
    expect(breaches(allowed)).toEqual([]);
  });
});
