import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { halfwatch, MAIN } from "../cli/halfwatch.ts";
import { cellsOf, kill, until } from "../cli/processes.ts";
import { hasTmux, openTerminals, type Shell, type Terminals } from "./tmux.ts";

/*
 * The dashboard on real terminals: one runs, another watches. What a shell finds afterwards is what it had before, however the program in
 * it ended. Skipped where tmux is missing.
 */

let terminals: Terminals;
let shell: Shell;
let other: Shell;

const NODE = `'${process.execPath}'`;
const SCENARIO = join(import.meta.dirname, "../../scenarios/quickstart.yaml");
const SMALL = "--set 'agent.hidden=[8, 8]' --set 'agent.critic=[8]'";
/** Start a run that would train for minutes, in a folder of its own. */
const start = (out: string, more = "") =>
  shell.press(
    `clear; ${NODE} '${MAIN}' run '${SCENARIO}' --arms naive,route --seeds 1 --out ${out} ${SMALL} --set train.steps=20000000 ${more}`,
    "Enter",
  );
const runIn = (out: string): string => join(terminals.folder, out, readdirSync(join(terminals.folder, out))[0]);
/** The newest process whose command line holds the text. */
const pidOf = (text: string): number => Number(execFileSync("pgrep", ["-n", "-f", "--", text], { encoding: "utf8" }));
const updatesIn = (run: string): number =>
  readdirSync(join(run, "cells")).reduce(
    (sum, id) => sum + readFileSync(join(run, "cells", id, "metrics.jsonl"), "utf8").split("\n").length - 1,
    0,
  );

beforeAll(() => {
  if (!hasTmux) return;
  terminals = openTerminals();
  shell = terminals.open("shell", 100, 30);
  other = terminals.open("other", 80, 24);
});
afterAll(() => terminals?.close());

test.skipIf(!hasTmux)(
  "a journey: watch from elsewhere, zoom, pause, go on, replay, filter, compare, save a frame, come back, quit",
  async () => {
    const [before, beside] = [await shell.state("before"), await other.state("beside")];
    start("journey");
    await shell.see(/halfwatch run: quickstart-\w+ .*0 of 2 cells/);
    await shell.see(/naive seed 0 {2}trains/);
    const run = runIn("journey");
    other.press(`clear; ${NODE} '${MAIN}' watch ${run}`, "Enter");
    await other.see(/halfwatch watch: quickstart-/);
    await other.see(/naive seed 0 {2}trains/);
    other.press("Enter");
    await other.see(/approximate KL/);
    other.press("Enter");
    await other.see(/digit: tenths of the optimum/);
    // Whoever asks for it, it holds for both, and nothing is trained meanwhile.
    other.press("p");
    await Promise.all([shell.see(/p go on/), other.see(/p go on/)]);
    await shell.see(/paused · 0 of 2 cells/);
    await shell.see(/route seed 0 is paused/);
    const held = updatesIn(run);
    shell.press("p");
    await Promise.all([shell.see(/p pause/), other.see(/p pause/)]);
    await until(() => updatesIn(run) > held);

    // A policy is there to be played, and is seen to play.
    await shell.see(/live {2}as of step \d/);
    shell.press("Down");
    await shell.see(/route seed 0 {2}trains/);
    // That cell has saved a policy, too.
    await shell.see(/live {2}as of step \d/);
    shell.press("r");
    await shell.see(/route · seed 0 · step [\d,]+ · only:diamond {3}episode 0 · unseen/);
    await shell.see(/1,024 episodes/);
    const there = updatesIn(run);
    shell.press("Tab", "/", "outcome:ghost,diamond,timeout", "Enter");
    await shell.see(/of 1,024 episodes · filter/);
    shell.press("Tab", "c", "optimal:true", "Enter");
    await shell.see(/│ optimal:true/);
    shell.press("y");
    await shell.see(/saved as halfwatch-episode0-step0\.svg/);
    await until(() => updatesIn(run) > there + 2);
    shell.press("q");
    await shell.see(/halfwatch run: quickstart-/);
    await shell.see(/route seed 0 {2}trains/);
    other.press("q");
    expect(await other.state("beside-after")).toBe(beside);
    expect(shell.screen()).toMatch(/0 of 2 cells/);
    shell.press("q");
    expect(await shell.state("after")).toBe(before);
    expect(readFileSync(join(terminals.folder, "halfwatch-episode0-step0.svg"), "utf8")).toContain("optimal:true");
    // What was stopped is whole.
    const { code, stdout } = halfwatch(["verify", run]);
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^0 of 2 cells are finished and whole/)]);
    expect(stdout).not.toContain("damaged");
  },
);

