import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Goal, rewardOf } from "../../src/core/goal.ts";
import { Stream } from "../../src/core/random.ts";
import { enumerateStates, rewardTable, type StateGraph, uniformStarts } from "../../src/envs/graph.ts";
import { createMoveTable, PathFinder } from "../../src/envs/grid.ts";
import {
  actionValuesInto,
  bestActions,
  evaluatePolicy,
  greedyPolicy,
  type PolicyRule,
  returnOf,
  solve,
} from "../../src/envs/solver.ts";
import {
  createDiamondGhost,
  type DiamondGhostLevel,
  type DiamondGhostOptions,
  diamondOf,
  ghostOf,
} from "./diamond-ghost.ts";
import { arbitraryMap } from "./maps.ts";
import { createCorridor } from "./specimens.ts";
import { NEVER, worldFor } from "./walk.ts";

const TRUE: Goal = { name: "true", rewards: Float64Array.of(1, -1) };
const PROXY: Goal = { name: "proxy", rewards: Float64Array.of(1, 1) };
const GOALS = [TRUE, PROXY] as const;
const OPEN: DiamondGhostOptions = { size: 5, horizon: 32, walls: null, levels: "all" };

/** The graph of a map; its first state is the agent's. */
function graphOf(map: string): StateGraph {
  const world = worldFor(map);
  const state = new Int32Array(1);
  return enumerateStates(world, world.parse(map, state), state);
}

const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);

/** A stationary policy drawn at random, [S, A]; a third of its entries are 0. */
function randomPolicy(graph: StateGraph, stream: Stream): Float64Array {
  const { size: S, actions: A } = graph;
  const policy = new Float64Array(S * A);
  for (let s = 0; s < S; s++) {
    for (let a = 0; a < A; a++) policy[s * A + a] = stream.next() < 1 / 3 ? 0 : stream.next();
    policy[s * A] += 0.01;
    const total = sum(policy.subarray(s * A, (s + 1) * A));
    for (let a = 0; a < A; a++) policy[s * A + a] /= total;
  }
  return policy;
}

/** Discounted return of a policy from state 0 by backward recursion, the definition read literally. */
function backwardValue(
  graph: StateGraph,
  reward: Float64Array,
  policy: Float64Array | PolicyRule,
  discount: number,
  horizon: number,
  from: number,
): number {
  const { size: S, actions: A } = graph;
  let later = new Float64Array(S);
  const probabilities = new Float64Array(A);
  for (let h = 1; h <= horizon; h++) {
    const now = new Float64Array(S);
    for (let s = 0; s < S; s++) {
      if (graph.terminal[s]) continue;
      if (typeof policy === "function") policy(h, s, probabilities);
      else probabilities.set(policy.subarray(s * A, (s + 1) * A));
      for (let a = 0; a < A; a++) {
        now[s] += probabilities[a] * (reward[s * A + a] + discount * later[graph.next[s * A + a]]);
      }
    }
    later = now;
  }
  return later[from];
}

/** Solve M x = b by elimination with pivoting. */
function solveLinear(matrix: Float64Array[], right: Float64Array): Float64Array {
  const n = right.length;
  const rows = matrix.map((row, i) => Float64Array.of(...row, right[i]));
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let r = column + 1; r < n; r++) if (Math.abs(rows[r][column]) > Math.abs(rows[pivot][column])) pivot = r;
    [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
    for (let r = 0; r < n; r++) {
      if (r === column) continue;
      const factor = rows[r][column] / rows[column][column];
      for (let c = column; c <= n; c++) rows[r][c] -= factor * rows[column][c];
    }
  }
  return Float64Array.from(rows, (row, i) => row[n] / row[i]);
}

