import { writeFileSync } from "node:fs";
import { scenarioJsonSchema } from "../src/scenario/messages.ts";

/* `npm run schema`: writes scenarios/schema.json, by which an editor completes and checks scenario files. */
const file = new URL("../scenarios/schema.json", import.meta.url);
writeFileSync(file, `${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`);
