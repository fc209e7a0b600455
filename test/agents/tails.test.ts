import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { carryTails, tailOf } from "../../src/agents/rollout.ts";
import type { ForwardOutput, Model, NetworkSpec, TrainingRows, UpdateStats } from "../../src/compute/engine.ts";
import type { Observations } from "../../src/core/observations.ts";
import { createTrajectory, UNLABELLED } from "../../src/core/trajectory.ts";
import { engineOf, trainTiny } from "../scenario/tiny.ts";

vi.mock("../../src/oversight/label.ts", { spy: true });

type Tails = "carry" | "all" | "drop";

/** One step of one world, as it was lived through. */
interface Lived {
  readonly episode: number;
  readonly observation: string;
  readonly action: number;
  readonly logProbability: number;
  readonly value: number;
  readonly finalValue: number;
  readonly reward: number;
  readonly terminated: boolean;
  readonly truncated: boolean;
  readonly label: number;
  readonly seen: number;
}

/** One row as it was trained on. */
interface Trained {
  readonly update: number;
  readonly world: number;
  /** Steps of the world before it, since training began. */
  readonly step: number;
  readonly row: Pick<Lived, "observation" | "action" | "logProbability" | "value">;
  readonly advantage: number;
  readonly masks: readonly number[];
}

interface Options {
  readonly seed: number;
  readonly size: number;
  readonly horizon: number;
  readonly worlds: number;
  readonly rollout: number;
  readonly updates: number;
  readonly epochs: number;
  readonly minibatches: number;
}

const GAMMA = 0.9;
const LAMBDA = 0.8;

function observationOf({ indices, counts, stride }: Observations, row: number): string {
  return [...indices.subarray(row * stride, row * stride + counts[row])].join();
}

/** Run the training loop on a model that learns nothing and writes down every row that it is given. */
async function run(tails: Tails, options: Options) {
  const { worlds: N, rollout: T, updates, horizon, size, seed, epochs, minibatches } = options;
  const window = tails === "carry" ? horizon - 1 : 0;
  const lived: Lived[][] = Array.from({ length: N }, () => []);
  const trained: Trained[] = [];
  const bootstraps: number[][] = [];
  let update = 0;
  let calls = 0;
  let data: TrainingRows | undefined;

  const model = (spec: NetworkSpec): Model => ({
    spec,
    // Values and log-probabilities are never twice the same, so that a row moved to a wrong place is found out.
    forward: async (_o: Observations, _first: number, rows: number, _scale: Float64Array, out: ForwardOutput) => {
      for (let row = 0; row < rows; row++) {
        out.values[row] = Math.sin(++calls);
        for (let a = 0; a < 4; a++) {
          out.probabilities[row * 4 + a] = 0.25;
          out.logProbabilities[row * 4 + a] = -calls - a / 8;
        }
      }
    },
    loadRows: async (rows) => {
      data = rows;
    },
    update: async (indices): Promise<UpdateStats> => {
      if (data === undefined) throw new Error("no rows are loaded");
      for (const row of indices) {
        trained.push({
          update,
          world: row % N,
          step: update * T + Math.floor(row / N) - window,
          row: {
            observation: observationOf(data.observations, row),
            action: data.actions[row],
            logProbability: data.logProbabilities[row],
            value: data.values[row],
          },
          advantage: data.advantages[row],
          masks: [...data.moduleMask.subarray(row * 2, row * 2 + 2), data.gateMask[row]],
        });
        expect(data.returns[row]).toBe(data.advantages[row] + data.values[row]);
      }
      return { rows: indices.length, gradNorms: new Float64Array(9) } as UpdateStats;
    },
    gradient: async () => new Float64Array(),
    getState: async () => {
      throw new Error("there is no state");
    },
    setState: async () => {},
    dispose: () => {},
  });

  await trainTiny(
    engineOf(model),
    "route",
    {
      world: { size, horizon },
      discount: GAMMA,
      train: { worlds: N, rollout: T, steps: N * T * updates, gaeLambda: LAMBDA, epochs, minibatches, tails },
    },
    {
      seed,
      beforeLabels: (ledger, trajectory) => {
        bootstraps.push([...trajectory.bootstrap]);
        for (let slot = window; slot < trajectory.capacity; slot++) {
          for (let n = 0; n < N; n++) {
            const row = slot * N + n;
            lived[n].push({
              episode: trajectory.episode[row],
              observation: observationOf(trajectory.observations, row),
              action: trajectory.actions[row],
              logProbability: trajectory.logProbabilities[row],
              value: trajectory.values[row],
              finalValue: trajectory.finalValues[row],
              reward: ledger.proxyReward[row],
              terminated: trajectory.terminated[row] === 1,
              truncated: trajectory.truncated[row] === 1,
              label: ledger.label[row],
              seen: ledger.seen[row],
            });
          }
        }
      },
      onUpdate: () => {
        update++;
      },
    },
  );
  return { lived, trained, bootstraps };
}

