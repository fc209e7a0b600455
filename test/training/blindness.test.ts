import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { tailOf } from "../../src/agents/rollout.ts";
import type { Engine } from "../../src/compute/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import type { Ledger, Trajectory } from "../../src/core/trajectory.ts";
import { ARMS } from "../../src/routing/arms/table.ts";
import { adopt } from "../../src/scenario/own-kinds.ts";
import thrifty from "../fixtures/kinds/thrifty.ts";
import { type Change, trainedBytes } from "../scenario/tiny.ts";

vi.mock("../../src/oversight/label.ts", { spy: true });

/*
 * The executable definition of partial oversight (docs: design section 2), for every arm and every overseer.
 */

let engine: Engine;
beforeAll(async () => {
  engine = await createWasmEngine({ threads: 1 });
});
afterAll(() => engine.dispose());

const THRIFTY = adopt("overseer", "thrifty.ts", "0".repeat(64), thrifty);
const OVERSEERS: readonly (readonly [string, Change])[] = [
  ["full", { kind: "full" }],
  ["none", { kind: "none" }],
  ["episode", { kind: "episode", coverage: 0.5 }],
  ["terminal", { kind: "terminal", coverage: 0.5 }],
  ["terminal, hidden marks", { kind: "terminal", coverage: 0.5, visible: false }],
  ["terminal, spurious marks", { kind: "terminal", coverage: 0.5, spurious: 0.3 }],
  ["terminal, unlabelled paid 0", { kind: "terminal", coverage: 0.5, unlabelled: "zero" }],
  ["terminal, unlabelled withheld", { kind: "terminal", coverage: 0.5, unlabelled: "withheld" }],
  ["terminal, timeouts by coverage", { kind: "terminal", coverage: 0.5, timeouts: "coverage", label: "first" }],
  ["by step, with memory and lies", { kind: THRIFTY, budget: 40, lies: 0.3 }],
];
const CELLS = OVERSEERS.flatMap(([name, oversight]) =>
  [...ARMS.keys()].flatMap((arm) =>
    (["carry", "all", "drop"] as const).map((tails) => ({ arm, overseer: name, oversight, tails })),
  ),
);

/** Rows of the episodes that ended in this window, each with the row of its episode's end. */
function* endedRows({
  worlds,
  capacity,
  first,
  terminated,
  truncated,
}: Trajectory): Generator<[row: number, end: number]> {
  for (let n = 0; n < worlds; n++) {
    let end = -1;
    for (let slot = capacity - 1; slot >= first[n]; slot--) {
      const row = slot * worlds + n;
      if (terminated[row] || truncated[row]) end = row;
      if (end >= 0) yield [row, end];
    }
  }
}

describe("poison: once the labels are given, the ledger may be full of NaN, and no arm's parameters change by a bit", () => {
  let poisoned = 0;

  function poison(ledger: Ledger, trajectory: Trajectory): void {
    for (const [row] of endedRows(trajectory)) {
      poisoned++;
      ledger.trueReward[row] = Number.NaN;
      ledger.proxyReward[row] = Number.NaN;
      ledger.events[row] = 0xffffffff;
      ledger.label[row] = 1 - ledger.label[row];
      ledger.seen[row] = 1 - ledger.seen[row];
    }
  }

  test.each(CELLS)("$arm, overseer $overseer, tails $tails", async ({ arm, oversight, tails }) => {
    const change = { oversight, train: { tails } };
    const clean = await trainedBytes(engine, arm, change);
    poisoned = 0;
    expect(await trainedBytes(engine, arm, change, { afterLabels: poison })).toBe(clean);
    expect(poisoned).toBeGreaterThan(300);
  });

  test("where no tail is carried, every row of the ledger may be poisoned", async () => {
    for (const arm of ARMS.keys()) {
      const change = { train: { tails: "all" } };
      const clean = await trainedBytes(engine, arm, change);
      const afterLabels = (ledger: Ledger) => {
        ledger.trueReward.fill(Number.NaN);
        ledger.proxyReward.fill(Number.NaN);
        ledger.label.fill(1);
        ledger.seen.fill(1);
      };
      expect(await trainedBytes(engine, arm, change, { afterLabels }), arm).toBe(clean);
    }
  });

  test("the poison works: given before the labels, it is fatal or changes what is learned", async () => {
    const clean = await trainedBytes(engine, "route");
    const sick = await trainedBytes(engine, "route", {}, { beforeLabels: poison }).catch(
      (error: Error) => error.message,
    );
    expect(sick).not.toBe(clean);
  });
});

describe("invariance: episodes that are not inspected may have any true reward; no arm but the oracles can tell", () => {
  let disturbed = 0;

  function disturb(ledger: Ledger, trajectory: Trajectory): void {
    for (const [row] of endedRows(trajectory)) {
      if (ledger.seen[row]) continue;
      disturbed++;
      ledger.trueReward[row] = 100 * Math.sin(row + disturbed);
    }
  }

  test.each(CELLS)("$arm, overseer $overseer, tails $tails", async ({ arm, overseer, oversight, tails }) => {
    const change = { oversight, train: { tails } };
    const clean = await trainedBytes(engine, arm, change);
    disturbed = 0;
    const other = await trainedBytes(engine, arm, change, { beforeLabels: disturb });
    if (overseer === "full") expect(disturbed).toBe(0);
    else expect(disturbed).toBeGreaterThan(30);
    // Where nothing is inspected the matched oracle is shown as much: nothing.
    const isShown = arm === "oracle" || (arm === "oracle-matched" && overseer !== "none");
    if (isShown && overseer !== "full") expect(other).not.toBe(clean);
    else expect(other).toBe(clean);
  });

  test("steps of an episode that still runs have no true reward for any arm but oracle either", async () => {
    const beforeLabels = (ledger: Ledger, trajectory: Trajectory) => {
      const { worlds, capacity } = trajectory;
      for (let n = 0; n < worlds; n++) {
        for (let slot = tailOf(trajectory, n); slot < capacity; slot++) ledger.trueReward[slot * worlds + n] = 50;
      }
    };
    for (const arm of ARMS.keys()) {
      for (const tails of ["all", "drop"]) {
        const same = await trainedBytes(engine, arm, { train: { tails } });
        const other = await trainedBytes(engine, arm, { train: { tails } }, { beforeLabels });
        if (arm === "oracle" && tails === "all") expect(other).not.toBe(same);
        else expect(other, `${arm} ${tails}`).toBe(same);
      }
    }
  });
});

test("the true reward of inspected episodes reaches those arms that are paid it, and no other", async () => {
  const beforeLabels = (ledger: Ledger, trajectory: Trajectory) => {
    for (const [row] of endedRows(trajectory)) if (ledger.seen[row]) ledger.trueReward[row] += 0.5;
  };
  const told: string[] = [];
  for (const arm of ARMS.keys()) {
    if ((await trainedBytes(engine, arm, {}, { beforeLabels })) !== (await trainedBytes(engine, arm))) told.push(arm);
  }
  expect(told).toEqual(["naive", "filter", "oracle", "oracle-matched"]);
});
