import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, vi } from "vitest";
import { createEngine } from "../../src/compute/create.ts";
import { hasCompiler } from "./compiler.ts";
import { describeEquality } from "./equality.ts";

vi.mock("../../src/oversight/label.ts", { spy: true });

const cacheFolder = mkdtempSync(join(tmpdir(), "halfwatch-equality-"));
afterAll(() => rmSync(cacheFolder, { recursive: true, force: true }));

for (const name of ["auto", "wasm", "wasm-fma", ...(hasCompiler() ? (["native"] as const) : []), "tfjs:cpu"] as const) {
  describeEquality(name, () => createEngine(name, 1, { cacheFolder }));
}
