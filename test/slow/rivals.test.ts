import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PYTHON, RIVALS } from "../../bench/programs.ts";
import { gaeInto, nextValuesInto } from "../../src/agents/advantages.ts";
import { initialise } from "../../src/agents/network.ts";
import { hyperAt } from "../../src/agents/ppo.ts";
import { type NetworkSpec, type TrainingRows, tensorsOf } from "../../src/compute/engine.ts";
import { createReferenceEngine } from "../../src/compute/reference/engine.ts";
import { createObservations, type Observations } from "../../src/core/observations.ts";
import { Stream } from "../../src/core/random.ts";
import { createLabels, createLedger, createTrajectory, UNLABELLED } from "../../src/core/trajectory.ts";
import { EnvBatch } from "../../src/envs/batch.ts";
import { placeOf } from "../../src/envs/world.ts";
import { evaluate } from "../../src/evaluation/evaluate.ts";
import { labelEpisodes } from "../../src/oversight/label.ts";
import { createOverseer } from "../../src/oversight/overseers/table.ts";
import { readText } from "../../src/runs/files.ts";
import { loadScenario } from "../../src/scenario/load.ts";
import { loopOptions } from "../../src/scenario/loop-options.ts";
import { ppoSchema } from "../../src/scenario/schema.ts";
import { createSetting, situationOf } from "../../src/scenario/setting.ts";
import { createDiamondGhost, type DiamondGhostLevel, diamondOf, ghostOf } from "../envs/diamond-ghost.ts";
import { tinyScenario } from "../scenario/tiny.ts";

/** Marks are frequent and episodes short here, so that every kind of end is among few transitions. */
const COVERAGE = 0.5;
const HORIZON = 6;
/** Longer in mazes, where there is more floor and less to meet. */
const MAZE_HORIZON = 16;
const WORLDS = 50;
const DISCOUNT = 0.97;
/** The rivals' number of a label without a route; diamond is 0, ghost 1. */
const NO_ROUTE = 2;

const rowOf = ({ counts, indices, stride }: Observations, row: number): number[] => [
  ...indices.subarray(row * stride, row * stride + counts[row]),
];

/** Transitions of random play: state, features and action before the step, and what the step led to. */
function recordTransitions(size: number, isMaze = false) {
  const horizon = isMaze ? MAZE_HORIZON : HORIZON;
  const world = createDiamondGhost({
    size,
    horizon,
    levels: "all",
    ...(isMaze ? { walls: { kind: "maze", loops: 0.5, ghostMayBlock: false }, observe: "centred" } : { walls: null }),
  });
  const overseer = createOverseer({ kind: "terminal", coverage: COVERAGE, spurious: 0, visible: true });
  const oversight = new Stream(3, "oversight");
  const batch = new EnvBatch<DiamondGhostLevel>({
    world,
    worlds: WORLDS,
    levels: new Stream(3, "level"),
    chance: new Stream(3, "chance"),
    begin: (n, episode, level, marks) => overseer.mark(placeOf(world, level), oversight.seek(n, episode), marks),
    maxActive: world.maxActive + 2,
    visible: true,
  });
  const play = new Stream(3, "act");
  const [seen, led] = [createObservations(WORLDS, batch.maxActive), createObservations(WORLDS, batch.maxActive)];
  const states: number[][] = [];
  const walls: number[][] = [];
  const [before, after]: [number[][], number[][]] = [[], []];
  const actions: number[] = [];
  const [terminated, truncated, marked]: boolean[][] = [[], [], []];
  const reached: number[] = [];
  for (let step = 0; step < 3 * horizon; step++) {
    batch.observeInto(seen, 0);
    const chosen = Uint8Array.from({ length: WORLDS }, (_, n) => play.seek(n, step).below(4));
    for (let n = 0; n < WORLDS; n++) {
      const level = batch.level(n);
      const [ghost, diamond, own] = [ghostOf(level), diamondOf(level), level.walls];
      if (isMaze) walls.push([...own]);
      const marks = batch.marks(n);
      states.push([batch.state(n)[0], ghost, diamond, marks[ghost], marks[diamond], batch.steps[n]]);
      before.push(rowOf(seen, n));
    }
    batch.step(chosen);
    batch.observeInto(led, 0);
    for (let n = 0; n < WORLDS; n++) {
      const hasEnded = batch.terminated[n] === 1 || batch.truncated[n] === 1;
      actions.push(chosen[n]);
      after.push(hasEnded ? rowOf(batch.finals, n) : rowOf(led, n));
      terminated.push(batch.terminated[n] === 1);
      truncated.push(batch.truncated[n] === 1);
      // Events are diamond and ghost, bits 0 and 1.
      reached.push(batch.events[n] === 1 ? 0 : batch.events[n] === 2 ? 1 : NO_ROUTE);
      const cell = batch.finalCell[n];
      marked.push(batch.terminated[n] === 1 && batch.finalMarks[n * size * size + cell] === 1);
    }
  }
  return { size, horizon, states, walls, before, actions, after, terminated, truncated, reached, marked };
}

