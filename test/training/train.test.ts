import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { initialise } from "../../src/agents/network.ts";
import type { Engine, UpdateStats } from "../../src/compute/engine.ts";
import { createReferenceEngine } from "../../src/compute/reference/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { Stream } from "../../src/core/random.ts";
import { UNLABELLED } from "../../src/core/trajectory.ts";
import { placeOf } from "../../src/envs/world.ts";
import { ARMS } from "../../src/routing/arms/table.ts";
import { createSetting, networkOf } from "../../src/scenario/setting.ts";
import { moduleDiagnostics } from "../../src/training/diagnostics.ts";
import { type Progress, updatesIn } from "../../src/training/train.ts";
import {
  armCalled,
  type Change,
  engineOf,
  fingerprint,
  tinyScenario,
  trainedBytes,
  trainedState,
  trainTiny,
} from "../scenario/tiny.ts";

vi.mock("../../src/oversight/label.ts", { spy: true });

let engine: Engine;
beforeAll(async () => {
  engine = await createWasmEngine({ threads: 1 });
});
afterAll(() => engine.dispose());

const terminal = (coverage: number, more: Change = {}): Change => ({
  oversight: { kind: "terminal", coverage, ...more },
});
/** 50 updates of 8 worlds x 16 steps. */
const FIFTY = { steps: 8 * 16 * 50 };

describe("arms that must be the same", () => {
  test("at coverage 0 route is moe-no-route, bit for bit", async () => {
    const change = { ...terminal(0), train: FIFTY };
    expect(await trainedBytes(engine, "route", change)).toBe(await trainedBytes(engine, "moe-no-route", change));
  });

  test("with overseer none, too; and random labels have nothing to draw", async () => {
    const change = { oversight: { kind: "none" } };
    const route = await trainedBytes(engine, "route", change);
    expect(await trainedBytes(engine, "moe-no-route", change)).toBe(route);
    expect(await trainedBytes(engine, "route-random-labels", change)).toBe(route);
  });

  test("at a coverage above 0 route is not moe-no-route", async () => {
    expect(await trainedBytes(engine, "route")).not.toBe(await trainedBytes(engine, "moe-no-route"));
  });

  test.each([terminal(1), { oversight: { kind: "full" } }, { oversight: { kind: "episode", coverage: 1 } }])(
    "where everything is inspected naive, filter and oracle are the same bytes: %j",
    async (change) => {
      const naive = await trainedBytes(engine, "naive", { ...change, train: FIFTY });
      expect(await trainedBytes(engine, "filter", { ...change, train: FIFTY })).toBe(naive);
      expect(await trainedBytes(engine, "oracle", { ...change, train: FIFTY })).toBe(naive);
    },
  );

  test("naive whose unlabelled episodes are withheld is filter", async () => {
    const withheld = await trainedBytes(engine, "naive", terminal(0.5, { unlabelled: "withheld" }));
    expect(withheld).toBe(await trainedBytes(engine, "filter", terminal(0.5)));
    expect(withheld).not.toBe(await trainedBytes(engine, "naive", terminal(0.5)));
    expect(withheld).not.toBe(await trainedBytes(engine, "naive", terminal(0.5, { unlabelled: "zero" })));
  });

  test("routes that name every module, with a fixed gate, are no routing: the same bytes after 50 updates", async () => {
    const change = {
      routes: { diamond: ["diamond", "ghost"], ghost: ["ghost", "diamond"] },
      agent: { gate: "fixed" },
      train: FIFTY,
    };
    expect(await trainedBytes(engine, "route", change)).toBe(await trainedBytes(engine, "moe-no-route", change));
  });

  test("a fixed gate in the scenario makes route what route-no-gate is", async () => {
    const fixed = await trainedBytes(engine, "route", { agent: { gate: "fixed" } });
    expect(fixed).toBe(await trainedBytes(engine, "route-no-gate"));
  });
});

