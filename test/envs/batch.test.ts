import { describe, expect, test } from "vitest";
import { createObservations, type Observations } from "../../src/core/observations.ts";
import { Stream } from "../../src/core/random.ts";
import { EnvBatch, type EnvBatchOptions } from "../../src/envs/batch.ts";
import type { World } from "../../src/envs/world.ts";
import { createDiamondGhost, diamondOf, ghostOf } from "./diamond-ghost.ts";
import { createCorridor } from "./specimens.ts";

const diamondGhost = createDiamondGhost({ size: 4, horizon: 9, walls: null, levels: "all" });
const walled = createDiamondGhost({
  size: 5,
  horizon: 12,
  walls: { kind: "blocks", density: 0.2, ghostMayBlock: false },
  levels: "all",
});
const slippery = createCorridor({ horizon: 7, slippery: true });

/** Marks of world n's episode: each site on the parity of (n + episode + site). */
function mark<Level>(world: World<Level>, n: number, episode: number, level: Level, marks: Uint8Array): void {
  for (const site of world.sites(level)) marks[site] = (n + episode + site) % 2;
}

function createBatch<Level>(world: World<Level>, change: Partial<EnvBatchOptions<Level>> = {}): EnvBatch<Level> {
  return new EnvBatch({
    world,
    worlds: 3,
    levels: new Stream(1, "level"),
    chance: new Stream(1, "chance"),
    begin: (n, episode, level, marks) => mark(world, n, episode, level, marks),
    maxActive: world.maxActive + 2,
    visible: true,
    ...change,
  });
}

function row(observations: Observations, r: number): number[] {
  return [...observations.indices.subarray(r * observations.stride, r * observations.stride + observations.counts[r])];
}

/** What one world alone shows on each step: written without EnvBatch, from the interface's words. */
function* single<Level>(world: World<Level>, n: number, actions: Iterator<number>) {
  const out = new Uint16Array(world.maxActive);
  const look = (level: Level, state: Int32Array, marks: Uint8Array) => {
    const active = [...out.subarray(0, world.observe(level, state, out, 0))];
    for (const [cell, isMarked] of marks.entries()) if (isMarked) active.push(world.features + cell);
    return active;
  };
  for (let episode = 0; ; episode++) {
    const level = world.sample(new Stream(1, "level").seek(n, episode));
    const chance = new Stream(1, "chance").seek(n, episode);
    const state = new Int32Array(world.stateSize);
    world.start(level, chance, state);
    const marks = new Uint8Array(world.height * world.width);
    mark(world, n, episode, level, marks);
    for (let step = 1; ; step++) {
      const before = look(level, state, marks);
      const events = world.step(level, state, actions.next().value, chance);
      const terminated = world.terminal(level, state);
      const ended = terminated || step === world.horizon;
      yield {
        before,
        events,
        episode,
        terminated: terminated ? 1 : 0,
        truncated: ended && !terminated ? 1 : 0,
        finalCell: ended ? world.cell(level, state) : -1,
        final: ended ? look(level, state, marks) : [],
        finalMarks: ended ? [...marks] : [...marks].fill(0),
      };
      if (ended) break;
    }
  }
}

function* actionsOf(n: number, actions: number): Generator<number, number> {
  const act = new Stream(1, "act").seek(n, 0);
  for (;;) yield act.below(actions);
}

function expectEqualToSingles<Level>(world: World<Level>, batch: EnvBatch<Level>, steps: number): void {
  const N = batch.worlds;
  const singles = Array.from({ length: N }, (_, n) => single(world, n, actionsOf(n, world.actions.length)));
  const actions = Array.from({ length: N }, (_, n) => actionsOf(n, world.actions.length));
  const observations = createObservations(N + 2, batch.maxActive);
  const cells = world.height * world.width;
  for (let t = 0; t < steps; t++) {
    batch.observeInto(observations, 2);
    batch.step(Uint8Array.from(actions, (source) => source.next().value));
    for (let n = 0; n < N; n++) {
      expect({
        before: row(observations, n + 2),
        events: batch.events[n],
        episode: batch.episode[n],
        terminated: batch.terminated[n],
        truncated: batch.truncated[n],
        finalCell: batch.finalCell[n],
        final: row(batch.finals, n),
        finalMarks: [...batch.finalMarks.subarray(n * cells, (n + 1) * cells)],
      }).toEqual(singles[n].next().value);
    }
  }
}

