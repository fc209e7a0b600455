import { cpSync } from "node:fs";
import { join } from "node:path";

/** Kernels are read from beside the compiled code: `node scripts/copy-kernels.ts <folder of the compiled code>`. */
const [folder] = process.argv.slice(2);
for (const file of ["wasm/kernels.wasm", "wasm/kernels-fma.wasm", "native/kernels.c", "native/records.h"]) {
  const path = join("src/compute", file);
  cpSync(path, join(folder, path));
}
