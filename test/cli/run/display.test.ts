import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type RunOptions, run, type Showing } from "../../../cli/commands/run.ts";
import { Interrupted } from "../../../cli/errors.ts";
import { type DashboardOptions, openDashboard } from "../../../cli/screens/dashboard/dashboard.ts";
import type { preparePlayer } from "../../../cli/screens/player/preparation.ts";
import type { Capabilities } from "../../../cli/text/capabilities.ts";
import { line } from "../../../cli/tui/span.ts";
import { UserError } from "../../../src/core/errors.ts";
import { TINY } from "../processes.ts";
import { CLEAN, FakeTerminal } from "../tui/fake-terminal.ts";

/*
 * Whatever a screen throws, the training goes on: in lines where the screen is lost, with the terminal given back, the error told once,
 * and the exit code of the training. The command is run in this process, on a terminal in memory; its cells train in processes of their own.
 */

const CAPABILITIES: Capabilities = { colours: "none", unicode: true };
const SIZE = { columns: 100, rows: 30 };

let folder: string;
let out: string;
const said: string[] = [];
const printed: string[] = [];
const home = process.cwd();
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "halfwatch-display-"));
  writeFileSync(join(folder, "tiny.yaml"), TINY.replace("steps: 60000", "steps: 6400"));
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true, force: true });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

type Opening = (...args: Parameters<typeof openDashboard>) => ReturnType<typeof openDashboard>;

/** Run the tiny scenario; `opening` opens its screen on the terminal. Returns what was said, once the command has ended. */
async function train(terminal: FakeTerminal<never, never>, opening: Opening, options: Partial<RunOptions> = {}) {
  out = mkdtempSync(join(folder, "runs-"));
  said.length = 0;
  printed.length = 0;
  vi.spyOn(process.stderr, "write").mockImplementation((text) => said.push(String(text)) > 0);
  vi.spyOn(process.stdout, "write").mockImplementation((text) => printed.push(String(text)) > 0);
  const showing: Showing = { capabilities: () => CAPABILITIES, openDashboard: opening };
  await run(["tiny.yaml"], { out, engine: "auto", jobs: 2, threads: 1, seeds: "0..0", ...options }, showing);
  await terminal.settle();
  const [dir] = readdirSync(out);
  const cells = readdirSync(join(out, dir, "cells"));
  const finished = cells.filter((id) => readdirSync(join(out, dir, "cells", id)).includes("result.json"));
  return { text: said.join(""), table: printed.join(""), finished: finished.length };
}

const on = (terminal: FakeTerminal<never, never>, more: Partial<DashboardOptions> = {}): Opening => {
  const { stdin, stdout, process } = terminal;
  return (scenario, view, options) =>
    openDashboard(scenario, view, { ...options, terminal: { stdin, stdout, process }, ...more });
};

/** A player that shows `text`, or throws it. */
const playerThat = (show: () => string): typeof preparePlayer => {
  const program = {
    ...{ title: "player", start: 0, printed: [], reduce: (model: number) => model },
    view: () => [line(show())],
    keys: () => ({ bindings: [{ keys: ["q"], action: { kind: "quit" }, hint: "leave", help: "leave" }] }),
    effect: ({ kind }: { kind: string }, screen: { close(): void }) => {
      if (kind === "quit") screen.close();
    },
  };
  return async () => ({ program, dispose: async () => {} }) as unknown as Awaited<ReturnType<typeof preparePlayer>>;
};

const refuse = (error: Error) => async () => {
  throw error;
};

test("a screen that cannot be opened leaves lines, every cell, the table and the exit code", async () => {
  const terminal = new FakeTerminal<never, never>(SIZE);
  const opening = () => {
    throw new Error("no such screen");
  };
  const { text, table, finished } = await train(terminal, opening);
  expect(text).toMatch(/^the screen failed; the training goes on in lines, as with --plain\nError: no such screen\n/);
  expect(text).toContain("this is a bug in halfwatch: please report it");
  expect(text.match(/no such screen/g)).toHaveLength(1);
  expect(text).toMatch(/\[2\/2\] (naive|route) seed 0 {2}done in /);
  expect([finished, table.includes("only:diamond"), process.exitCode]).toEqual([2, true, undefined]);
  expect(terminal.state()).toEqual(CLEAN);
});

test("a display that throws at every update, and again when it is ended, is told once", async () => {
  const terminal = new FakeTerminal<never, never>(SIZE);
  const opening: Opening = async () => ({
    update: () => {
      throw new Error("cannot show this");
    },
    end: () => {
      throw new Error("cannot end this");
    },
  });
  const { text, finished } = await train(terminal, opening, { arms: ["route"] });
  expect(text.match(/cannot show this/g)).toHaveLength(1);
  expect(text).not.toContain("cannot end this");
  expect(text).toMatch(/\[1\/1\] route seed 0 {2}done in /);
  expect([finished, process.exitCode]).toEqual([1, undefined]);
});

