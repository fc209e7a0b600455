import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { initialise } from "../../src/agents/network.ts";
import type { Engine } from "../../src/compute/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { Stream } from "../../src/core/random.ts";
import { enumerateStates } from "../../src/envs/graph.ts";
import type { Mind, Standing } from "../../src/evaluation/mind.ts";
import { networkMind } from "../../src/evaluation/network-mind.ts";
import { blindMind, indicesOf, optimalMind, randomMind } from "../../src/evaluation/scripted-minds.ts";
import { armOptimum } from "../../src/evaluation/theory.ts";
import { parseView } from "../../src/routing/views.ts";
import { createSetting, networkOf, objectiveOf, situationOf } from "../../src/scenario/setting.ts";
import { createCorridor } from "../envs/specimens.ts";
import { armCalled, tinyScenario } from "../scenario/tiny.ts";

const DISCOUNT = 0.9;
const STILL = [0.25, 0.25, 0.25, 0.25];
const walls = { kind: "blocks", density: 0.2, ghostMayBlock: true };
const setting = createSetting(tinyScenario({ world: { size: 4, horizon: 10, walls }, discount: DISCOUNT }));
const { world, trueGoal, proxyGoal } = setting;

/** An agent on a map, on its own level or on another's. */
function stands(map: string, stepsLeft = world.horizon, { level }: { level?: unknown } = {}): Standing {
  const state = new Int32Array(world.stateSize);
  const own = world.parse(map, state);
  return { level: level ?? own, state, marks: new Uint8Array(16), stepsLeft };
}

describe("a network", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await createWasmEngine({ threads: 1 });
  });
  afterAll(() => engine.dispose());

  async function mindOf(view: string, { arm = "route", visible = true, more = [] as readonly string[] } = {}) {
    const spec = networkOf(setting, armCalled(arm));
    const parameters = initialise(spec, "uniform", (group) => new Stream(9, "init", group)).map((x) => 6 * x);
    const model = await engine.create(spec, parameters);
    return networkMind(model, parseView(view, spec.modules), { world, overseer: { visible } }, { more });
  }
  const STANDINGS = ["A..G\n....\n....\n...D", "...D\n.A..\n....\nG...", "D...\n....\n..A.\n.G.."].map((map) =>
    stands(map),
  );

  test("speaks for the view it acts in, for those that are asked for, and for each module alone, once each", async () => {
    expect(await mindOf("only:ghost")).toMatchObject({ name: "only:ghost", views: ["only:ghost", "only:diamond"] });
    const more = ["full"];
    expect((await mindOf("only:ghost", { more })).views).toEqual(["only:ghost", "full", "only:diamond"]);
    expect((await mindOf("full", { more })).views).toEqual(["full", "only:diamond", "only:ghost"]);
    expect((await mindOf("full", { arm: "naive", more })).views).toEqual(["full"]);
  });

  test("says of each view what a mind that acts in it does; gate and value are those of the full view", async () => {
    const full = await (await mindOf("full")).consult(STANDINGS);
    for (const { gate } of full) {
      expect(gate.diamond + gate.ghost).toBeCloseTo(1, 6);
      expect(gate.diamond).not.toBeCloseTo(gate.ghost, 2);
    }
    for (const acting of ["full", "only:ghost", "ablate:ghost"]) {
      for (const more of [[], ["full"]]) {
        const opinions = await (await mindOf(acting, { more })).consult(STANDINGS);
        expect(opinions.map(({ gate, value }) => ({ gate, value }))).toEqual(
          full.map(({ gate, value }) => ({ gate, value })),
        );
        for (const view of Object.keys(opinions[0].probabilities)) {
          const acts = await (await mindOf(view)).act(STANDINGS);
          expect(opinions.flatMap(({ probabilities }) => probabilities[view])).toEqual([...acts]);
        }
      }
    }
    const rows = full.map(({ probabilities }) => probabilities.full);
    for (const row of rows) expect(row.reduce((sum, p) => sum + p)).toBeCloseTo(1, 6);
  });

  test("sees marks where they are shown", async () => {
    const marked = STANDINGS.map((standing) => ({ ...standing, marks: new Uint8Array(16).fill(1) }));
    const mind = await mindOf("full");
    expect(await mind.act(marked)).not.toEqual(await mind.act(STANDINGS));
  });
});

