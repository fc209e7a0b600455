import { describe, expect, test } from "vitest";

import { divergenceOf, type Lane } from "../../../../cli/screens/player/divergence.ts";
import { playerKeys, playerMouse } from "../../../../cli/screens/player/keys.ts";
import { beginPlayer, type Player, type PlayerAction, playerReducer } from "../../../../cli/screens/player/player.ts";
import type { Shown, Surprise } from "../../../../cli/screens/player/shown-episode.ts";
import { actionOf } from "../../../../cli/tui/keys.ts";
import type { EpisodeEntry } from "../../../../src/runs/episodes.ts";

/** An episode of so many steps north on a 3x3 map; nobody can be asked. */
function shownOf(steps: number, surprises: readonly Surprise[] = [], actions?: readonly string[]): Shown {
  const states = Array.from({ length: steps + 1 }, (_, t) => Int32Array.of(t));
  const level = {};
  return {
    scene: {
      ...{ height: 3, width: 3, horizon: 9, actions: ["north", "east", "south", "west"] },
      ...{ letters: new Map(), tones: new Map(), marksVisible: true },
    },
    trace: {
      beginning: { seed: 0, number: 0, level, state: states[0], marks: new Uint8Array(9) },
      ...{ actions: new Array(steps).fill(0), states, events: new Array(steps).fill(0), terminated: true },
      ...{ outcome: "ghost", inspected: false, label: "unlabelled", returns: { true: -1, proxy: 1 } },
    },
    acting: "full",
    maps: new Array(steps + 1).fill("D.G\n...\n.A."),
    cells: new Array(steps + 1).fill(7),
    actions: actions ?? new Array(steps).fill("north"),
    events: new Array(steps).fill([]),
    gathered: { true: new Array(steps + 1).fill(0), proxy: new Array(steps + 1).fill(0) },
    opinions: null,
    best: null,
    surprises,
    charts: [{ opinions: null, exact: null }],
  };
}

const entry = (number: number, outcome = "ghost"): EpisodeEntry => ({
  ...{ shift: "unseen", view: "full", seed: 0, number, outcome, label: "unlabelled", steps: 4, marked: false },
  returns: { true: outcome === "ghost" ? -1 : 1, proxy: 1 },
});

const run = (player: Player, ...actions: readonly PlayerAction[]): Player => actions.reduce(playerReducer, player);

/** Ten episodes, every third ends on the Diamond; number 0, of four steps, is shown. */
function opened(shown = shownOf(4)): Player {
  const entries = Array.from({ length: 10 }, (_, n) => entry(n, n % 3 === 2 ? "diamond" : "ghost"));
  return run(
    beginPlayer("route · seed 0 · step 1", ["true", "proxy"]),
    { kind: "entries", entries, growing: false },
    { kind: "shown", index: 0, shown },
  );
}

describe("steps", () => {
  test("go ahead and back, ten at once, to the ends, and no further", () => {
    const player = opened();
    expect(run(player, { kind: "step", by: 1 }).step).toBe(1);
    expect(run(player, { kind: "step", by: -1 }).step).toBe(0);
    expect(run(player, { kind: "step", by: 10 }).step).toBe(4);
    expect(run(player, { kind: "go", to: 3 }).step).toBe(3);
    expect(run(player, { kind: "go", to: 1e9 }).step).toBe(4);
  });

  test("a step by hand pauses", () => {
    expect(run(opened(), { kind: "play" }, { kind: "step", by: 1 })).toMatchObject({ playing: false, step: 1 });
  });

  test("ticks move only while it plays; a fast tick is several steps and stops at the end", () => {
    const player = opened();
    expect(run(player, { kind: "tick", steps: 1 })).toBe(player);
    const playing = run(player, { kind: "play" });
    expect(run(playing, { kind: "tick", steps: 1 }).step).toBe(1);
    expect(run(playing, { kind: "tick", steps: 99 }).step).toBe(4);
    expect(run(playing, { kind: "tick", steps: 99 }, { kind: "tick", steps: 1 })).toMatchObject({
      step: 4,
      playing: false,
    });
  });

  test("play at the end begins anew", () => {
    expect(run(opened(), { kind: "go", to: 4 }, { kind: "play" })).toMatchObject({ step: 0, playing: true });
  });

  test("loops: the episode again, or the next one, from the last one to the first", () => {
    const loop = (times: number) =>
      run(opened(), ...new Array(times).fill({ kind: "loop" }), { kind: "play" }, { kind: "go", to: 4 });
    const end = (player: Player) => run({ ...player, playing: true }, { kind: "tick", steps: 1 });
    expect(end(loop(1))).toMatchObject({ loop: "episode", step: 0, playing: true, wanted: 0 });
    expect(end(loop(2))).toMatchObject({ loop: "all", playing: true, wanted: 1 });
    expect(end({ ...loop(2), wanted: 9 })).toMatchObject({ wanted: 0 });
    expect(loop(3).loop).toBe("once");
  });

  test("speed is doubled and halved between 0.25 and 64", () => {
    const speeds = (kind: "faster" | "slower", times: number) =>
      run(opened(), ...new Array(times).fill({ kind })).speed;
    expect([speeds("faster", 1), speeds("faster", 9), speeds("slower", 1), speeds("slower", 9)]).toEqual([
      2, 64, 0.5, 0.25,
    ]);
  });
});

