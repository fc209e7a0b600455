import { performance } from "node:perf_hooks";
import type { NetworkSpec, TrainingRows } from "../src/compute/engine.ts";
import { flopsOf } from "../src/compute/flops.ts";
import { CHECK_HYPER, drawParameters, drawRows } from "../src/compute/self-check.ts";
import { createWasmEngine } from "../src/compute/wasm/engine.ts";
import { createObservations } from "../src/core/observations.ts";
import { Stream, shuffle } from "../src/core/random.ts";

// The default recipe (docs: PPO): 64 worlds x 128 steps, then 2 epochs x 8 minibatches of 1,024.
const ROWS = 8192;
const WORLDS = 64;
const EPOCHS = 2;
const MINIBATCH = 1024;
const ACTIONS = 4;
const FEATURES = 100;
const ACTIVE = 5;
const REPEATS = 40;

const BASE = {
  features: FEATURES,
  actions: ACTIONS,
  hidden: [64, 64],
  gateHidden: [64, 64],
  critic: [64, 64],
} as const;
const SPECS: readonly (readonly [string, NetworkSpec])[] = [
  ["K = 1", { ...BASE, modules: ["policy"], gate: "none" }],
  ["K = 2", { ...BASE, modules: ["diamond", "ghost"], gate: "learned" }],
];

/** Rows that everybody learns from, in which nothing is skipped. */
function fullRows(spec: NetworkSpec, rng: Stream): TrainingRows {
  const observations = createObservations(ROWS, ACTIVE);
  for (let row = 0; row < ROWS; row++) {
    // Agent, Ghost and Diamond in their planes of 25 cells, and up to two marks.
    const marks = rng.below(3);
    observations.counts[row] = 3 + marks;
    for (let slot = 0; slot < 3 + marks; slot++) {
      observations.indices[row * ACTIVE + slot] =
        slot < 3 ? slot * 25 + rng.below(25) : 75 + (slot - 3) * 12 + rng.below(12);
    }
  }
  const rows = drawRows(spec, observations, rng);
  rows.moduleMask.fill(1);
  rows.gateMask.fill(1);
  return rows;
}

async function measure(spec: NetworkSpec, threads: number): Promise<Record<string, string | number>> {
  const rng = new Stream(1, "bench");
  const engine = await createWasmEngine({ threads });
  const model = await engine.create(spec, drawParameters(spec, rng));
  const K = spec.modules.length;
  const data = fullRows(spec, rng);
  const lnScale = new Float64Array(K);
  const out = {
    logProbabilities: new Float64Array(WORLDS * ACTIONS),
    probabilities: new Float64Array(WORLDS * ACTIONS),
    values: new Float64Array(WORLDS),
    weights: new Float64Array(WORLDS * K),
  };
  const hyper = { ...CHECK_HYPER, maxGradNorm: 0.5 };
  const order = Int32Array.from({ length: ROWS }, (_, row) => row);
  // The shortest of many single calls: on a shared machine other processes only ever add time, and a whole round is never spared.
  const best = { forward: Infinity, load: Infinity, update: Infinity };
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    for (let row = 0; row < ROWS; row += WORLDS) {
      const start = performance.now();
      await model.forward(data.observations, row, WORLDS, lnScale, out);
      best.forward = Math.min(best.forward, performance.now() - start);
    }
    const start = performance.now();
    await model.loadRows(data, ROWS);
    best.load = Math.min(best.load, performance.now() - start);
    for (let epoch = 0; epoch < EPOCHS; epoch++) {
      shuffle(order, rng);
      for (let row = 0; row < ROWS; row += MINIBATCH) {
        const start = performance.now();
        await model.update(order.subarray(row, row + MINIBATCH), hyper);
        best.update = Math.min(best.update, performance.now() - start);
      }
    }
  }
  const rollout = (best.forward * ROWS) / WORLDS;
  const update = (best.update * EPOCHS * ROWS) / MINIBATCH;
  const all = rollout + best.load + update;
  await engine.dispose();
  const flops = flopsOf(spec, data.observations.counts.reduce((sum, count) => sum + count, 0) / ROWS);
  const gigaflops = (rows: number, perRow: number, milliseconds: number) =>
    ((rows * perRow) / milliseconds / 1e6).toFixed(1);
  return {
    threads,
    "rollout ms": rollout.toFixed(2),
    "load ms": best.load.toFixed(2),
    "update ms": update.toFixed(2),
    "all ms": all.toFixed(2),
    "steps/s": Math.round((ROWS / all) * 1000),
    "trained samples/s": Math.round(((ROWS * EPOCHS) / update) * 1000),
    "rollout GFLOP/s": gigaflops(ROWS, flops.forward, rollout),
    "update GFLOP/s": gigaflops(ROWS * EPOCHS, flops.update, update),
  };
}

for (const [name, spec] of SPECS) {
  for (const threads of [1, 2]) {
    const figures = await measure(spec, threads);
    console.log(
      `${name}: ${Object.entries(figures)
        .map(([key, value]) => `${key} ${value}`)
        .join(", ")}`,
    );
  }
}
