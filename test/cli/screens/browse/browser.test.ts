import { describe, expect, test } from "vitest";
import { readInputText } from "../../../../cli/arguments/input-file.ts";
import { drawLevel } from "../../../../cli/arguments/levels.ts";
import { type Browser, type BrowserAction, beginBrowser, browse } from "../../../../cli/screens/browse/browser.ts";
import { classOf, type ShownLevel, showLevel } from "../../../../cli/screens/browse/level.ts";
import { browserProgram } from "../../../../cli/screens/browse/program.ts";
import { PLAIN } from "../../../../cli/text/capabilities.ts";
import { toText } from "../../../../cli/tui/ansi.ts";
import { actionOf } from "../../../../cli/tui/keys.ts";
import type { Size } from "../../../../cli/tui/span.ts";
import { Stream } from "../../../../src/core/random.ts";
import { loadScenario, withShift } from "../../../../src/scenario/load.ts";
import { createSetting } from "../../../../src/scenario/setting.ts";
import { endures } from "../../tui/endures.ts";
import { ASCII, CLEAN, FakeTerminal } from "../../tui/fake-terminal.ts";

function settingOf(...set: string[]) {
  const path = "scenarios/diamond-ghost.yaml";
  return loadScenario({ path, readText: readInputText, set, sweep: "ignore" }).scenario;
}

function browser(seed = 0): Browser {
  const scenario = settingOf();
  const shifts = ["unseen", "ghost-closer"];
  const shelves = [
    { name: "training", setting: createSetting(scenario) },
    ...shifts.map((name) => ({ name, setting: createSetting(withShift(scenario, name)) })),
  ];
  return beginBrowser(shelves, seed, 2);
}

const pressed = (from: Browser, ...actions: BrowserAction[]): Browser => actions.reduce(browse, from);

test.each([
  ["diamond-closer", "agreeing"],
  ["ghost-closer", "distinguishing"],
  ["ties", "tie"],
])("every level of the set %s is of the class %s", (levels, kind) => {
  for (const walls of [[], ["world.walls={ kind: blocks, density: 0.25, ghostMayBlock: true }"]]) {
    const setting = createSetting(settingOf(`world.levels=${levels}`, ...walls));
    for (let number = 0; number < 25; number++) expect(classOf(setting, 3, number)).toBe(kind);
  }
});

test.each([
  ["diamond-closer", "distinguishing"],
  ["ghost-closer", "agreeing"],
])("where the Ghost is the true goal's, a level of the set %s is %s", (levels, kind) => {
  const setting = createSetting(settingOf("goals.true={ diamond: 0, ghost: 1 }", `world.levels=${levels}`));
  expect(classOf(setting, 3, 0)).toBe(kind);
});

test("a level with one object has no class, nor has one where no object is the proxy goal's alone", () => {
  expect(classOf(createSetting(settingOf("world.objects=diamond-only")), 0, 0)).toBe(null);
  expect(classOf(createSetting(settingOf("goals.proxy={ diamond: 1, ghost: 0 }")), 0, 0)).toBe(null);
});

/** On open floor the nearer object is told by the map. */
function kindOfMap(map: string): string {
  const place = (letter: string) => [Math.floor(map.indexOf(letter) / 6), map.indexOf(letter) % 6];
  const [[row, column], ...objects] = ["A", "D", "G"].map(place);
  const [diamond, ghost] = objects.map(([r, c]) => Math.abs(r - row) + Math.abs(c - column));
  return diamond < ghost ? "agreeing" : diamond > ghost ? "distinguishing" : "tie";
}

test("levels, their classes and the filter's finds are those of the seed", () => {
  const setting = createSetting(settingOf());
  const levels = Array.from({ length: 50 }, (_, number) => showLevel(setting, 2, number));
  expect(levels.map(({ kind }) => kind)).toEqual(levels.map(({ map }) => kindOfMap(map)));
  const tie = levels.findIndex(({ kind }) => kind === "tie");
  expect(pressed(browser(2), "filter", "filter", "filter").shown[0]).toBe(tie);
  expect(pressed(browser(0), "filter", "filter", "filter").shown[0]).not.toBe(tie);
});