describe("episodes", () => {
  test("the next one is asked for, and shown when it has come; an answer that is late is not", () => {
    const asked = run(opened(), { kind: "episode", by: 1 });
    expect(asked).toMatchObject({ wanted: 1, at: 0, step: 0 });
    const again = run(asked, { kind: "episode", by: 1 });
    expect(run(again, { kind: "shown", index: 1, shown: shownOf(7) }).at).toBe(0);
    expect(run(again, { kind: "shown", index: 2, shown: shownOf(7) })).toMatchObject({
      at: 2,
      step: 0,
      place: { selected: 2 },
    });
  });

  test("at the ends of the list nothing changes, and it is said", () => {
    expect(run(opened(), { kind: "episode", by: -1 })).toMatchObject({
      wanted: 0,
      notice: { text: "this is the first episode of the list" },
    });
  });

  test("they are those of the filter, in the order of the sort", () => {
    const filtered = run(opened(), { kind: "prompt", prompt: "filter" }, ...type("outcome:diamond"), {
      kind: "submit",
    });
    expect(filtered).toMatchObject({
      order: [2, 5, 8],
      prompt: null,
      notice: null,
    });
    // The last line says the order, so nothing may stand in its place.
    expect(run(filtered, { kind: "notice", text: "saved" }, { kind: "sort" }).notice).toBeNull();
    expect(run(filtered, { kind: "episode", by: 1 }).wanted).toBe(5);
    expect(run(filtered, { kind: "select", by: 1 }, { kind: "open" })).toMatchObject({ wanted: 5, panel: "boards" });
    expect(run(opened(), { kind: "sort" })).toMatchObject({
      sort: "lowest true return",
      order: [0, 1, 3, 4, 6, 7, 9, 2, 5, 8],
    });
  });

  test("a filter that nothing fits says which value is not there, once all episodes are known", () => {
    const filter = (text: string, growing = false) =>
      run(
        opened(),
        { kind: "entries", entries: opened().entries, growing },
        { kind: "prompt", prompt: "filter" },
        ...type(text),
        {
          kind: "submit",
        },
      );
    expect(filter("outcome:diamnd")).toMatchObject({
      order: [],
      prompt: null,
      notice: { text: "no episode has outcome diamnd; did you mean diamond?", bad: true },
    });
    expect(filter("outcome:diamnd", true).notice).toBeNull();
    expect(filter("outcome:diamond steps>1000").notice).toBeNull();
  });

  test("a filter that is wrong is said, and stays to be mended", () => {
    const wrong = run(opened(), { kind: "prompt", prompt: "filter" }, ...type("outcom:ghost"), { kind: "submit" });
    expect(wrong.prompt?.text).toBe("outcom:ghost");
    expect(wrong.notice).toMatchObject({
      bad: true,
      text: expect.stringMatching(/unknown key outcom; did you mean outcome/),
    });
    expect(run(wrong, { kind: "type", key: "backspace" }).prompt?.text).toBe("outcom:ghos");
    expect(run(wrong, { kind: "cancel" })).toMatchObject({ prompt: null, notice: null });
  });

  test("go to an episode by its place; one that there is not is refused", () => {
    const goTo = (text: string) =>
      run(opened(), { kind: "prompt", prompt: "episode" }, ...type(text), { kind: "submit" });
    expect(goTo("7")).toMatchObject({ wanted: 7, prompt: null });
    expect(goTo("10").notice).toEqual({ text: "episode 10: expected a number from 0 to 9", bad: true });
    expect(goTo("x").notice?.bad).toBe(true);
  });
});

