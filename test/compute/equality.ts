import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { normalisation } from "../../src/agents/ppo.ts";
import type { Engine, ForwardOutput } from "../../src/compute/engine.ts";
import { createReferenceEngine } from "../../src/compute/reference/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { parseView } from "../../src/routing/views.ts";
import { type Change, trainTiny } from "../scenario/tiny.ts";
import { createOutput, HYPER, randomParameters, randomRows, range, TWO_MODULES } from "./engine-contract.ts";

/** A large adamEps: with a small one a step is its gradient's sign, which rounding decides where the gradient is near 0. */
const SMALL: Change = { world: { size: 3, horizon: 6 }, train: { adamEps: 1e-3 } };
const AGENT = { modules: ["diamond", "ghost"], hidden: [8, 8], critic: [8, 8] };
const CONV = [
  { channels: 5, kernel: 2 },
  { channels: 4, kernel: 2, stride: 2 },
];

/** Whole trainings: an arm with what it changes, and the views that its policy is asked for in the end. */
const CASES: readonly (readonly [title: string, arm: string, change: Change, views: readonly string[]])[] = [
  ["one module", "naive", SMALL, ["full"]],
  ["two modules, masked by their labels", "route", SMALL, ["full", "only:diamond", "steer:ghost=0.3"]],
  [
    "three modules",
    "route",
    { ...SMALL, agent: { ...AGENT, modules: ["diamond", "ghost", "rest"] } },
    ["full", "only:diamond", "ablate:ghost", "steer:ghost=0.3,steer:rest=2"],
  ],
  ["one module behind convolutions", "naive", { ...SMALL, agent: { ...AGENT, conv: CONV.slice(0, 1) } }, ["full"]],
  [
    "three modules behind convolutions",
    "route",
    { ...SMALL, agent: { ...AGENT, modules: ["diamond", "ghost", "rest"], conv: CONV } },
    ["full", "only:ghost", "steer:rest=0"],
  ],
];

/** Bounds of the table of docs/performance.md, "How far from each other". */
interface Tolerance {
  /** Of any parameter after five updates, from the reference engine's and from the engine wasm's. */
  readonly parameters: number;
  readonly fromWasm: number;
  /** Of any output of any view then, from the reference engine's. */
  readonly outputs: number;
}

function toleranceOf(engine: string): Tolerance {
  const page = readFileSync(new URL("../../docs/performance.md", import.meta.url), "utf8");
  const line = page.split("\n").find(
    (row) =>
      row
        .split("|")[1]
        ?.split(",")
        .some((name) => name.trim() === `\`${engine}\``) && /e-\d/.test(row),
  );
  const [, , parameters, fromWasm, outputs] = line?.split("|").map((cell) => Number(cell.trim())) ?? [];
  if (!(parameters > 0 && fromWasm >= 0 && outputs > 0)) {
    throw new RangeError(`docs/performance.md has no tolerance of ${engine}`);
  }
  return { parameters, fromWasm, outputs };
}

interface Outcome {
  /** Of the first rollout. */
  readonly actions: readonly number[];
  readonly parameters: Float64Array;
  /** Furthest that a parameter went. */
  readonly moved: number;
  readonly steps: Int32Array;
  readonly views: readonly ForwardOutput[];
}

async function trainingOf(engine: Engine, arm: string, change: Change, views: readonly string[]): Promise<Outcome> {
  let actions: number[] | undefined;
  let begin = new Float64Array(0);
  // Parameters before the first update: the engine is asked for a model with them.
  const watched: Engine = {
    ...engine,
    create: (spec, parameters) => {
      begin = parameters.slice();
      return engine.create(spec, parameters);
    },
  };
  const { model, last } = await trainTiny(watched, arm, change, {
    afterLabels: (_, trajectory) => {
      actions ??= [...trajectory.actions];
    },
  });
  const { observations } = last.trajectory;
  const rows = 40;
  const outputs: ForwardOutput[] = [];
  for (const view of views) {
    const out = createOutput(model.spec, rows);
    await model.forward(observations, 0, rows, parseView(view, model.spec.modules).lnScale, out);
    outputs.push(out);
  }
  const { parameters, steps } = await model.getState();
  model.dispose();
  return { actions: actions ?? [], parameters, moved: furthest(parameters, begin), steps, views: outputs };
}

