import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Engine, Hyper, Model } from "../../src/compute/engine.ts";
import { createReferenceEngine } from "../../src/compute/reference/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { type Ledger, NOTHING, type Trajectory } from "../../src/core/trajectory.ts";
import { loopOptions, quirksOf } from "../../src/scenario/loop-options.ts";
import { QUIRKS, type TrainOptions } from "../../src/scenario/schema.ts";
import { createSetting, networkOf } from "../../src/scenario/setting.ts";
import type { Saved } from "../../src/training/loop-state.ts";
import {
  armCalled,
  type Change,
  fingerprint,
  type Hooks,
  tinyScenario,
  trainedBytes,
  trainTiny,
} from "../scenario/tiny.ts";

vi.mock("../../src/oversight/label.ts", { spy: true });

let engine: Engine;
beforeAll(async () => {
  engine = await createWasmEngine({ threads: 1 });
});
afterAll(() => engine.dispose());

/** Five windows of 8 worlds x 16 steps with a horizon of 12, on small networks of the published kind. */
function reinforce(train: Change = {}, more: Change = {}): Change {
  return {
    agent: { hidden: [16, 8], gateConv: 3, criticConv: 5, critic: [9, 4], init: "kaiming" },
    // The tiny scenario's own keys are ppo's.
    train: { algorithm: "reinforce", steps: 640, worlds: 8, rollout: 16, minibatches: undefined, ...train },
    ...more,
  };
}

function trainOf(change: Change): TrainOptions {
  return tinyScenario(change).train;
}

describe("options", () => {
  test("reinforce defaults to the published numbers", () => {
    const { train } = tinyScenario({
      train: Object.fromEntries(
        ["steps", "worlds", "rollout", "minibatches", "learningRate"]
          .map((key) => [key, undefined])
          .concat([["algorithm", "reinforce"]]),
      ),
    });
    expect(train).toEqual({
      algorithm: "reinforce",
      steps: 20_000 * 512 * 32,
      worlds: 512,
      rollout: 32,
      learningRate: 5e-5,
      anneal: "none",
      adamEps: 1e-8,
      valueCoef: 1,
      entropyCoef: 0.1,
      gateCoef: 0.01,
      unlabelledRoute: "all",
      maxGradNorm: 0,
      clip: "policy",
      tails: "all",
      quirks: "none",
    });
  });

  test("no algorithm is ppo, whose options are the loop's as they are", () => {
    const train = trainOf({});
    expect(train.algorithm).toBe("ppo");
    expect(loopOptions(train)).toEqual({ ...train, bootstrap: true, quirks: new Set() });
  });

  test("reinforce is one step per window over plain returns, with nothing clipped or normalised", () => {
    expect(loopOptions(trainOf(reinforce()))).toMatchObject({
      epochs: 1,
      minibatches: 1,
      gaeLambda: 1,
      valueClip: 0,
      normaliseAdvantages: "none",
      bootstrap: false,
    });
  });

  test("quirks: all, none, or the ones that are named; unfinished tails are trained at once whatever `tails` says", () => {
    expect([...quirksOf(trainOf(reinforce({ quirks: "original" })))]).toEqual([...QUIRKS]);
    expect(quirksOf(trainOf(reinforce({ quirks: "none" }))).size).toBe(0);
    const train = trainOf(reinforce({ quirks: ["unfinishedTails"], tails: "drop" }));
    expect([...quirksOf(train)]).toEqual(["unfinishedTails"]);
    expect(loopOptions(train).tails).toBe("all");
    expect(loopOptions(trainOf(reinforce({ tails: "drop" }))).tails).toBe("drop");
  });

  test.each([
    [{ train: { algorithm: "reinforce", epochs: 2 } }, "epochs"],
    [{ train: { quirks: "original" } }, "quirks"],
    [reinforce({ quirks: ["lateTimeout", "slowTimeout"] }), "quirks"],
    [reinforce({ quirks: [] }), "quirks"],
  ])("%j is refused for %s", (change, key) => {
    expect(() => tinyScenario(change)).toThrow(key);
  });
});

/** Train an arm on the tiny worlds and look at each update: the loop's buffers, and what the optimiser got. */
async function watch(arm: string, change: Change, look: (seen: { ledger: Ledger; trajectory: Trajectory }) => void) {
  const hypers: Hyper[] = [];
  const rows: number[] = [];
  let returns: Float64Array[] = [];
  const watching: Engine = {
    ...engine,
    create: async (spec, parameters) => {
      const model = await engine.create(spec, parameters);
      const watched: Model = Object.assign(Object.create(model), {
        loadRows: (...args: Parameters<Model["loadRows"]>) => {
          returns = [...returns, args[0].returns.slice()];
          return model.loadRows(...args);
        },
        update: async (indices: Int32Array, hyper: Hyper) => {
          hypers.push(hyper);
          rows.push(indices.length);
          return model.update(indices, hyper);
        },
      } satisfies Partial<Model>);
      return watched;
    },
  };
  const afterLabels: Hooks["afterLabels"] = (ledger, trajectory) => look({ ledger, trajectory });
  const { model, last } = await trainTiny(watching, arm, change, { afterLabels });
  model.dispose();
  return { hypers, rows, returns, last };
}

