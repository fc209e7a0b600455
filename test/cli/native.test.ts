import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cacheFolder } from "../../cli/engine/cache.ts";
import { hasCompiler } from "../compute/compiler.ts";
import { bytesOf } from "../runs/bytes.ts";
import { filesIn, inFolder, MAIN } from "./halfwatch.ts";

const TINY = ["train.steps=4096", "world.size=4"].flatMap((change) => ["--set", change]);
const RUN = ["run", "scenarios/quickstart.yaml", ...TINY, "--arms", "naive", "--seeds", "1"];

function run(folder: string, args: readonly string[], environment: NodeJS.ProcessEnv) {
  const options = { cwd: folder, env: environment, timeout: 50_000 };
  return spawnSync(process.execPath, [MAIN, ...RUN, ...args], { ...options, encoding: "utf8" });
}

test("kernels are kept under XDG_CACHE_HOME if that is absolute, else in the home folder", () => {
  expect(cacheFolder({ XDG_CACHE_HOME: "/caches" })).toBe("/caches/halfwatch");
  expect(cacheFolder({ XDG_CACHE_HOME: "caches" })).toMatch(/\/\.cache\/halfwatch$/);
  expect(cacheFolder({})).toMatch(/\/\.cache\/halfwatch$/);
});

test("without a compiler, --engine native names what is missing and the command, and writes nothing; auto does not care", () => {
  inFolder((folder) => {
    const before = filesIn(folder);
    const environment = { ...process.env, PATH: folder, XDG_CACHE_HOME: join(folder, "cache") };
    const { status, stdout, stderr } = run(folder, ["--engine", "native"], environment);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(
      /^engine native needs a C compiler, and there is no `cc`\n {2}add one, .*apt-get install gcc.*\n$/,
    );
    expect(filesIn(folder)).toEqual(before);
    expect(run(folder, [], environment).status).toBe(0);
    expect(timings(folder).map(({ build }) => build)).toEqual([undefined]);
  });
});

/** All timing.json of a folder's only run. */
function timings(folder: string) {
  const [name] = readdirSync(join(folder, "runs"));
  const cells = join(folder, "runs", name, "cells");
  return readdirSync(cells).map((cell) => JSON.parse(readFileSync(join(cells, cell, "timing.json"), "utf8")));
}

describe.skipIf(!hasCompiler())("--engine native", () => {
  test("trains; result.json names the engine, timing.json also why, and what its bits hang on; auto is wasm, compiled, and another cell", {
    timeout: 120_000,
  }, () => {
    inFolder((folder) => {
      const environment = { ...process.env, XDG_CACHE_HOME: join(folder, "cache") };
      for (const args of [["--engine", "native"], []]) expect(run(folder, args, environment).status).toBe(0);
      const library = expect.stringMatching(/^kernels-\w+-\w+\.so$/);
      expect(readdirSync(join(folder, "cache/halfwatch"))).toEqual([library, library]);
      const [name] = readdirSync(join(folder, "runs"));
      const cells = join(folder, "runs", name, "cells");
      const found = readdirSync(cells).map((cell) => {
        const read = (file: string) => JSON.parse(readFileSync(join(cells, cell, file), "utf8"));
        const { engine, chosen, build } = read("timing.json");
        expect(engine).toBe(read("result.json").engine);
        return [engine, chosen, build];
      });
      expect(found.sort()).toEqual([
        ["native", "asked for", expect.stringMatching(/-O3 .*-ffp-contract=fast .*-bit vectors$/)],
        ["wasm", "auto: the same bytes on every machine", expect.stringMatching(/-O3 .*-DEXACT .*-bit vectors$/)],
      ]);
    });
  });

  test.each(["naive", "route"])(
    "a cell of %s is the same bytes by auto's compiled kernels and by WebAssembly",
    (arm) => {
      const contents = (args: readonly string[]) =>
        inFolder((folder) => {
          const { status, stderr } = run(folder, ["--arms", arm, ...args], process.env);
          expect(stderr).toContain(args.length === 0 ? "  wasm, compiled, 1 side by side" : "  wasm, 1 side by side");
          expect(status).toBe(0);
          const [name] = readdirSync(join(folder, "runs"));
          return bytesOf(join(folder, "runs", name));
        });
      const compiled = contents([]);
      expect([...compiled.keys()].some((file) => file.endsWith("result.json"))).toBe(true);
      expect(compiled).toEqual(contents(["--engine", "wasm"]));
    },
  );

  test("a cache that cannot be written is named, and no matter to auto", () => {
    inFolder((folder) => {
      writeFileSync(join(folder, "file"), "");
      const environment = { ...process.env, XDG_CACHE_HOME: join(folder, "file") };
      const { status, stderr } = run(folder, ["--engine", "native"], environment);
      expect(status).toBe(2);
      expect(stderr).toMatch(
        /^engine native keeps its compiled kernels in .*file\/halfwatch, which cannot be written: /,
      );
      expect(run(folder, [], environment).status).toBe(0);
      expect(timings(folder).map(({ build }) => build)).toEqual([undefined]);
    });
  });

  test.skipIf(process.platform !== "linux")(
    "so is one in /proc, where Node's recursive mkdir would never return",
    () => {
      inFolder((folder) => {
        const environment = { ...process.env, XDG_CACHE_HOME: "/proc/nope" };
        const { status, stderr } = run(folder, ["--engine", "native"], environment);
        expect(stderr).toMatch(/^engine native keeps its compiled kernels in \/proc\/nope\/halfwatch, .*: ENOENT.*\n$/);
        expect(status).toBe(2);
      });
    },
  );

  test("a compiler that fails is quoted", () => {
    inFolder((folder) => {
      const bin = join(folder, "bin");
      mkdirSync(bin);
      symlinkSync("/bin/false", join(bin, "cc"));
      const { status, stderr } = run(folder, ["--engine", "native"], { ...process.env, PATH: bin });
      expect(status).toBe(2);
      expect(stderr).toMatch(/^engine native needs a C compiler that knows this processor: /);
    });
  });
});
