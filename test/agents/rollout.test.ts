import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gaeInto, nextValuesInto } from "../../src/agents/advantages.ts";
import { initialise } from "../../src/agents/network.ts";
import { hyperAt, learn } from "../../src/agents/ppo.ts";
import { collect, createForwardOutput, createRollout, sample, type Worlds } from "../../src/agents/rollout.ts";
import type { Engine, ForwardOutput, Model, NetworkSpec } from "../../src/compute/engine.ts";
import { createReferenceEngine } from "../../src/compute/reference/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { createObservations, type Observations } from "../../src/core/observations.ts";
import { Stream } from "../../src/core/random.ts";
import { createTrajectory, type Trajectory } from "../../src/core/trajectory.ts";
import { EnvBatch } from "../../src/envs/batch.ts";
import { placeOf } from "../../src/envs/world.ts";
import { createOverseer } from "../../src/oversight/overseers/table.ts";
import { loopOptions } from "../../src/scenario/loop-options.ts";
import { chiSquare, chiSquareLimit } from "../core/chi-square.ts";
import { createDiamondGhost } from "../envs/diamond-ghost.ts";
import { tinyScenario } from "../scenario/tiny.ts";

const world = createDiamondGhost({ size: 4, horizon: 9, walls: null, levels: "all" });
const overseer = createOverseer({ kind: "terminal", coverage: 0.5, spurious: 0.2, visible: true });
const CELLS = 16;

function createBatch(worlds: number): EnvBatch<unknown> {
  const oversight = new Stream(1, "oversight");
  return new EnvBatch({
    world,
    worlds,
    levels: new Stream(1, "level"),
    chance: new Stream(1, "chance"),
    begin: (n, episode, level, marks) => overseer.mark(placeOf(world, level), oversight.seek(n, episode), marks),
    maxActive: world.maxActive + CELLS,
    visible: true,
  }) as EnvBatch<unknown>;
}

function featuresOf(observations: Observations, row: number): number[] {
  const at = row * observations.stride;
  return [...observations.indices.subarray(at, at + observations.counts[row])].sort((a, b) => a - b);
}

describe("sample", () => {
  const PROBABILITIES = Float64Array.of(9, 0.1, 0.2, 0.3, 0.4);

  test("is the first action whose cumulative probability exceeds u; an edge belongs to the next action", () => {
    const drawn = [0, 0.0999, 0.1, 0.2999, 0.3001, 0.5999, 0.6001, 1 - 2 ** -32].map((u) =>
      sample(PROBABILITIES, 1, 4, u),
    );
    expect(drawn).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
  });

  test("an action of probability 0 is never drawn, and probabilities that round to less than 1 still give an action", () => {
    expect(sample(Float64Array.of(0, 1), 0, 2, 0)).toBe(1);
    expect(sample(Float64Array.of(0.5, 0, 0.5), 0, 3, 0.5)).toBe(2);
    expect(sample(Float64Array.of(0.3, 0.3, 0.3), 0, 3, 0.95)).toBe(2);
  });
});

/** A model whose value is the number of rows that it has seen before, and whose policy never changes. */
function fixedModel(probabilities: readonly number[]): Model {
  return {
    spec: { actions: probabilities.length, modules: ["policy"] } as unknown as NetworkSpec,
    forward: async (_o: Observations, _first: number, rows: number, _scale: Float64Array, out: ForwardOutput) => {
      for (let row = 0; row < rows; row++) {
        out.probabilities.set(probabilities, row * probabilities.length);
        out.logProbabilities.set(probabilities.map(Math.log), row * probabilities.length);
      }
    },
  } as Partial<Model> as Model;
}

describe("the actions of a rollout", () => {
  const softmax = [0.5, 0.3, 0.15, 0.05];

  async function play(worlds: number, steps: number, firstStep = 0): Promise<Trajectory> {
    const trajectory = createTrajectory(worlds, 0, steps, world.maxActive + CELLS);
    const rollout = createRollout(trajectory, 4, 1, world.horizon);
    const act = new Stream(1, "act");
    await collect(fixedModel(softmax), createBatch(worlds), act, firstStep, rollout, () => {});
    return trajectory;
  }

  test("fit the softmax (chi-square over 25,600 draws), and the log-probability recorded is that of the action taken", async () => {
    const { actions, logProbabilities } = await play(128, 200);
    const counts = new Int32Array(4);
    actions.forEach((action, row) => {
      counts[action]++;
      expect(logProbabilities[row]).toBe(Math.log(softmax[action]));
    });
    const expected = softmax.map((p) => p * actions.length);
    expect(chiSquare(counts, expected)).toBeLessThan(chiSquareLimit(3));
  });

  test("the draw of world n at step s does not depend on how many worlds there are, nor on where windows begin", async () => {
    const [many, few, late] = [await play(8, 20), await play(3, 20), await play(3, 12, 8)];
    for (let s = 0; s < 20; s++) {
      for (let n = 0; n < 3; n++) expect(few.actions[s * 3 + n]).toBe(many.actions[s * 8 + n]);
    }
    expect([...late.actions]).toEqual([...few.actions.subarray(8 * 3)]);
  });
});