/** A long run of one cell on a terminal, stopped in the end by whoever holds `stop`. */
function begin(terminal: FakeTerminal<never, never>, more: Partial<DashboardOptions> = {}) {
  let stop = () => {};
  const opening: Opening = async (scenario, view, options) => {
    stop = options.onStop;
    return on(terminal, more)(scenario, view, options);
  };
  const steps = ["train.steps=20000000", "agent.hidden=[4]", "agent.critic=[4]"];
  const ended = train(terminal, opening, { arms: ["route"], set: steps }).catch((error: unknown) => error);
  const see = async (pattern: RegExp) => {
    for (let tries = 0; !pattern.test(terminal.visible().join("\n")); tries++) {
      if (tries > 300) throw new Error(`never showed ${pattern}:\n${terminal.visible().join("\n")}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  /** Updates that the cell has logged. */
  const updates = (): number => {
    const [log] = globSync(join(out, "*/cells/*/metrics.jsonl"));
    return log === undefined ? 0 : readFileSync(log, "utf8").split("\n").length - 1;
  };
  const trainsOn = async () => {
    const before = updates();
    await vi.waitFor(() => expect(updates()).toBeGreaterThan(before), 20_000);
  };
  /** Stop it, and see that it was the training that ended the command. */
  const finish = async () => {
    await trainsOn();
    stop();
    expect(await ended).toBeInstanceOf(Interrupted);
    await terminal.settle();
    if (!terminal.stdout.gone) expect(terminal.state()).toEqual(CLEAN);
    expect(terminal.process.exitCode).toBeUndefined();
    return said.join("");
  };
  return { see, trainsOn, finish };
}

test("players that cannot be opened, drawn or closed leave the dashboard; it says why, and stderr afterwards", async () => {
  const terminal = new FakeTerminal<never, never>(SIZE);
  const players: (typeof preparePlayer)[] = [
    refuse(new UserError("the checkpoint was changed")),
    refuse(new RangeError("no such point")),
    playerThat(() => {
      throw new Error("cannot draw this");
    }),
    playerThat(() => "an episode"),
  ];
  const player: typeof preparePlayer = (...args) => (players.shift() ?? expect.fail())(...args);
  const { see, trainsOn, finish } = begin(terminal, { preparePlayer: player });
  await see(/r replay/);
  for (const reason of [
    /the checkpoint was changed/,
    /the player failed: no such point; the training goes on/,
    /the player failed: cannot draw this; the training goes on/,
  ]) {
    await terminal.press("r");
    await see(reason);
    await see(/route seed 0 {2}trains/);
    await trainsOn();
  }
  await terminal.press("r");
  await see(/an episode/);
  // Ctrl-C is a key of the player like any other.
  await terminal.press("ctrl-c");
  await see(/an episode/);
  await trainsOn();
  await terminal.press("q");
  await see(/route seed 0 {2}trains/);
  const text = await finish();
  expect(text.match(/the player failed: (RangeError|Error): .*/g)).toEqual([
    "the player failed: RangeError: no such point",
    "the player failed: Error: cannot draw this",
  ]);
  expect(text).not.toContain("the screen failed");
});

test("resizes to nothing and in storms are borne; an error that nobody catches costs the screen alone", async () => {
  const terminal = new FakeTerminal<never, never>(SIZE);
  const { see, trainsOn, finish } = begin(terminal);
  await see(/route seed 0 {2}trains/);
  await terminal.press("?");
  await see(/run: keys/);
  for (let i = 0; i < 200; i++) {
    Object.assign(terminal.stdout, { columns: i % 7, rows: i % 5 });
    terminal.stdout.emit("resize");
  }
  await terminal.resize({ columns: 1, rows: 1 });
  await trainsOn();
  await terminal.resize(SIZE);
  await see(/run: keys/);
  await terminal.press("x");
  await see(/route seed 0 {2}trains/);
  terminal.process.emit("uncaughtException", new Error("from a timer"));
  await terminal.settle();
  expect(terminal.state()).toEqual(CLEAN);
  const text = await finish();
  expect(text).toMatch(/the screen failed; the training goes on in lines, as with --plain\nError: from a timer\n/);
  expect(text.match(/from a timer/g)).toHaveLength(1);
  expect(text).toContain("halfwatch run: tiny-");
});

test.each(["read", "written"])("a terminal that cannot be %s any more costs the screen alone", async (how) => {
  const terminal = new FakeTerminal<never, never>(SIZE);
  const { see, finish } = begin(terminal);
  await see(/route seed 0 {2}trains/);
  // What is written last finds nobody listening but the program.
  terminal.stdout.on("error", () => {});
  if (how === "written") terminal.stdout.gone = true;
  else terminal.stdin.destroy(Object.assign(new Error("read EIO"), { code: "EIO" }));
  const text = await finish();
  expect(text).toMatch(/the terminal has gone: (read|write) EIO; the training goes on without it\n/);
  expect(text).not.toContain("this is a bug");
});
