import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Engine } from "../../src/compute/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { type Change, trainTiny } from "../scenario/tiny.ts";
import { DEVIATION_LIMIT, deviations } from "./binomial.ts";

vi.mock("../../src/oversight/label.ts", { spy: true });

let engine: Engine;
beforeAll(async () => {
  engine = await createWasmEngine({ threads: 1 });
});
afterAll(() => engine.dispose());

interface Told {
  /** Every action and every feature seen, in order. */
  readonly lived: number[];
  /** Ends on an object, those of them inspected; timeouts, those of them inspected. */
  readonly ends: number;
  readonly seenEnds: number;
  readonly timeouts: number;
  readonly seenTimeouts: number;
}

async function live(arm: string, oversight: Change, train: Change = {}): Promise<Told> {
  const lived: number[] = [];
  let [ends, seenEnds, timeouts, seenTimeouts] = [0, 0, 0, 0];
  const change = { oversight, train: { learningRate: 1e-12, ...train } };
  const { model } = await trainTiny(engine, arm, change, {
    beforeLabels: (ledger, { worlds, window, capacity, actions, observations, terminated, truncated }) => {
      for (let row = window * worlds; row < capacity * worlds; row++) {
        const at = row * observations.stride;
        lived.push(actions[row], ...observations.indices.subarray(at, at + observations.counts[row]));
        ends += terminated[row];
        seenEnds += terminated[row] & ledger.seen[row];
        timeouts += truncated[row];
        seenTimeouts += truncated[row] & ledger.seen[row];
      }
    },
  });
  model.dispose();
  return { lived, ends, seenEnds, timeouts, seenTimeouts };
}

describe("the overseer's random stream is its own", () => {
  // At a learning rate of 1e-12 five updates move no probability by as much as a draw can tell.
  test.each(["naive", "filter", "route", "route-random-labels"])(
    "%s with hidden marks lives through the same levels and takes the same actions at any coverage",
    async (arm) => {
      const at = (coverage: number) => live(arm, { kind: "terminal", coverage, visible: false });
      const [low, high] = [await at(0.1), await at(0.9)];
      expect(high.lived).toEqual(low.lived);
      expect(high.seenEnds).toBeGreaterThan(low.seenEnds);
    },
  );

  test("nor does the kind of overseer change a level or an action", async () => {
    const coverage = 0.5;
    const lives = await Promise.all(
      [
        { kind: "none", visible: false },
        { kind: "full", visible: false },
        { kind: "episode", coverage, visible: false },
        { kind: "terminal", coverage, spurious: 0.5, visible: false },
      ].map((oversight) => live("naive", oversight)),
    );
    for (const { lived } of lives) expect(lived).toEqual(lives[0].lived);
  });

  test("visible marks are seen: they change what is lived through", async () => {
    const at = (visible: boolean) => live("naive", { kind: "terminal", coverage: 0.5, visible });
    expect((await at(true)).lived).not.toEqual((await at(false)).lived);
  });
});

test.each([0.05, 0.3, 0.8])(
  "of thousands of ends in training, the part that is inspected is coverage = %s; all timeouts are",
  async (coverage) => {
    const told = await live("naive", { kind: "terminal", coverage }, { steps: 64 * 64 * 12, worlds: 64, rollout: 64 });
    expect(told.ends).toBeGreaterThan(2000);
    expect(deviations(told.seenEnds, told.ends, coverage)).toBeLessThan(DEVIATION_LIMIT);
    expect(told.timeouts).toBeGreaterThan(100);
    expect(told.seenTimeouts).toBe(told.timeouts);
  },
);

test("overseer episode inspects the same part of ends and of timeouts", async () => {
  const told = await live(
    "naive",
    { kind: "episode", coverage: 0.3 },
    { steps: 64 * 64 * 12, worlds: 64, rollout: 64 },
  );
  expect(deviations(told.seenEnds, told.ends, 0.3)).toBeLessThan(DEVIATION_LIMIT);
  expect(deviations(told.seenTimeouts, told.timeouts, 0.3)).toBeLessThan(DEVIATION_LIMIT);
});