describe("surprises", () => {
  const surprises: Surprise[] = [
    { step: 1, kind: "parts", about: "here" },
    { step: 3, kind: "gate", about: "there" },
    { step: 3, kind: "parts", about: "and there" },
  ];

  test("one after another, each step once, with what is surprising", () => {
    const player = opened(shownOf(4, surprises));
    const first = run(player, { kind: "surprise", by: 1 });
    expect(first).toMatchObject({ step: 1, notice: { text: "here" } });
    const second = run(first, { kind: "surprise", by: 1 });
    expect(second).toMatchObject({ step: 3, notice: { text: "there; and there" } });
    expect(run(second, { kind: "surprise", by: -1 }).step).toBe(1);
  });

  test("after the last one come those of the next episode", () => {
    const next = run(opened(shownOf(4, surprises)), { kind: "go", to: 3 }, { kind: "surprise", by: 1 });
    expect(next).toMatchObject({ wanted: 1, landing: "surprise" });
    expect(run(next, { kind: "shown", index: 1, shown: shownOf(4, surprises) })).toMatchObject({
      step: 1,
      notice: { text: "here" },
    });
  });
});

describe("a filter opens on an episode that it accepts", () => {
  const typed = (text: string): PlayerAction[] => [
    { kind: "prompt", prompt: "filter" },
    ...[...text].map((key): PlayerAction => ({ kind: "type", key })),
    { kind: "submit" },
  ];

  test("the one that is shown if it is one, else the next, else the first", () => {
    expect(run(opened(), ...typed("outcome:ghost"))).toMatchObject({ wanted: 0, at: 0 });
    // Every third ends on the Diamond: 2, 5, 8.
    const next = run(opened(), ...typed("outcome:diamond"));
    expect(next).toMatchObject({ wanted: 2, landing: "start", notice: null });
    const last = run(opened(), { kind: "episode", by: 9 }, { kind: "shown", index: 9, shown: shownOf(4) });
    expect(run(last, ...typed("outcome:diamond"))).toMatchObject({ wanted: 2 });
  });

  test("as soon as one is known, and then it stays where one goes", () => {
    const entries = Array.from({ length: 10 }, (_, n) => entry(n, n === 7 ? "diamond" : "ghost"));
    const news = (count: number): PlayerAction => ({
      kind: "entries",
      entries: entries.slice(0, count),
      growing: count < 10,
    });
    const start = run(beginPlayer("route", ["true", "proxy"]), news(3), { kind: "shown", index: 0, shown: shownOf(4) });
    const seeking = run(start, ...typed("outcome:diamond"), news(6));
    expect(seeking).toMatchObject({ wanted: 0, order: [] });
    const found = run(seeking, news(8));
    expect(found).toMatchObject({ wanted: 7, order: [7] });
    const gone = run(
      found,
      { kind: "prompt", prompt: "episode" },
      { kind: "type", key: "1" },
      { kind: "submit" },
      news(10),
    );
    expect(gone).toMatchObject({ wanted: 1, order: [7] });
  });
});