const ended = (step: Lived) => step.terminated || step.truncated;

/** Index of the last step of the episode that step s belongs to, or -1 where it never ends. */
function endOf(steps: readonly Lived[], s: number): number {
  return steps.findIndex((step, i) => i >= s && ended(step));
}

const options: fc.Arbitrary<Options> = fc.record({
  seed: fc.integer({ min: 0, max: 1000 }),
  size: fc.integer({ min: 3, max: 4 }),
  horizon: fc.integer({ min: 1, max: 9 }),
  worlds: fc.integer({ min: 1, max: 4 }),
  rollout: fc.integer({ min: 1, max: 12 }),
  updates: fc.integer({ min: 1, max: 6 }),
  epochs: fc.integer({ min: 1, max: 2 }),
  minibatches: fc.integer({ min: 1, max: 5 }),
});

/** Which updates may train step s of a world: by the rule of each kind of tails, in words of episodes. */
const RULE: Readonly<Record<Tails, (steps: readonly Lived[], s: number, T: number) => number | null>> = {
  // in the update in which its episode ends
  carry: (steps, s, T) => {
    const end = endOf(steps, s);
    return end < 0 ? null : Math.floor(end / T);
  },
  // at once
  all: (_steps, s, T) => Math.floor(s / T),
  // at once, if its episode ends in the same window
  drop: (steps, s, T) => {
    const end = endOf(steps, s);
    return end < 0 || Math.floor(end / T) !== Math.floor(s / T) ? null : Math.floor(s / T);
  },
};

describe.each(["carry", "all", "drop"] as const)("tails: %s", (tails) => {
  test("over a long run each step is trained in the update that the rule names, once per epoch, with what was recorded when it was taken", async () => {
    await fc.assert(
      fc.asyncProperty(options, async (given) => {
        const { worlds: N, rollout: T, epochs } = given;
        const { lived, trained } = await run(tails, given);
        const expected: string[] = [];
        for (let n = 0; n < N; n++) {
          for (let s = 0; s < lived[n].length; s++) {
            const update = RULE[tails](lived[n], s, T);
            if (update !== null) for (let e = 0; e < epochs; e++) expected.push(`${update}/${n}/${s}`);
          }
        }
        const found = trained.map(({ update, world, step }) => `${update}/${world}/${step}`);
        expect(found.sort()).toEqual(expected.sort());
        for (const { world, step, row } of trained) expect(lived[world][step]).toMatchObject(row);
      }),
      { numRuns: 150, seed: 5 },
    );
  });

  test("the advantage of a step is the definition's over the rest of its episode, across windows where tails are carried", async () => {
    await fc.assert(
      fc.asyncProperty(options, async (given) => {
        const { rollout: T } = given;
        const { lived, trained, bootstraps } = await run(tails, given);
        for (const { world, step, update, advantage } of trained) {
          const steps = lived[world];
          let sum = 0;
          for (let t = step; t < (update + 1) * T; t++) {
            const { reward, value, terminated, truncated, finalValue } = steps[t];
            const isLast = t + 1 === (update + 1) * T;
            const next = truncated ? finalValue : isLast ? bootstraps[update][world] : steps[t + 1].value;
            sum += (GAMMA * LAMBDA) ** (t - step) * (reward + (terminated ? 0 : GAMMA * next) - value);
            if (ended(steps[t])) break;
          }
          expect(Math.abs(advantage - sum)).toBeLessThan(1e-12);
        }
      }),
      { numRuns: 60, seed: 6 },
    );
  });

  test("a step is routed by the label of its own episode; where the episode has not ended yet, to all", async () => {
    await fc.assert(
      fc.asyncProperty(options, async (given) => {
        const { rollout: T } = given;
        const { lived, trained } = await run(tails, given);
        for (const { world, step, update, masks } of trained) {
          const end = endOf(lived[world], step);
          const known = end >= 0 && end < (update + 1) * T;
          const last = lived[world][end];
          const label = known && last.seen ? last.label : UNLABELLED;
          expect(masks).toEqual(label === 0 ? [1, 0, 0] : label === 1 ? [0, 1, 0] : [1, 1, 1]);
        }
      }),
      { numRuns: 60, seed: 7 },
    );
  });
});

