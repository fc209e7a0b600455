import { describe, expect, test } from "vitest";
import { Stream } from "../../src/core/random.ts";
import { createLabels, createTrajectory, NOTHING, UNLABELLED } from "../../src/core/trajectory.ts";
import type { Arm } from "../../src/routing/arm.ts";
import { ARMS } from "../../src/routing/arms/table.ts";
import { averageMasks, createLesson, routeLabels } from "../../src/routing/route.ts";
import { createRoutes, type Routes } from "../../src/routing/routes.ts";
import { DEVIATION_LIMIT, deviations } from "../oversight/binomial.ts";
import { armCalled } from "../scenario/tiny.ts";

const DIAMOND = 0;
const GHOST = 1;
const PROXY = 0.25;
const TRUE = -0.5;
const routes = createRoutes({ diamond: ["diamond"], ghost: ["ghost"] }, ["diamond", "ghost"]);
const RULES = { unlabelled: "proxy", unlabelledRoute: "all" } as const;
const drawsOf = (seed: number) => ({
  labels: new Stream(seed, "random-labels"),
  episodes: new Stream(seed, "redrawn-episodes"),
});
type Unlabelled = "withheld" | "zero" | "proxy";

/** One row of one episode with the given label, proxy reward .25 and (where it is labelled) true reward -.5, as an arm takes it. */
function lessonOf(
  arm: Arm,
  label: number,
  unlabelled: Unlabelled = "proxy",
  taught: Routes = routes,
  revealAll = false,
) {
  const trajectory = createTrajectory(1, 0, 1, 1);
  trajectory.terminated[0] = 1;
  const labels = createLabels(1);
  labels.label[0] = label;
  labels.seen[0] = label === UNLABELLED ? 0 : 1;
  labels.proxyReward[0] = PROXY;
  labels.trueReward[0] = revealAll || label !== UNLABELLED ? TRUE : 0;
  const K = arm.modules === "single" ? 1 : taught.modules.length;
  const lesson = createLesson(1, K);
  for (const field of [lesson.reward, lesson.moduleMask, lesson.gateMask, lesson.gateTarget]) field.fill(9);
  lesson.keep.fill(9);
  routeLabels(arm, taught, { unlabelled, unlabelledRoute: "all" }, trajectory, labels, drawsOf(0), lesson);
  return {
    reward: lesson.reward[0],
    keep: lesson.keep[0],
    modules: [...lesson.moduleMask],
    gate: lesson.gateMask[0],
    target: [...lesson.gateTarget],
  };
}