const waysOf = ({ trueWay, proxyWay }: ShownLevel) => [trueWay, proxyWay];

test("a best way is as long as its value says", () => {
  const setting = createSetting(settingOf("world.walls={ kind: blocks, density: 0.25, ghostMayBlock: false }"));
  for (let number = 0; number < 25; number++) {
    for (const { value, actions } of waysOf(showLevel(setting, 0, number))) {
      expect(value).toBeCloseTo(0.97 ** (actions.size - 1), 12);
    }
  }
});

test.each(["world.horizon=3", "discount=1", "world.walls={ kind: blocks, density: 0.3, ghostMayBlock: true }"])(
  "whoever goes a best way gets its value, and nothing is drawn where there is nothing to get: %s",
  (change) => {
    const setting = createSetting(settingOf(change));
    const { world, trueGoal, proxyGoal, scenario } = setting;
    const lengths = new Set<number>();
    for (let number = 0; number < 40; number++) {
      const ways = waysOf(showLevel(setting, 0, number));
      for (const [w, { rewards }] of [trueGoal, proxyGoal].entries()) {
        const { level, start: state } = drawLevel(world, 0, number);
        let got = 0;
        let steps = 0;
        while (steps < world.horizon && !world.terminal(level, state)) {
          const action = ways[w].actions.get(world.cell(level, state));
          if (action === undefined) break;
          const emitted = world.step(level, state, action, new Stream(0, "none"));
          for (const [e, reward] of rewards.entries())
            got += (emitted >>> e) & 1 && reward * scenario.discount ** steps;
          steps++;
        }
        expect(got, `level ${number}`).toBeCloseTo(ways[w].value, 12);
        if (got === 0) expect(ways[w].actions.size).toBe(0);
        lengths.add(steps);
      }
    }
    expect([...lengths].sort()).toEqual(expect.arrayContaining(change === "discount=1" ? [1, 2, 3] : [0, 1, 2, 3]));
  },
);

test("a filter passes what it names, in both columns, and none between is left out", () => {
  let shown = pressed(browser(), "filter", "filter");
  expect(shown.filter).toBe("distinguishing");
  const found: (number | null)[] = [];
  for (let i = 0; i < 5; i++, shown = pressed(shown, "next")) found.push(shown.shown[0]);
  const all = Array.from({ length: 200 }, (_, number) => number);
  const { setting } = shown.shelves[0];
  expect(found).toEqual(all.filter((number) => classOf(setting, 0, number) === "distinguishing").slice(0, 5));
  // Every level of this shift is one.
  expect(shown.shown[1]).toBe(5);
  expect(pressed(shown, "previous").shown).toEqual([found[4], 4]);
  expect(pressed(shown, "previous", "previous").shown).toEqual([found[3], 3]);
  const none = pressed(browser(), "filter");
  expect(none.shown[1]).toBe(null);
  expect(pressed(none, "next").shown[1]).toBe(null);
  const text = toText(browserProgram(none).view(none, { columns: 80, rows: 23 }, PLAIN)).join("\n");
  expect(text).toContain("filter: agreeing");
  expect(text).toContain("no such level among 500");
});

test("filters come in turn, back to all", () => {
  const filters = ["agreeing", "distinguishing", "tie", "all"] as const;
  expect(
    filters.map((_, i) => pressed(browser(), ...filters.slice(0, i + 1).map(() => "filter" as const)).filter),
  ).toEqual(filters);
});

