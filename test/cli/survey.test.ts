import fc from "fast-check";
import { afterAll, beforeAll, test } from "vitest";
import type { Engine } from "../../src/compute/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { anyScenario, type Document } from "../scenario/any-scenario.ts";
import { isValid, survey } from "./survey.ts";

/* What users do with a scenario, on a few random ones; test/slow/fuzz.test.ts does it with a thousand. */

let engine: Engine;
beforeAll(async () => {
  engine = await createWasmEngine({ threads: 1 });
});
afterAll(() => engine.dispose());

const PLAIN: Document = {
  name: "plain",
  world: { kind: "diamond-ghost", size: 4, horizon: 6 },
  goals: { true: { diamond: 1, ghost: -1 }, proxy: { diamond: 1, ghost: 1 } },
  routes: { diamond: ["diamond"], ghost: ["ghost"] },
  oversight: { kind: "terminal", coverage: 0.5 },
  agent: { modules: ["diamond", "ghost"], hidden: [4], critic: [4] },
  train: { steps: 64, worlds: 8, rollout: 8 },
  arms: ["route"],
  seeds: 1,
  evaluation: { levels: 5, validationEpisodes: 5 },
  primary: { shift: "training" },
};

/* Scenarios on which it failed once. */
const FAILED: readonly (readonly [string, Document])[] = [
  ["levels of one gap only: the verdict's agreeing levels were asked for with that gap", { world: { gap: 3 } }],
  [
    "a swept kind: the defaults of the old one were taken for what somebody wrote",
    { sweep: { "oversight.kind": ["terminal", "episode"] }, shift: { other: { "oversight.kind": "episode" } } },
  ],
  [
    "returns next to 0 have no ticks between them",
    {
      goals: { true: { ghost: 1 }, proxy: {} },
      world: { size: 3, horizon: 2, walls: { density: 0 }, levels: "all", objects: "ghost-only", gap: 1 },
      oversight: { kind: "none" },
      agent: { modules: ["diamond", "ghost"], hidden: [1], critic: [1] },
      train: { steps: 1, worlds: 1, rollout: 1, epochs: 1, minibatches: 1 },
      ...{ arms: ["naive"], evaluation: { levels: 3, validationEpisodes: 6 } },
      ...{ shift: { other: { discount: 4.4e-323 } }, primary: { shift: "other" } },
    },
  ],
  ["a swept algorithm, each with its own defaults", { sweep: { "train.algorithm": ["ppo", "reinforce"] } }],
];

test.each(FAILED)("%s", async (_name, change) => {
  const world = { ...(PLAIN.world as Document), ...(change.world as Document) };
  await survey({ ...PLAIN, ...change, world }, engine);
});

test("a dozen random scenarios train, and every command answers", async () => {
  const options = { numRuns: 12, seed: 13 };
  await fc.assert(
    fc.asyncProperty(anyScenario().filter(isValid), (document) => survey(document, engine)),
    options,
  );
}, 240_000);