/** Probabilities of the moves where the Diamond lies further east, and where it does not: no symmetry of the world is left. */
const EASTWARD = [0.1, 0.7, 0.15, 0.05];
const OTHERWISE = [0.3, 0.1, 0.2, 0.4];

/** Exact return of that policy where nothing is marked. */
async function recordExact(size: number) {
  const scenario = tinyScenario({
    world: { kind: "diamond-ghost", size, horizon: HORIZON },
    oversight: { kind: "none" },
    discount: DISCOUNT,
  });
  const { goals } = await evaluate(situationOf(createSetting(scenario)), {
    modules: [],
    over: async (tasks) =>
      tasks.map(({ level, graph }) => {
        const isEast = (cell: number) => diamondOf(level as DiamondGhostLevel) % size > cell % size;
        const rows = [...graph.cell].flatMap((cell) => (isEast(cell) ? EASTWARD : OTHERWISE));
        return { policy: Float64Array.from(rows) };
      }),
  });
  const trueReturn = goals.true.discounted;
  expect(trueReturn).toBeGreaterThan(0.05);
  return { size, horizon: HORIZON, eastward: EASTWARD, otherwise: OTHERWISE, trueReturn };
}

/** The numbers of a recipe, by the names that the rivals have for them. */
function recordRecipe(file: string) {
  const path = new URL(`../../scenarios/${file}.yaml`, import.meta.url).pathname;
  const { scenario } = loadScenario({ path, readText });
  const { world, oversight, agent, train, discount } = scenario;
  const options = loopOptions(train);
  return {
    maze: agent.conv !== undefined,
    numbers: {
      size: world.kind === "diamond-ghost" ? world.size : null,
      horizon: world.horizon,
      coverage: oversight.kind === "terminal" ? oversight.coverage : null,
      width: agent.hidden[0],
      worlds: train.worlds,
      rollout: train.rollout,
      epochs: options.epochs,
      minibatches: options.minibatches,
      discount,
      gae_lambda: options.gaeLambda,
      clip_range: options.clipRange,
      learning_rate: options.learningRate,
      adam_eps: options.adamEps,
      entropy_coef: options.entropyCoef,
      value_coef: options.valueCoef,
      gate_coef: options.gateCoef,
      max_grad_norm: options.maxGradNorm,
      conv: (agent.conv ?? []).map(({ channels, kernel, stride }) => [channels, kernel, stride]),
    },
  };
}

/** A window of random ends, marks and values, and what we make of it. */
function recordWindow(arm: "naive" | "route") {
  const [T, N] = [24, 6];
  const rng = new Stream(7, "window", arm);
  const trajectory = createTrajectory(N, 0, T, 1);
  const [ledger, labels] = [createLedger(T * N), createLabels(T * N)];
  const reached: number[] = [];
  const marked: number[] = [];
  for (let row = 0; row < T * N; row++) {
    // A fifth of the rows end an episode: at the Diamond, at the Ghost, or cut.
    const end = rng.below(15);
    trajectory.terminated[row] = end < 2 ? 1 : 0;
    trajectory.truncated[row] = end === 2 ? 1 : 0;
    // Who reaches nothing stands on no mark.
    marked.push(end < 2 ? rng.below(2) : 0);
    ledger.label[row] = marked[row] ? end : UNLABELLED;
    ledger.proxyReward[row] = end < 2 ? 1 : 0;
    ledger.trueReward[row] = end === 0 ? 1 : end === 1 ? -1 : 0;
    reached.push(end < 2 ? end : NO_ROUTE);
    trajectory.values[row] = 2 * rng.next() - 1;
    trajectory.finalValues[row] = 2 * rng.next() - 1;
  }
  for (let n = 0; n < N; n++) trajectory.bootstrap[n] = 2 * rng.next() - 1;
  labelEpisodes(trajectory, ledger, false, labels);
  const nextValues = new Float64Array(T * N);
  nextValuesInto(trajectory, nextValues);
  const { values, terminated, truncated } = trajectory;
  const { gaeLambda } = loopOptions(ppoSchema.parse({}));
  const rewards = labels.proxyReward.map((proxy, row) =>
    arm === "naive" && labels.label[row] !== UNLABELLED ? labels.trueReward[row] : proxy,
  );
  const advantages = new Float64Array(T * N);
  const gae = { T, N, gamma: DISCOUNT, lambda: gaeLambda, rewards, values, nextValues, terminated, truncated };
  gaeInto(gae, advantages);
  const table = <Value, Cell>(flat: ArrayLike<Value>, cell: (value: Value) => Cell) =>
    Array.from({ length: T }, (_, t) => Array.from({ length: N }, (_, n) => cell(flat[t * N + n])));
  const plain = (value: number) => value;
  const isOn = (flag: number) => flag === 1;
  return {
    arm,
    values: table(values, plain),
    finals: table(trajectory.finalValues, plain),
    windowEnd: [...trajectory.bootstrap],
    terminated: table(terminated, isOn),
    truncated: table(truncated, isOn),
    reached: table(reached, plain),
    marked: table(marked, isOn),
    advantages: table(advantages, plain),
    returns: table(
      advantages.map((advantage, row) => advantage + values[row]),
      plain,
    ),
    labels: table(labels.label, (label) => (label < 0 ? NO_ROUTE : label)),
  };
}

