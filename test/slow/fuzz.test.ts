import fc from "fast-check";
import { afterAll, beforeAll, test } from "vitest";
import type { Engine } from "../../src/compute/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { isValid, survey } from "../cli/survey.ts";
import { anyScenario } from "../scenario/any-scenario.ts";

/*
 * Random valid scenarios, with all that people do with them: HALFWATCH_FUZZ scenarios (1000), from the seed HALFWATCH_FUZZ_SEED. What fails is
 * printed as small as it can be made; keep it in test/cli/survey.test.ts.
 */

const RUNS = Number(process.env.HALFWATCH_FUZZ ?? 1000);
const SEED = Number(process.env.HALFWATCH_FUZZ_SEED ?? 20_261_201);

let engine: Engine;
beforeAll(async () => {
  engine = await createWasmEngine({ threads: 1 });
});
afterAll(() => engine.dispose());

test(`${RUNS} random scenarios train, and every command answers`, async () => {
  let count = 0;
  await fc.assert(
    fc.asyncProperty(anyScenario().filter(isValid), (document) => survey(document, engine, count++ % 20 === 0 ? 1 : 0)),
    { numRuns: RUNS, seed: SEED, interruptAfterTimeLimit: 3 * 3600_000, markInterruptAsFailure: true },
  );
});