describe("what a mind does where it stands is what it does in that state of a task", () => {
  const marked = createSetting(
    tinyScenario({
      world: { size: 3, horizon: 6 },
      oversight: { kind: "terminal", coverage: 0.4 },
      discount: DISCOUNT,
    }),
  );
  const situation = situationOf(marked);
  const { tasks } = situation;
  const naive = armOptimum(objectiveOf(marked, armCalled("naive")), situation);
  if ("none" in naive) throw new Error(naive.none);
  const engine = createWasmEngine({ threads: 1 });
  afterAll(async () => (await engine).dispose());
  const network = async (greedy: boolean) => {
    const spec = networkOf(marked, armCalled("route"));
    const parameters = initialise(spec, "uniform", (group) => new Stream(9, "init", group)).map((x) => 6 * x);
    return networkMind(await (await engine).create(spec, parameters), parseView("full", spec.modules), marked, {
      greedy,
    });
  };

  test.each<[string, () => Mind | Promise<Mind>]>([
    ["random", () => randomMind(marked.world)],
    ["an optimum of a goal", () => optimalMind(marked.world, marked.trueGoal, DISCOUNT)],
    ["an optimum of an arm, which looks at marks", () => naive.mind],
    ["one blind to the Ghost", () => blindMind("ghost", marked.trueGoal, marked.world)],
    ["a network that draws", () => network(false)],
    ["a network that is greedy", () => network(true)],
  ])("%s", async (_name, make) => {
    const mind = await make();
    for (const task of tasks.filter((_, i) => i % 7 === 0)) {
      const { level, graph, marks } = task;
      const [{ policy }] = await mind.over([task]);
      const left = mind.timed ? [1, 3, 6] : [6];
      const places = left.flatMap((stepsLeft) => Array.from({ length: graph.size }, (_, s) => ({ stepsLeft, s })));
      const standings = places.map(({ stepsLeft, s }) => ({
        level,
        marks,
        stepsLeft,
        state: graph.states.slice(s, s + 1),
      }));
      const expected = new Float64Array(4 * places.length);
      places.forEach(({ stepsLeft, s }, row) => {
        const out = expected.subarray(4 * row, 4 * row + 4);
        if (typeof policy === "function") policy(stepsLeft, s, out);
        else out.set(policy.subarray(4 * s, 4 * s + 4));
      });
      expect([...(await mind.act(standings))]).toEqual([...expected]);
      const opinions = await mind.consult(standings);
      expect(opinions.flatMap(({ probabilities }) => probabilities[mind.views[0]])).toEqual([...expected]);
    }
  });
});

test("states have numbers by all their words", () => {
  const graph = enumerateStates(createCorridor({ horizon: 8, slippery: false }), { slip: 0 }, Int32Array.of(0, 0));
  const indices = indicesOf(graph);
  expect(indices.size).toBe(graph.size);
  for (const [words, s] of indices) expect([...graph.states.subarray(2 * s, 2 * s + 2)].join()).toBe(words);
});

describe("an optimum", () => {
  const optimal = { true: optimalMind(world, trueGoal, DISCOUNT), proxy: optimalMind(world, proxyGoal, DISCOUNT) };
  const EAST = [0, 1, 0, 0];
  const WEST = [0, 0, 0, 1];
  const CASES: readonly (readonly [map: string, stepsLeft: number, wants: readonly number[], value: number])[] = [
    ["A.DG\n....\n....\n....", 10, EAST, DISCOUNT],
    ["A.DG\n....\n....\n....", 2, EAST, DISCOUNT],
    // out of time: nothing is worth more than anything else
    ["A.DG\n....\n....\n....", 1, STILL, 0],
    [".A.D\n....\nG...\n....", 10, EAST, DISCOUNT],
    ["DA..\n....\nG...\n....", 10, WEST, 1],
    // two ways that are as long
    ["A..G\n.D..\n....\n....", 10, [0, 0.5, 0.5, 0], DISCOUNT],
  ];

  test("takes the shortest way that the time is enough for; ties are even; its value is that of the state", async () => {
    expect([optimal.true.name, optimal.proxy.name]).toEqual(["optimal:true", "optimal:proxy"]);
    const standings = CASES.map(([map, stepsLeft]) => stands(map, stepsLeft));
    const opinions = await optimal.true.consult(standings);
    expect(opinions).toEqual(
      CASES.map(([, , wants, value]) => ({ probabilities: { "optimal:true": wants }, gate: {}, value })),
    );
    expect([...(await optimal.true.act(standings))]).toEqual(CASES.flatMap(([, , wants]) => wants));
    const [ghost] = await optimal.proxy.consult([stands("D..A\n....\n...G\n....")]);
    expect(ghost).toEqual({
      ...{ probabilities: { "optimal:proxy": [0, 0, 1, 0] }, gate: {}, value: DISCOUNT },
    });
  });

  test("knows apart states of one level, also those that cannot be reached from each other", async () => {
    const first = stands("A#.D\n.#..\n.#..\nG#..");
    const there = stands(".#AD\n.#..\n.#..\nG#..", 10, first);
    const below = stands(".#.D\n.#..\n.#A.\nG#..", 10, first);
    const opinions = await optimal.true.consult([first, there, below]);
    expect(opinions.map(({ value }) => value)).toEqual([0, 1, expect.closeTo(DISCOUNT ** 2, 12)]);
    expect(opinions[1].probabilities["optimal:true"]).toEqual(EAST);
  });

  test("answers the same after many other levels", async () => {
    const standings = Array.from({ length: 12 }, (_, column) => {
      const row = "D...".split("");
      row[1 + (column % 3)] = "A";
      return stands(`${row.join("")}\n....\n....\nG...`);
    });
    const values = [1, DISCOUNT, expect.closeTo(DISCOUNT ** 2, 12)];
    for (let again = 0; again < 2; again++) {
      const opinions = await optimal.true.consult(standings);
      expect(opinions.map(({ value }) => value)).toEqual([...values, ...values, ...values, ...values]);
    }
  });
});