/** Rows of episodes that still run at the window's end. */
function tailsOf({ worlds, capacity, terminated, truncated }: Trajectory): number[] {
  const rows: number[] = [];
  for (let n = 0; n < worlds; n++) {
    for (let row = (capacity - 1) * worlds + n; row >= 0 && !terminated[row] && !truncated[row]; row -= worlds)
      rows.push(row);
  }
  return rows;
}

/** The most steps of an episode that begins in the window and is cut in it. */
function longestCut(trajectory: Trajectory): number {
  const { worlds, capacity, terminated, truncated } = trajectory;
  let longest = 0;
  for (let n = 0; n < worlds; n++) {
    let begin = -1;
    for (let slot = 0; slot < capacity; slot++) {
      const row = slot * worlds + n;
      if (truncated[row] && begin >= 0) longest = Math.max(longest, slot - begin);
      if (truncated[row] || terminated[row]) begin = slot;
    }
  }
  return longest;
}

describe("the trainer", () => {
  test("takes one step per window, at a constant rate, along unscaled advantages, with nothing kept for the next", async () => {
    const { hypers, rows } = await watch("route", reinforce(), () => {});
    expect(rows).toEqual([128, 128, 128, 128, 128]);
    for (const hyper of hypers) {
      expect(hyper).toMatchObject({
        learningRate: 0.01,
        adamEps: 1e-8,
        valueCoef: 1,
        entropyCoef: 0.1,
        gateCoef: 0.01,
        advantageMean: 0,
        advantageScale: 1,
        maxGradNorm: 0,
      });
    }
  });

  test("pays discounted rewards to the window's end; a cut or running episode is worth 0 after it", async () => {
    const gamma = 0.97;
    const expected: number[][] = [];
    const { returns } = await watch("oracle", reinforce(), ({ ledger, trajectory }) => {
      const { worlds, capacity, terminated, truncated } = trajectory;
      const sums = new Float64Array(worlds * capacity);
      for (let row = sums.length - 1; row >= 0; row--) {
        const over = terminated[row] || truncated[row] || row + worlds >= sums.length;
        sums[row] = ledger.trueReward[row] + (over ? 0 : gamma * sums[row + worlds]);
      }
      expected.push([...sums]);
    });
    expect(returns.map((window) => [...window])).toEqual(expected);
  });

  test("ratio 1: an update's KL is exactly 0, also with stale pictures", async () => {
    for (const quirks of ["none", "original"]) {
      await trainTiny(engine, "route", reinforce({ quirks }), {
        onUpdate: ({ approxKl, clipFraction }) => {
          expect([approxKl, clipFraction]).toEqual([0, 0]);
        },
      });
    }
  });

  test.each(["route", "filter", "naive"])(
    "%s: the same bytes on two threads, and the reference engine agrees",
    async (arm) => {
      const change = reinforce({ quirks: "original", learningRate: 1e-4 });
      const two = await createWasmEngine({ threads: 2 });
      expect(await trainedBytes(two, arm, change)).toBe(await trainedBytes(engine, arm, change));
      await two.dispose();
      const [slow, fast] = await Promise.all(
        [createReferenceEngine(), engine].map(async (which) => {
          const { model } = await trainTiny(which, arm, change);
          return (await model.getState()).parameters;
        }),
      );
      // Five steps of 1e-4 each; Adam's sign of a gradient that is rounding error may differ.
      const apart = slow.map((x, i) => Math.abs(x - fast[i]));
      expect(apart.filter((x) => x > 1e-5).length).toBeLessThan(0.01 * slow.length);
      expect(Math.max(...apart)).toBeLessThan(1e-3);
    },
  );

  test.each(["original", "none"])(
    "quirks %s: goes on from a saved state as if it had never stopped",
    async (quirks) => {
      for (const tails of ["all", "carry"]) {
        const change = reinforce({ quirks, tails });
        let saved: Saved | undefined;
        const whole = await trainTiny(engine, "route", change, {
          onUpdate: async ({ update }, _model, save) => {
            if (update === 2) saved = await save?.();
          },
        });
        const resumed = await trainTiny(engine, "route", change, { from: saved });
        expect(fingerprint(await resumed.model.getState())).toBe(fingerprint(await whole.model.getState()));
      }
    },
  );
});

