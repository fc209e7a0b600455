import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Actors, createActors } from "../../../../cli/policy/actors.ts";
import type { Wanted } from "../../../../cli/policy/choice.ts";
import { candidatesOf, mindOf, mindsOf } from "../../../../cli/screens/player/comparison.ts";
import type { Player, PlayerAction } from "../../../../cli/screens/player/player.ts";
import { createPlayer } from "../../../../cli/screens/player/program.ts";
import { createFileSource, createPlayedSource, type EpisodeSource } from "../../../../cli/screens/player/source.ts";
import type { Capabilities } from "../../../../cli/text/capabilities.ts";
import { createWasmEngine } from "../../../../src/compute/wasm/engine.ts";
import type { Mind } from "../../../../src/evaluation/mind.ts";
import { drawBeginning, playAll, standingsOf } from "../../../../src/evaluation/record.ts";
import { runCell } from "../../../../src/runner/cell.ts";
import { cellPaths } from "../../../../src/runs/cell-paths.ts";
import { openRun } from "../../../../src/runs/manifest.ts";
import { manifestOf, planCells } from "../../../../src/runs/plan.ts";
import { tinyScenario } from "../../../scenario/tiny.ts";
import { halfwatch } from "../../halfwatch.ts";
import { halfwatchHere } from "../../here.ts";
import { endures } from "../../tui/endures.ts";
import { ASCII, CLEAN, FakeTerminal } from "../../tui/fake-terminal.ts";
import { troupe } from "./troupe.ts";

/*
 * The whole player on a terminal in memory, over a run that was really trained (for milliseconds), from its files to what is visible.
 */