describe("graph", () => {
  test("a 3x3 level has 9 states at most, terminal ones loop without events, others lead where steps lead", () => {
    const graph = graphOf("A..\n..D\nG..");
    expect([graph.size, graph.actions, graph.events, graph.cells]).toEqual([9, 4, 2, 9]);
    const at = (cell: number) => graph.cell.indexOf(cell);
    const row = (cell: number) => [...graph.next.subarray(at(cell) * 4, at(cell) * 4 + 4)].map((s) => graph.cell[s]);
    const events = (cell: number) => [...graph.eventSets.subarray(at(cell) * 4, at(cell) * 4 + 4)];
    expect(row(0)).toEqual([0, 1, 3, 0]);
    expect(row(4)).toEqual([1, 5, 7, 3]);
    expect(events(4)).toEqual([0, 1, 0, 0]);
    expect(events(3)).toEqual([0, 0, 2, 0]);
    expect(row(5)).toEqual([5, 5, 5, 5]);
    expect(events(5)).toEqual([0, 0, 0, 0]);
    expect([...graph.terminal].filter(Boolean).length).toBe(2);
    expect(graph.starts).toEqual(Int32Array.of(0));
    expect(graph.cell[0]).toBe(0);
  });

  test("walls and what lies behind them are not states", () => {
    expect(graphOf("A#.\n.#D\nG#.").size).toBe(3);
  });

  test("states of several words: the corridor with and without its coin", () => {
    const world = createCorridor({ horizon: 12, slippery: false });
    const graph = enumerateStates(world, { slip: 0 }, Int32Array.of(0, 0));
    const states = Array.from({ length: graph.size }, (_, s) => graph.states.subarray(s * 2, s * 2 + 2).join());
    // The coin lies on cell 1, so beyond the start there are only states with it.
    expect(states).toEqual(["0,0", "1,1", "0,1", "2,1", "3,1", "4,1"]);
    expect(graph.eventSets[1]).toBe(1);
  });

  test("several starts, given twice or not, are weighted as given", () => {
    const world = createDiamondGhost({ ...OPEN, size: 3 });
    const graph = enumerateStates(world, world.parse("A..\n..D\nG..", new Int32Array(1)), Int32Array.of(4, 0, 4, 8));
    expect(graph.starts).toEqual(Int32Array.of(0, 1, 0, 2));
    expect([...uniformStarts(graph).subarray(0, 4)]).toEqual([0.5, 0.25, 0.25, 0]);
  });

  test("too many states and half a state are refused", () => {
    const corridor = createCorridor({ horizon: 12, slippery: false });
    expect(() => enumerateStates(corridor, { slip: 0 }, Int32Array.of(0))).toThrow("starts has 1 elements");
    expect(() => enumerateStates(corridor, { slip: 0 }, new Int32Array(0))).toThrow("starts has 0 elements");
    expect(() => enumerateStates(corridor, { slip: 0 }, Int32Array.of(0, 0), 5)).toThrow("more than 5 states");
    expect(enumerateStates(corridor, { slip: 0 }, Int32Array.of(0, 0), 6).size).toBe(6);
  });

  test("a world that draws although it calls itself deterministic is found out", () => {
    const liar = { ...createCorridor({ horizon: 12, slippery: true }), deterministic: true };
    expect(() => enumerateStates(liar, { slip: 0 }, Int32Array.of(0, 0))).toThrow("drew from chance");
  });
});

