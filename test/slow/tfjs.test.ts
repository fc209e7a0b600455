import { describe, expect, test, vi } from "vitest";
import type { Backend } from "../../src/compute/choice.ts";
import type { Engine } from "../../src/compute/engine.ts";
import { createTfjsEngine } from "../../src/compute/tfjs/engine.ts";
import { UserError } from "../../src/core/errors.ts";
import {
  describeAgreement,
  HYPER,
  randomParameters,
  randomRows,
  range,
  SPECS,
  TRUNKS,
  TWO_MODULES,
} from "../compute/engine-contract.ts";
import { describeEquality } from "../compute/equality.ts";

vi.mock("../../src/oversight/label.ts", { spy: true });

/*
 * Real devices: TensorFlow and WebGPU, where their packages are in node_modules (docs/gpu.md), each in float32 with sums in an order of
 * its own. What is not here is skipped, and the reason printed.
 */
const TOLERANCE = 1e-5;

for (const backend of ["node-gpu", "node", "webgpu"] as const satisfies readonly Backend[]) {
  const found = await attempt(backend);
  if (typeof found === "string") {
    test.skip(`tfjs:${backend}: ${found}`, () => {});
    console.log(`skipped: ${found}`);
    continue;
  }
  const makeEngine = () => createTfjsEngine({ backend });
  describeAgreement(`tfjs on ${backend}`, makeEngine, TOLERANCE, [...SPECS, ...TRUNKS]);

  describeEquality(`tfjs:${backend}`, makeEngine);

  describe(`tfjs on ${backend}`, () => {
    test("three replicas are the single models, to the tolerance, after ten steps", async () => {
      const training = async (engine: Engine, replica: number) => {
        const model = await engine.create(TWO_MODULES, randomParameters(TWO_MODULES, replica));
        const rows = 30 + 50 * replica;
        await model.loadRows(randomRows(TWO_MODULES, rows, replica), rows);
        for (let step = 0; step < 10; step++) await model.update(range(rows - step), { ...HYPER, adamEps: 1e-2 });
        const { parameters } = await model.getState();
        await engine.dispose();
        return parameters;
      };
      const members = (await makeEngine()).replicate?.(3) ?? [];
      const together = await Promise.all(members.map(training));
      for (const [replica, parameters] of together.entries()) {
        const [alone] = (await makeEngine()).replicate?.(1) ?? [];
        const expected = await training(alone, replica);
        const furthest = Math.max(...parameters.map((p, i) => Math.abs(p - expected[i])));
        console.log(`tfjs:${backend}, replica ${replica}: ${furthest} from the single model`);
        expect(furthest).toBeLessThan(TOLERANCE);
      }
    });
  });
}

/** Null if the backend works here, else why not. */
async function attempt(backend: Backend): Promise<string | null> {
  try {
    await (await createTfjsEngine({ backend })).dispose();
    return null;
  } catch (error) {
    if (error instanceof UserError) return `${error.message} (${error.hint})`;
    throw error;
  }
}