describe("determinism", () => {
  test("the order in which a file names its routes does not matter, not even to the placebo's draws", async () => {
    const routes = { ghost: ["ghost"], diamond: ["diamond"] };
    for (const arm of ["route", "route-random-labels"]) {
      expect(await trainedBytes(engine, arm, { routes })).toBe(await trainedBytes(engine, arm));
    }
  });

  test.each([...ARMS.keys()])("%s: the same cell twice gives the same bytes, another seed others", async (arm) => {
    const bytes = await trainedBytes(engine, arm);
    expect(await trainedBytes(engine, arm)).toBe(bytes);
    expect(await trainedBytes(engine, arm, {}, { seed: 1 })).not.toBe(bytes);
  });

  test("two threads give the bytes of one", async () => {
    const two = await createWasmEngine({ threads: 2 });
    try {
      for (const arm of ["filter", "route"]) {
        const change = { train: { ...FIFTY, minibatches: 2 }, agent: { hidden: [33, 20] } };
        expect(await trainedBytes(two, arm, change)).toBe(await trainedBytes(engine, arm, change));
      }
    } finally {
      await two.dispose();
    }
  });

  test("cells that train side by side on one engine do not disturb each other", async () => {
    const [a, b] = await Promise.all([trainedBytes(engine, "route"), trainedBytes(engine, "naive")]);
    expect([a, b]).toEqual([await trainedBytes(engine, "route"), await trainedBytes(engine, "naive")]);
  });

  test("looking changes nothing: an observer that evaluates the model after each update leaves the same bytes", async () => {
    const onUpdate = async (_progress: Progress, model: Awaited<ReturnType<typeof trainTiny>>["model"]) => {
      const state = await model.getState();
      state.parameters.fill(0);
    };
    const phases: string[] = [];
    const watched = await trainedBytes(engine, "route", {}, { onUpdate, onPhase: (phase) => phases.push(phase) });
    expect(watched).toBe(await trainedBytes(engine, "route"));
    expect(phases.slice(0, 7)).toEqual(["rollout", "label", "route", "advantage", "update", "idle", "rollout"]);
    expect(phases.length).toBe(5 * 6);
  });
});

describe("random streams are named, and keyed by world, episode and step", () => {
  const SEED = 7;
  const change = { train: { tails: "all" } };

  /** Train on a model that acts uniformly and learns nothing; tell what was lived through, and in which order rows came up. */
  async function live(seed: number) {
    const steps: { n: number; step: number; episode: number; action: number; features: number[] }[] = [];
    const orders: number[][] = [];
    let windows = 0;
    const recorder = engineOf((spec) => ({
      spec,
      forward: async (_o, _first, _rows, _scale, out) => {
        out.probabilities.fill(0.25);
      },
      loadRows: async () => {
        orders.push([]);
      },
      update: async (indices) => {
        orders[orders.length - 1].push(...indices);
        return { gradNorms: new Float64Array(9) } as UpdateStats;
      },
      gradient: async () => new Float64Array(),
      getState: () => Promise.reject(new Error("there is no state")),
      setState: async () => {},
      dispose: () => {},
    }));
    await trainTiny(recorder, "route", change, {
      seed,
      beforeLabels: (_ledger, { worlds, observations, actions, episode }) => {
        for (let row = 0; row < actions.length; row++) {
          const at = row * observations.stride;
          steps.push({
            n: row % worlds,
            step: windows * 16 + Math.floor(row / worlds),
            episode: episode[row],
            action: actions[row],
            features: [...observations.indices.subarray(at, at + observations.counts[row])].sort((a, b) => a - b),
          });
        }
        windows++;
      },
    });
    return { steps, orders };
  }

  test("levels are those of <seed>/level, marks of <seed>/oversight, actions of <seed>/act", async () => {
    const { world, overseer } = createSetting(tinyScenario(change));
    const [levels, oversight, act] = ["level", "oversight", "act"].map((name) => new Stream(SEED, name));
    const seen = new Set<string>();
    for (const { n, step, episode, action, features } of (await live(SEED)).steps) {
      // four actions, equally likely
      expect(action).toBe(Math.floor(4 * act.seek(n, step).next()));
      const level = world.sample(levels.seek(n, episode));
      const marks = new Uint8Array(25);
      overseer.mark(placeOf(world, level), oversight.seek(n, episode), marks);
      const out = new Uint16Array(3);
      const state = new Int32Array(1);
      world.start(level, oversight, state);
      world.observe(level, state, out, 0);
      const marked = [...marks.keys()].filter((cell) => marks[cell]).map((cell) => 75 + cell);
      // features 25.. are Ghost, Diamond and marks; those below are the agent's cell, which starts where the level says
      expect(features.slice(1)).toEqual([out[1], out[2], ...marked]);
      if (!seen.has(`${n}/${episode}`)) expect(features[0]).toBe(out[0]);
      seen.add(`${n}/${episode}`);
    }
    expect(seen.size).toBeGreaterThan(40);
  });

  test("each update and each epoch goes through the rows in an order of its own, another seed in another one", async () => {
    const [{ orders }, other] = [await live(SEED), await live(SEED + 1)];
    // 128 rows twice over in each of five updates
    const epochs = [...orders, ...other.orders].flatMap((order) => [order.slice(0, 128), order.slice(128)]);
    expect(epochs.length).toBe(20);
    for (const epoch of epochs) expect(new Set(epoch).size).toBe(128);
    expect(new Set(epochs.map((epoch) => epoch.join())).size).toBe(20);
  });
});

