import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { overlayOf } from "../../../../cli/screens/player/overlay.ts";
import { beginPlayer, OVERLAYS } from "../../../../cli/screens/player/player.ts";
import {
  optimalPolicy,
  optimalValues,
  regret,
  type Shown,
  showEpisode,
  standsOf,
} from "../../../../cli/screens/player/shown-episode.ts";
import { initialise } from "../../../../src/agents/network.ts";
import type { Engine } from "../../../../src/compute/engine.ts";
import { createWasmEngine } from "../../../../src/compute/wasm/engine.ts";
import { Stream } from "../../../../src/core/random.ts";
import { enumerateStates, rewardTable } from "../../../../src/envs/graph.ts";
import { actionValuesInto, bestActions, evaluatePolicy, returnOf, solve } from "../../../../src/envs/solver.ts";
import type { World } from "../../../../src/envs/world.ts";
import { evaluate } from "../../../../src/evaluation/evaluate.ts";
import type { Mind } from "../../../../src/evaluation/mind.ts";
import { networkMind } from "../../../../src/evaluation/network-mind.ts";
import { drawBeginning, playAll, retrace, type Stage, standingsOf } from "../../../../src/evaluation/record.ts";
import { optimalMind } from "../../../../src/evaluation/scripted-minds.ts";
import { createOverseer } from "../../../../src/oversight/overseers/table.ts";
import { parseView } from "../../../../src/routing/views.ts";
import { createSetting, networkOf, situationOf } from "../../../../src/scenario/setting.ts";
import { createCorridor } from "../../../envs/specimens.ts";
import { armCalled, tinyScenario } from "../../../scenario/tiny.ts";
import { halfwatchHere } from "../../here.ts";
import { troupe } from "./troupe.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await createWasmEngine({ threads: 1 });
});
afterAll(() => engine.dispose());

async function episodes(count: number, change = {}, arm = "route", view = "full"): Promise<Shown[]> {
  const { stage, mind } = await troupe(engine, view, change, arm);
  const traces = await playAll(
    stage,
    mind,
    Array.from({ length: count }, (_, n) => drawBeginning(stage, 3, n)),
  );
  return Promise.all(traces.map((trace) => showEpisode(stage, trace, mind, view)));
}

const MAZE = {
  world: { size: 7, horizon: 24, walls: { kind: "maze", loops: 0.5 }, observe: "centred" },
  agent: { conv: [{ channels: 4, kernel: 3, stride: 2 }] },
};
const WALLS = { world: { size: 5, horizon: 10, walls: { kind: "blocks", density: 0.2, ghostMayBlock: true } } };