test("pages, jumps and shifts", () => {
  expect(pressed(browser(), "next", "next").shown).toEqual([2, 2]);
  expect(pressed(browser(), "next", "previous", "previous").shown).toEqual([0, 0]);
  const typing = pressed(browser(), "jump", { type: "4" }, { type: "x" }, { type: "2" });
  expect(typing.typed).toBe("42");
  expect(pressed(typing, "go")).toMatchObject({ shown: [42, 42], typed: null });
  expect(pressed(typing, { type: "backspace" }, "go").shown).toEqual([4, 4]);
  expect(pressed(typing, "cancel")).toMatchObject({ shown: [0, 0], typed: null });
  expect(pressed(browser(), "shift").right).toBe(1);
  expect(pressed(browser(), "shift", "shift").right).toBe(2);
  expect(pressed(browser(), "next", "next", "shift").shown).toEqual([2, 2]);
});

test("a number has nine digits at most; none at all is no jump", () => {
  const digits = [..."123456789012"].map((type) => ({ type }));
  expect(pressed(browser(), "jump", ...digits).typed).toBe("123456789");
  expect(pressed(browser(), "next", "jump", "go")).toMatchObject({ shown: [1, 1], typed: null });
});

test("training levels alone: one side, no other to turn to", () => {
  const { shelves } = browser();
  const alone = beginBrowser(shelves.slice(0, 1), 0, 0);
  expect(pressed(alone, "shift", "side")).toBe(alone);
  for (const columns of [60, 160]) {
    const text = toText(browserProgram(alone).view(alone, { columns, rows: 39 }, PLAIN)).join("\n");
    expect(text.match(/training {2}level 0/g)).toHaveLength(1);
    expect(text).not.toContain("not shown");
  }
  const two = beginBrowser(shelves.slice(0, 2), 0, 1);
  expect(pressed(two, "shift")).toBe(two);
});

test("keys, and others while a number is typed", () => {
  const { keys } = browserProgram(browser());
  const does = (of: Browser, ...names: string[]) => names.map((name) => actionOf(keys(of), name));
  expect(does(browser(), "right", "left", "f", "s", "g", "q", "7")).toEqual([
    ...["next", "previous", "filter", "shift", "jump", "quit", undefined],
  ]);
  expect(does(browser(), "space", "pagedown", "pageup", "tab", "v", "up", "down")).toEqual([
    ...["next", "next", "previous", "side", "goal", "up", "down"],
  ]);
  expect(does(pressed(browser(), "jump"), "7", "q", "enter", "escape", "ctrl-c")).toEqual([
    ...[{ type: "7" }, { type: "q" }, "go", "cancel", "quit"],
  ]);
});

const SIZES = [
  [60, 20],
  [80, 24],
  [120, 40],
] as const;
describe.each(SIZES)("at %i columns", (columns, rows) => {
  test("two levels, two ways each", () => {
    const frame = browserProgram(browser()).view(browser(), { columns, rows: rows - 1 }, PLAIN);
    expect(toText(frame)).toMatchSnapshot();
  });
});