/** -Infinity is as far from itself as any number. */
function furthest(a: Float64Array, b: Float64Array): number {
  return a.reduce((most, x, i) => (x === b[i] ? most : Math.max(most, Math.abs(x - b[i]))), 0);
}

/**
 * The training loop as users run it, on an engine, on the reference engine and on wasm: the same first rollout, and then parameters and
 * outputs as close as docs/performance.md says.
 */
export function describeEquality(name: string, makeEngine: () => Promise<Engine>): void {
  describe(`${name} trains as the reference engine does`, () => {
    let [engine, wasm]: Engine[] = [];
    beforeAll(async () => {
      [engine, wasm] = [await makeEngine(), await createWasmEngine({ threads: 1 })];
    });
    afterAll(() => Promise.all([engine.dispose(), wasm.dispose()]));

    test.each(CASES)("%s", async (_, arm, change, views) => {
      const tolerance = toleranceOf(name);
      const actual = await trainingOf(engine, arm, change, views);
      const expected = await trainingOf(createReferenceEngine(), arm, change, views);
      const other = await trainingOf(wasm, arm, change, views);
      expect(actual.actions).toEqual(expected.actions);
      expect(actual.steps).toEqual(expected.steps);
      const fields = ["logProbabilities", "probabilities", "values", "weights"] as const;
      const distances = {
        parameters: furthest(actual.parameters, expected.parameters),
        fromWasm: furthest(actual.parameters, other.parameters),
        outputs: Math.max(
          ...views.flatMap((_, v) => fields.map((field) => furthest(actual.views[v][field], expected.views[v][field]))),
        ),
      };
      for (const [which, bound] of Object.entries(tolerance) as [keyof Tolerance, number][]) {
        expect(distances[which], `${which} of ${name}: ${JSON.stringify(distances)}`).toBeLessThanOrEqual(bound);
      }
      // The bound is far below what training moved.
      expect(expected.moved).toBeGreaterThan(1e4 * tolerance.parameters);
    });

    // Advantages as training has them: float64, which an engine rounds to float32. A large adamEps, so that a gradient of nothing moves nothing.
    test.each([
      ["one row", [0.1 + 1e-9]],
      ["two rows", [0.3, -1.1]],
      ["three rows", [0.3, -1.1, 0.7]],
      ["two rows that differ by less than float32 tells apart", [0.1, 0.1 + 3e-9]],
      ["three rows with equal advantages", [1 / 3, 1 / 3, 1 / 3]],
      ["many rows with equal advantages", Array.from({ length: 9 }, () => 1 / 3)],
      ["advantages of nothing", [0, 0, 0]],
    ])("%s: the reference engine's losses, and no policy loss from equal advantages", async (_, advantages) => {
      const rows = range(advantages.length);
      const values = Float64Array.from(advantages);
      const isEqual = Math.max(...advantages) - Math.min(...advantages) < 1e-6;
      const learned = async (by: Engine) => {
        const model = await by.create(TWO_MODULES, randomParameters(TWO_MODULES, 3));
        const data = randomRows(TWO_MODULES, rows.length, 4, { advantages: values });
        await model.loadRows(data, rows.length);
        const hyper = { ...HYPER, ...normalisation(values, rows), adamEps: 1e-3 };
        const { policyLoss, valueLoss, entropy, gateLoss } = await model.update(rows.slice(), hyper);
        const { parameters } = await model.getState();
        model.dispose();
        return { losses: { policyLoss, valueLoss, entropy, gateLoss }, parameters };
      };
      const actual = await learned(engine);
      const expected = await learned(createReferenceEngine());
      for (const [which, loss] of Object.entries(expected.losses)) {
        expect(Math.abs(actual.losses[which as "entropy"] - loss), which).toBeLessThan(1e-5);
      }
      expect(furthest(actual.parameters, expected.parameters)).toBeLessThan(1e-5);
      if (isEqual) expect(Math.abs(actual.losses.policyLoss)).toBe(0);
      else expect(Math.abs(expected.losses.policyLoss)).toBeGreaterThan(0.001);
    });
  });
}