describe("the table of routes, every arm and every label", () => {
  const alone = { modules: [1], gate: 1, target: [0] };
  const all = { modules: [1, 1], gate: 1, target: [0, 0] };
  const toDiamond = { modules: [1, 0], gate: 0, target: [1, 0] };
  const toGhost = { modules: [0, 1], gate: 0, target: [0, 1] };
  const paid = (reward: number, keep = 1) => ({ reward, keep });

  const TABLE: Readonly<Record<string, readonly object[]>> = {
    //        diamond | ghost | nothing | unlabelled
    naive: [
      { ...paid(TRUE), ...alone },
      { ...paid(TRUE), ...alone },
      { ...paid(TRUE), ...alone },
      { ...paid(PROXY), ...alone },
    ],
    filter: [
      { ...paid(TRUE), ...alone },
      { ...paid(TRUE), ...alone },
      { ...paid(TRUE), ...alone },
      { ...paid(PROXY, 0), ...alone },
    ],
    oracle: [
      { ...paid(TRUE), ...alone },
      { ...paid(TRUE), ...alone },
      { ...paid(TRUE), ...alone },
      { ...paid(TRUE), ...alone },
    ],
    "oracle-matched": [
      { ...paid(TRUE), ...alone },
      { ...paid(TRUE), ...alone },
      { ...paid(TRUE), ...alone },
      { ...paid(TRUE, 0), ...alone }, // no episode was inspected, so none is drawn
    ],
    route: [
      { ...paid(PROXY), ...toDiamond },
      { ...paid(PROXY), ...toGhost },
      { ...paid(PROXY), ...all },
      { ...paid(PROXY), ...all },
    ],
    "moe-no-route": [
      { ...paid(PROXY), ...all, target: [1, 0] },
      { ...paid(PROXY), ...all, target: [0, 1] },
      { ...paid(PROXY), ...all },
      { ...paid(PROXY), ...all },
    ],
    "route-no-gate": [
      { ...paid(PROXY), ...toDiamond },
      { ...paid(PROXY), ...toGhost },
      { ...paid(PROXY), ...all },
      { ...paid(PROXY), ...all },
    ],
  };

  // One episode's labels dealt out anew are that episode's; masks are averaged after the rows are chosen.
  for (const arm of ["route-shuffled-labels", "shrinkage-matched"]) Object.assign(TABLE, { [arm]: TABLE.route });

  test.each(Object.entries(TABLE))("%s", (name, expected) => {
    const arm = armCalled(name);
    const labels = [DIAMOND, GHOST, NOTHING, UNLABELLED];
    expect(labels.map((label) => lessonOf(arm, label, "proxy", routes, arm.reward === "true"))).toEqual(expected);
  });

  test("route-random-labels takes one of route's two rows where there is a label, and route's own row where there is none", () => {
    const random = armCalled("route-random-labels");
    for (const label of [DIAMOND, GHOST]) {
      expect([TABLE.route[0], TABLE.route[1]]).toContainEqual(lessonOf(random, label));
    }
    for (const label of [NOTHING, UNLABELLED]) {
      expect(lessonOf(random, label)).toEqual(lessonOf(armCalled("route"), label));
    }
  });

  test("the table speaks of every arm", () => {
    expect([...Object.keys(TABLE), "route-random-labels"].sort()).toEqual([...ARMS.keys()].sort());
  });
});

describe("unlabelled episodes", () => {
  const naive = armCalled("naive");

  test("naive is paid the proxy, is paid 0, or does not keep them, as the scenario says", () => {
    expect(lessonOf(naive, UNLABELLED, "proxy")).toMatchObject({ reward: PROXY, keep: 1 });
    expect(lessonOf(naive, UNLABELLED, "zero")).toMatchObject({ reward: 0, keep: 1 });
    expect(lessonOf(naive, UNLABELLED, "withheld")).toMatchObject({ keep: 0 });
  });

  test("an inspected episode with no route's event counts as labelled", () => {
    for (const unlabelled of ["proxy", "zero", "withheld"] as const) {
      expect(lessonOf(naive, NOTHING, unlabelled)).toMatchObject({ reward: TRUE, keep: 1 });
    }
  });

  test("the scenario's rule means nothing to any other arm, but for what filter is paid on rows that it drops", () => {
    for (const arm of ARMS.values()) {
      if (arm.name === "naive") continue;
      const { reward, ...rest } = lessonOf(arm, UNLABELLED, "proxy");
      for (const unlabelled of ["zero", "withheld"] as const) {
        const other = lessonOf(arm, UNLABELLED, unlabelled);
        expect(other, arm.name).toMatchObject(rest);
        if (rest.keep) expect(other.reward, arm.name).toBe(reward);
      }
    }
  });
});

describe("routes that name several modules", () => {
  const shared = createRoutes({ diamond: ["a", "c"], ghost: ["b"] }, ["a", "b", "c"]);

  test("all of them learn, and share the gate's target equally", () => {
    expect(lessonOf(armCalled("route"), DIAMOND, "proxy", shared)).toMatchObject({
      modules: [1, 0, 1],
      gate: 0,
      target: [0.5, 0, 0.5],
    });
  });

  test("a label that routes to every module still stops the gate: its own loss teaches it", () => {
    const everyone = createRoutes({ diamond: ["a", "b"] }, ["a", "b"]);
    expect(lessonOf(armCalled("route"), DIAMOND, "proxy", everyone)).toMatchObject({ modules: [1, 1], gate: 0 });
  });
});