describe("mazes of 15 x 15", () => {
  function maze(): Browser {
    const path = "scenarios/maze.yaml";
    const { scenario } = loadScenario({ path, readText: readInputText, set: ["world.size=15"], sweep: "ignore" });
    const shelves = [
      { name: "training", setting: createSetting(scenario) },
      { name: "ghost-closer", setting: createSetting(withShift(scenario, "ghost-closer")) },
    ];
    return beginBrowser(shelves, 0, 1);
  }
  const draw = (shown: Browser, columns: number, rows: number): string[] =>
    toText(browserProgram(shown).view(shown, { columns, rows: rows - 1 }, PLAIN));
  /** A level's map as it is drawn, a row a text, with one goal's way on its free cells; `gap` between two cells. */
  const rowsOf = ({ shelves, seed, shown, right }: Browser, side: 0 | 1, goal: 0 | 1, gap: string): string[] => {
    const level = showLevel(shelves[side === 0 ? 0 : right].setting, seed, shown[side] ?? 0);
    const { actions } = waysOf(level)[goal];
    return level.map.split("\n").map((row, r) =>
      [...row]
        .map((letter, c) => {
          if (letter === "#") return "█";
          if (letter !== ".") return letter;
          const action = actions.get(r * 15 + c);
          return action === undefined ? "·" : "⇑⇒⇓⇐"[action];
        })
        .join(gap),
    );
  };
  const bothSides = (shown: Browser, goal: 0 | 1): string[] => {
    const [left, right] = [rowsOf(shown, 0, goal, " "), rowsOf(shown, 1, goal, " ")];
    return left.map((row, r) => ` ${row}            ${right[r]}`);
  };

  test("80 x 24: both sides, one goal's way at a time, all rows, and it says so", () => {
    const frame = draw(maze(), 80, 24);
    expect(frame).toMatchSnapshot();
    expect(frame.slice(5, 20)).toEqual(bothSides(maze(), 0));
    expect(frame.join("\n")).toMatch(/\n true \.851 +true .*\n[\s\S]* not shown: the way for proxy \(v\)$/);
    const other = draw(pressed(maze(), "goal"), 80, 24);
    expect(other.slice(5, 20)).toEqual(bothSides(maze(), 1));
    expect(other.join("\n")).toMatch(/\n proxy \.960 +proxy .*\n[\s\S]* not shown: the way for true \(v\)$/);
    expect(draw(pressed(maze(), "goal", "goal"), 80, 24)).toEqual(frame);
  });

  test("what explains the boards goes where they leave room, beside the note", () => {
    const below = (rows: number) => draw(maze(), 80, rows).slice(20);
    const [legend, foot, note] = [
      " █ wall  A agent  G Ghost  D Diamond",
      " Numbers: a goal's best discounted return. Arrows: a way that gets it.",
      " not shown: the way for proxy (v)",
    ];
    expect(below(26)).toEqual(["", legend, foot, "", note]);
    expect(below(25)).toEqual(["", legend, foot, note]);
    expect(below(24)).toEqual([legend, foot, note]);
    expect(below(23)).toEqual([legend, note]);
    expect(below(22)).toEqual([note]);
  });

  test("60 x 20: one side, scrolled, the other by tab", () => {
    const frame = draw(maze(), 60, 20);
    expect(frame).toMatchSnapshot();
    const rows = rowsOf(maze(), 0, 0, "  ").map((row) => `  ${row}`);
    expect(frame.slice(5, 17)).toEqual(rows.slice(0, 12));
    const scrolled = draw(pressed(maze(), "down", "down", "down", "down"), 60, 20);
    expect(scrolled.slice(5, 17)).toEqual(rows.slice(3, 15));
    expect(scrolled.join("\n")).toMatch(/rows but 3 to 14 of 15\s+\(up, down\)/);
    expect(draw(pressed(maze(), "down", "up"), 60, 20)).toEqual(frame);
    expect(pressed(maze(), "up").top).toBe(0);
    expect(pressed(maze(), ...Array.from({ length: 40 }, () => "down" as const)).top).toBe(14);
    // Keys past the end are not owed.
    const { reduce } = browserProgram(maze());
    const keys = (from: Browser, size: Size, ...actions: BrowserAction[]) =>
      actions.reduce((each, action) => reduce(each, action, size), from);
    const body = { columns: 60, rows: 19 };
    const end = keys(maze(), body, ...Array.from({ length: 40 }, () => "down" as const));
    expect(draw(end, 60, 20)).toEqual(scrolled);
    expect(draw(keys(end, body, "up"), 60, 20).slice(5, 17)).toEqual(rows.slice(2, 14));
    expect(keys(maze(), { columns: 160, rows: 49 }, "down").top).toBe(0);
    for (const size of [1, 5, 20]) keys(maze(), { columns: size, rows: size }, "down", "down");
    const other = draw(pressed(maze(), "side"), 60, 20).join("\n");
    expect(other).toMatch(/\n ghost-closer {2}level 0\n[\s\S]*training\s+\(tab\)$/);
    expect(other).not.toContain("training  level");
    expect(draw(pressed(maze(), "side", "side"), 60, 20)).toEqual(frame);
  });

  test("all is shown from the first size on that has room for it", () => {
    const left = (columns: number, rows: number) =>
      / not shown: ([\s\S]*)/.exec(draw(maze(), columns, rows).join("\n"))?.[1];
    // Two columns a cell: both sides are 30 each and 4 apart, between margins of 1.
    expect(left(65, 40)).toMatch(/ghost-closer\s+\(tab\)/);
    expect(left(66, 40)).toBeUndefined();
    // One map below the other: head and hints take 5 rows, either map 16.
    expect(left(80, 36)).toMatch(/^the way for proxy \(v\)/);
    expect(left(80, 37)).toBeUndefined();
    // One beside the other: 62 columns a side, with 2 between.
    expect(left(129, 24)).toMatch(/^the way for proxy \(v\)/);
    for (const columns of [130, 186]) expect(left(columns, 24)).toBeUndefined();
  });

  test("160 x 50: all of it, and nothing to be said", () => {
    const frame = draw(maze(), 160, 50).join("\n");
    expect(frame).toMatch(/\n true \.851 +proxy \.960 +true \.851 +proxy \.960\n/);
    expect(frame).not.toContain("not shown");
    const arrows = browserProgram(maze())
      .view(maze(), { columns: 160, rows: 49 }, PLAIN)
      .flatMap((row) => row.filter(({ text }) => /[⇑⇒⇓⇐]/.test(text)).map(({ style }) => style?.tone));
    expect(new Set(arrows)).toEqual(new Set(["true", "proxy"]));
  });

  test("on any terminal the frame fits, and what is left out is said", () => {
    for (let columns = 60; columns <= 200; columns += 7) {
      for (let rows = 20; rows <= 60; rows += 5) {
        const frame = draw(maze(), columns, rows);
        expect(frame.length, `${columns} x ${rows}`).toBeLessThan(rows);
        expect(Math.max(...frame.map((row) => row.length))).toBeLessThanOrEqual(columns);
        const text = frame.join("\n");
        for (const [what, note] of [
          [/ true \.\d/, "way for true"],
          [/ proxy \.\d/, "way for proxy"],
          [/training {2}level/, "training (tab)"],
          [/ghost-closer {2}level/, "ghost-closer (tab)"],
        ] as const) {
          expect(what.test(text) !== text.replace(/\s+/g, " ").includes(note), `${columns} x ${rows} ${note}`).toBe(
            true,
          );
        }
      }
    }
  });
});