describe("carryTails", () => {
  test("moves the unfinished tail of each world to just before the window, and nothing else", () => {
    // One world, window 3, rollout 4: slots 3..6; an end on slot 4, so slots 5 and 6 are the tail and go to 1 and 2.
    const trajectory = createTrajectory(1, 3, 4, 1);
    trajectory.terminated[4] = 1;
    trajectory.actions.set([0, 0, 0, 1, 2, 3, 2]);
    trajectory.choice.set([0, 0, 0, 0, 1, 1, 2]);
    trajectory.values.set([0, 0, 0, 30, 40, 50, 60]);
    trajectory.logProbabilities.set([0, 0, 0, -3, -4, -5, -6]);
    trajectory.episode.set([0, 0, 0, 7, 7, 8, 8]);
    const moved: [number, number][] = [];
    carryTails(trajectory, (from, to) => moved.push([from, to]));
    expect(trajectory.first[0]).toBe(1);
    expect(moved).toEqual([
      [5, 1],
      [6, 2],
    ]);
    expect([...trajectory.actions.subarray(1, 3)]).toEqual([3, 2]);
    expect([...trajectory.choice.subarray(1, 3)]).toEqual([1, 2]);
    expect([...trajectory.values.subarray(1, 3)]).toEqual([50, 60]);
    expect([...trajectory.logProbabilities.subarray(1, 3)]).toEqual([-5, -6]);
    expect([...trajectory.episode.subarray(1, 3)]).toEqual([8, 8]);
  });

  test("a world whose window ends with an episode carries nothing", () => {
    for (const end of ["terminated", "truncated"] as const) {
      const trajectory = createTrajectory(1, 3, 4, 1);
      trajectory[end][6] = 1;
      expect(tailOf(trajectory, 0)).toBe(7);
      carryTails(trajectory, () => expect.unreachable());
      expect(trajectory.first[0]).toBe(3);
    }
  });

  test("a tail longer than the rollout is moved whole, in one piece", () => {
    // Window 5, rollout 2: three carried slots 2, 3, 4 and the two new ones make a tail of 5, which goes to slots 0..4.
    const trajectory = createTrajectory(1, 5, 2, 1);
    trajectory.first[0] = 2;
    trajectory.values.set([0, 0, 20, 30, 40, 50, 60]);
    carryTails(trajectory, () => {});
    expect(trajectory.first[0]).toBe(0);
    expect([...trajectory.values.subarray(0, 5)]).toEqual([20, 30, 40, 50, 60]);
  });

  test("an end that stood on the slot before is wiped out: the tail goes on running", () => {
    const trajectory = createTrajectory(1, 2, 2, 1);
    trajectory.truncated.fill(1, 0, 3);
    carryTails(trajectory, () => {});
    expect(trajectory.first[0]).toBe(1);
    expect([trajectory.terminated[1], trajectory.truncated[1]]).toEqual([0, 0]);
  });
});