describe("a batch of N worlds equals N single worlds, step by step", () => {
  test("diamond-ghost", () => expectEqualToSingles(diamondGhost, createBatch(diamondGhost), 500));
  test("diamond-ghost with walls", () => expectEqualToSingles(walled, createBatch(walled), 300));
  test("a stochastic world, whose worlds draw side by side", () =>
    expectEqualToSingles(slippery, createBatch(slippery), 500));
  test("any number of worlds", () => {
    expectEqualToSingles(slippery, createBatch(slippery, { worlds: 1 }), 100);
    expectEqualToSingles(slippery, createBatch(slippery, { worlds: 17 }), 60);
  });
  test("a batch that is off by one episode is told apart", () => {
    const levels = new Stream(1, "level");
    const late = { ...diamondGhost, sample: () => diamondGhost.sample(levels.seek(0, 1)) };
    expect(() => expectEqualToSingles(diamondGhost, createBatch(late, { worlds: 1 }), 50)).toThrow();
  });
});

test("the observation acted on is the world as it is, on each of 1,000 steps", () => {
  const batch = createBatch(diamondGhost, { worlds: 2 });
  const observations = createObservations(2, batch.maxActive);
  const act = new Stream(2, "act");
  let resets = 0;
  for (let t = 0; t < 1000; t++) {
    batch.observeInto(observations, 0);
    for (let n = 0; n < 2; n++) {
      const [ghost, diamond] = [ghostOf(batch.level(n)), diamondOf(batch.level(n))];
      const [agent] = batch.state(n);
      const marks = [ghost, diamond].filter((cell) => batch.marks(n)[cell]).sort((a, b) => a - b);
      expect(row(observations, n)).toEqual([agent, 16 + ghost, 32 + diamond, ...marks.map((cell) => 48 + cell)]);
      // A frame left from before the reset would show the agent on an object.
      expect([ghost, diamond]).not.toContain(agent);
    }
    batch.step(Uint8Array.of(act.below(4), act.below(4)));
    for (let n = 0; n < 2; n++) if (batch.finalCell[n] >= 0) resets++;
  }
  expect(resets).toBeGreaterThan(200);
});

describe("ends of episodes", () => {
  const world = createDiamondGhost({ size: 3, horizon: 2, walls: null, levels: "all" });
  const onMap = (map: string) => {
    const level = world.parse(map, new Int32Array(1));
    return createBatch(
      { ...world, sample: () => level },
      { worlds: 1, begin: (_n, _e, _l, marks) => marks.set([1], 5) },
    );
  };
  const ends = (batch: EnvBatch<unknown>) => ({
    terminated: batch.terminated[0],
    truncated: batch.truncated[0],
    finalCell: batch.finalCell[0],
    final: row(batch.finals, 0),
  });
  const MAP = "A..\n..D\nG..";

  test("no end: neither flag, no final observation", () => {
    const batch = onMap(MAP);
    batch.step(Uint8Array.of(1));
    expect(ends(batch)).toEqual({ terminated: 0, truncated: 0, finalCell: -1, final: [] });
    expect([...batch.finalMarks]).toEqual(new Array(9).fill(0));
    expect(batch.steps[0]).toBe(1);
  });

  test("the horizon truncates; the final observation is the state that the step led to", () => {
    const batch = onMap(MAP);
    batch.step(Uint8Array.of(1));
    batch.step(Uint8Array.of(2));
    // Agent at cell 4, Ghost 9 + 6, Diamond 18 + 5, mark 27 + 5.
    expect(ends(batch)).toEqual({ terminated: 0, truncated: 1, finalCell: 4, final: [4, 15, 23, 32] });
    expect(batch.finalMarks[5]).toBe(1);
    expect(batch.state(0)[0]).toBe(0);
    expect(batch.steps[0]).toBe(0);
    expect(batch.episode[0]).toBe(0);
  });

  test("a terminal state on the horizon's last step is terminated and not truncated", () => {
    const batch = onMap("AG.\n..D\n...");
    batch.step(Uint8Array.of(2));
    batch.step(Uint8Array.of(1));
    expect(batch.terminated[0] + batch.truncated[0]).toBe(1);
    const there = onMap("A..\nD..\nG..");
    there.step(Uint8Array.of(1));
    there.step(Uint8Array.of(3));
    expect(ends(there).truncated).toBe(1);
    const last = onMap("A..\n.D.\nG..");
    last.step(Uint8Array.of(1));
    last.step(Uint8Array.of(2));
    expect(ends(last)).toEqual({ terminated: 1, truncated: 0, finalCell: 4, final: [4, 15, 22, 32] });
  });

  test("the step after an end has no final observation left over, and belongs to the next episode", () => {
    const batch = onMap("AD.\n...\nG..");
    batch.step(Uint8Array.of(1));
    expect(ends(batch).terminated).toBe(1);
    batch.step(Uint8Array.of(0));
    expect(ends(batch)).toEqual({ terminated: 0, truncated: 0, finalCell: -1, final: [] });
    expect([...batch.finalMarks]).toEqual(new Array(9).fill(0));
    expect(batch.episode[0]).toBe(1);
  });
});

