import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine, Model } from "../../src/compute/engine.ts";
import { createReferenceEngine } from "../../src/compute/reference/engine.ts";
import { evaluate } from "../../src/evaluation/evaluate.ts";
import { networkMind } from "../../src/evaluation/network-mind.ts";
import { parseView } from "../../src/routing/views.ts";
import { createSetting, situationOf } from "../../src/scenario/setting.ts";
import { type Candidate, select, validate } from "../../src/training/selection.ts";
import { tinyScenario, trainTiny } from "../scenario/tiny.ts";

const candidate = (step: number, validation: number | null, trueReturn: number): Candidate => ({
  step,
  validation: { episodes: 100, labelled: validation === null ? 0 : 10, trueReturn: validation },
  trueReturn,
});

describe("select", () => {
  const candidates = [candidate(10, 0.9, 0.1), candidate(20, 0.4, 0.8), candidate(30, 0.5, 0.2)];

  test("last takes the last, label-legal the best on inspected episodes, oracle the best in truth", () => {
    expect(select("last", candidates)).toBe(30);
    expect(select("label-legal", candidates)).toBe(10);
    expect(select("oracle", candidates)).toBe(20);
  });

  test("of equals the later one is taken", () => {
    expect(select("label-legal", [candidate(10, 0.5, 0), candidate(20, 0.5, 0), candidate(30, 0.1, 0)])).toBe(20);
  });

  test("a checkpoint without an inspected episode is taken only where none has one", () => {
    expect(select("label-legal", [candidate(10, -0.9, 0), candidate(20, null, 1)])).toBe(10);
    expect(select("label-legal", [candidate(10, null, 0), candidate(20, null, 1)])).toBe(20);
  });

  test("no checkpoint is our mistake", () => {
    expect(() => select("last", [])).toThrow(RangeError);
  });
});

describe("validate", () => {
  let engine: Engine;
  let model: Model;
  beforeAll(async () => {
    engine = createReferenceEngine();
    model = (await trainTiny(engine, "route")).model;
  });
  afterAll(() => engine.dispose());
  const settingWith = (oversight: object) => createSetting(tinyScenario({ oversight }));
  const full = settingWith({ kind: "full" });

  test("where everything is inspected, it estimates the exact return of the deployed view in training", async () => {
    const view = parseView("only:diamond", model.spec.modules);
    // A low discount, so that a return that is not discounted would stand far off; the Ghost costs little, so that ends do not cancel.
    const halved = createSetting(
      tinyScenario({
        discount: 0.5,
        goals: { true: { diamond: 1, ghost: -0.1 }, proxy: { diamond: 1, ghost: 1 } },
        oversight: { kind: "full" },
      }),
    );
    const exact = await evaluate(situationOf(halved), networkMind(model, view, halved));
    expect(exact.goals.true.return - exact.goals.true.discounted).toBeGreaterThan(0.13);
    const { episodes, labelled, trueReturn } = await validate(halved, model, "only:diamond", 0, 4000);
    expect([episodes, labelled]).toEqual([4000, 4000]);
    // returns are in [-1, 1]: four standard errors of 4,000 of them are at most 4 / sqrt(4000) = .063
    expect(Math.abs((trueReturn ?? 9) - exact.goals.true.discounted)).toBeLessThan(0.063);
  });

  test("the same seed gives the same episodes, another one others; episodes are rounded up to a hundred", async () => {
    const first = await validate(full, model, "full", 0, 150);
    expect(first.episodes).toBe(200);
    expect(await validate(full, model, "full", 0, 150)).toEqual(first);
    expect((await validate(full, model, "full", 1, 150)).trueReturn).not.toBe(first.trueReturn);
  });

  test("uninspected episodes do not count: none inspected, no estimate; half of them, about half", async () => {
    expect(await validate(settingWith({ kind: "none" }), model, "full", 0, 100)).toEqual({
      episodes: 100,
      labelled: 0,
      trueReturn: null,
    });
    const half = await validate(settingWith({ kind: "episode", coverage: 0.5 }), model, "full", 0, 2000);
    // 2,000 coins: four standard deviations are 4 * sqrt(500) = 89
    expect(Math.abs(half.labelled - 1000)).toBeLessThan(89);
  });

  test("what an uninspected episode is truly worth changes nothing", async () => {
    const goals = (ghost: number) => ({ goals: { true: { diamond: 1, ghost }, proxy: { diamond: 1, ghost: 1 } } });
    // marks on the Ghost only ever come with coverage, so at coverage 0 no Ghost is inspected: only timeouts are
    const blind = (ghost: number) =>
      createSetting(tinyScenario({ ...goals(ghost), oversight: { kind: "terminal", coverage: 0 } }));
    expect(await validate(blind(-100), model, "full", 0, 500)).toEqual(
      await validate(blind(-1), model, "full", 0, 500),
    );
  });
});