describe("overlays equal what is computed elsewhere, at states picked at random", () => {
  test.each([
    ["open floor", {}],
    ["walls", WALLS],
    ["hidden marks", { oversight: { kind: "terminal", coverage: 0.5, visible: false } }],
  ])(
    "%s: values, best actions and costs are the solver's; policies, gate and value are the network's",
    async (_, change) => {
      const { stage, mind } = await troupe(engine, "full", change);
      const { world, goals, discount } = stage;
      const pick = new Stream(5, "picks");
      for (const shown of await episodes(12, change)) {
        const { level, marks } = shown.trace.beginning;
        const t = pick.below(shown.actions.length);
        const chart = shown.charts[t];
        const stands = [...(standsOf(world, level, shown.trace.states[t]) ?? [])];
        const [cell, state] = stands[pick.below(stands.length)];
        const stepsLeft = world.horizon - t;
        // the solver, from this state alone
        const graph = enumerateStates(world, level, state);
        for (const goal of goals) {
          const solution = solve(graph, rewardTable(graph, goal), discount, world.horizon);
          const [s] = graph.starts;
          expect(optimalValues(chart, goal.name, stepsLeft)[cell]).toBe(solution.values[stepsLeft * graph.size + s]);
          const policy = optimalPolicy(chart, goal.name, stepsLeft)[cell] ?? [];
          expect([...policy.keys()].filter((a) => policy[a] > 0)).toEqual(bestActions(solution, stepsLeft, s));
          const Q = new Float64Array(4);
          actionValuesInto(solution, stepsLeft, s, Q);
          const pi = chart.opinions?.[cell]?.probabilities["only:ghost"] ?? [];
          const cost = Math.max(...Q) - Q.reduce((sum, q, a) => sum + pi[a] * q, 0);
          expect(regret(chart, "only:ghost", goal.name, stepsLeft)[cell]).toBeCloseTo(cost, 12);
          expect(cost).toBeGreaterThanOrEqual(-1e-12);
        }
        // the mind, asked about this state alone
        const [opinion] = await mind.consult([{ level, state, marks, stepsLeft }]);
        expect(chart.opinions?.[cell]).toEqual(opinion);
      }
    },
  );

  test("the policy on the map is the one that `eval` evaluates: both give the same return of a level", async () => {
    const setting = createSetting(tinyScenario({ world: { size: 4, horizon: 10 }, oversight: { kind: "none" } }));
    const spec = networkOf(setting, armCalled("route"));
    const parameters = initialise(spec, "uniform", (group) => new Stream(9, "init", group)).map((x) => 6 * x);
    const model = await engine.create(spec, parameters);
    const situation = situationOf(setting);
    const pick = new Stream(6, "levels");
    const [task] = [situation.tasks[pick.below(situation.tasks.length)]];
    const one = { ...situation, tasks: [{ ...task, weight: 1 }] };
    const evaluated = await evaluate(one, networkMind(model, parseView("only:diamond", spec.modules), setting));
    const { stage, mind } = await troupe(engine, "only:diamond", { oversight: { kind: "none" } });
    const { graph } = task;
    let discounted = 0;
    for (const start of graph.starts) {
      const state = graph.states.slice(start, start + 1);
      const [trace] = await playAll(stage, mind, [{ seed: 0, number: 0, level: task.level, state, marks: task.marks }]);
      const { charts } = await showEpisode(stage, trace, mind, "only:diamond");
      const policy = new Float64Array(graph.size * 4);
      for (let s = 0; s < graph.size; s++) {
        const row = charts[0].opinions?.[graph.cell[s]]?.probabilities["only:diamond"];
        if (row !== undefined) policy.set(row, s * 4);
      }
      const from = Float64Array.from({ length: graph.size }, (_, s) => (s === start ? 1 : 0));
      const { eventCounts } = evaluatePolicy(graph, from, policy, setting.world.horizon);
      discounted += returnOf(eventCounts, setting.trueGoal, stage.discount).discounted / graph.starts.length;
    }
    expect(discounted).toBeCloseTo(evaluated.goals.true.discounted, 12);
  });

  test("Q* on the map is what `halfwatch solve` prints for the same map", async () => {
    const shown = (await episodes(1, { world: { size: 5, horizon: 32 } }))[0];
    const level = ["scenarios/diamond-ghost.yaml", "--level", "3", "--json"];
    const { stdout } = await halfwatchHere(["solve", ...level]);
    const solved = JSON.parse(stdout);
    const { stage } = await troupe(engine, "full", { world: { size: 5, horizon: 32 } });
    const map = (await halfwatchHere(["levels", "scenarios/diamond-ghost.yaml", "-n", "4", "--json"])).stdout;
    const state = new Int32Array(1);
    const parsed = stage.world.parse(JSON.parse(map).levels[3].map.join("\n"), state);
    const { mind } = await troupe(engine, "full", { world: { size: 5, horizon: 32 } });
    const [trace] = await playAll(stage, mind, [
      { seed: 0, number: 0, level: parsed, state, marks: new Uint8Array(25) },
    ]);
    const { charts } = await showEpisode(stage, trace, mind, "full");
    for (const goal of ["true", "proxy"]) {
      const own = optimalValues(charts[0], goal, 32);
      const printed = (solved.goals[goal].values as (number | null)[][]).flat();
      // on the objects there is nothing to choose: solve prints 0 there
      for (const [cell, value] of own.entries()) {
        if (value !== null) expect(value).toBeCloseTo(printed[cell] ?? Number.NaN, 12);
      }
      expect(own.filter((value) => value !== null)).toHaveLength(23);
    }
    expect(shown.scene.horizon).toBe(32);
  });
});