/** The trunk of scenarios/maze.yaml, and how many cells of floor a row shows here. */
const MAZE_CONV = [
  { channels: 8, kernel: 5, stride: 2 },
  { channels: 16, kernel: 3, stride: 2 },
];
const FLOOR = 60;

/** Optimiser steps of the reference engine with the recipe's first numbers, and the parameters before and after. */
async function recordLearning(modules: readonly string[], isMaze = false) {
  const [size, width, rows, steps] = [isMaze ? 13 : 5, 64, 96, 4];
  const side = isMaze ? 2 * size - 1 : size;
  const cells = side * side;
  const K = modules.length;
  const hidden = isMaze ? [width] : [width, width];
  const spec: NetworkSpec = {
    features: 4 * cells,
    actions: 4,
    modules,
    hidden,
    gate: K === 1 ? "none" : "learned",
    gateHidden: hidden,
    critic: hidden,
    ...(isMaze && { conv: MAZE_CONV, plane: [side, side] as const }),
  };
  const rng = new Stream(5, "rows", ...modules);
  const stride = isMaze ? 4 + FLOOR : 5;
  const observations = createObservations(rows, stride);
  const labels: number[] = [];
  for (let row = 0; row < rows; row++) {
    const features = [rng.below(cells), cells + rng.below(cells)];
    if (!isMaze) features.push(2 * cells + rng.below(cells));
    if (row % 3 === 0) features.push(3 * cells + rng.below(cells));
    for (let i = 0; isMaze && i < FLOOR; i++) features.push(2 * cells + i * 5 + rng.below(5));
    observations.counts[row] = features.length;
    observations.indices.set(features, row * stride);
    labels.push(row % 4 === 0 ? rng.below(2) : NO_ROUTE);
  }
  const uniform = (low: number, high: number) =>
    Float64Array.from({ length: rows }, () => low + (high - low) * rng.next());
  const data: TrainingRows = {
    observations,
    actions: Uint8Array.from({ length: rows }, () => rng.below(4)),
    // About ln 1/4, so that some ratios are clipped and others are not.
    logProbabilities: uniform(-1.7, -1.1),
    values: new Float64Array(rows),
    advantages: uniform(-2, 2),
    returns: uniform(-1, 1),
    moduleMask: Float64Array.from({ length: rows * K }, (_, i) => {
      const label = labels[Math.floor(i / K)];
      return K === 1 || label === NO_ROUTE || label === i % K ? 1 : 0;
    }),
    gateMask: Float64Array.from(labels, (label) => (label === NO_ROUTE ? 1 : 0)),
    gateTarget: Float64Array.from({ length: rows * K }, (_, i) => {
      const label = labels[Math.floor(i / K)];
      return K > 1 && label !== NO_ROUTE && label === i % K ? 1 : 0;
    }),
  };
  const start = initialise(spec, "uniform", (group) => new Stream(5, "init", group));
  const model = await createReferenceEngine().create(spec, start);
  await model.loadRows(data, rows);
  const hyper = hyperAt(loopOptions(ppoSchema.parse({})), 0, 1);
  for (let step = 0; step < steps; step++)
    await model.update(
      Int32Array.from({ length: rows }, (_, i) => i),
      hyper,
    );
  const { parameters } = await model.getState();
  model.dispose();

  const named = (flat: Float64Array) => {
    let at = 0;
    return Object.fromEntries(
      tensorsOf(spec).map(({ name, shape }) => {
        const values = [...flat.subarray(at, at + shape.reduce((product, length) => product * length, 1))];
        at += values.length;
        return [name, { shape, values }];
      }),
    );
  };
  return {
    modules,
    maze: isMaze,
    size,
    width,
    steps,
    rows: {
      observations: labels.map((_, row) => rowOf(observations, row)),
      actions: [...data.actions],
      lnProbabilities: [...data.logProbabilities],
      advantages: [...data.advantages],
      returns: [...data.returns],
      labels,
    },
    before: named(start),
    after: named(parameters),
  };
}

test.skipIf(!existsSync(PYTHON))(
  "the rivals of the benchmark have our worlds, our exact returns and our optimiser steps",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "halfwatch-rivals-"));
    try {
      const file = join(folder, "recorded.json");
      const recorded = {
        recipes: [recordRecipe("diamond-ghost"), recordRecipe("maze")],
        transitions: [recordTransitions(5), recordTransitions(9)],
        mazes: [recordTransitions(13, true)],
        exact: [await recordExact(5), await recordExact(4)],
        windows: [recordWindow("naive"), recordWindow("route")],
        learning: [
          await recordLearning(["policy"]),
          await recordLearning(["diamond", "ghost"]),
          await recordLearning(["diamond", "ghost", "third"]),
          await recordLearning(["policy"], true),
          await recordLearning(["diamond", "ghost"], true),
        ],
      };
      writeFileSync(file, JSON.stringify(recorded));
      const { status, stdout, stderr } = spawnSync(PYTHON, [join(RIVALS, "check.py"), file], { encoding: "utf8" });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout).toContain("both programs agree");
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