let folder: string;
let dir: string;
let actors: Actors;
const home = process.cwd();
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "halfwatch-player-"));
  dir = join(folder, "run");
  const scenario = tinyScenario({ arms: ["naive", "route"], seeds: 2, shift: { unseen: { "oversight.coverage": 0 } } });
  openRun(dir, manifestOf(scenario, "0"));
  const engine = await createWasmEngine({ threads: 1 });
  for (const plan of planCells(scenario, "wasm")) await runCell(dir, plan, engine);
  await engine.dispose();
  actors = createActors();
  process.chdir(folder);
});
afterAll(async () => {
  process.chdir(home);
  await actors.dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** The episodes that the first cell of route recorded. */
function episodesOf(): string {
  const [plan] = planCells(
    tinyScenario({ arms: ["route"], seeds: 1, shift: { unseen: { "oversight.coverage": 0 } } }),
    "wasm",
  );
  return cellPaths(dir, plan.id).episodes;
}

interface Change {
  readonly source?: EpisodeSource;
  readonly episode?: number;
  readonly who?: string;
  readonly step?: number;
  readonly filter?: string;
  readonly compare?: readonly string[];
  /** The first episodes whose mind cannot be asked. */
  readonly silent?: number;
  readonly capabilities?: Capabilities;
  readonly columns?: number;
  readonly rows?: number;
}

async function open(change: Change = {}) {
  const { columns = 100, rows = 30, capabilities = { colours: "none", unicode: true } } = change;
  const actor = await actors.openPolicy({ path: dir, view: "full", shift: "unseen" });
  const copied: string[] = [];
  let terminal: FakeTerminal<Player, PlayerAction> | undefined;
  const program = await createPlayer({
    who: change.who ?? `route · seed ${actor.seed} · step ${actor.step}`,
    source: change.source ?? createPlayedSource(actor, 40),
    actorOf: async (index) => (index < (change.silent ?? 0) ? null : actor),
    actors,
    episode: change.episode ?? 0,
    step: change.step ?? 0,
    ...(change.filter !== undefined && { filter: change.filter }),
    ...(change.compare !== undefined && { compare: change.compare }),
    capabilities,
    size: () => ({ columns: terminal?.stdout.columns ?? columns, rows: terminal?.stdout.rows ?? rows }),
    commandOf: ({ at, step }) => `halfwatch replay run --episode ${at} --at ${step}`,
    copy: (text) => void copied.push(text),
  });
  const opened = await FakeTerminal.open(program, { columns, rows }, { capabilities });
  terminal = opened;
  opened.screen.dispatch({ kind: "start" });
  await opened.settle();
  return { terminal: opened, program, copied };
}

describe("frames", () => {
  test.each([
    [60, 20],
    [80, 24],
    [100, 30],
    [120, 40],
  ])("of the episode at %d x %d", async (columns, rows) => {
    const { terminal } = await open({ columns, rows, episode: 1 });
    await terminal.press(".");
    expect(terminal.visible()).toMatchSnapshot();
    await terminal.end();
  });

  test("of every overlay", async () => {
    const { terminal } = await open({ columns: 120, rows: 24, episode: 1 });
    for (let i = 0; i < 9; i++) {
      await terminal.press("v");
      expect(terminal.visible().slice(2, 9)).toMatchSnapshot();
    }
    await terminal.end();
  });

  test.each([60, 80, 120])("of the list at %d columns", async (columns) => {
    const { terminal } = await open({ columns, rows: 20 });
    await terminal.press("tab", "down", "down");
    expect(terminal.visible()).toMatchSnapshot();
    await terminal.end();
  });

  test.each([60, 80, 120])("of a comparison at %d columns", async (columns) => {
    const { terminal } = await open({ columns, rows: 24, compare: ["only:ghost", "optimal:true"], episode: 3 });
    expect(terminal.visible()).toMatchSnapshot();
    await terminal.end();
  });

  test("of the end: nothing is decided there any more, and no action looks as if it were taken", async () => {
    const { terminal } = await open({ columns: 120, rows: 30 });
    const before = terminal.visible();
    const said = before.findIndex((row) => /only:diamond +↑/.test(row)) - 1;
    expect(before[said]).toMatch(/^› full .*>/);
    expect(before.slice(said).join("\n")).toContain("best for true");
    await terminal.press("end");
    const after = terminal.visible();
    expect(after.slice(said, -1).join("\n")).not.toMatch(/only:diamond|best for|gate|>/);
    expect(after[said]).toBe("  the episode is over: there is nothing to decide");
    expect(after.find((row) => row.includes("value"))).toMatch(/value +–$/);
    await terminal.end();
  });

  test("of a comparison under an overlay: each lane says what its numbers are, dots are explained where there are any", async () => {
    const { terminal } = await open({ columns: 120, rows: 30, compare: ["optimal:true"] });
    const dots = "the ● are the steps that are still to come";
    expect(terminal.visible().join("\n")).toContain(dots);
    await terminal.press("v", "v");
    const shown = terminal.visible();
    expect(shown.find((row) => row.includes("critic"))).toMatch(/critic's value +│ +its exact value$/);
    expect(shown.join("\n")).not.toContain(dots);
    await terminal.press("V", "V", "end");
    expect(terminal.visible().join("\n")).not.toContain(dots);
    await terminal.end();
  });

  test.each([60, 80, 120])("of a level that is changed, and of what is typed, at %d columns", async (columns) => {
    const { terminal } = await open({ columns, rows: 20, episode: 1 });
    await terminal.press("e", "up", "m");
    expect(terminal.visible()).toMatchSnapshot();
    await terminal.press("escape");
    await terminal.press("/", ..."outcom:ghost", "enter");
    expect(terminal.visible().slice(15)).toMatchSnapshot();
    await terminal.press("ctrl-u", ..."x".repeat(columns));
    expect(terminal.visible().slice(15)).toMatchSnapshot();
    await terminal.press("escape");
    await terminal.press("?");
    expect(terminal.visible()).toMatchSnapshot();
    await terminal.end();
  });

  test.each([
    [120, "route · seed 0 · oversight.coverage 0.1 · step 640 · full   episode 0 · unseen"],
    [80, "route · seed 0 · oversight.coverage 0.1 · full   episode 0 · unseen"],
    [70, "route · seed 0 · coverage 0.1 · full   episode 0 · unseen"],
    [60, "route · seed 0 · full   episode 0 · unseen"],
  ])(
    "of the head at %d columns: of a long name the steps go first, then the key's path, then the point",
    async (columns, head) => {
      const { terminal } = await open({ columns, rows: 24, who: "route · seed 0 · oversight.coverage 0.1 · step 640" });
      expect(terminal.visible()[0]).toBe(` ${head.padEnd(columns - 6)}1x ‖`);
      await terminal.end();
    },
  );

  test("of a map that is too high: rows that have no room are missed in words", async () => {
    const engine = await createWasmEngine({ threads: 1 });
    const high = await troupe(engine, "full", { world: { size: 15, horizon: 20 } });
    const source = createPlayedSource({ ...(await actors.openPolicy({ path: dir, view: "full" })), ...high }, 3);
    const { terminal } = await open({ columns: 60, rows: 20, source });
    const rows = terminal.visible();
    expect(rows[4].trimStart()).toMatch(/^0 /);
    expect(rows[14].trimStart()).toMatch(/^10 /);
    expect(rows[15]).toBe(" not shown: rows from 11 on, and all below");
    await terminal.end();
    await engine.dispose();
  });

  test("of a recorded episode: the action that was taken stands in the row of the view that acted", async () => {
    const source = createFileSource(episodesOf(), actors);
    while (await source.more());
    const at = source.entries.findIndex(({ view, steps }) => view === "only:ghost" && steps > 0);
    const { terminal } = await open({ columns: 120, source, episode: at });
    const taken = terminal.visible().filter((row) => />[↑→↓←]/.test(row));
    expect(taken).toHaveLength(1);
    expect(taken[0]).toMatch(/^.{2}only:ghost /);
    await terminal.end();
  });

  test("in ASCII", async () => {
    const { terminal } = await open({ columns: 80, rows: 24, capabilities: ASCII, episode: 1 });
    const rows = terminal.visible();
    expect(rows).toMatchSnapshot();
    expect(rows.join("").match(/[^\x20-\x7e]/g)).toBeNull();
    await terminal.end();
  });
});

describe("a session", () => {
  test("steps, plays, filters, opens, compares, goes back and leaves nothing behind", async () => {
    const { terminal } = await open();
    expect(terminal.visible()[0]).toMatch(/^ route · seed 0 · step 640 · full {3}episode 0 · unseen +1x ‖$/);
    expect(terminal.visible()[28]).toMatch(/^ 40 episodes$/);
    await terminal.press("/", ..."outcome:ghost", "enter");
    expect(terminal.visible()[28]).toMatch(/^ \d+ of 40 episodes · filter outcome:ghost$/);
    await terminal.press("]");
    expect(terminal.visible()[27]).toMatch(/ends with ghost at \d+ {2}served the proxy goal$/);
    await terminal.press("c", ..."optimal:true", "enter");
    expect(terminal.visible()[2]).toMatch(/^ they part at step \d+: route full . \.\d\d, optimal:true . /);
    expect(terminal.visible()[4]).toMatch(/^ route full {2}this episode +│ optimal:true/);
    await terminal.press("escape");
    expect(terminal.visible()[2]).toMatch(/level +\[full\] +only:diamond +only:ghost/);
    await terminal.press("q");
    await terminal.screen.closed;
    expect(terminal.state()).toEqual(CLEAN);
  });

  test("a changed level is played beside the old one", async () => {
    const { terminal } = await open();
    await terminal.press("e");
    expect(terminal.visible()[2]).toBe("    the level, to be changed");
    await terminal.press("m", "enter");
    expect(terminal.visible()[4]).toMatch(/^ as it was {2}this episode +│ changed/);
    expect(terminal.visible()[0]).toContain("edited level");
    await terminal.end();
  });

  test("an unknown mind and a view of a module that is not there are said at the foot", async () => {
    const { terminal } = await open();
    const said = () => terminal.visible().slice(26, 29).join(" ");
    await terminal.press("c", ..."ablate:dragon", "enter");
    expect(said()).toContain("view ablate:dragon: unknown module dragon, expected one of diamond, ghost");
    expect(terminal.screen.model().notice?.bad).toBe(true);
    // What was typed stays, to be mended.
    expect(said()).toContain("compare with: ablate:dragon");
    await terminal.press("ctrl-u", ..."arm:filter", "enter");
    expect(said()).toContain("has no finished cell of it");
    await terminal.press("ctrl-w", ..."wish", "enter");
    expect(said()).toContain("--compare wish: unknown form");
    await terminal.press("ctrl-u", ..."only:ghost, ablate:ghost", "enter");
    expect(terminal.visible()[4]).toMatch(/^ route full .*│ only:ghost +│ ablate:ghost$/);
    await terminal.end();
  });

  test("a comparison begins after the steps that were asked for, within the longest", async () => {
    const longest = (await open({ compare: ["optimal:true"] })).terminal;
    const { lanes } = longest.screen.model().comparison ?? expect.fail();
    const steps = Math.max(...lanes.map(({ shown }) => shown.actions.length));
    await longest.end();
    const { terminal } = await open({ compare: ["optimal:true"], step: steps });
    expect(terminal.screen.model().step).toBe(steps);
    await terminal.end();
    await expect(open({ compare: ["optimal:true"], step: steps + 1 })).rejects.toThrow(
      `--at ${steps + 1}: episode 0 has ${steps} steps`,
    );
  });

  test("a comparison that is asked for on the command line is refused before the terminal is touched", async () => {
    await expect(open({ compare: ["wish"] })).rejects.toThrow("--compare wish: unknown form");
  });

  test("where nobody can be asked it says so, and offers nobody; in another episode somebody can", async () => {
    const { terminal } = await open({ silent: 1 });
    await terminal.press("c", ..."full", "enter");
    expect(terminal.visible()[27]).toContain("there is no checkpoint beside this file, so nobody can be asked");
    await terminal.press("escape");
    await terminal.press("c", "down");
    expect(terminal.screen.model().prompt?.text).toBe("");
    await terminal.press("escape");
    await terminal.press("]");
    await terminal.press("c", "down");
    expect(terminal.screen.model().prompt?.text).toBe("only:diamond");
    await terminal.end();
  });

  test("what is nobody's mistake ends the player and comes out", async () => {
    const actor = await actors.openPolicy({ path: dir, view: "full", shift: "unseen" });
    const source = createPlayedSource(actor, 40);
    const load: EpisodeSource["load"] = async (index) => {
      if (index > 0) throw new Error("no such device");
      return source.load(index);
    };
    const { terminal } = await open({ source: { ...source, load } });
    await terminal.press("]");
    await expect(terminal.screen.closed).rejects.toThrow("no such device");
    expect(terminal.state()).toEqual(CLEAN);
  });

  test("a second mind stands beside the first, a third takes the first one's place; each plays for itself", async () => {
    const { terminal } = await open({ columns: 120, compare: ["only:ghost"] });
    await terminal.press("c", "enter");
    expect(terminal.screen.model().notice).toBeNull();
    await terminal.press("c", "down");
    expect(terminal.screen.model().prompt?.text).toBe("only:diamond");
    await terminal.press("escape");
    await terminal.press("c", ..."arm:naive", "space", "enter");
    expect(terminal.screen.model().comparison?.specs).toEqual(["only:ghost", "arm:naive"]);
    await terminal.press("c", ..."only:diamond", "enter");
    const { comparison, shown } = terminal.screen.model();
    expect(comparison).toMatchObject({ specs: ["arm:naive", "only:diamond"], edited: false });
    expect(comparison?.lanes.map(({ name, shown: { acting } }) => [name, acting])).toEqual([
      ...[
        ["route full", "full"],
        ["arm:naive", "full"],
        ["only:diamond", "only:diamond"],
      ],
    ]);
    const minds = [{ view: "full" }, { arm: "naive" }, { view: "only:diamond" }];
    for (const [lane, mind] of minds.entries()) {
      const actor = await actors.openPolicy({ path: dir, shift: "unseen", ...mind });
      const [trace] = await playAll(actor.stage, actor.mind, [drawBeginning(actor.stage, 0, 0)]);
      expect(comparison?.lanes[lane].shown.trace).toEqual(trace);
    }
    expect(comparison?.lanes[0].shown.trace).toEqual(shown?.trace);
    await terminal.end();
  });

  test("whoever is compared plays a changed level too; alone, it stands beside the old one", async () => {
    const { terminal } = await open({ episode: 3 });
    const marked = () =>
      terminal.screen.model().comparison?.lanes.map(({ name, shown: { trace } }) => {
        expect(trace.beginning).toMatchObject({ seed: 0, number: 3 });
        return [name, trace.beginning.marks.indexOf(1)];
      });
    const cell = terminal.screen.model().shown?.cells[0];
    for (let again = 0; again < 2; again++) {
      await terminal.press("e", "m", "enter");
      expect(marked()).toEqual([
        ["as it was", -1],
        ["changed", cell],
      ]);
    }
    await terminal.press("escape");
    await terminal.press("c", ..."only:ghost", "enter");
    await terminal.press("e", "m", "enter");
    expect(marked()).toEqual([
      ["route full", cell],
      ["only:ghost", cell],
    ]);
    expect(terminal.screen.model().comparison).toMatchObject({ specs: ["only:ghost"], edited: true });
    await terminal.end();
  });

  test("plays two steps a second, twice as many with each >; from thirty ticks a second on a tick is more steps", async () => {
    const { terminal } = await open({ episode: 29 });
    const ticks: { readonly every: number; readonly tick: () => void }[] = [];
    const stopped: unknown[] = [];
    const set = vi
      .spyOn(globalThis, "setInterval")
      .mockImplementation(
        ((tick: () => void, every: number) => ticks.push({ tick, every }) as unknown) as typeof setInterval,
      );
    const clear = vi.spyOn(globalThis, "clearInterval").mockImplementation((handle) => void stopped.push(handle));
    try {
      await terminal.press("space", ...">>>>>>");
      expect(ticks.map(({ every }) => every)).toEqual([500, 250, 125, 62.5, 33, 33, 33]);
      expect(stopped).toEqual([1, 2, 3, 4, 5, 6]);
      for (const [t, step] of [
        [0, 1],
        [5, 1 + 2],
        [6, 1 + 2 + 4],
      ]) {
        ticks[t].tick();
        expect(terminal.screen.model().step).toBe(step);
      }
      await terminal.press("space");
      expect(stopped).toEqual([1, 2, 3, 4, 5, 6, 7]);
      await terminal.press("space", "q");
      await terminal.screen.closed;
      expect(stopped).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    } finally {
      set.mockRestore();
      clear.mockRestore();
    }
  });

  test("the list's page is as long as the screen, whatever that becomes", async () => {
    const { terminal } = await open({ rows: 20 });
    await terminal.press("tab", "end");
    const shown = () => terminal.visible().flatMap((row) => /(\d+) {2}unseen/.exec(row)?.[1] ?? []);
    const range = (first: number, last: number) => Array.from({ length: last + 1 - first }, (_, i) => `${first + i}`);
    expect(shown()).toEqual(range(28, 39));
    await terminal.press("home", ...new Array(11).fill("down"));
    expect(shown()).toEqual(range(0, 11));
    await terminal.press("down");
    expect(shown()).toEqual(range(1, 12));
    await terminal.resize({ columns: 100, rows: 40 });
    await terminal.press("home", ...new Array(32).fill("down"));
    expect(shown()).toEqual(range(1, 32));
    await terminal.end();
  });

  test.each([
    ["arm:naive", / │ arm:naive$/],
    ["seed:1", / │ seed:1$/],
    ["step:128", / │ step:128$/],
  ])("%s is another mind of the run on the same level", async (spec, head) => {
    const { terminal } = await open({ compare: [spec] });
    expect(terminal.visible()[4]).toMatch(head);
    const rows = terminal.visible().slice(7, 12);
    // both maps are the same; only the steps to come differ
    for (const row of rows) {
      const [left, right] = row.replaceAll("●", "·").split("│");
      expect(right.trim()).toBe(left.trim());
    }
    await terminal.end();
  });

  test("y saves the screen as a picture, Y as text, never over another file; p gives the command", async () => {
    const { terminal, program, copied } = await open({ episode: 1 });
    await terminal.press("y", "Y", "Y");
    const files = readdirSync(folder)
      .filter((name) => name.startsWith("halfwatch-"))
      .sort();
    expect(files).toEqual([
      "halfwatch-episode1-step0-2.txt",
      "halfwatch-episode1-step0.svg",
      "halfwatch-episode1-step0.txt",
    ]);
    expect(readFileSync(join(folder, files[1]), "utf8")).toMatch(/^<svg [\s\S]*only:diamond[\s\S]*<\/svg>\n$/);
    const text = readFileSync(join(folder, files[2]), "utf8").split("\n");
    expect(text.slice(0, 28)).toEqual(terminal.visible().slice(0, 28));
    await terminal.press(".", "p", "q");
    await terminal.screen.closed;
    expect(program.printed).toEqual(["halfwatch replay run --episode 1 --at 1"]);
    expect(copied).toEqual(program.printed);
  });

  test("visits are steps that began on a cell, over the episodes that the filter accepts", async () => {
    const { terminal } = await open();
    await terminal.press("V");
    expect(terminal.visible()[2]).toContain("visits (40)");
    await terminal.press("/", ..."outcome:ghost", "enter");
    const { visits, order, entries } = terminal.screen.model();
    const actor = await actors.openPolicy({ path: dir, view: "full", shift: "unseen" });
    const { world } = actor.stage;
    const counted = new Array<number>(25).fill(0);
    const beginnings = Array.from({ length: 40 }, (_, n) => drawBeginning(actor.stage, actor.seed, n));
    const traces = (await playAll(actor.stage, actor.mind, beginnings)).filter(({ outcome }) => outcome === "ghost");
    for (const { beginning, states } of traces) {
      for (const state of states.slice(0, -1)) counted[world.cell(beginning.level, state)]++;
    }
    expect(traces.length).toBeGreaterThan(3);
    expect(order.map((i) => entries[i].number)).toEqual(traces.map(({ beginning }) => beginning.number));
    expect(visits).toEqual(counted);
    expect(terminal.visible()[2]).toContain(`visits (${traces.length})`);
    await terminal.end();
    const begun = await open({ filter: "outcome:ghost" });
    expect(begun.terminal.screen.model().order).toEqual(order);
    await begun.terminal.end();
  });

  test("an episode or a filter that there is not is refused before the terminal is touched", async () => {
    await expect(open({ episode: 40 })).rejects.toThrow("there is no episode 40: there are 40, numbered from 0");
    await expect(open({ filter: "wish:1" })).rejects.toThrow("filter: unknown key wish");
  });
});

test("endures every terminal, while it plays", async () => {
  await endures(
    async (size, capabilities) => (await open({ ...size, capabilities, episode: 1 })).terminal,
    ["l", "l", ">", " "],
  );
});

describe("sources", () => {
  test("a filter that no recorded episode fits is refused in lines, and said in the player", async () => {
    const told = await halfwatchHere(["replay", episodesOf(), "--plain", "--filter", "outcome:gost"]);
    expect(told).toMatchObject({ code: 2, stdout: "" });
    expect(told.stderr).toBe("--filter outcome:gost: no episode has outcome gost; did you mean ghost?\n");
    const none = await halfwatchHere(["replay", episodesOf(), "--plain", "--filter", "steps>1000"]);
    expect(none.stderr).toMatch(/^--filter steps>1000: no episode of \S+ fits\n$/);
    const { terminal } = await open({ filter: "outcome:gost" });
    await terminal.settle();
    expect(terminal.visible()[28]).toBe(" no episode has outcome gost; did you mean ghost?");
    await terminal.end();
  });

  test("the episodes that a cell recorded are shown with the mind of its checkpoint", async () => {
    const source = createFileSource(episodesOf(), actors);
    const { terminal } = await open({ source });
    expect(terminal.visible()[2]).toMatch(/level +\[full\] +only:diamond +only:ghost/);
    await terminal.end();
    const shifts = new Set(source.entries.map(({ shift, view }) => `${shift} ${view}`));
    expect([...shifts].sort()).toEqual(
      ["training", "unseen"].flatMap((shift) =>
        ["full", "only:diamond", "only:ghost"].map((view) => `${shift} ${view}`),
      ),
    );
  });

  test("a damaged episode is said at the foot when it is opened, the others are shown", async () => {
    const text = readFileSync(episodesOf(), "utf8").split("\n");
    const record = JSON.parse(text[2]);
    text[2] = JSON.stringify({ ...record, states: record.states.with(1, "0".repeat(12)) });
    const path = join(folder, "damaged.jsonl");
    writeFileSync(path, text.join("\n"));
    const { terminal } = await open({ source: createFileSource(path, actors) });
    await terminal.press("]");
    expect(terminal.visible()[27]).toContain("damaged.jsonl: episode 1: step 1: the state is not the recorded one");
    await terminal.press("]");
    expect(terminal.visible()[0]).toMatch(/episode \d+ · training/);
    await terminal.end();
  });

  test("a played source plays the same episodes whenever it is asked, one first", async () => {
    const actor = await actors.openPolicy({ path: dir });
    const source = createPlayedSource(actor, 300);
    expect(await source.more()).toBe(true);
    expect(source.entries).toHaveLength(1);
    while (await source.more());
    expect(source.entries).toHaveLength(300);
    expect(await source.more()).toBe(false);
    const shown = await source.load(123);
    expect(shown.acting).toBe("only:diamond");
    expect(source.entries[123]).toMatchObject({
      ...{ number: 123, seed: 0, shift: "training", view: "only:diamond" },
      outcome: shown.trace.outcome,
      returns: shown.trace.returns,
    });
    expect(Array.from(await source.cells(123))).toEqual(shown.cells);
    const [trace] = await playAll(actor.stage, actor.mind, [drawBeginning(actor.stage, 0, 123)]);
    expect(shown.trace).toEqual(trace);
    const marked = (number: number) => drawBeginning(actor.stage, 0, number).marks.includes(1);
    expect(source.entries.map((entry) => entry.marked)).toEqual(source.entries.map(({ number }) => marked(number)));
    expect(new Set(source.entries.map((entry) => entry.marked)).size).toBe(2);
    const unseen = await actors.openPolicy({ path: dir, shift: "unseen" });
    for (const most of [1, 2, 3]) {
      const few = createPlayedSource(unseen, most);
      while (await few.more());
      expect(few.entries.map(({ shift }) => shift)).toEqual(new Array(most).fill("unseen"));
    }
  });

  test("an episode of a file is shown in the world of its shift, by the mind of its view, else as the file has it", async () => {
    const run = join(folder, "longer");
    const scenario = tinyScenario({ arms: ["route"], seeds: 1, shift: { unseen: { "world.horizon": 24 } } });
    openRun(run, manifestOf(scenario, "0"));
    const engine = await createWasmEngine({ threads: 1 });
    const [plan] = planCells(scenario, "wasm");
    await runCell(run, plan, engine);
    await engine.dispose();
    const path = cellPaths(run, plan.id).episodes;
    const [asked, told] = [createFileSource(path, actors), createFileSource(path, null)];
    for (const source of [asked, told]) while (await source.more());
    const records = readFileSync(path, "utf8").trimEnd().split("\n").slice(1);
    expect(asked.entries).toHaveLength(records.length);
    expect(asked.goals).toEqual(["true", "proxy"]);
    expect(asked.head).toMatchObject({ arm: "route", seed: 0, step: 640 });
    for (const [i, { shift, view }] of asked.entries.entries()) {
      const { scene, acting, trace, cells, opinions } = await asked.load(i);
      expect({ horizon: scene.horizon, acting }).toEqual({ horizon: shift === "unseen" ? 24 : 12, acting: view });
      expect(Array.from(await asked.cells(i))).toEqual(cells);
      const { mind, stage } = await actors.openPolicy({ path: run, view, shift });
      expect(opinions).toEqual(await mind.consult(standingsOf(stage.world, trace)));
      expect((await told.load(i)).opinions).toEqual(JSON.parse(records[i]).opinions ?? null);
    }
    expect(asked.entries[0].shift).toBe("training");
    expect((await asked.load(0)).scene.horizon).toBe(12);
  });
});

describe("minds to compare with", () => {
  /** What a mind wants at the beginning of a level. */
  async function wants(mind: Mind): Promise<number[]> {
    const { stage } = await actors.openPolicy({ path: dir });
    const { level, state, marks } = drawBeginning(stage, 0, 1);
    return [...(await mind.act([{ level, state, marks, stepsLeft: stage.world.horizon }]))];
  }

  test("are offered, the most telling first, but for whoever is shown", async () => {
    const views = ["only:diamond", "only:ghost", "ablate:diamond", "ablate:ghost"];
    const optima = ["optimal:true", "optimal:proxy"];
    expect(candidatesOf(await actors.openPolicy({ path: dir, view: "full" }))).toEqual([
      ...[...views, "arm:naive", "seed:1", "step:128", "step:384", ...optima],
    ]);
    expect(candidatesOf(await actors.openPolicy({ path: dir, view: "only:ghost", seed: 1, step: 128 }))).toEqual([
      ...["full", ...views.filter((name) => name !== "only:ghost"), "arm:naive", "seed:0", ...optima],
    ]);
    expect(candidatesOf(await actors.openPolicy({ path: dir, arm: "naive" }))).toEqual([
      ...["arm:route", "seed:1", "step:128", "step:384", ...optima],
    ]);
  });

  test.each([
    ["full", { arm: "route", seed: 1, view: "full" }],
    ["ablate:ghost", { arm: "route", seed: 1, view: "ablate:ghost" }],
    ["steer:ghost=0.5", { arm: "route", seed: 1, view: "steer:ghost=0.5" }],
    // the same view of other networks, but for those that have none such
    ["seed:0", { arm: "route", seed: 0, view: "only:ghost" }],
    ["step:1_2_8", { arm: "route", seed: 1, step: 128, view: "only:ghost" }],
    ["arm:naive", { arm: "naive", seed: 1, view: "full" }],
  ])("%s is the mind of %j", async (spec, wanted) => {
    const own = await actors.openPolicy({ path: dir, seed: 1, view: "only:ghost" });
    const { name, mind, view } = await mindOf(spec, own, actors);
    const expected = await actors.openPolicy({ path: dir, ...wanted });
    expect({ name, view, wants: await wants(mind) }).toEqual({
      ...{ name: spec, view: wanted.view, wants: await wants(expected.mind) },
    });
    expect(await wants(mind)).not.toEqual(await wants(own.mind));
  });

  test("another seed and another step are of the same arm", async () => {
    const own = await actors.openPolicy({ path: dir, arm: "naive" });
    for (const [spec, change] of [
      ["seed:1", { seed: 1 }],
      ["step:128", { step: 128 }],
    ] as const) {
      const { mind } = await mindOf(spec, own, actors);
      const expected = await actors.openPolicy({ path: dir, arm: "naive", ...change });
      expect(await wants(mind)).toEqual(await wants(expected.mind));
    }
  });

  test("an optimum is the true goal's unless another is named", async () => {
    const own = await actors.openPolicy({ path: dir });
    for (const [spec, view] of [
      ["optimal", "optimal:true"],
      ["optimal:true", "optimal:true"],
      ["optimal:proxy", "optimal:proxy"],
    ]) {
      expect(await mindOf(spec, own, actors)).toMatchObject({ name: spec, view, mind: { name: view } });
    }
  });

  test.each([
    ["seed:x", "--compare seed:x: expected a number after seed:", undefined],
    ["step:12k", "--compare step:12k: expected a number after step:", undefined],
    ["seed:7", "--seed 7: run DIR has no finished cell of route with it", "it has: 0, 1"],
    [
      "step:1,499,136",
      /^step 1499136: cell route-seed0-\w+ has no checkpoint of it$/,
      "it has: 128, 256, 384, 512, 640",
    ],
    ["oracle", "--arm oracle: run DIR has no finished cell of it", "it has: naive, route"],
    ["optimal:wish", "optimal:wish: unknown goal, expected true or proxy", undefined],
  ])("%s is refused", async (spec, message, hint) => {
    const own = await actors.openPolicy({ path: dir });
    await expect(mindOf(spec, own, actors)).rejects.toMatchObject({
      ...{ name: "UserError", hint },
      message: typeof message === "string" ? message.replace("DIR", dir) : expect.stringMatching(message),
    });
  });

  test.each([
    [["only:diamond"], "--compare only:diamond: that is route only:diamond itself"],
    [["arm:route"], "--compare arm:route: that is route only:diamond itself"],
    [["full", "full"], "--compare full: that is full itself"],
    [["optimal", "optimal:true"], "--compare optimal:true: that is optimal itself"],
  ])("%j: a mind is not compared with itself", async (specs, message) => {
    const own = await actors.openPolicy({ path: dir });
    await expect(mindsOf(specs, own, actors)).rejects.toMatchObject({ name: "UserError", message });
  });

  test("beside a checkpoint that stands alone there are its views and the optima", async () => {
    const inRun = await actors.openPolicy({ path: dir });
    for (const place of ["alone.safetensors", "elsewhere/checkpoints/640.safetensors"]) {
      const path = join(folder, place);
      cpSync(inRun.checkpoint, path);
      const alone = await actors.openPolicy({ path });
      expect(candidatesOf(alone)).toEqual([
        ...["full", "only:ghost", "ablate:diamond", "ablate:ghost", "optimal:true", "optimal:proxy"],
      ]);
      expect(await wants(alone.mind)).toEqual(await wants(inRun.mind));
      await expect(mindOf("seed:1", alone, actors)).rejects.toThrow(`${path} does not stand in a run`);
    }
  });
});

describe("the policy of a run", () => {
  const cellOf = (run: string, name: string) =>
    join(run, "cells", readdirSync(join(run, "cells")).find((id) => id.startsWith(name)) ?? "");
  function copied(name: string): string {
    const run = join(folder, name);
    cpSync(dir, run, { recursive: true });
    return run;
  }
  const whoIs = async (wanted: Wanted) => {
    const { arm, seed, step, shift, view, deployed } = await actors.openPolicy(wanted);
    return { arm, seed, step, shift, view, deployed };
  };

  test("is that of route, the first seed and the last step, as it is deployed, unless told otherwise", async () => {
    const deployed = "only:diamond";
    expect(await whoIs({ path: dir })).toEqual({
      ...{ arm: "route", seed: 0, step: 640, shift: "training", view: deployed, deployed },
    });
    expect((await actors.openPolicy({ path: dir })).mind.views).toEqual([deployed, "full", "only:ghost"]);
    const wanted = { arm: "naive", seed: 1, step: 256, shift: "unseen", view: "full" };
    expect(await whoIs({ path: dir, ...wanted })).toEqual({ ...wanted, deployed: "full" });
  });

  test("is seen in the scenario as it is changed for each", async () => {
    const horizonOf = async (...set: string[]) => (await actors.openPolicy({ path: dir, set })).stage.world.horizon;
    expect([await horizonOf(), await horizonOf("world.horizon=20"), await horizonOf()]).toEqual([12, 20, 12]);
  });

  test("is of a finished cell, and of the first arm where route is none", async () => {
    const run = copied("unfinished");
    rmSync(join(cellOf(run, "route-seed0"), "result.json"));
    expect(await whoIs({ path: run })).toMatchObject({ arm: "route", seed: 1 });
    rmSync(join(cellOf(run, "route-seed1"), "result.json"));
    expect(await whoIs({ path: run })).toMatchObject({ arm: "naive", seed: 0 });
    rmSync(join(run, "cells"), { recursive: true });
    const message = `run ${run} has no finished cell`;
    await expect(actors.openPolicy({ path: run })).rejects.toMatchObject({ name: "UserError", message });
  });

  test("is not looked for where the run's own file is no more", async () => {
    const run = copied("torn");
    writeFileSync(join(run, "manifest.json"), "{}");
    await expect(actors.openPolicy({ path: run })).rejects.toMatchObject({ name: "UserError" });
  });

  test("is not that of another cell whose file lies in its place", async () => {
    const run = copied("mixed");
    const checkpoint = (name: string) => join(cellOf(run, name), "checkpoints", "640.safetensors");
    cpSync(checkpoint("route-seed1"), checkpoint("route-seed0"));
    await expect(actors.openPolicy({ path: run })).rejects.toMatchObject({ name: "UserError" });
    await expect(actors.openPolicy({ path: run, seed: 1 })).resolves.toMatchObject({ seed: 1 });
  });
});

describe("without a terminal", () => {
  test("an episode file is listed, and an episode told; --json holds the same", async () => {
    const cells = readdirSync(join(dir, "cells")).filter((name) => name.startsWith("route-seed0"));
    const path = join(dir, "cells", cells[0], "episodes.jsonl");
    const told = halfwatch(["replay", path, "--filter", "outcome:ghost", "--episode", "1"], folder);
    expect(told).toMatchObject({ code: 0, stderr: "" });
    expect(told.stdout).toMatch(/^episode {2}shift/);
    expect(told.stdout).toMatch(/\nepisode 1:\n/);
    const { shown, episodes } = JSON.parse(
      (await halfwatchHere(["replay", path, "--json", "--episode", "1"], folder)).stdout,
    );
    expect(shown.episode).toBe(1);
    expect(episodes[1]).toMatchObject({ outcome: shown.outcome, label: shown.label, returns: shown.returns });
  });

  test("--record writes a file that is replayed without the checkpoint, and never over another", async () => {
    const record = ["replay", dir, "--episodes", "5", "--view", "full", "--record", "kept/five.jsonl"];
    expect(await halfwatchHere(record, folder)).toMatchObject({ code: 0, stdout: "" });
    const { shown } = JSON.parse(
      (await halfwatchHere(["replay", "kept/five.jsonl", "--json", "--episode", "4"], folder)).stdout,
    );
    const live = JSON.parse(
      (await halfwatchHere(["replay", dir, "--view", "full", "--json", "--episode", "4"], folder)).stdout,
    );
    expect(shown.actions).toEqual(live.steps.map(({ action }: { action: string }) => action));
    // what the mind thought is in the file
    const told = (await halfwatchHere(["replay", "kept/five.jsonl", "--episode", "4"], folder)).stdout;
    expect(told).toMatch(/\nstep 1: \w+ (1\.0|\.\d)\d/);
    expect(await halfwatchHere(record, folder)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^--record: kept\/five.jsonl is there already/),
    });
  });

  test("--compare tells where minds part", async () => {
    const { code, stdout } = await halfwatchHere(["replay", dir, "--compare", "optimal:true", "--json"], folder);
    expect(code).toBe(0);
    const { lanes, divergence } = JSON.parse(stdout);
    expect(lanes.map(({ name }: { name: string }) => name)).toEqual(["route only:diamond", "optimal:true"]);
    if (divergence !== null) expect(lanes[0].actions[divergence.step]).toBe(divergence.actions[0] ?? undefined);
    expect(lanes[0].map).toEqual(lanes[1].map);
  });

  test.each([
    [["replay", "nowhere"], "cannot read nowhere: there is no such file or folder (ENOENT)"],
    [["replay", "."], ". is nothing to replay"],
    [["replay", "none.jsonl"], "cannot read none.jsonl: there is no such file or folder (ENOENT)"],
  ])("%j is refused in a line", async (args, message) => {
    const { code, stdout, stderr } = await halfwatchHere(args, folder);
    expect({ code, stdout, message: stderr.split("\n")[0] }).toEqual({ code: 2, stdout: "", message });
  });
});
