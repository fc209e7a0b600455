import { RECORDS } from "../src/compute/fused/records.ts";

const ORIGIN = "// Written by scripts/records.ts from src/compute/fused/records.ts, which says what the fields mean.";

const IN_ASSEMBLY = { u32: "u32", address: "usize", f32: "f32", f64: "f64" } as const;
const IN_C = { u32: "uint32_t", address: "uint32_t", f32: "float", f64: "double" } as const;

/** The records as the kernels read them: each file's path from the package's root, and its text. */
export function recordFiles(): ReadonlyMap<string, string> {
  const classes = RECORDS.map(({ name, fields, kinds }) =>
    [
      "@unmanaged",
      `export class ${name} {`,
      ...fields.map((field) => `  ${field}: ${IN_ASSEMBLY[kinds[field]]};`),
      "}",
    ].join("\n"),
  );
  const structs = RECORDS.map(({ name, fields, kinds }) =>
    [`struct ${name} {`, ...fields.map((field) => `  ${IN_C[kinds[field]]} ${field};`), "};"].join("\n"),
  );
  return new Map([
    ["src/compute/wasm/assembly/records.ts", `${[ORIGIN, ...classes].join("\n\n")}\n`],
    ["src/compute/native/records.h", `${[ORIGIN, "#include <stdint.h>", ...structs].join("\n\n")}\n`],
  ]);
}
