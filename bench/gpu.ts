import { performance } from "node:perf_hooks";
import "../cli/engine/float32.ts";
import { BACKENDS } from "../src/compute/choice.ts";
import type { Engine, ForwardOutput, NetworkSpec } from "../src/compute/engine.ts";
import { CHECK_HYPER, distanceFromReference, drawParameters, drawRows } from "../src/compute/self-check.ts";
import { createTfjsEngine } from "../src/compute/tfjs/engine.ts";
import { createObservations } from "../src/core/observations.ts";
import { Stream } from "../src/core/random.ts";

/*
 * The engine tfjs at 1 to 256 replicas, as a Markdown table. `node gpu.js [BACKEND]`; bench/gpu.sh runs it among other things.
 * The recipe's sizes: two modules, minibatches of 1,024 rows, 64 worlds.
 */

const FEATURES = 100;
const ACTIVE = 5;
const WORLDS = 64;
/** Milliseconds that one figure may take, warm-up aside. */
const PATIENCE = 6000;

function specOf(width: number): NetworkSpec {
  const widths = [width, width];
  const modules = ["a", "b"];
  return {
    features: FEATURES,
    actions: 4,
    modules,
    hidden: widths,
    gate: "learned",
    gateHidden: widths,
    critic: widths,
  };
}

/** Milliseconds of one call, the median of as many as fit. */
async function time(call: () => Promise<unknown>): Promise<number> {
  await call();
  await call();
  const times: number[] = [];
  const end = performance.now() + PATIENCE;
  while (times.length < 3 || (times.length < 30 && performance.now() < end)) {
    const begun = performance.now();
    await call();
    times.push(performance.now() - begun);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
}

async function measure(engine: Engine, replicas: number, width: number, batch: number) {
  const spec = specOf(width);
  const rng = new Stream(1, "bench");
  const parameters = drawParameters(spec, rng);
  const rows = 2 * batch;
  const observations = createObservations(rows, ACTIVE);
  observations.counts.fill(ACTIVE);
  observations.indices.forEach((_, i) => {
    observations.indices[i] = (i % ACTIVE) * 20 + rng.below(20);
  });
  const data = drawRows(spec, observations, rng);
  const hyper = { ...CHECK_HYPER, maxGradNorm: 0.5 };
  const indices = Int32Array.from({ length: batch }, (_, i) => 2 * i);
  const members = engine.replicate?.(replicas) ?? [];
  const models = await Promise.all(members.map((member) => member.create(spec, parameters)));
  await Promise.all(models.map((model) => model.loadRows(data, rows)));
  const outputs = models.map(
    (): ForwardOutput => ({
      logProbabilities: new Float64Array(WORLDS * 4),
      probabilities: new Float64Array(WORLDS * 4),
      values: new Float64Array(WORLDS),
      weights: new Float64Array(WORLDS * 2),
    }),
  );
  const lnScale = new Float64Array(2);
  try {
    const update = await time(() => Promise.all(models.map((model) => model.update(indices, hyper))));
    const act = await time(() =>
      Promise.all(models.map((model, p) => model.forward(observations, 0, WORLDS, lnScale, outputs[p]))),
    );
    return { update, act };
  } finally {
    for (const member of members) await member.dispose();
  }
}

const wanted = process.argv[2]?.replace("tfjs:", "");
const engine = await createTfjsEngine({ backend: BACKENDS.find((backend) => backend === wanted) ?? "best" });
const { backend, device } = engine.info;
const isGpu = backend === "node-gpu" || (backend === "webgpu" && !device.endsWith("(software)"));
console.log(`device: ${device} (tfjs:${backend})${isGpu ? "" : "; no GPU here, small numbers"}`);
console.log(
  `largest difference from the reference engine: ${(await distanceFromReference(engine)).toExponential(1)}\n`,
);
const [replicas, widths, batch] = isGpu
  ? [[1, 8, 64, 256], [64, 256], 1024]
  : backend === "node"
    ? [[1, 8, 16], [64, 256], 1024]
    : [[1, 2], [64], 64];
console.log("| width | replicas | update, ms | trained samples/s | acting, ms | steps acted/s |");
console.log("|---|---|---|---|---|---|");
for (const width of widths) {
  for (const P of replicas) {
    try {
      const { update, act } = await measure(engine, P, width, batch);
      const rate = (rows: number, ms: number) => Math.round((1000 * rows) / ms).toLocaleString("en");
      const figures = [update.toFixed(1), rate(P * batch, update), act.toFixed(1), rate(P * WORLDS, act)];
      console.log(`| ${width} | ${P} | ${figures.join(" | ")} |`);
    } catch (error) {
      console.log(`| ${width} | ${P} | does not fit: ${(error as Error).message.split("\n")[0]} | | | |`);
    }
  }
}
await engine.dispose();
process.exit(0); // Dawn would keep the loop alive
