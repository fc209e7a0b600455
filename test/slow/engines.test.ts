import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { EngineChoice } from "../../src/compute/choice.ts";
import { createEngine } from "../../src/compute/create.ts";
import type { Engine } from "../../src/compute/engine.ts";
import { UserError } from "../../src/core/errors.ts";
import { evaluate } from "../../src/evaluation/evaluate.ts";
import { networkMind } from "../../src/evaluation/network-mind.ts";
import { deployedView, parseView } from "../../src/routing/views.ts";
import { scenarioSchema } from "../../src/scenario/schema.ts";
import { createSetting, situationOf } from "../../src/scenario/setting.ts";
import { mean, pairedInterval } from "../../src/statistics/intervals.ts";
import { train } from "../../src/training/train.ts";
import { hasCompiler } from "../compute/compiler.ts";
import { armCalled } from "../scenario/tiny.ts";

const cacheFolder = mkdtempSync(join(tmpdir(), "halfwatch-engines-"));
afterAll(() => rmSync(cacheFolder, { recursive: true, force: true }));

const SEEDS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const STEPS = 200_000;

/** Exact discounted true return of the deployed view, seed by seed, after a short training on small maps. */
async function returnsOf(name: EngineChoice): Promise<Float64Array> {
  const scenario = scenarioSchema.parse({
    name: "engines",
    world: { kind: "diamond-ghost", size: 4, horizon: 12 },
    goals: { true: { diamond: 1, ghost: -1 }, proxy: { diamond: 1, ghost: 1 } },
    routes: { diamond: ["diamond"], ghost: ["ghost"] },
    oversight: { kind: "terminal", coverage: 0.3 },
    agent: { modules: ["diamond", "ghost"], hidden: [32, 32], critic: [32, 32], gateHidden: [32] },
    train: { steps: STEPS, worlds: 64, rollout: 32, minibatches: 4 },
    arms: ["route"],
  });
  const setting = createSetting(scenario);
  const engine = await createEngine(name, 1, { cacheFolder });
  const returnOf = async (seed: number, own: Engine): Promise<number> => {
    const { model } = await train({ setting, arm: armCalled("route"), seed, engine: own });
    const view = deployedView(model.spec.modules, setting.trueModule);
    const policy = networkMind(model, parseView(view, model.spec.modules), setting);
    const { goals } = await evaluate(situationOf(setting), policy);
    model.dispose();
    return goals.true.discounted;
  };
  let returns: number[] = [];
  const replicas = engine.replicate?.(SEEDS.length);
  if (replicas === undefined) {
    for (const seed of SEEDS) returns.push(await returnOf(seed, engine));
  } else {
    returns = await Promise.all(
      SEEDS.map((seed) => returnOf(seed, replicas[seed]).finally(() => replicas[seed].dispose())),
    );
  }
  await engine.dispose();
  return Float64Array.from(returns);
}

test("ten seeds on each fast engine: final returns are those of the others, to an interval that says something", async () => {
  const names: EngineChoice[] = ["wasm", "wasm-fma", ...(hasCompiler() ? (["native"] as const) : [])];
  // Ten replicas of one program, where TensorFlow is in node_modules; in plain JavaScript and on a software GPU it would take hours.
  if (await isHere("tfjs:node")) names.push("tfjs:node");
  const returns = new Map<string, Float64Array>();
  for (const name of names) returns.set(name, await returnsOf(name));
  const of = (name: string) => returns.get(name) ?? new Float64Array(0);
  for (const name of names) console.log(`${name}: ${[...of(name)].map((r) => r.toFixed(3)).join(" ")}`);
  for (const [i, a] of names.entries()) {
    for (const b of names.slice(i + 1)) {
      const { mean: difference, low, high } = pairedInterval(of(a), of(b), 0.99);
      const found = `${a} - ${b}: ${difference} in [${low}, ${high}]`;
      console.log(found);
      expect(low, found).toBeLessThanOrEqual(0);
      expect(high, found).toBeGreaterThanOrEqual(0);
      // Seeds of one engine have a standard deviation of .2: the same seeds unpaired would give an interval of half a unit.
      expect(Number(high) - Number(low), found).toBeLessThan(0.15);
    }
  }
  expect(mean(of("wasm"))).toBeGreaterThan(0.3);
});

async function isHere(name: EngineChoice): Promise<boolean> {
  try {
    await (await createEngine(name, 1, { cacheFolder })).dispose();
    return true;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    console.log(`not compared: ${error.message}`);
    return false;
  }
}