describe("a stochastic world", () => {
  const SLIP = 0.25;
  const H = 12;
  const world = createCorridor({ horizon: H, slippery: true });
  const graph = enumerateStates(world, { slip: SLIP }, Int32Array.of(0, 0, 1, 0, 2, 0, 3, 0));
  const goal = { name: "both", rewards: Float64Array.of(0.5, 1) };

  /** By hand: [probability, cell, coin taken, reward] of a move in the corridor; nothing of ours is used. */
  function outcomesOf(cell: number, taken: number, action: number): [number, number, number, number][] {
    return [1, -1].map((sign) => {
      const to = Math.max(0, Math.min(4, cell + sign * (action === 1 ? 1 : -1)));
      const coin = to === 1 && taken === 0;
      return [sign === 1 ? 1 - SLIP : SLIP, to, coin ? 1 : taken, (coin ? 0.5 : 0) + (to === 4 ? 1 : 0)];
    });
  }

  test("has for each action the outcomes of its chance, those that come to the same as one", () => {
    for (let s = 0; s < graph.size; s++) {
      const [cell, taken] = graph.states.subarray(2 * s, 2 * s + 2);
      for (let a = 0; a < 2; a++) {
        const found: string[] = [];
        for (let o = graph.first[2 * s + a]; o < graph.first[2 * s + a + 1]; o++) {
          const to = graph.states.subarray(2 * graph.next[o], 2 * graph.next[o] + 2);
          found.push(`${[...to]} ${rewardTable(graph, goal)[o]} ${graph.probability[o].toFixed(12)}`);
        }
        const law = new Map<string, number>();
        for (const [p, to, has, reward] of graph.terminal[s] ? [[1, cell, taken, 0]] : outcomesOf(cell, taken, a)) {
          const key = `${to},${has} ${reward}`;
          law.set(key, (law.get(key) ?? 0) + p);
        }
        expect(found.sort()).toEqual([...law].map(([key, p]) => `${key} ${p.toFixed(12)}`).sort());
      }
    }
  });

  test("the best values are those of a recursion over cells and coins, written by hand", () => {
    const { values } = solve(graph, rewardTable(graph, goal), 0.9, H);
    const best = (left: number, cell: number, taken: number): number =>
      left === 0 || cell === 4
        ? 0
        : Math.max(
            ...[0, 1].map((action) =>
              sum(
                outcomesOf(cell, taken, action).map(
                  ([p, to, has, reward]) => p * (reward + 0.9 * best(left - 1, to, has)),
                ),
              ),
            ),
          );
    for (let s = 0; s < graph.size; s++) {
      expect(values[H * graph.size + s]).toBeCloseTo(best(H, graph.states[2 * s], graph.states[2 * s + 1]), 12);
    }
  });

  test("an exact evaluation is the mean of 20,000 played episodes, within 4 standard errors", () => {
    const policy = randomPolicy(graph, new Stream(14, "policy"));
    const outcome = evaluatePolicy(graph, uniformStarts(graph), policy, H);
    const exact = returnOf(outcome.eventCounts, goal, 0.9).discounted;
    const chance = new Stream(14, "chance");
    const indexOf = (cell: number, taken: number) =>
      [...graph.terminal.keys()].findIndex((s) => graph.states[2 * s] === cell && graph.states[2 * s + 1] === taken);
    const returns: number[] = [];
    for (let episode = 0; episode < 20_000; episode++) {
      chance.seek(0, episode);
      const state = Int32Array.of(chance.below(4), 0);
      let gained = 0;
      for (let d = 0; d < H && state[0] !== 4; d++) {
        const action = chance.flip(policy[2 * indexOf(state[0], state[1])]) ? 0 : 1;
        gained += 0.9 ** d * rewardOf(goal, world.step({ slip: SLIP }, state, action, chance));
      }
      returns.push(gained);
    }
    const mean = sum(returns) / returns.length;
    const error = Math.sqrt(sum(returns.map((x) => (x - mean) ** 2))) / returns.length;
    expect(error).toBeLessThan(0.005);
    expect(Math.abs(mean - exact)).toBeLessThan(4 * error);
  });
});

