import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { ENGINES } from "../../../src/compute/choice.ts";
import { ARMS } from "../../../src/routing/arms/table.ts";
import { hasCompiler } from "../../compute/compiler.ts";
import { ESCAPE, halfwatch, inFolder, MAIN, ROOT } from "../halfwatch.ts";
import { halfwatchHere } from "../here.ts";

const SCHEMA = JSON.parse(readFileSync(join(ROOT, "scenarios/schema.json"), "utf8"));

async function json(args: readonly string[], folder?: string) {
  const { code, stdout, stderr } = await halfwatchHere([...args, "--json"], folder);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

describe("list", () => {
  /** The kinds that the committed JSON schema allows in a part of a scenario. */
  const kindsOf = (part: string): string[] =>
    SCHEMA.$defs.scenario.properties[part].oneOf.flatMap(
      // A file of a user's own has no name of a kind.
      (kind: { properties: { kind: { const?: string } } }) => kind.properties.kind.const ?? [],
    );

  test("names every world, overseer and arm that a scenario can, each with a line about it", async () => {
    const lists = await json(["list"]);
    expect(Object.keys(lists)).toEqual(["worlds", "overseers", "arms", "scenarios"]);
    const namesOf = (topic: string): string[] => lists[topic].map(({ name }: { name: string }) => name);
    expect(namesOf("worlds")).toEqual(kindsOf("world"));
    expect(namesOf("overseers")).toEqual(kindsOf("oversight"));
    expect(namesOf("arms")).toEqual([...ARMS.keys()]);
    for (const { about } of Object.values(lists).flat() as { about: string }[]) expect(about).toMatch(/^[^\n]+$/);
  });

  test("one topic alone is lines of name and about, without escape codes", async () => {
    const { code, stdout, stderr } = halfwatch(["list", "arms"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.split("\n")[0]).toBe(
      "naive                  true reward where labelled, the proxy's elsewhere; one module",
    );
    expect(stdout.trimEnd().split("\n")).toHaveLength(ARMS.size);
    expect(stdout).not.toContain(ESCAPE);
    expect(await json(["list", "arms"])).toEqual({ arms: (await json(["list"])).arms });
  });

  test("scenarios are those of the package and of ./scenarios, each file once, a broken one with its error", async () => {
    await inFolder(async (folder) => {
      mkdirSync(join(folder, "scenarios/more"));
      writeFileSync(join(folder, "scenarios/broken.yaml"), "extends: quickstart.yaml\nseed: 3\n");
      symlinkSync("quickstart.yaml", join(folder, "scenarios/zz-same.yaml"));
      const own = (await json(["list", "scenarios"], folder)).scenarios.filter(({ path }: { path: string }) =>
        path.startsWith("scenarios/"),
      );
      const files = readdirSync(join(ROOT, "scenarios")).filter((file) => file.endsWith(".yaml"));
      expect(own.map(({ path }: { path: string }) => path)).toEqual(
        ["broken.yaml", ...files].sort().map((file) => `scenarios/${file}`),
      );
      expect(own[0].about).toBe("invalid: scenarios/broken.yaml:2:1: unknown key seed; did you mean seeds?");
    });
    await inFolder(async (folder) => {
      const elsewhere = join(folder, "scenarios");
      const paths = (await json(["list", "scenarios"], elsewhere)).scenarios.map(({ path }: { path: string }) => path);
      expect(paths.some((path: string) => path.endsWith("scenarios/quickstart.yaml"))).toBe(true);
      expect((await halfwatchHere(["validate", paths[0]], elsewhere)).code).toBe(0);
    });
  });
});

describe("doctor", () => {
  test("says what is there and the command that adds what is not", async () => {
    const { node, cores, auto, engines, peers } = await json(["doctor"]);
    expect(node).toEqual({ version: process.versions.node, supported: true, needed: ">=22" });
    expect(cores).toBeGreaterThan(0);
    expect(engines.map(({ name }: { name: string }) => name)).toEqual(ENGINES.filter((name) => name !== "auto"));
    expect(peers.map(({ name }: { name: string }) => name)).toEqual([
      "@tensorflow/tfjs-node-gpu",
      "@tensorflow/tfjs-node",
      "webgpu",
      "koffi",
    ]);
    for (const { name, state, command } of peers) {
      if (state === "absent") expect(command).toBe(`npm install ${name}`);
      if (state === "found") expect(command).toBeNull();
    }
    const compiled = hasCompiler()
      ? {
          usable: true,
          detail: expect.stringMatching(/^kernels in .* -DEXACT .*; self-check passed: WebAssembly's bits$/),
        }
      : { usable: false, detail: expect.stringContaining("`cc`") };
    expect(auto).toEqual({ engine: "wasm", why: "the same bytes on every machine", compiled });
    expect(engines[0]).toEqual({ name: "wasm", usable: true, detail: "float32, the default" });
  });

  test("tells a package that is absent from one whose addon is, and outlives one that crashes", () => {
    // A copy of the package's own folder, so that what is put beside it is not found by anybody else.
    inFolder((folder) => {
      cpSync(join(dirname(MAIN), ".."), join(folder, "dist"), { recursive: true });
      cpSync(`${ROOT}package.json`, join(folder, "package.json"));
      mkdirSync(join(folder, "node_modules"));
      for (const name of ["commander", "zod", "yaml", "seedrandom"]) {
        symlinkSync(join(ROOT, "node_modules", name), join(folder, "node_modules", name));
      }
      const install = (name: string, code: string): void => {
        mkdirSync(join(folder, "node_modules", name), { recursive: true });
        writeFileSync(join(folder, "node_modules", name, "index.js"), code);
      };
      install("@tensorflow/tfjs-node", 'throw new Error("The Node.js native addon module can not be found\\nmore");');
      install("webgpu", 'process.kill(process.pid, "SIGSEGV");');
      install("koffi", 'console.log("hello"); module.exports = {};');
      const { status, stdout } = spawnSync(process.execPath, [join(folder, "dist/cli/main.js"), "doctor", "--json"], {
        encoding: "utf8",
      });
      expect(status).toBe(0);
      const told = JSON.parse(stdout).peers.map(({ purpose: _purpose, ...rest }: { purpose: string }) => rest);
      expect(told).toEqual([
        {
          name: "@tensorflow/tfjs-node-gpu",
          state: "absent",
          detail: "not installed",
          command: "npm install @tensorflow/tfjs-node-gpu",
        },
        {
          name: "@tensorflow/tfjs-node",
          state: "broken",
          detail: "installed, but its native addon cannot be loaded: The Node.js native addon module can not be found",
          command: "npm rebuild @tensorflow/tfjs-node",
        },
        { name: "webgpu", state: "crashes", detail: "its import ended by SIGSEGV", command: "npm rebuild webgpu" },
        { name: "koffi", state: "found", detail: "", command: null },
      ]);
    });
  });

  test("prints lines without escape codes", async () => {
    const { code, stdout, stderr } = await halfwatchHere(["doctor"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      /^node {6}\d+\.\d+\.\d+ {2}fine\ncores {5}\d+\nauto {6}wasm: the same bytes on every machine; .*\n {10}.*\bkernels\b.*\nengines\n {2}wasm /,
    );
    expect(stdout).not.toContain(ESCAPE);
  });
});
