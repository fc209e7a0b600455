import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { recordFiles } from "../../scripts/record-files.ts";
import { RECORDS } from "../../src/compute/fused/records.ts";
import { ROOT } from "../cli/halfwatch.ts";

test("both sets of kernels read the records of the table", () => {
  expect([...recordFiles().keys()]).toEqual(["src/compute/wasm/assembly/records.ts", "src/compute/native/records.h"]);
  for (const [path, text] of recordFiles()) {
    expect(readFileSync(join(ROOT, path), "utf8"), `${path}: npm run build:records`).toBe(text);
  }
});

test("a record has words of one size, so that it has no gaps and a field's place is its number", () => {
  for (const { name, kinds } of RECORDS) {
    const sizes = new Set(Object.values(kinds).map((kind) => (kind === "f64" ? 64 : 32)));
    expect(sizes.size, name).toBe(1);
  }
});