describe("every setting trains: parameters move and stay finite", () => {
  const CHANGES: readonly (readonly [string, Change])[] = [
    ["tails: carry", {}],
    ["tails: all", { train: { tails: "all" } }],
    ["tails: drop", { train: { tails: "drop" } }],
    ["a rollout shorter than an episode", { train: { rollout: 4, steps: 8 * 4 * 20 } }],
    ["spurious marks", terminal(0.5, { spurious: 0.3 })],
    ["hidden marks", terminal(0.5, { visible: false })],
    ["walls", { world: { walls: { density: 0.2 } } }],
    ["walls and spurious marks everywhere", { world: { walls: { density: 0.2 } }, ...terminal(0.5, { spurious: 1 }) }],
    ["overseer full", { oversight: { kind: "full" } }],
    ["overseer episode", { oversight: { kind: "episode", coverage: 0.3 } }],
    [
      "three modules, one of them without a route",
      { agent: { modules: ["diamond", "ghost", "rest"], gateHidden: [5] } },
    ],
    [
      "a route that names two of three modules",
      { agent: { modules: ["diamond", "ghost", "rest"] }, routes: { diamond: ["diamond", "rest"], ghost: ["ghost"] } },
    ],
    ["a route for one event only", { routes: { ghost: ["ghost"] } }],
    ["orthogonal init", { agent: { init: "orthogonal" } }],
    [
      "every option of PPO away from its default",
      {
        train: {
          anneal: "none",
          valueClip: 0.2,
          entropyCoef: 0.01,
          clip: "module",
          normaliseAdvantages: "minibatch",
          maxGradNorm: 0,
        },
      },
    ],
    ["more minibatches than rows", { train: { minibatches: 1000, worlds: 2, rollout: 8, steps: 32 } }],
    ["one world", { train: { worlds: 1, rollout: 40, steps: 200 } }],
  ];

  test.each(CHANGES)("%s", async (_, change) => {
    const setting = createSetting(tinyScenario(change));
    for (const arm of ARMS.values()) {
      const first = initialise(networkOf(setting, arm), setting.scenario.agent.init, (group) => {
        return new Stream(0, "init", group);
      });
      const { parameters } = await trainedState(engine, arm, change);
      expect(parameters.every(Number.isFinite), arm.name).toBe(true);
      expect(Array.from(parameters), arm.name).not.toEqual(Array.from(first, Math.fround));
    }
  });

  test("the reference engine trains, too, to nearly the same parameters", async () => {
    const change = { train: { steps: 8 * 16 * 2, learningRate: 1e-4 } };
    const [slow, fast] = [
      (await trainedState(createReferenceEngine(), "route", change)).parameters,
      (await trainedState(engine, "route", change)).parameters,
    ];
    // float32 against float64, over two updates of 6 steps of 1e-4 each
    for (let i = 0; i < slow.length; i++) expect(Math.abs(slow[i] - fast[i])).toBeLessThan(2e-5);
  });
});