describe("random labels", () => {
  const WORLDS = 16;
  const SLOTS = 400;
  const LENGTH = 4;
  const LABELS = [DIAMOND, GHOST, NOTHING, UNLABELLED];

  /** Episodes of four steps; labels by turns; episode numbers begin at `from`, slots at `first`. */
  function routed(arm: Arm, from = 0, first = 0) {
    const trajectory = createTrajectory(WORLDS, first, SLOTS - first, 1);
    const labels = createLabels(WORLDS * SLOTS);
    const lesson = createLesson(WORLDS * SLOTS, 2);
    for (let slot = first; slot < SLOTS; slot++) {
      for (let n = 0; n < WORLDS; n++) {
        const episode = from + Math.floor((slot - first) / LENGTH);
        trajectory.episode[slot * WORLDS + n] = episode;
        labels.label[slot * WORLDS + n] = LABELS[(episode + n) % 4];
      }
    }
    routeLabels(arm, routes, RULES, trajectory, labels, drawsOf(4), lesson);
    return { trajectory, labels, lesson };
  }

  const arm = armCalled("route-random-labels");

  test("the same episodes stay labelled; nothing and unlabelled stay what they are", () => {
    const { labels, lesson } = routed(arm);
    labels.label.forEach((given, row) => {
      if (given >= 0) expect(lesson.label[row]).toBeGreaterThanOrEqual(0);
      else expect(lesson.label[row]).toBe(given);
    });
  });

  test("a label is the same on all steps of its episode", () => {
    const { lesson, trajectory } = routed(arm);
    const seen = new Map<string, number>();
    lesson.label.forEach((label, row) => {
      const key = `${row % WORLDS}/${trajectory.episode[row]}`;
      expect(label).toBe(seen.get(key) ?? label);
      seen.set(key, label);
    });
  });

  test("a label depends on its world and episode alone, not on where in a window the episode lies", () => {
    const early = routed(arm, 7);
    const late = routed(arm, 7, 90);
    for (let n = 0; n < WORLDS; n++) {
      for (let e = 0; e < 70; e++) {
        const at = (first: number) => (first + e * LENGTH) * WORLDS + n;
        expect(late.lesson.label[at(90)]).toBe(early.lesson.label[at(0)]);
      }
    }
  });

  test("each label is a fair coin, whatever the true one was, and independent of it", () => {
    const { labels, lesson } = routed(arm);
    const counts = [new Int32Array(2), new Int32Array(2)];
    labels.label.forEach((given, row) => {
      if (given >= 0 && Math.floor(row / WORLDS) % LENGTH === 0) counts[given][lesson.label[row]]++;
    });
    for (const [diamonds, ghosts] of counts) {
      // 16 worlds * 100 episodes / 4 labels = 400 of each
      expect(diamonds + ghosts).toBe(400);
      expect(deviations(diamonds, 400, 0.5)).toBeLessThan(DEVIATION_LIMIT);
    }
  });

  test("arms with given labels never draw one", () => {
    const stream = new Stream(0, "random-labels");
    const trajectory = createTrajectory(1, 0, 1, 1);
    const labels = createLabels(1);
    labels.label[0] = GHOST;
    stream.next();
    routeLabels(
      armCalled("route"),
      routes,
      RULES,
      trajectory,
      labels,
      { labels: stream, episodes: stream },
      createLesson(1, 2),
    );
    expect(stream.position).toBe(1);
  });
});

test("rows that are not filled are left alone", () => {
  const trajectory = createTrajectory(1, 2, 1, 1);
  const lesson = createLesson(3, 2);
  lesson.reward.fill(9);
  const labels = createLabels(3);
  labels.proxyReward.fill(PROXY);
  routeLabels(armCalled("route"), routes, RULES, trajectory, labels, drawsOf(0), lesson);
  expect([...lesson.reward]).toEqual([9, 9, PROXY]);
});