describe("quirks, each by itself", () => {
  test("lateTimeout: episodes are cut at step 13 instead of 12", async () => {
    for (const [quirks, steps] of [
      ["none", 12],
      [["lateTimeout"], 13],
    ] as const) {
      let longest = 0;
      await watch("naive", reinforce({ quirks }), ({ trajectory }) => {
        longest = Math.max(longest, longestCut(trajectory));
      });
      expect(longest).toBe(steps);
    }
  });

  test("staleObservation: the step after an end sees the old level, but not the first of a window", async () => {
    for (const [quirks, isStale] of [
      ["none", false],
      [["staleObservation"], true],
    ] as const) {
      let compared = 0;
      await watch("naive", reinforce({ quirks }), ({ trajectory }) => {
        const { worlds, capacity, observations, terminated, truncated } = trajectory;
        const { indices, stride } = observations;
        // Ghost and Diamond, features 25 to 74, stay where they are through an episode.
        const level = (row: number) => indices.subarray(row * stride + 1, row * stride + 3).join();
        const isOver = (row: number) => row >= 0 && (terminated[row] === 1 || truncated[row] === 1);
        for (let row = worlds; row < worlds * capacity; row++) {
          // Where an episode was one step long, the row before shows an older level still.
          if (!isOver(row - worlds) || isOver(row - 2 * worlds)) continue;
          compared++;
          expect(level(row) === level(row - worlds)).toBe(isStale);
          if (row + worlds < worlds * capacity && !isOver(row)) {
            expect(level(row) === level(row + worlds)).toBe(!isStale);
          }
        }
      });
      expect(compared).toBeGreaterThan(30);
    }
  });

  test("unfinishedTails: filter keeps the steps of running episodes, with return 0; without it, it drops them", async () => {
    for (const [quirks, keeps] of [
      ["none", 0],
      [["unfinishedTails"], 1],
    ] as const) {
      let tails: number[] = [];
      const { last, returns } = await watch("filter", reinforce({ quirks }), ({ trajectory }) => {
        tails = tailsOf(trajectory);
      });
      expect(tails.length).toBeGreaterThan(20);
      for (const row of tails) {
        expect(last.lesson.keep[row]).toBe(keeps);
        if (keeps) expect([last.lesson.label[row], returns[4][row]]).toEqual([NOTHING, 0]);
      }
    }
  });

  test("unfinishedTails: route sends them to all modules and gives the gate no target", async () => {
    let tails: number[] = [];
    const { last } = await watch("route", reinforce({ quirks: ["unfinishedTails"] }), ({ trajectory }) => {
      tails = tailsOf(trajectory);
    });
    for (const row of tails) {
      expect([...last.lesson.moduleMask.subarray(2 * row, 2 * row + 2), last.lesson.gateMask[row]]).toEqual([1, 1, 1]);
      expect([...last.lesson.gateTarget.subarray(2 * row, 2 * row + 2)]).toEqual([0, 0]);
    }
  });

  test("keptFraction: filter's loss is multiplied by the fraction of the rows that it keeps, all but the gate's", async () => {
    const { hypers, rows } = await watch("filter", reinforce({ quirks: ["keptFraction"] }), () => {});
    expect(Math.min(...rows)).toBeLessThan(128);
    hypers.forEach(({ advantageScale, entropyCoef, valueCoef, gateCoef }, update) => {
      const kept = rows[update] / 128;
      expect([advantageScale, entropyCoef, valueCoef, gateCoef]).toEqual([kept, kept * 0.1, kept, 0.01]);
    });
    const all = await watch("naive", reinforce({ quirks: ["keptFraction"] }), () => {});
    expect(all.hypers.map(({ advantageScale }) => advantageScale)).toEqual([1, 1, 1, 1, 1]);
  });

  test("linearCritic: the critic has no ReLU, and its convolution stands either way", () => {
    const critic = (quirks: unknown) =>
      networkOf(createSetting(tinyScenario(reinforce({ quirks }))), armCalled("naive"));
    expect(critic(["linearCritic"])).toEqual({ ...critic("none"), criticActivation: "none" });
    expect(critic("none")).toMatchObject({ criticConv: 5, cells: 25 });
  });

  test("each of them changes what is learned", async () => {
    const bytes = new Map([["none", await trainedBytes(engine, "filter", reinforce())]]);
    for (const quirk of QUIRKS) bytes.set(quirk, await trainedBytes(engine, "filter", reinforce({ quirks: [quirk] })));
    expect(new Set(bytes.values()).size).toBe(1 + QUIRKS.length);
  });
});

describe("the network that an arm gets", () => {
  test("the gate's convolution goes with a learned gate; hidden marks take a plane away, not the convolutions", () => {
    const spec = (arm: string, more: Change = {}) =>
      networkOf(createSetting(tinyScenario(reinforce({}, more))), armCalled(arm));
    expect(spec("route")).toMatchObject({ gateConv: 3, criticConv: 5, cells: 25, features: 100 });
    for (const arm of ["naive", "route-no-gate"]) expect(spec(arm)).not.toHaveProperty("gateConv");
    const hidden = { oversight: { kind: "terminal", coverage: 0.5, visible: false } };
    expect(spec("route", hidden)).toMatchObject({ gateConv: 3, features: 75 });
  });

  test("without convolutions is what it was: no key more", () => {
    const spec = networkOf(createSetting(tinyScenario()), armCalled("route"));
    expect(Object.keys(spec)).toEqual(["features", "actions", "modules", "hidden", "gate", "gateHidden", "critic"]);
  });
});