describe("filter without labels", () => {
  test("an update in which nothing was inspected is no step; it says 0 rows, and null for what would be a mean over them", async () => {
    const seen: Progress[] = [];
    const change = { ...terminal(0.02), world: { horizon: 32 }, train: { steps: 8 * 16 * 12 } };
    const { model } = await trainTiny(engine, "filter", change, { onUpdate: (progress) => void seen.push(progress) });
    const empty = seen.filter(({ rows }) => rows === 0);
    expect(empty.length).toBeGreaterThan(0);
    expect(empty.length).toBeLessThan(seen.length);
    const means = ["policyLoss", "valueLoss", "entropy", "gateLoss", "approxKl", "clipFraction", "explainedVariance"];
    for (const progress of seen) {
      const nulls = Object.entries(progress).flatMap(([key, value]) => (value === null ? [key] : []));
      expect(nulls.sort()).toEqual(progress.rows === 0 ? means.sort() : []);
      expect(Object.values(progress.gradNorms).every((norm) => (norm === null) === (progress.rows === 0))).toBe(true);
      const numbers = [...Object.values(progress), ...Object.values(progress.gradNorms)];
      expect(numbers.filter((value) => typeof value === "number").every(Number.isFinite)).toBe(true);
    }
    expect((await model.getState()).parameters.every(Number.isFinite)).toBe(true);
    model.dispose();
  });

  test("where nothing is ever inspected it ends where it began", async () => {
    const change = { oversight: { kind: "none" } };
    const setting = createSetting(tinyScenario(change));
    const first = initialise(
      networkOf(setting, armCalled("filter")),
      "uniform",
      (group) => new Stream(0, "init", group),
    );
    const state = await trainedState(engine, "filter", change);
    expect([...state.parameters]).toEqual(Array.from(first, Math.fround));
    expect(state.steps.every((count) => count === 0)).toBe(true);
  });
});

describe("progress", () => {
  test("counts updates, steps, episodes and labels as they happened, and anneals to the last update", async () => {
    const seen: Progress[] = [];
    let [episodes, labelled] = [0, 0];
    const trained = await trainTiny(
      engine,
      "route",
      {},
      {
        beforeLabels: (ledger, { window, worlds, capacity, terminated, truncated }) => {
          for (let row = window * worlds; row < capacity * worlds; row++) {
            episodes += terminated[row] | truncated[row];
            if (ledger.label[row] !== UNLABELLED) labelled++;
          }
        },
        onUpdate: (progress) => {
          seen.push(progress);
          expect([progress.episodes, progress.labelled]).toEqual([episodes, labelled]);
        },
      },
    );
    trained.model.dispose();
    expect(seen.map(({ update, updates, step }) => [update, updates, step])).toEqual(
      [1, 2, 3, 4, 5].map((u) => [u, 5, u * 128]),
    );
    // 0.01 * (1 - u / 5)
    seen.forEach(({ learningRate }, u) => {
      expect(learningRate).toBeCloseTo(0.01 * (1 - u / 5), 12);
    });
    expect(trained).toMatchObject({ step: 640, updates: 5, episodes, labelled });
    expect(labelled).toBeGreaterThan(0);
    expect(labelled).toBeLessThan(episodes);
    expect(Object.keys(seen[0].gradNorms)).toEqual(["module:diamond", "module:ghost", "gate", "output", "critic"]);
  });

  test("with tails carried, rows trained on and tails left over add up to the steps taken", async () => {
    let rows = 0;
    let left = 0;
    const { model, last, step } = await trainTiny(
      engine,
      "route",
      {},
      {
        onUpdate: (progress) => {
          rows += progress.rows;
        },
      },
    );
    model.dispose();
    const { worlds, capacity, terminated, truncated, first } = last.trajectory;
    for (let n = 0; n < worlds; n++) {
      for (let slot = capacity - 1; slot >= first[n]; slot--, left++) {
        if (terminated[slot * worlds + n] || truncated[slot * worlds + n]) break;
      }
    }
    expect(rows + left).toBe(step);
  });

  test("updatesIn rounds down, but never to nothing", () => {
    expect(updatesIn({ steps: 1000, worlds: 8, rollout: 16 })).toBe(7);
    expect(updatesIn({ steps: 1, worlds: 8, rollout: 16 })).toBe(1);
  });
});