describe("every overlay of the screen, on states, cells and views picked at random", () => {
  test.each([
    ["diamond-ghost", {}, 3],
    ["a maze, through convolutions", MAZE, 4],
  ])("%s", async (_, change, salt) => {
    const { stage, mind } = await troupe(engine, "full", change);
    const { world, goals, discount } = stage;
    const pick = new Stream(salt, "overlays");
    const seen = new Map<string, number>();
    for (const shown of await episodes(20, change)) {
      const { level, marks } = shown.trace.beginning;
      const step = pick.below(shown.actions.length);
      const stepsLeft = world.horizon - step;
      const stands = [...(standsOf(world, level, shown.trace.states[step]) ?? [])];
      // The cell where the agent is, which needs no other state than the episode's own, and another one.
      const own = world.cell(level, shown.trace.states[step]);
      for (const [cell, state] of [[own, shown.trace.states[step]] as const, stands[pick.below(stands.length)]]) {
        const [opinion] = await mind.consult([{ level, state, marks, stepsLeft }]);
        const graph = enumerateStates(world, level, state);
        const [s] = graph.starts;
        const solved = (goal: number) => solve(graph, rewardTable(graph, goals[goal]), discount, world.horizon);
        const view = pick.below(mind.views.length);
        const row = opinion.probabilities[mind.views[view]];
        const uniform = (goal: number) => {
          const best = bestActions(solved(goal), stepsLeft, s);
          return world.actions.map((_, a) => (best.includes(a) ? 1 / best.length : 0));
        };
        const worth = (goal: number) => solved(goal).values[stepsLeft * graph.size + s];
        const Q = new Float64Array(world.actions.length);
        actionValuesInto(solved(0), stepsLeft, s, Q);
        const expected: Record<string, number | readonly number[] | null> = {
          policy: row,
          value: opinion.value,
          gate: opinion.gate.ghost,
          "best true": uniform(0),
          "best proxy": uniform(1),
          "Q* true": worth(0),
          "Q* proxy": worth(1),
          cost: worth(0) - row.reduce((sum, p, a) => sum + p * Q[a], 0),
        };
        for (const overlay of OVERLAYS.filter((name) => name in expected)) {
          const player = { ...beginPlayer("route", ["true", "proxy"]), shown, step, overlay, view };
          const drawn = overlayOf(player, shown);
          const at = drawn?.kind === "arrows" ? drawn.probabilities[cell] : drawn?.values[cell];
          expect(at, `${overlay}, step ${step}, cell ${cell}`).toEqual(expected[overlay]);
          seen.set(overlay, (seen.get(overlay) ?? 0) + 1);
        }
      }
    }
    expect([...seen.keys()]).toEqual(OVERLAYS.filter((name) => name !== "level" && name !== "visits"));
    expect(overlayOf({ ...beginPlayer("route", []), overlay: "level" }, (await episodes(1, change))[0])).toBe(
      undefined,
    );
  });
});