describe("comparing", () => {
  test("n and N go to the step at which the minds part, and nowhere else", () => {
    const alike = ["north", "north", "east"];
    const lanes = [lane("a", alike), lane("b", ["north", "north", "west", "west"])];
    const comparing = (of: readonly Lane[]) =>
      run(opened(shownOf(3, [{ step: 1, kind: "gate", about: "the gate turns" }])), {
        ...{ kind: "lanes", comparison: { specs: ["b"], lanes: of, edited: false } },
      });
    const there = run(comparing(lanes), { kind: "surprise", by: 1 });
    expect(there).toMatchObject({ step: 2, wanted: 0, notice: { text: "they part here" } });
    expect(run(there, { kind: "surprise", by: 1 })).toMatchObject({ step: 2, wanted: 0 });
    const beyond = run(there, { kind: "go", to: 4 });
    expect(run(beyond, { kind: "surprise", by: 1 })).toMatchObject({
      step: 4,
      notice: { text: "they part at step 2" },
    });
    expect(run(beyond, { kind: "surprise", by: -1 })).toMatchObject({ step: 2, notice: { text: "they part here" } });
    expect(run(comparing([lanes[0], lane("c", alike)]), { kind: "surprise", by: 1 })).toMatchObject({
      ...{ step: 0, wanted: 0, notice: { text: "they never part" } },
    });
  });

  const lane = (name: string, actions: readonly string[]): Lane => ({
    name,
    shown: shownOf(actions.length, [], actions),
  });

  test("lanes part at the first step at which not all do the same, or one is over", () => {
    expect(divergenceOf([lane("a", ["north", "east"]), lane("b", ["north", "west"])])).toEqual({
      step: 1,
      actions: ["east", "west"],
    });
    expect(divergenceOf([lane("a", ["north"]), lane("b", ["north", "west"])])).toEqual({
      step: 1,
      actions: [null, "west"],
    });
    expect(divergenceOf([lane("a", ["north"]), lane("b", ["north"])])).toBeNull();
  });

  test("steps go on to the end of the longest lane; escape goes back to the episode", () => {
    const comparison = {
      specs: ["full"],
      lanes: [lane("a", ["north"]), lane("b", new Array(9).fill("east"))],
      edited: false,
    };
    const player = run(opened(), { kind: "lanes", comparison }, { kind: "step", by: 99 });
    expect(player.step).toBe(9);
    expect(run(player, { kind: "back" })).toMatchObject({ comparison: null, step: 4 });
  });

  test("one that comes when another episode is asked for is dropped, wherever that was played", () => {
    const lanes = {
      kind: "lanes",
      comparison: { specs: ["full"], lanes: [lane("a", ["north"])], edited: false },
    } as const;
    const elsewhere = run(opened(), { kind: "episode", by: 1 });
    expect(run(elsewhere, { ...lanes, of: 0 }).comparison).toBeNull();
    expect(run(opened(), { ...lanes, of: 0 }).comparison).not.toBeNull();
    expect(run(elsewhere, lanes).comparison).not.toBeNull();
  });

  test("suggestions are gone through by the arrows, in a circle, and typing leaves them", () => {
    const prompt = run(opened(), { kind: "prompt", prompt: "compare", suggestions: ["full", "arm:naive"] });
    const key = (key: string) => ({ kind: "type", key }) as const;
    expect(run(prompt, key("down")).prompt?.text).toBe("full");
    expect(run(prompt, key("down"), key("down"), key("down")).prompt?.text).toBe("full");
    expect(run(prompt, key("up")).prompt?.text).toBe("arm:naive");
    expect(run(prompt, key("tab"), key("x")).prompt).toMatchObject({ text: "fullx", at: -1 });
  });
});

test("a comparison that there cannot be comes back to be mended, unless something else is typed by then", () => {
  const refused = { kind: "refused", text: "arm:nave", suggestions: ["full"], message: "there is none" } as const;
  const asked = run(opened(), { kind: "prompt", prompt: "compare" }, ...type("arm:nave"), { kind: "submit" });
  expect(asked.prompt).toBeNull();
  const back = run(asked, refused);
  expect(back).toMatchObject({
    prompt: { kind: "compare", text: "arm:nave", suggestions: ["full"] },
    notice: { text: "there is none", bad: true },
  });
  const busy = run(asked, { kind: "prompt", prompt: "filter" }, ...type("ste"), refused);
  expect(busy).toMatchObject({ prompt: { kind: "filter", text: "ste" }, notice: { bad: true } });
  // What was wrong of another text is not said of this one.
  expect(run(busy, { kind: "type", key: "p" })).toMatchObject({ prompt: { text: "step" }, notice: null });
});

test("ctrl-u takes what was typed away, ctrl-w its last word, backspace a letter", () => {
  const prompt = run(opened(), { kind: "prompt", prompt: "filter" }, ...type("label:a  steps>5 "));
  const key = (key: string) => run(prompt, { kind: "type", key }).prompt?.text;
  expect(["ctrl-u", "ctrl-w", "backspace"].map(key)).toEqual(["", "label:a  ", "label:a  steps>5"]);
});