test.skipIf(!hasTmux)(
  "the mouse selects a cell and opens it, the wheel goes on; a shell has no mouse afterwards",
  async () => {
    const before = await shell.state("before-mouse");
    start("mouse");
    const rows = (await shell.see(/naive seed 0 {2}trains/)).split("\n");
    const row = rows.findIndex((text) => text.startsWith("   route ")) + 1;
    const click = `\u001b[<0;12;${row}M\u001b[<0;12;${row}m`;
    shell.press("-l", click);
    await shell.see(/route seed 0 {2}trains/);
    shell.press("-l", click);
    await shell.see(/⏎ back/);
    shell.press("Escape");
    await shell.see(/⏎ open/);
    shell.press("-l", "\u001b[<64;5;5M");
    await shell.see(/naive seed 0 {2}trains/);
    shell.press("C-c");
    expect(await shell.state("after-mouse")).toBe(before);
  },
);

test.skipIf(!hasTmux)(
  "SIGTERM saves and gives the terminal back, in the dashboard and in the player over it",
  async () => {
    const before = await shell.state("before-term");
    start("term");
    await shell.see(/naive seed 0 {2}trains/);
    process.kill(pidOf("--out term"), "SIGTERM");
    expect(await shell.state("after-term")).toBe(before);
    start("term");
    await shell.see(/live {2}as of step \d/);
    shell.press("r");
    await shell.see(/naive · seed 0 · step/);
    process.kill(pidOf("--out term"), "SIGTERM");
    expect(await shell.state("after-term-in-player")).toBe(before);
    expect(halfwatch(["verify", runIn("term")]).stdout).not.toContain("damaged");
  },
);

test.skipIf(!hasTmux || process.platform !== "linux")(
  "a cell whose process is killed is shown as failed, here and by who watches; the run ends and says so",
  async () => {
    const [before, beside] = [await shell.state("before-kill"), await other.state("beside-kill")];
    start("kill", "--jobs 1");
    await shell.see(/naive seed 0 {2}trains/);
    const run = runIn("kill");
    other.press(`clear; ${NODE} '${MAIN}' watch ${run}`, "Enter");
    await other.see(/naive seed 0 {2}trains/);
    const runner = pidOf("--out kill");
    await until(() => updatesIn(run) > 3);
    for (const pid of cellsOf(runner)) kill(pid, "SIGKILL");
    await Promise.all([shell.see(/naive +\[×/), other.see(/naive +\[×/)]);
    await Promise.all([shell.see(/killed by SIGKILL/), other.see(/killed by SIGKILL/)]);
    other.press("q");
    expect(await other.state("beside-kill-after")).toBe(beside);
    await until(() => cellsOf(runner).length > 0);
    for (const pid of cellsOf(runner)) kill(pid, "SIGKILL");
    await shell.see(/2 of 2 cells failed; the same command tries them again/);
    expect(await shell.state("after-kill")).toBe(before);
  },
);

test.skipIf(!hasTmux)("an error that nobody caught is printed on a terminal that was given back first", async () => {
  const before = await shell.state("before-error");
  const thrower = join(terminals.folder, "throw.mjs");
  writeFileSync(thrower, 'setTimeout(() => { throw new Error("on purpose"); }, 3000);');
  shell.press(`clear; ${NODE} --import '${thrower}' '${MAIN}' watch ${runIn("term")}`, "Enter");
  await shell.see(/halfwatch watch: quickstart-/);
  await shell.see(/Error: on purpose/);
  expect(await shell.state("after-error")).toBe(before);
});

test.skipIf(!hasTmux)("into a pipe that is closed lines are written, quietly, and no terminal is touched", async () => {
  const before = await shell.state("before-pipe");
  shell.press(`clear; ${NODE} '${MAIN}' watch ${runIn("term")} 2>&1 | head -1; echo pipe-$((40 + 2))`, "Enter");
  const text = await shell.see(/^pipe-42$/m);
  expect(text).toContain("halfwatch watch: ");
  expect(text).not.toMatch(/EPIPE|at .*\.js:/);
  expect(await shell.state("after-pipe")).toBe(before);
});