/** `count` worlds of one step each, which ends an episode with the given label. */
function episodesLabelled(given: readonly number[]) {
  const trajectory = createTrajectory(given.length, 0, 1, 1);
  trajectory.terminated.fill(1);
  const labels = createLabels(given.length);
  labels.label.set(given);
  return { trajectory, labels, lesson: createLesson(given.length, 2) };
}

test("shuffled labels: the same episodes labelled, the same labels among them, every order as often", () => {
  const given = [DIAMOND, UNLABELLED, GHOST, NOTHING, GHOST, UNLABELLED];
  const counts = new Map<string, number>();
  const draws = drawsOf(3);
  for (let update = 0; update < 3000; update++) {
    const { trajectory, labels, lesson } = episodesLabelled(given);
    const episodes = draws.episodes.seek(update);
    routeLabels(armCalled("route-shuffled-labels"), routes, RULES, trajectory, labels, { ...draws, episodes }, lesson);
    expect([1, 3, 5].map((row) => lesson.label[row])).toEqual([UNLABELLED, NOTHING, UNLABELLED]);
    const dealt = [0, 2, 4].map((row) => lesson.label[row]);
    expect(dealt.toSorted()).toEqual([DIAMOND, GHOST, GHOST]);
    counts.set(dealt.join(), (counts.get(dealt.join()) ?? 0) + 1);
  }
  // three places for the one Diamond
  expect(counts.size).toBe(3);
  for (const count of counts.values()) expect(deviations(count, 3000, 1 / 3)).toBeLessThan(DEVIATION_LIMIT);
});

test("a shuffled label stands on every step of its episode", () => {
  const trajectory = createTrajectory(2, 0, 6, 1);
  const labels = createLabels(12);
  // world 0: an episode of 2 steps, one of 4; world 1: one of 6
  for (const [world, slots, label] of [
    [0, [0, 1], DIAMOND],
    [0, [2, 3, 4, 5], GHOST],
    [1, [0, 1, 2, 3, 4, 5], GHOST],
  ] as const) {
    for (const slot of slots) labels.label[slot * 2 + world] = label;
    trajectory.terminated[slots[slots.length - 1] * 2 + world] = 1;
  }
  for (let update = 0; update < 20; update++) {
    const lesson = createLesson(12, 2);
    const draws = { ...drawsOf(1), episodes: new Stream("deal").seek(update) };
    routeLabels(armCalled("route-shuffled-labels"), routes, RULES, trajectory, labels, draws, lesson);
    const worldZero = [0, 1, 2, 3, 4, 5].map((slot) => lesson.label[slot * 2]);
    expect(new Set(worldZero.slice(0, 2)).size).toBe(1);
    expect(new Set(worldZero.slice(2)).size).toBe(1);
    expect(new Set([0, 1, 2, 3, 4, 5].map((slot) => lesson.label[slot * 2 + 1])).size).toBe(1);
  }
});

test("oracle-matched trains on as many episodes as were inspected, every one as likely, timeouts and all", () => {
  const given = [DIAMOND, UNLABELLED, UNLABELLED, NOTHING, UNLABELLED];
  const kept = new Array<number>(5).fill(0);
  const draws = drawsOf(8);
  for (let update = 0; update < 3000; update++) {
    const { trajectory, labels, lesson } = episodesLabelled(given);
    const episodes = draws.episodes.seek(update);
    routeLabels(armCalled("oracle-matched"), routes, RULES, trajectory, labels, { ...draws, episodes }, lesson);
    expect(lesson.keep.reduce((sum, keep) => sum + keep, 0)).toBe(2);
    lesson.keep.forEach((keep, row) => {
      kept[row] += keep;
    });
  }
  for (const count of kept) expect(deviations(count, 3000, 2 / 5)).toBeLessThan(DEVIATION_LIMIT);
});

