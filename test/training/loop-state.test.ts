import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine, Model, TrainState } from "../../src/compute/engine.ts";
import { createReferenceEngine } from "../../src/compute/reference/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { Stream } from "../../src/core/random.ts";
import { createLedger, createTrajectory, UNLABELLED } from "../../src/core/trajectory.ts";
import { EnvBatch } from "../../src/envs/batch.ts";
import { createPaths } from "../../src/envs/paths.ts";
import { ARMS } from "../../src/routing/arms/table.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../src/runs/checkpoint.ts";
import { createSetting } from "../../src/scenario/setting.ts";
import { type Loop, restoreLoop, type Saved, saveLoop } from "../../src/training/loop-state.ts";
import type { Progress } from "../../src/training/train.ts";
import { type Change, fingerprint, tinyScenario, trainTiny } from "../scenario/tiny.ts";

const engines = new Map<string, Engine>();
beforeAll(async () => {
  engines.set("wasm", await createWasmEngine({ threads: 1 }));
  engines.set("reference", createReferenceEngine());
});
afterAll(() => Promise.all([...engines.values()].map((engine) => engine.dispose())));

function engineNamed(name: string): Engine {
  return engines.get(name) ?? expect.fail(`no engine ${name}`);
}

/** What a training left: parameters and optimiser, and every number that it reported. */
async function outcome(engine: Engine, arm: string, change: Change, from?: Saved, save = false) {
  const seen: Progress[] = [];
  const saves: Saved[] = [];
  const { model } = await trainTiny(engine, arm, change, {
    from,
    onUpdate: async (progress, _model, take) => {
      seen.push(progress);
      if (save && take) saves.push(await take());
    },
  });
  const state = fingerprint(await model.getState());
  const { spec } = model;
  model.dispose();
  return { state, seen, saves, spec };
}

/** Write the saved state to a file's bytes and read it back. */
function throughFile(saved: Saved, engine: Engine, spec: Parameters<typeof encodeCheckpoint>[0]["spec"]): Saved {
  const { update, ...loop } = saved.loop;
  const bytes = encodeCheckpoint({
    ...{ format: 1, scenarioHash: "", arm: "a", seed: 0, point: {}, engine: engine.info, step: 0, update, spec },
    ...{ scenario: {}, state: saved.state, resume: { loop, files: {} } },
  });
  const { state, resume } = decodeCheckpoint(bytes, "a");
  if (resume === undefined || !("steps" in state)) throw new Error("the file lost what it was given");
  return { state, loop: { update, ...resume.loop } };
}

// Windows of 5 steps and episodes of up to 12: tails wait for up to three windows.
const LENGTHS = { rollout: 5, steps: 8 * 5 * 6, worlds: 8 };

describe.each(["wasm", "reference"])("%s: saved after any update, through a file, and continued", (name) => {
  describe.each(["carry", "all", "drop"])("tails: %s", (tails) => {
    test.each(["naive", "filter", "route-random-labels"])("%s ends as if it had never stopped", async (arm) => {
      const engine = engineNamed(name);
      const change = { train: { ...LENGTHS, tails }, oversight: { kind: "episode", coverage: 0.5 } };
      const undisturbed = await outcome(engine, arm, change);
      const watched = await outcome(engine, arm, change, undefined, true);
      expect(watched.state).toBe(undisturbed.state);
      expect(watched.seen).toEqual(undisturbed.seen);
      // Six updates; after the last one there is nothing to save.
      expect(watched.saves.map(({ loop }) => loop.update)).toEqual([1, 2, 3, 4, 5]);
      for (const saved of watched.saves) {
        const continued = await outcome(engine, arm, change, throughFile(saved, engine, watched.spec), true);
        expect(continued.state).toBe(undisturbed.state);
        expect(continued.seen).toEqual(undisturbed.seen.slice(saved.loop.update));
        // And whatever is saved later on is the same as well, to the last row that may be read.
        expect(continued.saves.map(({ loop }) => readable(loop))).toEqual(
          watched.saves.slice(saved.loop.update).map(({ loop }) => readable(loop)),
        );
      }
    });
  });
});