describe("values", () => {
  test("V = max Q, with a Bellman residual below 1e-12 at every number of steps left", () => {
    fc.assert(
      fc.property(arbitraryMap, fc.constantFrom(...GOALS), (map, goal) => {
        const graph = graphOf(map);
        const reward = rewardTable(graph, goal);
        const solution = solve(graph, reward, 0.97, 12);
        const Q = new Float64Array(4);
        for (let h = 1; h <= 12; h++) {
          for (let s = 0; s < graph.size; s++) {
            actionValuesInto(solution, h, s, Q);
            const V = solution.values[h * graph.size + s];
            expect(V).toBe(Math.max(...Q));
            for (let a = 0; a < 4; a++) {
              const next = graph.next[s * 4 + a];
              const backup = graph.terminal[s]
                ? 0
                : reward[s * 4 + a] + (graph.terminal[next] ? 0 : 0.97 * solution.values[(h - 1) * graph.size + next]);
              expect(Math.abs(Q[a] - backup)).toBeLessThan(1e-12);
            }
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  test("with time enough, V is gamma^(d - 1) of breadth-first search: around the Ghost, or to the nearest", () => {
    fc.assert(
      fc.property(arbitraryMap, (map) => {
        const world = worldFor(map);
        const state = new Int32Array(1);
        const level = world.parse(map, state);
        const graph = enumerateStates(world, level, state);
        const distances = new Int32Array(world.height * world.width);
        const paths = new PathFinder(createMoveTable(world.height, world.width));
        const worth = (distance: number) => (distance < 0 ? 0 : 0.97 ** (distance - 1));
        const optimumOf = (goal: Goal, s: number) =>
          solve(graph, rewardTable(graph, goal), 0.97, 49).values[49 * graph.size + s];
        // Through the other object there is no way: reaching it ends the episode.
        paths.distancesInto(level.walls, diamondOf(level), ghostOf(level), distances);
        const toDiamond = distances.slice();
        paths.distancesInto(level.walls, ghostOf(level), diamondOf(level), distances);
        for (let s = 0; s < graph.size; s++) {
          if (graph.terminal[s]) continue;
          const cell = graph.cell[s];
          // Waiting costs nothing: where the Diamond is out of reach, the best is 0, never the Ghost's -1.
          expect(optimumOf(TRUE, s)).toBeCloseTo(worth(toDiamond[cell]), 12);
          expect(optimumOf(PROXY, s)).toBeCloseTo(Math.max(worth(toDiamond[cell]), worth(distances[cell])), 12);
        }
      }),
      { numRuns: 25 },
    );
  });

  test("the open corner map: Diamond three steps away is worth .9^2 = .81, out of time 0", () => {
    const graph = graphOf("A..\n..D\nG..");
    const { values } = solve(graph, rewardTable(graph, TRUE), 0.9, 4);
    expect(values[4 * graph.size]).toBeCloseTo(0.81, 15);
    expect(values[3 * graph.size]).toBeCloseTo(0.81, 15);
    expect(values[2 * graph.size]).toBe(0);
    expect(values[0]).toBe(0);
  });

  test.each(["A..\n..D\nG..", "AGD\n...\n...", "A#D\n.#G\n...", "A#.\n##D\nG..", "AG#\n#D#\n..."])(
    "brute force over all 4^6 action sequences finds the same best return: %j",
    (map) => {
      const world = worldFor(map, 6);
      const state = new Int32Array(1);
      const level = world.parse(map, state);
      const graph = graphOf(map);
      const rng = NEVER;
      for (const goal of GOALS) {
        let best = -Infinity;
        for (let code = 0; code < 4 ** 6; code++) {
          world.start(level, rng, state);
          let gained = 0;
          for (let d = 1; d <= 6 && !world.terminal(level, state); d++) {
            const events = world.step(level, state, (code >> (2 * (d - 1))) & 3, rng);
            gained += 0.97 ** (d - 1) * ((events & 1) * goal.rewards[0] + (events >> 1) * goal.rewards[1]);
          }
          best = Math.max(best, gained);
        }
        const { values } = solve(graph, rewardTable(graph, goal), 0.97, 6);
        expect(values[6 * graph.size]).toBeCloseTo(best, 14);
      }
    },
  );

  test.each([
    ["no noise, where values soon stay", 0],
    ["noise, where they never do", 0.25],
  ])("every number of steps left, one induction after another, to the bit: %s", (_name, noise) => {
    const graph = graphOf("A..\n..D\nG..");
    const { size: S, actions: A, next, terminal } = graph;
    const reward = rewardTable(graph, PROXY);
    const { values } = solve(graph, reward, 0.97, 40, noise);
    const expected = new Float64Array(41 * S);
    for (let h = 1; h <= 40; h++) {
      for (let s = 0; s < S; s++) {
        if (terminal[s]) continue;
        const all = Array.from({ length: A }, (_, a) => {
          const i = s * A + a;
          return reward[i] + 0.97 * expected[(h - 1) * S + next[i]];
        });
        const best = Math.max(...all);
        expected[h * S + s] =
          noise === 0 ? best : (1 - noise) * best + (noise * all.reduce((sum, value) => sum + value, 0)) / A;
      }
    }
    expect(values).toEqual(expected);
    const row = (h: number) => values.subarray(h * S, (h + 1) * S);
    expect(row(40)[0]).toBeGreaterThan(0);
    expect([...row(10)].every((value, s) => value === row(9)[s])).toBe(noise === 0);
  });

  test("what cannot be reached is worth 0, and then every action is as good", () => {
    const graph = graphOf("A#.\n##D\nG..");
    const solution = solve(graph, rewardTable(graph, TRUE), 0.97, 10);
    expect(solution.values[10 * graph.size]).toBe(0);
    expect(bestActions(solution, 10, 0)).toEqual([0, 1, 2, 3]);
  });

  test("best actions: ties are all named, and the greedy policy shares them evenly", () => {
    const graph = graphOf("A..\n.D.\n..G");
    const solution = solve(graph, rewardTable(graph, TRUE), 0.97, 10);
    expect(bestActions(solution, 10, 0)).toEqual([1, 2]);
    const probabilities = new Float64Array(4).fill(9);
    greedyPolicy(solution)(10, 0, probabilities);
    expect([...probabilities]).toEqual([0, 0.5, 0.5, 0]);
    // With a single step left nothing can be reached.
    greedyPolicy(solution)(1, 0, probabilities);
    expect([...probabilities]).toEqual([0.25, 0.25, 0.25, 0.25]);
  });

  test("rewards on events that do not end the episode add up: coin on step 1, exit on step 4", () => {
    const world = createCorridor({ horizon: 12, slippery: false });
    const graph = enumerateStates(world, { slip: 0 }, Int32Array.of(0, 0));
    const goal = { name: "both", rewards: Float64Array.of(2, 1) };
    const { values } = solve(graph, rewardTable(graph, goal), 0.5, 12);
    expect(values[12 * graph.size]).toBe(2 + 0.5 ** 3);
  });

  test("a terminal state is worth 0 and so are its actions, even where a reward table pays on every row", () => {
    const graph = graphOf("AD.\n...\nG..");
    const solution = solve(graph, new Float64Array(36).fill(1), 1, 4);
    const Q = new Float64Array(4).fill(9);
    for (const s of [...graph.terminal.keys()].filter((state) => graph.terminal[state])) {
      expect(solution.values[4 * graph.size + s]).toBe(0);
      actionValuesInto(solution, 4, s, Q);
      expect([...Q]).toEqual([0, 0, 0, 0]);
    }
    expect(solution.values[4 * graph.size]).toBe(4);
  });

  test("a reward table of the wrong length is refused", () => {
    expect(() => solve(graphOf("AGD\n...\n..."), new Float64Array(3), 0.9, 4)).toThrow(
      "solve: reward has 3 elements, expected one for each of 36 outcomes",
    );
  });
});

describe("policies", () => {
  test("following Q* in the real world attains V*", () => {
    fc.assert(
      fc.property(arbitraryMap, fc.constantFrom(...GOALS), (map, goal) => {
        const world = worldFor(map);
        const state = new Int32Array(1);
        const level = world.parse(map, state);
        const graph = enumerateStates(world, level, state);
        const solution = solve(graph, rewardTable(graph, goal), 0.97, 32);
        const at = (cell: number) => graph.cell.indexOf(cell);
        let gained = 0;
        for (let d = 1; d <= 32 && !world.terminal(level, state); d++) {
          const [action] = bestActions(solution, 33 - d, at(state[0]));
          const events = world.step(level, state, action, NEVER);
          gained += 0.97 ** (d - 1) * ((events & 1) * goal.rewards[0] + (events >> 1) * goal.rewards[1]);
        }
        expect(gained).toBeCloseTo(solution.values[32 * graph.size], 13);
      }),
    );
  });

  test("no random policy beats V*, the greedy one attains it", () => {
    const stream = new Stream(8, "policy");
    fc.assert(
      fc.property(arbitraryMap, fc.constantFrom(...GOALS), (map, goal) => {
        const graph = graphOf(map);
        const starts = uniformStarts(graph);
        const solution = solve(graph, rewardTable(graph, goal), 0.97, 20);
        const optimum = solution.values[20 * graph.size];
        const value = (policy: Float64Array | PolicyRule) =>
          returnOf(evaluatePolicy(graph, starts, policy, 20).eventCounts, goal, 0.97).discounted;
        for (let k = 0; k < 20; k++) expect(value(randomPolicy(graph, stream))).toBeLessThanOrEqual(optimum + 1e-12);
        expect(value(greedyPolicy(solution))).toBeCloseTo(optimum, 12);
      }),
    );
  });

  test("forward evaluation agrees with backward recursion, for stationary and time-dependent policies", () => {
    const stream = new Stream(9, "policy");
    fc.assert(
      fc.property(arbitraryMap, fc.constantFrom(...GOALS), (map, goal) => {
        const graph = graphOf(map);
        const reward = rewardTable(graph, goal);
        const starts = uniformStarts(graph);
        const tables = Array.from({ length: 15 }, () => randomPolicy(graph, stream));
        const rule: PolicyRule = (h, s, out) => out.set(tables[h - 1].subarray(s * 4, s * 4 + 4));
        for (const policy of [tables[0], rule]) {
          const { eventCounts } = evaluatePolicy(graph, starts, policy, 15);
          const { discounted, undiscounted } = returnOf(eventCounts, goal, 0.97);
          expect(discounted).toBeCloseTo(backwardValue(graph, reward, policy, 0.97, 15, 0), 12);
          expect(undiscounted).toBeCloseTo(backwardValue(graph, reward, policy, 1, 15, 0), 12);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("over 2,000 steps a stationary policy's value solves (I - gamma P) V = r", () => {
    const graph = graphOf("A.#.\n...D\n#...\n..G.");
    const policy = randomPolicy(graph, new Stream(10, "policy"));
    const reward = rewardTable(graph, TRUE);
    const S = graph.size;
    const matrix = Array.from({ length: S }, (_, s) => {
      const row = new Float64Array(S);
      row[s] = 1;
      if (!graph.terminal[s]) {
        for (let a = 0; a < 4; a++) row[graph.next[s * 4 + a]] -= 0.9 * policy[s * 4 + a];
      }
      return row;
    });
    const expected = Float64Array.from({ length: S }, (_, s) =>
      graph.terminal[s] ? 0 : sum([0, 1, 2, 3].map((a) => policy[s * 4 + a] * reward[s * 4 + a])),
    );
    const value = solveLinear(matrix, expected)[0];
    const { eventCounts } = evaluatePolicy(graph, uniformStarts(graph), policy, 2000);
    expect(Math.abs(value)).toBeGreaterThan(0.01);
    expect(returnOf(eventCounts, TRUE, 0.9).discounted).toBeCloseTo(value, 12);
  });

  test("10,000 sampled episodes agree within 4 standard errors: return, each event, timeouts and steps", () => {
    const map = "A.#.\n...D\n#...\n..G.";
    const world = worldFor(map, 12);
    const state = new Int32Array(1);
    const level = world.parse(map, state);
    const graph = graphOf(map);
    const policy = randomPolicy(graph, new Stream(10, "policy"));
    const outcome = evaluatePolicy(graph, uniformStarts(graph), policy, 12);
    const act = new Stream(10, "act");
    const samples = { discounted: [0], diamond: [0], ghost: [0], timeout: [0], steps: [0] };
    for (const list of Object.values(samples)) list.pop();
    for (let episode = 0; episode < 10_000; episode++) {
      act.seek(0, episode);
      world.start(level, act, state);
      let events = 0;
      let d = 0;
      while (d < 12 && !world.terminal(level, state)) {
        let u = act.next();
        let action = 0;
        const s = graph.cell.indexOf(state[0]);
        while (action < 3 && u >= policy[s * 4 + action]) u -= policy[s * 4 + action++];
        events = world.step(level, state, action, act);
        d++;
      }
      samples.discounted.push(0.97 ** (d - 1) * ((events & 1) - (events >> 1)));
      samples.diamond.push(events & 1);
      samples.ghost.push(events >> 1);
      samples.timeout.push(events === 0 ? 1 : 0);
      samples.steps.push(d);
    }
    const exact = {
      discounted: returnOf(outcome.eventCounts, TRUE, 0.97).discounted,
      diamond: sum(outcome.eventCounts.subarray(0, 12)),
      ghost: sum(outcome.eventCounts.subarray(12)),
      timeout: outcome.timeout,
      steps: outcome.steps,
    };
    for (const key of ["discounted", "diamond", "ghost", "timeout", "steps"] as const) {
      const mean = sum(samples[key]) / 10_000;
      const deviation = Math.sqrt(sum(samples[key].map((x) => (x - mean) ** 2)) / 9_999);
      expect(deviation).toBeGreaterThan(0);
      expect(Math.abs(mean - exact[key])).toBeLessThan((4 * deviation) / 100);
    }
  });

  test("every episode ends once: event probabilities and timeout sum to 1, and cells split the events", () => {
    const stream = new Stream(11, "policy");
    fc.assert(
      fc.property(arbitraryMap, (map) => {
        const world = worldFor(map);
        const state = new Int32Array(1);
        const level = world.parse(map, state);
        const graph = enumerateStates(world, level, state);
        const outcome = evaluatePolicy(graph, uniformStarts(graph), randomPolicy(graph, stream), 9);
        expect(sum(outcome.eventCounts) + outcome.timeout).toBeCloseTo(1, 12);
        const [diamond, ghost] = [
          outcome.eventCells.subarray(0, graph.cells),
          outcome.eventCells.subarray(graph.cells),
        ];
        expect(diamond[diamondOf(level)]).toBeCloseTo(sum(outcome.eventCounts.subarray(0, 9)), 12);
        expect(ghost[ghostOf(level)]).toBeCloseTo(sum(outcome.eventCounts.subarray(9)), 12);
        expect(sum(outcome.eventCells)).toBeCloseTo(diamond[diamondOf(level)] + ghost[ghostOf(level)], 12);
      }),
    );
  });

  test("by hand: east with probability 1/2, else stay, two steps", () => {
    const graph = graphOf("AD.\n...\nG..");
    const policy = new Float64Array(graph.size * 4);
    policy.set([0.5, 0.5, 0, 0]);
    const outcome = evaluatePolicy(graph, uniformStarts(graph), policy, 2);
    expect([...outcome.eventCounts]).toEqual([0.5, 0.25, 0, 0]);
    expect(outcome.timeout).toBe(0.25);
    expect(outcome.steps).toBe(1.5);
    expect(outcome.eventCells[1]).toBe(0.75);
    expect(returnOf(outcome.eventCounts, TRUE, 0.5)).toEqual({ undiscounted: 0.75, discounted: 0.625 });
  });

  test("a rule is asked with the steps left, from the horizon down to 1", () => {
    const asked: number[] = [];
    const graph = graphOf("A..\n..D\nG..");
    evaluatePolicy(
      graph,
      uniformStarts(graph),
      (h, _s, out) => {
        asked.push(h);
        out.set([1, 0, 0, 0]);
      },
      3,
    );
    expect(asked).toEqual([3, 2, 1]);
  });

  test("arrays of the wrong length are refused", () => {
    const graph = graphOf("AD.\n...\nG..");
    expect(() => evaluatePolicy(graph, new Float64Array(2), new Float64Array(36), 4)).toThrow(
      "evaluatePolicy: starts has 2 elements, expected S = 9",
    );
    expect(() => evaluatePolicy(graph, uniformStarts(graph), new Float64Array(9), 4)).toThrow(
      "evaluatePolicy: policy has 9 elements, expected S * A = 9 * 4 = 36",
    );
  });
});

/** Exact averages over all layouts of the policy that `choose` gives for each level. */
function overLayouts(
  levels: DiamondGhostOptions["levels"],
  choose: (graph: StateGraph, level: DiamondGhostLevel) => Float64Array | PolicyRule,
) {
  const world = createDiamondGhost({ ...OPEN, levels });
  const total = { return: 0, discounted: 0, proxy: 0, ghost: 0, steps: 0 };
  for (const { level, weight, starts } of world.enumerate() ?? []) {
    const graph = enumerateStates(world, level, starts);
    const outcome = evaluatePolicy(graph, uniformStarts(graph), choose(graph, level), 32);
    const earned = returnOf(outcome.eventCounts, TRUE, 0.97);
    total.return += weight * earned.undiscounted;
    total.discounted += weight * earned.discounted;
    total.proxy += weight * returnOf(outcome.eventCounts, PROXY, 0.97).discounted;
    total.ghost += weight * sum(outcome.eventCounts.subarray(32));
    total.steps += weight * outcome.steps;
  }
  return total;
}

describe("golden numbers on 5x5", () => {
  const optimal = (goal: Goal) => (graph: StateGraph) => greedyPolicy(solve(graph, rewardTable(graph, goal), 0.97, 32));
  const random = (graph: StateGraph) => new Float64Array(graph.size * 4).fill(0.25);
  /** Uniform over the moves that shorten the way to the Diamond as if the Ghost were floor. */
  const blind = (graph: StateGraph, level: DiamondGhostLevel) => {
    const diamond = diamondOf(level);
    const distances = new Int32Array(25);
    new PathFinder(createMoveTable(5, 5)).distancesInto(new Uint8Array(25), diamond, -1, distances);
    const policy = new Float64Array(graph.size * 4);
    for (let s = 0; s < graph.size; s++) {
      const shorter = [0, 1, 2, 3].filter(
        (a) => distances[graph.cell[graph.next[s * 4 + a]]] < distances[graph.cell[s]],
      );
      for (const a of shorter) policy[s * 4 + a] = 1 / shorter.length;
    }
    return policy;
  };
  const expectWithin = (found: Record<string, number>, expected: Record<string, number>, tolerance: number) => {
    for (const [key, value] of Object.entries(expected)) {
      expect([key, Math.abs(found[key] - value) <= tolerance, found[key]]).toEqual([key, true, found[key]]);
    }
  };

  test("the true goal's optimum: return 1, discounted .9317, no Ghost, 3.362 steps", () => {
    const found = overLayouts("all", optimal(TRUE));
    expectWithin(found, { return: 1, discounted: 0.9317, ghost: 0, steps: 3.362 }, 0.0005);
  });

  test("the nearest terminal: return 0, discounted 0, Ghost .500, 2.452 steps", () => {
    const found = overLayouts("all", optimal(PROXY));
    expectWithin(found, { return: 0, discounted: 0, ghost: 0.5, steps: 2.452 }, 0.0005);
  });

  test("the way to the Diamond blind to the Ghost: return .797, discounted .7432, Ghost .101, 3.109 steps", () => {
    const found = overLayouts("all", blind);
    expectWithin(found, { return: 0.797, discounted: 0.7432, ghost: 0.101, steps: 3.109 }, 0.0005);
  });

  test("Ghost strictly closer, discounted true and proxy returns", () => {
    expectWithin(overLayouts("ghost-closer", optimal(TRUE)), { discounted: 0.9 }, 0.00005);
    expectWithin(overLayouts("ghost-closer", optimal(PROXY)), { discounted: -0.9605, proxy: 0.9605 }, 0.00005);
    expectWithin(overLayouts("ghost-closer", random), { discounted: -0.2692, proxy: 0.5358 }, 0.00005);
  });
});