test("hard routing: an unlabelled step teaches the module that the gate weighed most, a labelled one its route", () => {
  const { trajectory, labels, lesson } = episodesLabelled([UNLABELLED, UNLABELLED, NOTHING, DIAMOND]);
  trajectory.choice.set([0, 1, 1, 1]);
  const rules = { unlabelled: "proxy", unlabelledRoute: "hard" } as const;
  routeLabels(armCalled("route"), routes, rules, trajectory, labels, drawsOf(0), lesson);
  expect([...lesson.moduleMask]).toEqual([1, 0, 0, 1, 0, 1, 1, 0]);
  expect([...lesson.gateMask]).toEqual([1, 1, 1, 0]);
  routeLabels(armCalled("moe-no-route"), routes, rules, trajectory, labels, drawsOf(0), lesson);
  expect([...lesson.moduleMask]).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
});

test("averaged masks: each module's mean over the rows, the gate open, other rows untouched", () => {
  const lesson = createLesson(4, 2);
  lesson.moduleMask.set([1, 0, 0, 1, 1, 1, 9, 9]);
  lesson.gateMask.set([0, 0, 1, 9]);
  averageMasks(lesson, Int32Array.of(0, 1, 2), 2);
  // (1 + 0 + 1) / 3 and (0 + 1 + 1) / 3
  expect([...lesson.moduleMask]).toEqual([2 / 3, 2 / 3, 2 / 3, 2 / 3, 2 / 3, 2 / 3, 9, 9]);
  expect([...lesson.gateMask]).toEqual([1, 1, 1, 9]);
});

describe("an ambiguous label", () => {
  // Both routes coincided: the number of routes and a bit for each.
  const BOTH = routes.labels.length + 0b11;

  test("lets the modules of all its routes learn, and teaches the gate nothing", () => {
    const three = createRoutes({ diamond: ["diamond"], ghost: ["ghost"] }, ["diamond", "ghost", "rest"]);
    const found = lessonOf(armCalled("route"), BOTH, "proxy", three);
    expect(found).toEqual({ reward: PROXY, keep: 1, modules: [1, 1, 0], gate: 0, target: [0, 0, 0] });
  });

  test("is labelled for the arms of one module", () => {
    expect(lessonOf(armCalled("naive"), BOTH)).toMatchObject({ reward: TRUE, keep: 1 });
    expect(lessonOf(armCalled("filter"), BOTH)).toMatchObject({ reward: TRUE, keep: 1 });
  });
});

test("of an episode that is seen in part, the true reward is paid on the seen steps; filter trains on them alone", () => {
  const trajectory = createTrajectory(1, 0, 3, 1);
  trajectory.terminated[2] = 1;
  const labels = createLabels(3);
  labels.label.fill(GHOST);
  labels.seen.set([0, 1, 1]);
  labels.proxyReward.fill(PROXY);
  labels.trueReward.set([0, TRUE, TRUE]);
  const of = (name: string, unlabelled: Unlabelled) => {
    const arm = armCalled(name);
    const lesson = createLesson(3, arm.modules === "single" ? 1 : 2);
    routeLabels(arm, routes, { unlabelled, unlabelledRoute: "all" }, trajectory, labels, drawsOf(0), lesson);
    return { reward: [...lesson.reward], keep: [...lesson.keep], modules: [...lesson.moduleMask] };
  };
  expect(of("naive", "proxy")).toMatchObject({ reward: [PROXY, TRUE, TRUE], keep: [1, 1, 1] });
  expect(of("naive", "zero")).toMatchObject({ reward: [0, TRUE, TRUE], keep: [1, 1, 1] });
  expect(of("naive", "withheld").keep).toEqual([0, 1, 1]);
  expect(of("filter", "proxy").keep).toEqual([0, 1, 1]);
  // Its label stands on all of the episode.
  expect(of("route", "proxy").modules).toEqual([0, 1, 0, 1, 0, 1]);
});
