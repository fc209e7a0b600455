import { createHash } from "node:crypto";
import { vi } from "vitest";
import type { Engine, Model, TrainState } from "../../src/compute/engine.ts";
import type { Ledger, Trajectory } from "../../src/core/trajectory.ts";
import * as door from "../../src/oversight/label.ts";
import type { Arm } from "../../src/routing/arm.ts";
import { ARMS } from "../../src/routing/arms/table.ts";
import { type Scenario, scenarioSchema } from "../../src/scenario/schema.ts";
import { createSetting } from "../../src/scenario/setting.ts";
import { type Trained, type Training, train } from "../../src/training/train.ts";

/** Top-level keys of a scenario, in the form of the file; `world`, `agent` and `train` are merged over the tiny ones, undefined takes one away. */
export type Change = Readonly<Record<string, unknown>>;

/** 8 worlds x 16 steps x 5 updates on 5x5 maps: milliseconds of training, with timeouts, tails and both objects. */
export function tinyScenario(change: Change = {}): Scenario {
  const merged = (key: string, own: object) => {
    const entries = Object.entries({ ...own, ...(change[key] as object | undefined) });
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  };
  return scenarioSchema.parse({
    name: "tiny",
    goals: { true: { diamond: 1, ghost: -1 }, proxy: { diamond: 1, ghost: 1 } },
    routes: { diamond: ["diamond"], ghost: ["ghost"] },
    oversight: { kind: "terminal", coverage: 0.5 },
    arms: ["route"],
    ...change,
    world: merged("world", { kind: "diamond-ghost", size: 5, horizon: 12 }),
    agent: merged("agent", { modules: ["diamond", "ghost"], hidden: [8, 8], critic: [8, 8] }),
    train: merged("train", { steps: 8 * 16 * 5, worlds: 8, rollout: 16, minibatches: 3, learningRate: 0.01 }),
  });
}

export function armCalled(name: string): Arm {
  const arm = ARMS.get(name);
  if (arm === undefined) throw new Error(`the test names the unknown arm ${name}`);
  return arm;
}

/**
 * What a test does at the door between ledger and learner: before the labels are given, and once they are. Its file wiretaps the door by
 * `vi.mock("../../src/oversight/label.ts", { spy: true })`.
 */
export interface AtTheDoor {
  beforeLabels?(ledger: Ledger, trajectory: Trajectory): void;
  afterLabels?(ledger: Ledger, trajectory: Trajectory): void;
}

export type Hooks = Omit<Partial<Training>, "setting" | "arm" | "engine"> & AtTheDoor;

/** Train an arm of the tiny scenario; the caller disposes of the model. */
export function trainTiny(engine: Engine, arm: string | Arm, change: Change = {}, hooks: Hooks = {}): Promise<Trained> {
  const { beforeLabels, afterLabels, ...rest } = hooks;
  const setting = createSetting(tinyScenario(change));
  const action = () =>
    train({ setting, arm: typeof arm === "string" ? armCalled(arm) : arm, seed: 0, engine, ...rest });
  return beforeLabels || afterLabels ? atTheDoor(hooks, action) : action();
}

/** Settles when nobody stands at the door. */
let free: Promise<unknown> = Promise.resolve();

/** Run a training while something stands at the door; trainings that are begun side by side take turns. */
export function atTheDoor<T>({ beforeLabels, afterLabels }: AtTheDoor, action: () => Promise<T>): Promise<T> {
  const turn = free.then(async () => {
    const { labelEpisodes: label } = await vi.importActual<typeof door>("../../src/oversight/label.ts");
    const tapped = vi.mocked(door.labelEpisodes).mockImplementation((...given) => {
      const [trajectory, ledger] = given;
      beforeLabels?.(ledger, trajectory);
      label(...given);
      afterLabels?.(ledger, trajectory);
    });
    return action().finally(() => tapped.mockReset());
  });
  free = turn.catch(() => {});
  return turn;
}

/** What training left behind, to the bit: parameters, moments and step counters. */
export async function trainedState(
  engine: Engine,
  arm: string | Arm,
  change: Change = {},
  hooks: Hooks = {},
): Promise<TrainState> {
  const { model } = await trainTiny(engine, arm, change, hooks);
  const state = await model.getState();
  model.dispose();
  return state;
}

/** Hash of a state's bytes: -0 and 0 differ, and so do NaNs. */
export function fingerprint({ parameters, firstMoments, secondMoments, steps }: TrainState): string {
  const hash = createHash("sha256");
  for (const array of [parameters, firstMoments, secondMoments, steps]) {
    hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  }
  return hash.digest("hex");
}

/** {@link fingerprint} of {@link trainedState}. */
export async function trainedBytes(
  engine: Engine,
  arm: string | Arm,
  change: Change = {},
  hooks: Hooks = {},
): Promise<string> {
  return fingerprint(await trainedState(engine, arm, change, hooks));
}

/** An engine whose models are the given one, whatever is asked for: for tests that watch the training loop. */
export function engineOf(create: (spec: Model["spec"]) => Model): Engine {
  return {
    info: { name: "recorder", device: "none", threads: 1, precision: "float64" },
    create: async (spec) => create(spec),
    dispose: async () => {},
  };
}
