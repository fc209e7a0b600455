import { describe, expect, test } from "vitest";
import { type Browser, type BrowserAction, beginBrowser, browse } from "../../../cli/browse/browser.ts";
import { classOf, type ShownLevel, showLevel } from "../../../cli/browse/level.ts";
import { browserProgram } from "../../../cli/browse/program.ts";
import { PLAIN } from "../../../cli/capabilities.ts";
import { readInputText } from "../../../cli/files.ts";
import { actionOf } from "../../../cli/tui/keys.ts";
import { toText } from "../../../cli/tui/paint.ts";
import { loadScenario, withShift } from "../../../src/experiment/scenario.ts";
import { createSetting } from "../../../src/experiment/setting.ts";
import { CLEAN, FakeTerminal } from "../tui/fake-terminal.ts";

function settingOf(...set: string[]) {
  const path = "scenarios/diamond-ghost.yaml";
  return loadScenario({ path, readText: readInputText, set, sweep: "ignore" }).scenario;
}

function browser(): Browser {
  const scenario = settingOf();
  const shifts = ["unseen", "ghost-closer"];
  const shelves = [
    { name: "training", setting: createSetting(scenario) },
    ...shifts.map((name) => ({ name, setting: createSetting(withShift(scenario, name)) })),
  ];
  return beginBrowser(shelves, 0, 2);
}

const after = (from: Browser, ...actions: BrowserAction[]): Browser => actions.reduce(browse, from);

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

test("a level with one object has no class", () => {
  expect(classOf(createSetting(settingOf("world.objects=diamond-only")), 0, 0)).toBe(null);
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

test("a filter passes what it names, in both columns, and none between is left out", () => {
  let shown = after(browser(), "filter", "filter");
  expect(shown.filter).toBe("distinguishing");
  const found: (number | null)[] = [];
  for (let i = 0; i < 5; i++, shown = after(shown, "next")) found.push(shown.shown[0]);
  const all = Array.from({ length: 200 }, (_, number) => number);
  const { setting } = shown.shelves[0];
  expect(found).toEqual(all.filter((number) => classOf(setting, 0, number) === "distinguishing").slice(0, 5));
  // Every level of this shift is one.
  expect(shown.shown[1]).toBe(5);
  expect(after(browser(), "filter").shown[1]).toBe(null);
});

test("pages, jumps and shifts", () => {
  expect(after(browser(), "next", "next").shown).toEqual([2, 2]);
  expect(after(browser(), "next", "previous", "previous").shown).toEqual([0, 0]);
  const typing = after(browser(), "jump", { type: "4" }, { type: "x" }, { type: "2" });
  expect(typing.typed).toBe("42");
  expect(after(typing, "go")).toMatchObject({ shown: [42, 42], typed: null });
  expect(after(typing, { type: "backspace" }, "go").shown).toEqual([4, 4]);
  expect(after(typing, "cancel")).toMatchObject({ shown: [0, 0], typed: null });
  expect(after(browser(), "shift").right).toBe(1);
  expect(after(browser(), "shift", "shift").right).toBe(2);
});

test("keys, and others while a number is typed", () => {
  const { keys } = browserProgram(browser());
  const does = (of: Browser, ...names: string[]) => names.map((name) => actionOf(keys(of), name));
  expect(does(browser(), "right", "left", "f", "s", "g", "q", "7")).toEqual([
    ...["next", "previous", "filter", "shift", "jump", "quit", undefined],
  ]);
  expect(does(after(browser(), "jump"), "7", "q", "enter", "escape", "ctrl-c")).toEqual([
    ...[{ type: "7" }, { type: "q" }, "go", "cancel", "quit"],
  ]);
});

describe.each([
  [60, 20],
  [80, 24],
  [120, 40],
])("at %i columns", (columns, rows) => {
  test("two levels, two ways each", () => {
    const frame = browserProgram(browser()).view(browser(), { columns, rows: rows - 1 }, PLAIN);
    expect(toText(frame)).toMatchSnapshot();
  });
});

test("keys on a terminal", async () => {
  const terminal = await FakeTerminal.open(browserProgram(browser()), { columns: 80, rows: 24 });
  await terminal.press("right", "g", "1", "7", "enter");
  expect(terminal.visible().join("\n")).toMatch(/training {2}level 17 .*ghost-closer {2}level 17/);
  await terminal.press("q");
  await terminal.screen.closed;
  expect(terminal.state()).toEqual(CLEAN);
});
