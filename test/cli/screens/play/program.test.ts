import { describe, expect, test } from "vitest";
import { readInputText } from "../../../../cli/arguments/input-file.ts";
import { ending, overseerSaid, playProgram } from "../../../../cli/screens/play/program.ts";
import { beginSession, type Move, play, type Session } from "../../../../cli/screens/play/session.ts";
import { PLAIN } from "../../../../cli/text/capabilities.ts";
import { toText } from "../../../../cli/tui/ansi.ts";
import { actionOf } from "../../../../cli/tui/keys.ts";
import { loadScenario } from "../../../../src/scenario/load.ts";
import { createSetting } from "../../../../src/scenario/setting.ts";
import { endures } from "../../tui/endures.ts";
import { ASCII, CLEAN, FakeTerminal } from "../../tui/fake-terminal.ts";

function session(...set: string[]): Session {
  const path = "scenarios/diamond-ghost.yaml";
  const { scenario } = loadScenario({ path, readText: readInputText, set, sweep: "ignore" });
  return beginSession({ setting: createSetting(scenario), seed: 0 }, 0);
}

const [NORTH, EAST, SOUTH, WEST] = [0, 1, 2, 3].map((action): Move => ({ action }));

test("arrows, nesw and hjkl walk, as in lines; when the game is over they do nothing", () => {
  const start = session();
  const { keys } = playProgram(start, "training");
  const does = (of: Session, ...names: string[]) => names.map((name) => actionOf(keys(of), name));
  expect(does(start, "up", "k", "n")).toEqual([NORTH, NORTH, NORTH]);
  expect(does(start, "right", "l", "e")).toEqual([EAST, EAST, EAST]);
  expect(does(start, "down", "j", "s")).toEqual([SOUTH, SOUTH, SOUTH]);
  expect(does(start, "left", "h", "w")).toEqual([WEST, WEST, WEST]);
  expect(does(start, "space", "enter", "r", "g", "q", "ctrl-c", "x")).toEqual([
    ...["next", "next", "restart", "leave", "quit", "quit", undefined],
  ]);
  const over = [NORTH, NORTH].reduce(play, start);
  expect(does(over, "up", "l", "g", "enter", "r", "q")).toEqual([
    undefined,
    undefined,
    undefined,
    "next",
    "restart",
    "quit",
  ]);
  // Enter and the space bar do not give up a game that has begun.
  const begun = play(start, NORTH);
  expect(does(begun, "enter", "space", "g")).toEqual([undefined, undefined, "leave"]);
});

describe.each([
  [60, 20],
  [80, 24],
  [120, 40],
])("at %i columns", (columns, rows) => {
  const draw = (shown: Session) =>
    toText(playProgram(shown, "training").view(shown, { columns, rows: rows - 1 }, PLAIN));
  test("while it is played", () => {
    expect(draw(play(session(), EAST))).toMatchSnapshot();
  });
  test("when it is over", () => {
    expect(draw([NORTH, NORTH].reduce(play, session()))).toMatchSnapshot();
  });
});

test("a screen in ASCII is ASCII", () => {
  const start = session();
  for (const shown of [
    start,
    play(start, EAST),
    [NORTH, NORTH].reduce(play, start),
    play(play(start, EAST), "leave"),
  ]) {
    const frame = playProgram(shown, "training").view(shown, { columns: 80, rows: 23 }, ASCII);
    expect(toText(frame, ASCII).join("")).toMatch(/^[ -~]*$/);
  }
});

test("while it is played only what an agent sees is drawn; when it is over, all", () => {
  const start = session("world.observe={ radius: 1 }", "oversight.visible=false", "oversight.coverage=1");
  const draw = (shown: Session) =>
    toText(playProgram(shown, "training").view(shown, { columns: 80, rows: 23 }, PLAIN)).join("\n");
  const playing = draw(play(start, NORTH));
  expect(playing).toContain("Some ends are inspected. Which ones,\n");
  // The Ghost is above the agent; the Diamond at the other side is out of sight.
  expect(playing).toContain(" G Ghost");
  expect(playing).not.toMatch(/D|\[/);
  expect(draw([NORTH, NORTH].reduce(play, start))).toMatch(/\[A\].*\[D\]/);
});

test("the score of this game stands beside that of all that count", () => {
  const moves = [NORTH, NORTH, "next", NORTH] as const;
  const second = moves.reduce(play, session());
  const rows = toText(playProgram(second, "training").view(second, { columns: 80, rows: 23 }, PLAIN));
  const scores = rows.flatMap((row) => /(?:this game|all levels|true|proxy) {3,}.*/.exec(row) ?? []);
  // The Ghost is two steps away on level 0, one on level 1.
  expect(rows[0]).toMatch(/level 1 · training +2 levels counted$/);
  expect(scores).toMatchInlineSnapshot(`
    [
      "this game     sum   best  disc.   best",
      "true        -1.00   1.00  -1.00    .81",
      "proxy        1.00   1.00   1.00   1.00",
      "all levels    sum   best  disc.   best",
      "true        -2.00   2.00  -1.97   1.67",
      "proxy        2.00   2.00   1.97   1.97",
    ]
  `);
});

test("a wide map leaves less room for words: sentences are broken, and the sums go first", () => {
  const start = session("world.size=12");
  const draw = (shown: Session) => toText(playProgram(shown, "training").view(shown, { columns: 60, rows: 19 }, PLAIN));
  const words = (shown: Session) =>
    draw(shown)
      .slice(3)
      .map((row) => row.slice(28));
  expect(words(start).join(" ")).toContain("An end on a cell in brackets is inspected.");
  expect(words(play(play(start, EAST), "leave"))).toMatchInlineSnapshot(`
    [
      "left after 1 step",
      "The episode did not end: there",
      "was nothing to inspect.",
      "",
      "this game   disc.   best",
      "true          .00    .86",
      "proxy         .00    .86",
      "",
      "all levels  disc.   best",
      "true          .00    .86",
      "proxy         .00    .86",
      "",
    ]
  `);
});

test("ends in words", () => {
  const said = (last: Session) => [ending(last), overseerSaid(last)];
  expect(said([NORTH, "leave" as const].reduce(play, session()))).toEqual([
    "left after 1 step",
    "The episode did not end: there was nothing to inspect.",
  ]);
  expect(said([WEST, WEST].reduce(play, session("world.horizon=2")))).toEqual([
    "time is up after 2 steps",
    "The overseer inspected it: label nothing.",
  ]);
});

test("keys on a terminal: two steps north to the Ghost, the next level, out", async () => {
  const terminal = await FakeTerminal.open(playProgram(session(), "training"), { columns: 80, rows: 24 });
  await terminal.press("up", "k");
  expect(terminal.visible().join("\n")).toContain("ghost after 2 steps");
  await terminal.press("enter");
  expect(terminal.visible()[0]).toMatch(/level 1 · training +1 level counted/);
  await terminal.press("q");
  expect((await terminal.screen.closed).game.number).toBe(1);
  expect(terminal.state()).toEqual(CLEAN);
});

test("endures every terminal, in the middle of a walk", async () => {
  await endures(
    (size, capabilities) => FakeTerminal.open(playProgram(session(), "training"), size, { capabilities }),
    ["l", "l", "g", "enter", "j", "j"],
  );
});