/** A loop without the rows before each world's first: nobody reads those. */
function readable({ arrays, ...rest }: Saved["loop"]) {
  const worlds = LENGTHS.worlds;
  const { first } = arrays;
  const kept = Object.entries(arrays).map(([name, array]) => {
    if (!name.startsWith("tail.")) return [name, [...array]];
    const slots = array.length === 0 ? 0 : name === "tail.indices" ? 0 : array.length / worlds;
    return [
      name,
      [...array].filter((_, row) => row < slots * worlds && Math.floor(row / worlds) >= first[row % worlds]),
    ];
  });
  return { ...rest, arrays: Object.fromEntries(kept) };
}

test.each<[string, Change]>([
  ...[...ARMS.keys()].map((arm): [string, Change] => [arm, {}]),
  ["route", { unlabelledRoute: "hard" }],
  ["naive", { algorithm: "reinforce", minibatches: undefined, quirks: "original" }],
  ["filter", { algorithm: "reinforce", minibatches: undefined, quirks: ["staleObservation"], tails: "drop" }],
  ["route", { algorithm: "reinforce", minibatches: undefined, quirks: "none" }],
])("arm %s, train %j: continued as if it had never stopped", async (arm, train) => {
  const engine = engineNamed("wasm");
  const change = { train: { ...LENGTHS, ...train } };
  const { state, seen, saves } = await outcome(engine, arm, change, undefined, true);
  for (const saved of [saves[1], saves[4]]) {
    const continued = await outcome(engine, arm, change, saved);
    expect(continued.state).toBe(state);
    expect(continued.seen).toEqual(seen.slice(saved.loop.update));
  }
});

test("outcomes and marks survive a stop in the middle of an episode, whatever the overseer", async () => {
  const engine = engineNamed("wasm");
  for (const oversight of [{ kind: "terminal", coverage: 0.5, spurious: 0.3 }, { kind: "full" }, { kind: "none" }]) {
    const change = { train: { ...LENGTHS, rollout: 3, steps: 8 * 3 * 9 }, oversight };
    const undisturbed = await outcome(engine, "route", change, undefined, true);
    const continued = await outcome(engine, "route", change, undisturbed.saves[3]);
    expect(continued.state).toBe(undisturbed.state);
    expect(continued.seen).toEqual(undisturbed.seen.slice(4));
  }
});

