import { writeFileSync } from "node:fs";
import { recordFiles } from "./record-files.ts";

/* A step of `npm run build`: writes the records of src/compute/fused/records.ts for both sets of kernels. */
for (const [path, text] of recordFiles()) writeFileSync(path, text);