describe("an episode as it is shown", () => {
  test.each([
    ["a network, which is asked about each state once", false],
    ["an optimum, whose answer depends on the steps that are left", true],
  ])("shows what the mind says before each action: %s", async (_, isOptimum) => {
    const { stage, mind: network } = await troupe(engine, "full", MAZE);
    const mind = isOptimum ? optimalMind(stage.world, stage.goals[0], stage.discount) : network;
    const [trace] = await playAll(stage, network, [drawBeginning(stage, 3, 1)]);
    const asked: string[] = [];
    const consult: Mind["consult"] = (standings) => {
      asked.push(...standings.map(({ state }) => state.join()));
      return mind.consult(standings);
    };
    const { opinions } = await showEpisode(stage, trace, { ...mind, consult }, mind.name);
    expect(trace.actions.length).toBeGreaterThan(2);
    expect(opinions).toEqual(await mind.consult(standingsOf(stage.world, trace)));
    expect(asked.length > new Set(asked).size).toBe(isOptimum);
  });

  test("rewards gather, maps follow, events and the label come where they happen", async () => {
    for (const shown of await episodes(30)) {
      const { trace, gathered, maps, events, actions, surprises } = shown;
      expect(maps).toHaveLength(actions.length + 1);
      expect(gathered.true[0]).toBe(0);
      const ends = { diamond: [1, 1], ghost: [-1, 1], timeout: [0, 0] }[trace.outcome];
      expect([gathered.true.at(-1), gathered.proxy.at(-1)]).toEqual(ends);
      expect(events.flat()).toEqual(trace.outcome === "timeout" ? [] : [trace.outcome]);
      expect(surprises.filter(({ kind }) => kind === "label")).toEqual(
        trace.inspected ? [{ step: actions.length, kind: "label", about: `label: ${trace.label}` }] : [],
      );
    }
  });

  test("surprises are where the likeliest action is not best for the true goal, and where the gate turns", async () => {
    let parts = 0;
    let turns = 0;
    for (const { opinions, best, surprises, scene } of await episodes(30)) {
      const expected: string[] = [];
      opinions?.forEach(({ probabilities, gate }, t) => {
        const { full } = probabilities;
        const wanted = scene.actions[full.indexOf(Math.max(...full))];
        if (!best?.true[t].includes(wanted)) expected.push(`${t} parts`);
        const before = opinions[t - 1]?.gate;
        if (before && before.ghost > before.diamond !== gate.ghost > gate.diamond) expected.push(`${t} gate`);
      });
      expect(surprises.filter(({ kind }) => kind !== "label").map(({ step, kind }) => `${step} ${kind}`)).toEqual(
        expected,
      );
      parts += expected.filter((each) => each.endsWith("parts")).length;
      turns += expected.length;
    }
    expect(parts).toBeGreaterThan(5);
    expect(turns).toBeGreaterThan(parts);
  });

  test("as long as only the agent moves, all states share one chart", async () => {
    const [shown] = await episodes(1);
    expect(new Set(shown.charts).size).toBe(1);
    expect(shown.charts).toHaveLength(shown.actions.length + 1);
  });

  test("a state with words that its map does not show has a chart of its own", async () => {
    // Whether the coin at cell 1 has been taken is not drawn here.
    const shown = createCorridor({ horizon: 8, slippery: false });
    const world: World = {
      ...shown,
      print: (_, state) => [0, 1, 2, 3, 4].map((c) => ".A"[+(c === state[0])]).join(""),
    };
    const stage: Stage = {
      world: { ...world, parse: (map, state) => shown.parse(`${map};0`, state) },
      overseer: createOverseer({ kind: "none", visible: false }),
      goals: [
        { name: "true", rewards: Float64Array.of(1, 0) },
        { name: "proxy", rewards: Float64Array.of(0, 1) },
      ],
      discount: 0.9,
      labelRule: { labels: [], routeOfEvent: Int8Array.of(-1, -1), decides: "last" },
    };
    const beginning = { seed: 0, number: 0, level: { slip: 0 }, state: Int32Array.of(0, 0), marks: new Uint8Array(5) };
    const [right, left] = [1, 0];
    const trace = retrace(stage, beginning, [right, left, right, right, right, right]);
    const { charts } = await showEpisode(stage, trace, null, "scripted");
    // The coin is a step away, has been taken, has been taken.
    expect([0, 1, 2].map((t) => optimalValues(charts[t], "true", 8 - t)[trace.states[t][0]])).toEqual([1, 0, 0]);
  });
});
