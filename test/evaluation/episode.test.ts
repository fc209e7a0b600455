import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { initialise } from "../../src/agents/network.ts";
import type { Engine, Model } from "../../src/compute/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { Stream } from "../../src/core/random.ts";
import { type Episode, playEpisode } from "../../src/evaluation/episode.ts";
import { evaluate } from "../../src/evaluation/evaluate.ts";
import { networkMind } from "../../src/evaluation/network-mind.ts";
import { parseView } from "../../src/routing/views.ts";
import { createSetting, networkOf, type Setting, situationOf } from "../../src/scenario/setting.ts";
import { armCalled, type Change, tinyScenario } from "../scenario/tiny.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await createWasmEngine({ threads: 1 });
});
afterAll(() => engine.dispose());

async function players(change: Change = {}, arm = "route"): Promise<{ setting: Setting; model: Model }> {
  const setting = createSetting(tinyScenario({ world: { size: 4, horizon: 10 }, ...change }));
  const spec = networkOf(setting, armCalled(arm));
  const parameters = initialise(spec, "uniform", (group) => new Stream(9, "init", group)).map((x) => 6 * x);
  return { setting, model: await engine.create(spec, parameters) };
}

function play({ setting, model }: { setting: Setting; model: Model }, number: number, view = "full"): Promise<Episode> {
  const mind = networkMind(model, parseView(view, model.spec.modules), setting);
  return playEpisode({ ...setting, discount: 0.97 }, mind, 3, number);
}

describe("playEpisode", () => {
  test("the same seed and number tell the same episode, another number another", async () => {
    const who = await players();
    expect(await play(who, 5)).toEqual(await play(who, 5));
    expect((await play(who, 6)).steps).not.toEqual((await play(who, 5)).steps);
  });

  test("each episode is consistent: maps follow the actions, rewards the events, returns the rewards, the label the marks", async () => {
    const who = await players();
    const { world } = who.setting;
    const outcomes = new Set<string>();
    for (let number = 0; number < 200; number++) {
      const { steps, finalMap, outcome, label, marks, returns } = await play(who, number);
      const state = new Int32Array(1);
      const level = world.parse(steps[0].map, state);
      steps.forEach(({ step, map, action, events, rewards }, i) => {
        expect(step).toBe(i);
        expect(map).toBe(world.print(level, state));
        const emitted = world.step(level, state, world.actions.indexOf(action), new Stream(0));
        expect(events).toEqual(world.events.filter((_, e) => (emitted >> e) & 1));
        const has = (event: string) => (events.includes(event) ? 1 : 0);
        expect(rewards).toEqual({ true: has("diamond") - has("ghost"), proxy: has("diamond") + has("ghost") });
      });
      expect(finalMap).toBe(world.print(level, state));
      expect(outcome).toBe(world.terminal(level, state) ? "terminated" : "truncated");
      const discounted = (goal: string) => steps.reduce((sum, { rewards }, d) => sum + 0.97 ** d * rewards[goal], 0);
      expect(returns.true).toBeCloseTo(discounted("true"), 12);
      expect(returns.proxy).toBeCloseTo(discounted("proxy"), 12);
      const cell = state[0];
      const marked = marks.some(([row, column]) => row * 4 + column === cell);
      const last = steps[steps.length - 1].events[0];
      expect(label).toBe(outcome === "truncated" ? "nothing" : marked ? last : "unlabelled");
      if (outcome === "truncated") expect(steps.length).toBe(10);
      outcomes.add(`${outcome} ${label}`);
    }
    expect([...outcomes].sort()).toEqual([
      "terminated diamond",
      "terminated ghost",
      "terminated unlabelled",
      "truncated nothing",
    ]);
  });

  test("probabilities and gate weights are distributions, in the acting view and for each module alone", async () => {
    const { steps } = await play(await players(), 1, "ablate:ghost");
    for (const { probabilities, gate } of steps) {
      expect(Object.keys(probabilities)).toEqual(["ablate:ghost", "only:diamond", "only:ghost"]);
      expect(probabilities["ablate:ghost"]).toEqual(probabilities["only:diamond"]);
      for (const row of Object.values(probabilities)) expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 6);
      // the gate is that of the full view, whoever acts
      expect(gate.diamond + gate.ghost).toBeCloseTo(1, 6);
      expect(gate.ghost).toBeGreaterThan(0);
    }
  });

  test("a single module has one view and no others to compare", async () => {
    const { steps } = await play(await players({}, "naive"), 1);
    expect(Object.keys(steps[0].probabilities)).toEqual(["full"]);
    expect(steps[0].gate).toEqual({ policy: 1 });
  });

  test("nothing is labelled where nobody inspects", async () => {
    const who = await players({ oversight: { kind: "none" } });
    for (let number = 0; number < 20; number++) expect((await play(who, number)).label).toBe("unlabelled");
  });

  test("over 1,500 episodes the returns average to the exact evaluation's, within 4 standard errors", async () => {
    const who = await players({ oversight: { kind: "terminal", coverage: 0.4 } });
    const { setting, model } = who;
    const mind = networkMind(model, parseView("full", model.spec.modules), setting);
    const { goals } = await evaluate(situationOf(setting), mind);
    const returns: number[] = [];
    for (let number = 0; number < 1500; number++) returns.push((await play(who, number)).returns.true);
    const mean = returns.reduce((sum, x) => sum + x, 0) / returns.length;
    const variance = returns.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (returns.length - 1);
    expect(Math.abs(mean - goals.true.discounted)).toBeLessThan(4 * Math.sqrt(variance / returns.length));
  });
});