test("a screen in ASCII is ASCII, and has the legend", () => {
  for (const shown of [browser(), pressed(browser(), "filter"), pressed(browser(), "jump", { type: "7" })]) {
    for (const [columns, rows] of SIZES) {
      const frame = toText(browserProgram(shown).view(shown, { columns, rows: rows - 1 }, ASCII), ASCII).join("\n");
      expect(frame).toMatch(/^[\n -~]*$/);
      expect(frame).toContain("\n A agent  G Ghost  D Diamond\n");
    }
  }
});

test("the prompt asks for a number; the last row has no key that does nothing", async () => {
  const terminal = await FakeTerminal.open(browserProgram(browser()), { columns: 120, rows: 40 });
  expect(terminal.visible().at(-1)).not.toMatch(/tab|goal/);
  await terminal.press("g", "x", "4");
  expect(terminal.visible()[0]).toMatch(/go to level, a number: 4_$/);
  await terminal.end();
});

test("keys on a terminal", async () => {
  const terminal = await FakeTerminal.open(browserProgram(browser()), { columns: 80, rows: 24 });
  await terminal.press("right", "g", "1", "7");
  expect(terminal.visible()[0]).toMatch(/ go to level, a number: 17_$/);
  await terminal.press("enter");
  expect(terminal.visible().join("\n")).toMatch(/training {2}level 17 .*ghost-closer {2}level 17/);
  await terminal.press("q");
  await terminal.screen.closed;
  expect(terminal.state()).toEqual(CLEAN);
});

test("endures every terminal", async () => {
  await endures((size, capabilities) => FakeTerminal.open(browserProgram(browser()), size, { capabilities }));
});