describe("marks", () => {
  test("hidden marks are recorded and not shown", () => {
    const batch = createBatch(diamondGhost, { worlds: 1, visible: false, begin: (_n, _e, _l, marks) => marks.fill(1) });
    const observations = createObservations(1, batch.maxActive);
    batch.observeInto(observations, 0);
    expect(observations.counts[0]).toBe(3);
    expect(batch.features).toBe(48);
    expect(batch.marks(0)).toEqual(new Uint8Array(16).fill(1));
  });

  test("each episode's marks begin at 0, and begin is told its world, episode and level", () => {
    const calls: string[] = [];
    const batch = createBatch(diamondGhost, {
      worlds: 2,
      begin: (n, episode, level, marks) => {
        expect([...marks]).toEqual(new Array(16).fill(0));
        expect(level).toEqual(diamondGhost.sample(new Stream(1, "level").seek(n, episode)));
        marks[ghostOf(level)] = 1;
        calls.push(`${n}:${episode}`);
      },
    });
    for (let t = 0; t < 40; t++) batch.step(Uint8Array.of(t % 4, (t >> 1) % 4));
    expect(calls.slice(0, 2)).toEqual(["0:0", "1:0"]);
    expect(calls.filter((call) => call.startsWith("0:")).slice(0, 4)).toEqual(["0:0", "0:1", "0:2", "0:3"]);
    expect(new Set(calls).size).toBe(calls.length);
  });

  test("more visible marks than there is room for are refused", () => {
    const change = {
      worlds: 1,
      maxActive: 5,
      begin: (_n: number, _e: number, _l: unknown, marks: Uint8Array) => marks.fill(1),
    };
    expect(() => createBatch(diamondGhost, change)).toThrow(
      "EnvBatch: begin marked 16 cells of world 0, expected at most 2",
    );
    createBatch(diamondGhost, { ...change, visible: false });
  });
});

describe("resuming", () => {
  test.each([
    ["diamond-ghost", () => createBatch<never>(diamondGhost as World<never>)],
    ["slippery corridor", () => createBatch<never>(slippery as World<never>)],
  ])("%s: a batch restored from plain data goes on as if it had never stopped", (_, create) => {
    const straight = create();
    const first = create();
    const actionAt = (t: number) => Uint8Array.of(t % 2, (t * 7) % 2, (t >> 1) % 2);
    for (let t = 0; t < 33; t++) {
      straight.step(actionAt(t));
      first.step(actionAt(t));
    }
    const resumed = create();
    resumed.setState(JSON.parse(JSON.stringify(first.getState())));
    const seen = (batch: EnvBatch<never>, observations: Observations) => [
      ...[0, 1, 2].flatMap((n) => [row(observations, n), row(batch.finals, n)]),
      [...batch.events, ...batch.episode, ...batch.truncated, ...batch.steps, ...batch.finalMarks],
    ];
    const observations = createObservations(3, straight.maxActive);
    for (let t = 33; t < 120; t++) {
      straight.observeInto(observations, 0);
      straight.step(actionAt(t));
      const expected = seen(straight, observations);
      resumed.observeInto(observations, 0);
      resumed.step(actionAt(t));
      expect(seen(resumed, observations)).toEqual(expected);
    }
  });

  test("a state of another batch's shape is refused by name", () => {
    const state = createBatch(diamondGhost, { worlds: 2 }).getState();
    expect(() => createBatch(diamondGhost).setState(state)).toThrow(
      "EnvBatch.setState: episode has 2 elements, expected 3",
    );
  });
});

describe("the caller's mistakes", () => {
  test("are refused by name and value", () => {
    expect(() => createBatch(diamondGhost, { worlds: 0 })).toThrow("EnvBatch: worlds is 0, expected an integer");
    expect(() => createBatch(diamondGhost, { maxActive: 2 })).toThrow(
      "EnvBatch: maxActive is 2, expected at least the world's 3",
    );
    expect(() => createBatch({ ...diamondGhost, features: 65_530 })).toThrow("an observation has 65546 features");
    expect(() => createBatch(diamondGhost).observeInto(createObservations(3, 3), 0)).toThrow(
      "observations have 3 slots, expected 5",
    );
    expect(() => createBatch(diamondGhost).step(Uint8Array.of(0, 4, 0))).toThrow(
      "action of world 1 is 4, expected less than 4",
    );
  });
});