test("the observation acted on is the world as it is, on each of 1,000 steps", async () => {
  const N = 3;
  const batch = createBatch(N);
  const acted: number[][] = [];
  const model = {
    spec: { actions: 4, modules: ["policy"] } as unknown as NetworkSpec,
    forward: async (o: Observations, first: number, rows: number, _scale: Float64Array, out: ForwardOutput) => {
      acted.length = 0;
      for (let row = 0; row < rows; row++) acted.push(featuresOf(o, first + row));
      out.probabilities.fill(0.25);
    },
  } as Partial<Model> as Model;
  let steps = 0;
  let ends = 0;
  const out = new Uint16Array(world.maxActive);
  const recording: Worlds = {
    observeInto: (observations, firstRow) => batch.observeInto(observations, firstRow),
    step: (actions) => {
      for (let n = 0; n < N; n++) {
        // written from the world itself: its state now, and the marks of the episode that it plays now
        const active = world.observe(batch.level(n) as ReturnType<typeof world.sample>, batch.state(n), out, 0);
        const marks = [...batch.marks(n).keys()].filter((cell) => batch.marks(n)[cell]);
        const truth = [...out.subarray(0, active), ...marks.map((cell) => world.features + cell)];
        expect(acted[n]).toEqual(truth.sort((a, b) => a - b));
      }
      batch.step(actions);
      steps++;
      for (let n = 0; n < N; n++) ends += batch.terminated[n] | batch.truncated[n];
    },
    terminated: batch.terminated,
    truncated: batch.truncated,
    episode: batch.episode,
    finals: batch.finals,
  };
  const trajectory = createTrajectory(N, 0, 100, batch.maxActive);
  const rollout = createRollout(trajectory, 4, 1, world.horizon);
  for (let window = 0; window < 10; window++) {
    await collect(model, recording, new Stream(1, "act"), window * 100, rollout, () => {});
  }
  expect(steps).toBe(1000);
  expect(ends).toBeGreaterThan(300);
});

test("afterStep is called once a step, while the batch still shows what that step did", async () => {
  const batch = createBatch(2);
  const trajectory = createTrajectory(2, 3, 30, batch.maxActive);
  const rows: number[] = [];
  await collect(
    fixedModel([0.25, 0.25, 0.25, 0.25]),
    batch,
    new Stream(1),
    0,
    createRollout(trajectory, 4, 1, 9),
    (row) => {
      rows.push(row);
      for (const n of [0, 1]) {
        expect(trajectory.terminated[row + n]).toBe(batch.terminated[n]);
        expect(trajectory.episode[row + n]).toBe(batch.episode[n]);
      }
    },
  );
  expect(rows).toEqual(Array.from({ length: 30 }, (_, t) => (3 + t) * 2));
});

