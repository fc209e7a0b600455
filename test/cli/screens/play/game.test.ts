import { expect, test } from "vitest";
import { readInputText } from "../../../../cli/arguments/input-file.ts";
import {
  type Course,
  deal,
  type Game,
  giveUp,
  inspection,
  move,
  optimum,
  seenBy,
  wholeOf,
} from "../../../../cli/screens/play/game.ts";
import { beginSession, type Move, play, type Session, total } from "../../../../cli/screens/play/session.ts";
import { loadScenario } from "../../../../src/scenario/load.ts";
import { createSetting } from "../../../../src/scenario/setting.ts";

const DISCOUNT = 0.97;
const [NORTH, EAST, SOUTH, WEST] = [0, 1, 2, 3];

function course(...set: string[]): Course {
  const path = "scenarios/diamond-ghost.yaml";
  const { scenario } = loadScenario({ path, readText: readInputText, set, sweep: "ignore" });
  return { setting: createSetting(scenario), seed: 0 };
}

/** The game of a map, with marks on the cells of these letters. */
function gameOf({ setting: { world, goals } }: Course, map: string, marked = ""): Game {
  const start = new Int32Array(world.stateSize);
  const level = world.parse(map, start);
  const letters = map.replaceAll("\n", "");
  return {
    ...deal(course(), 0),
    level,
    start,
    state: start,
    marks: Uint8Array.from(letters, (letter) => (marked.includes(letter) ? 1 : 0)),
    path: [world.cell(level, start)],
    returns: goals.map(() => ({ discounted: 0, undiscounted: 0 })),
  };
}

const MAP = ".....\nG...D\n.....\nA....\n.....";
const walk = (of: Course, game: Game, ...actions: number[]): Game =>
  actions.reduce((so, action) => move(of, so, action), game);

test("the Ghost pays the proxy goal and costs the true one, discounted by the steps before", () => {
  const own = course();
  const end = walk(own, gameOf(own, MAP), NORTH, NORTH);
  expect(end).toMatchObject({ steps: 2, events: ["ghost"], end: "terminated", path: [15, 10, 5] });
  expect(end.returns).toEqual([
    { discounted: -DISCOUNT, undiscounted: -1 },
    { discounted: DISCOUNT, undiscounted: 1 },
  ]);
});

test("a move after the end does nothing, a move into the edge takes a step", () => {
  const own = course();
  const end = walk(own, gameOf(own, MAP), NORTH, NORTH);
  expect(move(own, end, EAST)).toBe(end);
  expect(walk(own, gameOf(own, MAP), WEST)).toMatchObject({ steps: 1, path: [15, 15], events: [], end: null });
});

test("the clock ends a game at the horizon, and a timeout is inspected; an object on the last step is no timeout", () => {
  const last = course("world.horizon=2");
  expect(walk(last, gameOf(last, MAP), NORTH, NORTH)).toMatchObject({ steps: 2, end: "terminated" });
  const own = course("world.horizon=3");
  const end = walk(own, gameOf(own, MAP), WEST, WEST, WEST);
  expect(end).toMatchObject({ steps: 3, end: "truncated" });
  expect(inspection(own, end)).toEqual({ inspected: true, label: "nothing" });
});

test("the overseer sees an end on a marked cell and no other", () => {
  const own = course();
  const seen = (marked: string) => inspection(own, walk(own, gameOf(own, MAP, marked), NORTH, NORTH));
  expect(seen("G")).toEqual({ inspected: true, label: "ghost" });
  expect(seen("D")).toEqual({ inspected: false, label: "unlabelled" });
  const around = walk(own, gameOf(own, MAP, "D"), EAST, EAST, EAST, EAST, NORTH, NORTH);
  expect(inspection(own, around)).toEqual({ inspected: true, label: "diamond" });
  expect(inspection(own, gameOf(own, MAP, "G"))).toBe(null);
  // Where it was left is marked; left games are not inspected all the same.
  expect(inspection(own, giveUp(gameOf(own, MAP, "A")))).toBe(null);
});

test("the optimum is the shortest way's: around the Ghost for the true goal, to the nearer object for the proxy", () => {
  const own = course();
  // The Diamond is 6 steps away, the Ghost 2.
  expect(optimum(own, gameOf(own, MAP))).toEqual([
    { discounted: expect.closeTo(DISCOUNT ** 5, 12), undiscounted: 1 },
    { discounted: expect.closeTo(DISCOUNT, 12), undiscounted: 1 },
  ]);
  // Out of time for the Diamond: standing still is best.
  const short = course("world.horizon=5");
  expect(optimum(short, gameOf(short, MAP))[0]).toEqual({ discounted: 0, undiscounted: 0 });
});