describe("a loop of any content", () => {
  /** A loop of the tiny scenario's shape. */
  function createLoop(): Loop {
    const { world } = createSetting(tinyScenario());
    const stream = (name: string) => new Stream(0, name);
    const batch = new EnvBatch({
      world,
      worlds: 4,
      levels: stream("level"),
      chance: stream("chance"),
      begin: (_n, _episode, _level, marks) => void marks.fill(1),
      maxActive: world.maxActive + 25,
      visible: true,
    });
    const trajectory = createTrajectory(4, world.horizon - 1, 6, batch.maxActive);
    const ledger = createLedger(trajectory.capacity * 4);
    return {
      batch,
      trajectory,
      ledger,
      recording: { paths: createPaths(4, world.horizon), memory: new Int32Array(2) },
      counts: { episodes: 0, labelled: 0 },
    };
  }
  /** A model with one parameter, which remembers its state. */
  function createModel(): Model {
    let state: TrainState = {
      parameters: Float64Array.of(0),
      firstMoments: Float64Array.of(0),
      secondMoments: Float64Array.of(0),
      steps: Int32Array.of(0),
    };
    const model = {
      getState: async () => state,
      setState: async (given: TrainState) => {
        state = given;
      },
    };
    return model as unknown as Model;
  }
  /** Every array of a record, observations included, by name. */
  const arraysIn = (owner: object): [string, Uint8Array | Float64Array][] =>
    Object.entries(owner).flatMap(([name, value]) =>
      ArrayBuffer.isView(value)
        ? [[name, value as Uint8Array]]
        : name === "observations"
          ? arraysIn(value).map(([inner, array]): [string, Uint8Array] => [
              `observations.${inner}`,
              array as Uint8Array,
            ])
          : [],
    );
  /** What no later update reads: ends do not stand before the window, and the rest is written anew by each rollout. */
  const NOT_KEPT = ["finalValues", "bootstrap", "terminated", "truncated", "label", "seen"];

  test("comes back with everything on the rows before the window, whatever columns there are", async () => {
    const full = createLoop();
    const random = new Stream(7);
    full.batch.step(Uint8Array.of(0, 1, 2, 3));
    for (const [, array] of [...arraysIn(full.trajectory), ...arraysIn(full.ledger)]) {
      for (let i = 0; i < array.length; i++) array[i] = random.below(100);
    }
    for (const array of [...Object.values(full.recording.paths), full.recording.memory]) {
      if (typeof array === "object") for (let i = 0; i < array.length; i++) array[i] = random.below(100);
    }
    full.counts.episodes = 5;
    full.counts.labelled = 3;
    const saved = await saveLoop(createModel(), full, 9);

    const empty = createLoop();
    expect(await restoreLoop(saved, createModel(), empty)).toBe(9);
    expect(empty.counts).toEqual(full.counts);
    expect(empty.recording).toEqual(full.recording);
    expect(empty.batch.getState()).toEqual(full.batch.getState());
    const { window, capacity, worlds } = full.trajectory;
    let compared = 0;
    for (const owner of ["trajectory", "ledger"] as const) {
      const restored = new Map(arraysIn(empty[owner]));
      for (const [name, array] of arraysIn(full[owner])) {
        if (NOT_KEPT.includes(name)) continue;
        const tail = name === "first" ? array.length : (array.length / capacity) * window;
        expect(Array.from(restored.get(name) ?? []).slice(0, tail), `${owner}.${name}`).toEqual(
          [...array].slice(0, tail),
        );
        compared++;
      }
    }
    expect(compared).toBeGreaterThanOrEqual(10);
    expect([...empty.ledger.label.subarray(0, window * worlds)].every((label) => label === UNLABELLED)).toBe(true);
  });

  test("is a copy: what is trained afterwards does not change it", async () => {
    const loop = createLoop();
    const saved = await saveLoop(createModel(), loop, 1);
    const before = structuredClone(saved.loop.arrays);
    loop.trajectory.values.fill(8);
    loop.trajectory.first.fill(0);
    loop.recording.paths.cells.fill(1);
    loop.recording.memory.fill(1);
    loop.batch.step(Uint8Array.of(0, 1, 2, 3));
    expect(saved.loop.arrays).toEqual(before);
  });
});

describe("a saved state of another loop is refused", () => {
  test.each<[string, (arrays: Record<string, Float64Array | Int32Array>) => void, string]>([
    ["lacks an array", (arrays) => delete arrays.first, "restoreLoop: the saved state has no array first"],
    ["has one more", (arrays) => Object.assign(arrays, { x: new Int32Array(1) }), "has an unknown array x"],
    [
      "has a shorter one",
      (arrays) => Object.assign(arrays, { memory: new Int32Array(3) }),
      "restoreLoop: memory has 3 elements, expected 0",
    ],
  ])("that %s", async (_, change, message) => {
    const engine = engineNamed("reference");
    const { saves } = await outcome(engine, "naive", { train: LENGTHS }, undefined, true);
    const arrays = { ...saves[0].loop.arrays };
    change(arrays);
    const saved = { ...saves[0], loop: { ...saves[0].loop, arrays } };
    await expect(outcome(engine, "naive", { train: LENGTHS }, saved)).rejects.toThrow(message);
  });
});
