import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { createEngine, heldAgainstWasm } from "../../src/compute/create.ts";
import type { Engine } from "../../src/compute/engine.ts";
import { buildKernels } from "../../src/compute/native/build.ts";
import { createNativeEngine, loadKernels } from "../../src/compute/native/engine.ts";
import { distanceFromReference, haveSameBits } from "../../src/compute/self-check.ts";
import { hasCompiler } from "./compiler.ts";
import { describeExpAndLog, describeFused, describeSameBits } from "./fused-contract.ts";

const cacheFolder = mkdtempSync(join(tmpdir(), "halfwatch-native-"));
afterAll(() => rmSync(cacheFolder, { recursive: true, force: true }));

describe.skipIf(!hasCompiler())("native", () => {
  describeFused("native", (threads) => createNativeEngine({ threads, cacheFolder, arithmetic: "fused" }));
  const createExact = (threads: number) => createNativeEngine({ threads, cacheFolder, arithmetic: "exact" });
  describeSameBits("compiled wasm", createExact);

  test("compiled wasm is auto where it has a folder, and shows how it was made; what is not wasm's bits is not taken", async () => {
    const [compiled, plain] = [await createEngine("auto", 1, { cacheFolder }), await createEngine("auto", 1)];
    expect([compiled.info.name, plain.info.name]).toEqual(["wasm", "wasm"]);
    expect(compiled.info.build).toMatch(/-ffp-contract=off -DEXACT .*-bit vectors$/);
    expect(plain.info.build).toBeUndefined();
    expect(await haveSameBits(compiled, plain)).toBe(true);
    const fused = await createNativeEngine({ threads: 1, cacheFolder, arithmetic: "fused" });
    expect(await haveSameBits(fused, plain)).toBe(false);
    const dispose = vi.fn(fused.dispose);
    await expect(heldAgainstWasm({ ...fused, dispose })).rejects.toThrow("do not give the bits of WebAssembly");
    expect(dispose).toHaveBeenCalledOnce();
    for (const engine of [compiled, plain]) await engine.dispose();
  });

  describeExpAndLog(async () => {
    const { kernels } = await loadKernels((await buildKernels(cacheFolder, "fused")).path);
    return { exp: kernels.exponential, log: kernels.logarithm };
  });

  test("threads that are no positive integer are refused", async () => {
    await expect(createNativeEngine({ threads: 0, cacheFolder, arithmetic: "fused" })).rejects.toThrow(
      "threads is 0, expected a positive",
    );
  });

  test("the engine says what determines its bits", async () => {
    const engine = await createNativeEngine({ threads: 1, cacheFolder, arithmetic: "fused" });
    expect(engine.info.build).toMatch(/-O3 .*-ffp-contract=fast.*, (128|256|512)-bit vectors$/);
    await engine.dispose();
    await engine.dispose();
  });

  test("the self-check passes, and fails an engine whose gradient is off by a thousandth", async () => {
    const engine = await createNativeEngine({ threads: 1, cacheFolder, arithmetic: "fused" });
    const distance = await distanceFromReference(engine);
    expect(distance).toBeGreaterThan(0);
    expect(distance).toBeLessThan(1e-6);
    const wrong: Engine = {
      ...engine,
      create: async (spec, parameters) => {
        const model = await engine.create(spec, parameters);
        const { gradient } = model;
        model.gradient = async (...args) => (await gradient.apply(model, args)).map((x) => 1.001 * x);
        return model;
      },
    };
    expect(await distanceFromReference(wrong)).toBeCloseTo(1e-3, 5);
    await engine.dispose();
  });

  describe("the cache", () => {
    const source = (text: string) => {
      const path = join(mkdtempSync(join(cacheFolder, "source-")), "kernels.c");
      writeFileSync(path, text);
      return new URL(`file://${path}`);
    };
    const folder = () => mkdtempSync(join(cacheFolder, "cache-"));

    test("compiles once, and again when the source changes", async () => {
      const cache = folder();
      const first = await buildKernels(cache, "fused", source("int one(void) { return 1; }"));
      const { mtimeMs } = statSync(first.path);
      const again = await buildKernels(cache, "fused", source("int one(void) { return 1; }"));
      expect(again).toEqual(first);
      expect(statSync(again.path).mtimeMs).toBe(mtimeMs);
      const other = await buildKernels(cache, "fused", source("int one(void) { return 2; }"));
      expect(other.path).not.toBe(first.path);
      expect(readdirSync(cache)).toHaveLength(2);
    });

    test.each([
      ["cut short", (path: string) => truncateSync(path, 1000)],
      ["emptied", (path: string) => writeFileSync(path, "")],
      [
        "changed in a byte",
        (path: string) => {
          const bytes = readFileSync(path);
          bytes[bytes.length >> 1] ^= 1;
          writeFileSync(path, bytes);
        },
      ],
    ])("a file that was %s is compiled anew", async (_, damage) => {
      const cache = folder();
      const code = source("int one(void) { return 1; }");
      const { path } = await buildKernels(cache, "fused", code);
      const whole = readFileSync(path);
      damage(path);
      const again = await buildKernels(cache, "fused", code);
      expect(readFileSync(again.path).equals(whole)).toBe(true);
    });

    test("of processes that compile at once, each gets a whole file, and nothing is left over", async () => {
      const cache = folder();
      const code = source("int one(void) { return 1; }");
      const builds = await Promise.all(Array.from({ length: 4 }, () => buildKernels(cache, "fused", code)));
      for (const { path } of builds) expect(readFileSync(path).equals(readFileSync(builds[0].path))).toBe(true);
      expect(readdirSync(cache).filter((name) => !name.endsWith(".so"))).toEqual([]);
    });

    test("what does not compile is said in a line", async () => {
      const build = buildKernels(folder(), "fused", source("int one(void) { return x; }"));
      await expect(build).rejects.toThrow(/^engine native could not be compiled: .*kernels\.c:1:.*error/);
    });

    test("a folder that cannot be written is named", async () => {
      const file = join(folder(), "file");
      writeFileSync(file, "");
      await expect(buildKernels(join(file, "cache"), "fused")).rejects.toThrow(
        /^engine native keeps .*cannot be written/,
      );
    });
  });
});