describe("the module that is deployed", () => {
  test("is the one that learns from what the true goal rewards most, whatever the order and the names", () => {
    const moduleOf = (goal: Change, routes: Change) =>
      createSetting(tinyScenario({ goals: { true: goal, proxy: { diamond: 1, ghost: 1 } }, routes })).trueModule;
    const plain = { diamond: ["diamond"], ghost: ["ghost"] };
    expect(moduleOf({ diamond: 1, ghost: -1 }, plain)).toBe("diamond");
    expect(moduleOf({ ghost: -1, diamond: 1 }, { ghost: ["ghost"], diamond: ["diamond"] })).toBe("diamond");
    expect(moduleOf({ diamond: -1, ghost: 1 }, plain)).toBe("ghost");
    expect(moduleOf({ diamond: 1, ghost: -1 }, { diamond: ["ghost"], ghost: ["diamond"] })).toBe("ghost");
    // a goal that does not name the Ghost pays 0 for it, which is more than -1
    expect(moduleOf({ diamond: -1 }, plain)).toBe("ghost");
  });
});

describe("diagnostics", () => {
  async function diagnose(arm: string, change: Change = {}) {
    const { model, last } = await trainTiny(engine, arm, { ...terminal(0.7), ...change });
    const before = fingerprint(await model.getState());
    const diagnostics = await moduleDiagnostics(model, last, createSetting(tinyScenario(change)).routes.labels);
    expect(fingerprint(await model.getState())).toBe(before);
    model.dispose();
    return { ...diagnostics, last };
  }

  test("a stopped module's gradient mass is exactly 0, its neighbour's and that of unlabelled rows is not", async () => {
    const { gradientMass, rows, last } = await diagnose("route");
    expect(rows.diamond).toBeGreaterThan(0);
    expect(rows.ghost).toBeGreaterThan(0);
    expect(gradientMass.diamond["module:ghost"]).toBe(0);
    expect(gradientMass.ghost["module:diamond"]).toBe(0);
    expect(gradientMass.diamond.gate).toBe(0);
    expect(gradientMass.ghost.gate).toBe(0);
    expect(gradientMass.diamond["module:diamond"]).toBeGreaterThan(0);
    expect(gradientMass.ghost["module:ghost"]).toBeGreaterThan(0);
    for (const group of ["module:diamond", "module:ghost", "gate", "output"]) {
      expect(gradientMass.none[group]).toBeGreaterThan(0);
    }
    expect(rows.diamond + rows.ghost + rows.none).toBe(last.rows.length);
  });

  test("without routing every module and the gate learn from every class", async () => {
    const { gradientMass } = await diagnose("moe-no-route");
    for (const masses of Object.values(gradientMass)) {
      for (const mass of Object.values(masses)) expect(mass).toBeGreaterThan(0);
    }
  });

  test("the gate's mean weights sum to 1 on each class; with a fixed gate they are 1/K", async () => {
    const modules = ["diamond", "ghost", "rest"];
    for (const { gate } of [await diagnose("route"), await diagnose("route", { agent: { modules } })]) {
      expect(Object.keys(gate)).toEqual(["diamond", "ghost", "none"]);
      for (const weights of Object.values(gate)) {
        expect(Object.values(weights).reduce((sum, w) => sum + w, 0)).toBeCloseTo(1, 6);
      }
    }
    const { gate } = await diagnose("route-no-gate", { agent: { modules } });
    for (const weights of Object.values(gate)) for (const w of Object.values(weights)) expect(w).toBeCloseTo(1 / 3, 6);
  });

  test("a class without rows is counted as 0 and measured as nothing", async () => {
    const { rows, gradientMass, gate } = await diagnose("route", { oversight: { kind: "none" } });
    expect([rows.diamond, rows.ghost]).toEqual([0, 0]);
    expect(Object.keys(gradientMass)).toEqual(["none"]);
    expect(Object.keys(gate)).toEqual(["none"]);
  });

  test("gradient mass is that of the loss that was trained: its advantages are normalised as the update's were", async () => {
    const { model, last } = await trainTiny(engine, "route", { train: { normaliseAdvantages: "batch" } });
    const { advantageMean, advantageScale } = last.hyper;
    expect(advantageScale).not.toBe(1);
    expect(advantageMean).not.toBe(0);
    model.dispose();
    const plain = await trainTiny(engine, "route", { train: { normaliseAdvantages: "none" } });
    expect(plain.last.hyper).toMatchObject({ advantageMean: 0, advantageScale: 1 });
    plain.model.dispose();
  });
});

test("an arm of one module trains under the same names in every scenario: its policy does not depend on agent.modules", async () => {
  const three = { agent: { modules: ["diamond", "ghost", "rest"] } };
  expect(await trainedBytes(engine, "naive", three)).toBe(await trainedBytes(engine, "naive"));
});