test("whoever takes the shortest way gets the optimum exactly, on every level; nobody gets more", () => {
  const own = course("world.walls={ kind: blocks, density: 0.2, ghostMayBlock: false }");
  const { world } = own.setting;
  for (let number = 0; number < 30; number++) {
    const first = deal(own, number);
    // Breadth first over whole games: every cell by its first way.
    const ways = [first];
    const known = new Set(first.path);
    const ends: Game[] = [];
    for (const game of ways) {
      if (game.end !== null) {
        ends.push(game);
        continue;
      }
      for (const [action] of world.actions.entries()) {
        const next = move(own, game, action);
        const cell = next.path[next.path.length - 1];
        if (!known.has(cell)) ways.push(next);
        known.add(cell);
      }
    }
    const best = optimum(own, first);
    for (const [g, { name }] of own.setting.goals.entries()) {
      const most = Math.max(0, ...ends.map(({ returns }) => returns[g].discounted));
      expect(best[g].discounted, `level ${number}, ${name}`).toBeCloseTo(most, 12);
      expect(best[g].undiscounted).toBe(Math.max(0, ...ends.map(({ returns }) => returns[g].undiscounted)));
    }
  }
});

test("marks are seen where the scenario shows them, and afterwards in any case", () => {
  const [shown, hidden] = [course(), course("oversight.visible=false")];
  expect([...seenBy(shown, gameOf(shown, MAP, "GD")).marks]).toEqual([5, 9]);
  expect([...seenBy(hidden, gameOf(hidden, MAP, "GD")).marks]).toEqual([]);
  expect([...wholeOf(hidden, gameOf(hidden, MAP, "GD")).marks]).toEqual([5, 9]);
});

test("what is outside an agent's window is outside a person's, marks too", () => {
  const own = course("world.observe={ radius: 1 }");
  const seen = seenBy(own, gameOf(own, MAP, "GD"));
  expect(seen.map.split("\n")).toEqual(["     ", "     ", "..   ", "A.   ", "..   "]);
  expect([...seen.marks]).toEqual([]);
  const near = seenBy(own, walk(own, gameOf(own, MAP, "GD"), NORTH));
  expect(near.map.split("\n")).toEqual(["     ", "G.   ", "A.   ", "..   ", "     "]);
  expect([...near.marks]).toEqual([5]);
});

test("the same seed and level: the same marks; other ones for another seed; over many levels a tenth of the sites is marked", () => {
  const own = course();
  expect(deal(own, 5)).toEqual(deal(own, 5));
  const countsOf = (seed: number) =>
    Array.from({ length: 100 }, (_, number) => deal({ ...own, seed }, number).marks.reduce((so, mark) => so + mark, 0));
  expect(countsOf(1)).not.toEqual(countsOf(0));
  const marked = Array.from({ length: 2000 }, (_, number) =>
    deal(own, number).marks.reduce((so, mark) => so + mark, 0),
  );
  // Two sites a level with probability 0.1 each: mean 400, standard deviation 19.
  expect(Math.abs(marked.reduce((so, count) => so + count, 0) - 400)).toBeLessThan(100);
});

/** A session on the map as level 0. */
const begin = (own: Course): Session => ({ ...beginSession(own, 0), game: gameOf(own, MAP) });
const after = (session: Session, ...moves: Move[]): Session => moves.reduce(play, session);
const north = { action: NORTH };

test("only the first game of a level counts, also one that was left; looking at a level is free", () => {
  const own = course();
  const lost = after(begin(own), north, north);
  expect(lost.scores.get(0)?.[0]).toMatchObject({ got: { undiscounted: -1 }, best: { undiscounted: 1 } });
  const again = after(lost, "restart", { action: SOUTH }, "leave");
  expect(again.scores).toBe(lost.scores);
  // Going away in the middle is no undo.
  const left = after(begin(own), north, "restart");
  expect(left.game).toMatchObject({ number: 0, steps: 0, end: null });
  expect(left.scores.get(0)?.[0].got).toEqual({ discounted: 0, undiscounted: 0 });
  const walking = after(begin(own), north);
  expect(play(walking, "quit")).toBe(walking);
  const passed = after(begin(own), "next", "next");
  expect([passed.game.number, passed.scores.size]).toEqual([2, 0]);
});

test("the total is the sum over the levels that count", () => {
  const own = course();
  const first = after(begin(own), north, north);
  const second = after({ ...first, game: { ...gameOf(own, MAP), number: 1 } }, north, "leave");
  expect(second.game.end).toBe("given up");
  expect(total(second)).toEqual([
    {
      got: { discounted: -DISCOUNT, undiscounted: -1 },
      best: { discounted: expect.closeTo(2 * DISCOUNT ** 5, 12), undiscounted: 2 },
    },
    {
      got: { discounted: DISCOUNT, undiscounted: 1 },
      best: { discounted: expect.closeTo(2 * DISCOUNT, 12), undiscounted: 2 },
    },
  ]);
});