describe.each(["reference", "wasm"] as const)("%s", (name) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = name === "wasm" ? await createWasmEngine({ threads: 1 }) : createReferenceEngine();
  });
  afterAll(() => engine.dispose());

  const specs: readonly (readonly [string, Partial<NetworkSpec>])[] = [
    ["one module", { modules: ["policy"], gate: "none" }],
    ["two modules", { modules: ["diamond", "ghost"] }],
    ["three modules", { modules: ["diamond", "ghost", "corner"] }],
    ["a fixed gate", { modules: ["diamond", "ghost"], gate: "fixed" }],
  ];

  async function playWindow(change: Partial<NetworkSpec>) {
    const spec: NetworkSpec = {
      features: world.features + CELLS,
      actions: 4,
      modules: [],
      hidden: [9, 8],
      gate: "learned",
      gateHidden: [8],
      critic: [7],
      ...change,
    };
    const N = 6;
    const K = spec.modules.length;
    const model = await engine.create(
      spec,
      // larger than the recipe's, so that actions are not alike
      initialise(spec, "uniform", (group) => new Stream(3, "init", group)).map((x) => 5 * x),
    );
    const trajectory = createTrajectory(N, 0, 40, world.maxActive + CELLS);
    const rollout = createRollout(trajectory, 4, K, world.horizon);
    await collect(model, createBatch(N), new Stream(1, "act"), 0, rollout, () => {});
    return { spec, model, trajectory, K };
  }

  test.each(specs)(
    "%s: in the first minibatch of the first epoch the ratio is 1 exactly: approxKl 0, clipFraction 0",
    async (_, change) => {
      const { model, trajectory, K } = await playWindow(change);
      const rows = trajectory.actions.length;
      const rng = new Stream(2, "rewards");
      const [advantages, nextValues, returns] = [0, 1, 2].map(() => new Float64Array(rows));
      const rewards = Float64Array.from({ length: rows }, () => rng.next());
      nextValuesInto(trajectory, nextValues);
      gaeInto({ ...trajectory, T: 40, N: 6, gamma: 0.97, lambda: 0.95, rewards, nextValues }, advantages);
      for (let row = 0; row < rows; row++) returns[row] = advantages[row] + trajectory.values[row];
      const ones = (length: number) => new Float64Array(length).fill(1);
      const masks = { moduleMask: ones(rows * K), gateMask: ones(rows), gateTarget: new Float64Array(rows * K) };
      await model.loadRows({ ...trajectory, advantages, returns, ...masks }, rows);
      const options = { ...loopOptions(tinyScenario().train), minibatches: 3, epochs: 2, learningRate: 0.05 };
      const all = Int32Array.from({ length: rows }, (__, row) => row);
      const stats = await learn(model, all, advantages, options, hyperAt(options, 0, 1), new Stream(1, "shuffle"));
      expect(stats[0].approxKl).toBe(0);
      expect(stats[0].clipFraction).toBe(0);
      // the policy has moved by then, so the test can tell
      expect(stats[1].approxKl).toBeGreaterThan(0);
      model.dispose();
    },
  );

  test("the module recorded as chosen is the one that the gate weighs most on the row", async () => {
    const { model, trajectory, K } = await playWindow({ modules: ["diamond", "ghost", "corner"] });
    const rows = trajectory.actions.length;
    const output = createForwardOutput(rows, 4, K);
    await model.forward(trajectory.observations, 0, rows, new Float64Array(K), output);
    const chosen = new Set<number>();
    for (let row = 0; row < rows; row++) {
      const weights = [...output.weights.subarray(row * K, (row + 1) * K)];
      expect(trajectory.choice[row]).toBe(weights.indexOf(Math.max(...weights)));
      chosen.add(trajectory.choice[row]);
    }
    // so that a constant would not do
    expect(chosen.size).toBeGreaterThan(1);
    model.dispose();
  });

  test("values recorded are the critic's own: of each row, of truncated steps' final observations, and of what comes next", async () => {
    const { model, trajectory, K } = await playWindow({ modules: ["diamond", "ghost"] });
    const batch = createBatch(6);
    const look = async (observations: Observations, rows: number) => {
      const output = createForwardOutput(rows, 4, K);
      await model.forward(observations, 0, rows, new Float64Array(K), output);
      return output;
    };
    const now = createObservations(6, batch.maxActive);
    let truncations = 0;
    for (let slot = 0; slot < 40; slot++) {
      batch.observeInto(now, 0);
      const { values, logProbabilities } = await look(now, 6);
      const actions = trajectory.actions.subarray(slot * 6, slot * 6 + 6);
      for (let n = 0; n < 6; n++) {
        expect(featuresOf(trajectory.observations, slot * 6 + n)).toEqual(featuresOf(now, n));
        expect(trajectory.values[slot * 6 + n]).toBe(values[n]);
        expect(trajectory.logProbabilities[slot * 6 + n]).toBe(logProbabilities[n * 4 + actions[n]]);
      }
      batch.step(actions);
      const finals = await look(batch.finals, 6);
      for (let n = 0; n < 6; n++) {
        expect(trajectory.truncated[slot * 6 + n]).toBe(batch.truncated[n]);
        if (!batch.truncated[n]) continue;
        expect(trajectory.finalValues[slot * 6 + n]).toBe(finals.values[n]);
        truncations++;
      }
    }
    expect(truncations).toBeGreaterThan(5);
    batch.observeInto(now, 0);
    expect([...trajectory.bootstrap]).toEqual([...(await look(now, 6)).values]);
    model.dispose();
  });
});

test("a rollout has room for a truncation of every world on every horizon-th step, even at a horizon of 1", async () => {
  const hasty = createDiamondGhost({ size: 5, horizon: 1, walls: null, levels: "all" });
  const batch = new EnvBatch({
    world: hasty,
    worlds: 4,
    levels: new Stream(1, "level"),
    chance: new Stream(1, "chance"),
    begin: () => {},
    maxActive: 3,
    visible: false,
  });
  const trajectory = createTrajectory(4, 0, 25, 3);
  trajectory.finalValues.fill(Number.NaN);
  const model = fixedModel([0.25, 0.25, 0.25, 0.25]);
  await collect(model, batch, new Stream(1), 0, createRollout(trajectory, 4, 1, 1), () => {});
  trajectory.truncated.forEach((truncated, row) => {
    expect(Number.isNaN(trajectory.finalValues[row])).toBe(!truncated);
  });
});
