import { expect, test } from "vitest";
import type { NetworkSpec } from "../../src/compute/engine.ts";
import { flopsOf } from "../../src/compute/flops.ts";

const base = { features: 12, actions: 4, hidden: [8, 6], gateHidden: [5, 3], critic: [7, 2] };
const single: NetworkSpec = { ...base, modules: ["policy"], gate: "none" };

test("counted by hand: two operations for each weight that a row uses", () => {
  // With 3 features on: module 3x8 + 8x6, output 6x4, critic 3x7 + 7x2 + 2x1.
  expect(flopsOf(single, 3)).toEqual({
    forward: 2 * (24 + 48 + 24 + 21 + 14 + 2),
    update: 4 * (24 + 21) + 6 * (48 + 24 + 14 + 2),
  });
});

test("each module and the gate add their own layers, and there is one output layer", () => {
  const more = (modules: readonly string[], gate: NetworkSpec["gate"]) =>
    flopsOf({ ...base, modules, gate }, 3).forward - flopsOf(single, 3).forward;
  const module = 2 * (24 + 48);
  expect(more(["a", "b"], "fixed")).toBe(module);
  // Gate 3x5 + 5x3, then one logit for two modules, three for three.
  expect(more(["a", "b"], "learned")).toBe(module + 2 * (15 + 15 + 3));
  expect(more(["a", "b", "c"], "learned")).toBe(2 * module + 2 * (15 + 15 + 9));
});

test("rows with every feature on cost a dense first layer", () => {
  const { forward } = flopsOf(single, single.features);
  expect(forward).toBe(2 * (12 * 8 + 8 * 6 + 6 * 4 + 12 * 7 + 7 * 2 + 2 * 1));
});

test("a trunk's later convolutions are counted window by window, and its output feeds each network", () => {
  const spec: NetworkSpec = {
    features: 2 * 81,
    plane: [9, 9],
    conv: [
      { channels: 3, kernel: 4, stride: 2 },
      { channels: 5, kernel: 2 },
    ],
    actions: 4,
    modules: ["a"],
    hidden: [7],
    gate: "none",
    gateHidden: [],
    critic: [6],
  };
  // 9x9 -> 3x3 of 3 channels -> 2x2 of 5.
  let second = 0;
  for (let place = 0; place < 2 * 2; place++) for (let tap = 0; tap < 2 * 2 * 3; tap++) second += 2 * 5;
  const policy = second + 2 * (20 * 7 + 7 * 4);
  const critic = second + 2 * (20 * 6 + 6 * 1);
  const first = 2 * 10 * (4 / 2) ** 2 * 3;
  expect(flopsOf(spec, 10).forward).toBe(2 * first + policy + critic);
  expect(flopsOf(spec, 10).update).toBe(2 * 2 * first + 3 * (policy + critic));
});