describe("changing the level", () => {
  const at = (...by: readonly (readonly [number, number])[]) =>
    by.map((each) => ({ kind: "cursor", by: each }) as const);
  const edit = (...actions: readonly PlayerAction[]) => run(opened(), { kind: "edit" }, ...actions).edit;

  test("begins where the agent stands, with the marks that there are", () => {
    expect(edit()).toEqual({ map: "D.G\n...\n.A.", marks: new Set(), cursor: 7, carried: null });
  });

  test("an object is picked up and put down on free floor, with its mark", () => {
    const moved = edit(...at([-2, 1]), { kind: "mark" }, { kind: "carry" }, ...at([1, 0]), { kind: "carry" });
    expect(moved).toEqual({ map: "D..\n..G\n.A.", marks: new Set([5]), cursor: 5, carried: null });
  });

  test("it is not put onto another object, and nothing is picked up from the floor", () => {
    const onDiamond = edit(...at([-2, 1]), { kind: "carry" }, ...at([0, -2]), { kind: "carry" });
    expect(onDiamond).toMatchObject({ map: "D.G\n...\n.A.", carried: { letter: "G", from: 2 } });
    expect(edit(...at([-1, 0]), { kind: "carry" })?.carried).toBeNull();
    const notice = (...actions: readonly PlayerAction[]) => run(opened(), { kind: "edit" }, ...actions).notice?.text;
    expect(notice(...at([-1, 0]), { kind: "carry" })).toBe("there is nothing to pick up here");
    expect(notice(...at([-2, 1]), { kind: "carry" }, ...at([0, -2]), { kind: "carry" })).toBe(
      "something stands here already",
    );
    expect(notice(...at([-2, 1]), { kind: "carry" }, ...at([0, -2]), { kind: "carry" }, ...at([0, 1]))).toBeUndefined();
    expect(notice({ kind: "mark" })).toBeUndefined();
  });

  test("the cursor stays on the map; a second mark takes the first away; escape leaves all as it was", () => {
    expect(edit(...at([9, 9]))?.cursor).toBe(8);
    expect(edit({ kind: "mark" }, { kind: "mark" })?.marks.size).toBe(0);
    expect(edit({ kind: "mark" }, { kind: "back" })).toBeNull();
  });
});

describe("keys", () => {
  const press = (player: Player, key: string) => actionOf(playerKeys(player, ["full"]), key);

  test("mean what players' keys mean", () => {
    const player = opened();
    expect(press(player, "space")).toEqual({ kind: "play" });
    expect(press(player, ".")).toEqual({ kind: "step", by: 1 });
    expect(press(player, "{")).toEqual({ kind: "step", by: -10 });
    expect(press(player, "5")).toEqual({ kind: "go", to: 2 });
    expect(press(player, "<")).toEqual({ kind: "slower" });
    expect(press(player, "N")).toEqual({ kind: "surprise", by: -1 });
    expect(press(player, "c")).toEqual({ kind: "prompt", prompt: "compare", suggestions: ["full"] });
    expect(press(player, "q")).toEqual({ kind: "quit" });
    expect(press(player, "x")).toBeUndefined();
  });

  test("in the list arrows select; in a prompt every letter is text, ? and q too", () => {
    expect(press(run(opened(), { kind: "panel" }), "down")).toEqual({ kind: "select", by: 1 });
    const typing = run(opened(), { kind: "prompt", prompt: "filter" });
    expect(press(typing, "q")).toEqual({ kind: "type", key: "q" });
    expect(press(typing, "?")).toEqual({ kind: "type", key: "?" });
    expect(press(typing, "ctrl-c")).toEqual({ kind: "cancel" });
  });

  test("no key has two meanings in one state", () => {
    const states = [
      opened(),
      run(opened(), { kind: "panel" }),
      run(opened(), { kind: "edit" }),
      run(opened(), { kind: "prompt", prompt: "filter" }),
    ];
    for (const state of states) {
      const keys = playerKeys(state, []).bindings.flatMap((binding) => binding.keys);
      expect(new Set(keys).size).toBe(keys.length);
    }
  });

  test("the mouse: a click on the bar of steps goes there, the wheel steps, a click on the list selects", () => {
    const size = { columns: 100, rows: 29 };
    const click = (column: number, row: number, player = opened()) =>
      playerMouse(player, { kind: "press", column, row }, size);
    // " step 0 ├" is 9 columns; the bar of 4 steps has 10
    expect([click(9, 27), click(18, 27), click(13, 27)]).toEqual([
      { kind: "go", to: 0 },
      { kind: "go", to: 4 },
      { kind: "go", to: 2 },
    ]);
    expect(click(9, 20)).toBeUndefined();
    // What stands beside the bar is no part of it.
    expect([click(7, 27), click(20, 27)]).toEqual([undefined, undefined]);
    expect(playerMouse(opened(), { kind: "wheel-down", column: 0, row: 0 }, size)).toEqual({ kind: "step", by: 1 });
    expect(click(5, 6, run(opened(), { kind: "panel" }))).toEqual({ kind: "select", by: 2 });
  });
});

function type(text: string): PlayerAction[] {
  return [...text].map((key) => ({ kind: "type", key: key === " " ? "space" : key }));
}
