import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { halfwatch, MAIN } from "../cli/halfwatch.ts";
import { hasTmux, openTerminals, type Shell, type Terminals } from "./tmux.ts";

/*
 * The player on a real terminal: tmux is its keyboard and its screen. What a shell finds afterwards is what it had before, however the
 * player ended.
 */

let terminals: Terminals;
let shell: Shell;
let run: string;

const player = () =>
  shell.press(`clear; '${process.execPath}' '${MAIN}' replay ${run} --shift unseen --view full`, "Enter");

/** The player's process: the newest one that shows this run. */
const pid = (): number => Number(execFileSync("pgrep", ["-n", "-f", `replay ${run}`], { encoding: "utf8" }));

beforeAll(() => {
  if (!hasTmux) return;
  terminals = openTerminals();
  const set = ["train.steps=4096", "train.worlds=16", "train.rollout=32", "agent.hidden=[8, 8]", "agent.critic=[8]"];
  const runs = join(terminals.folder, "runs");
  const trained = halfwatch([
    ...["run", "scenarios/quickstart.yaml", "--arms", "naive,route", "--seeds", "1", "--out", runs],
    ...set.flatMap((each) => ["--set", each]),
  ]);
  expect(trained.code, trained.stderr).toBe(0);
  run = join(runs, readdirSync(runs)[0]);
  shell = terminals.open("shell", 100, 30);
}, 120_000);
afterAll(() => terminals?.close());

test.skipIf(!hasTmux)(
  "a journey: step, overlay, list, filter, compare, change the level, save a frame, quit",
  async () => {
    const before = await shell.state("before");
    player();
    await shell.see(/route · seed 0 .* full {3}episode 0 · unseen/);
    await shell.see(/1,024 episodes/);
    shell.press("v");
    await shell.see(/policy of full/);
    shell.press("Tab");
    await shell.see(/episode +shift +view +ended with/);
    shell.press("/", "outcome:ghost,diamond,timeout", "Enter");
    await shell.see(/1,024 of 1,024 episodes · filter/);
    shell.press("Tab");
    shell.press("c", "optimal:true", "Enter");
    await shell.see(/│ optimal:true/);
    shell.press("e", "m", "Enter");
    await shell.see(/edited level/);
    shell.press("y");
    await shell.see(/saved as halfwatch-episode0-step0\.svg/);
    shell.resize(50, 15);
    await shell.see(/This terminal is a little small/);
    shell.resize(100, 30);
    await shell.see(/edited level/);
    shell.press("q");
    expect(await shell.state("after")).toBe(before);
    expect(readFileSync(join(terminals.folder, "halfwatch-episode0-step0.svg"), "utf8")).toMatch(
      /^<svg[\s\S]*optimal:true[\s\S]*<\/svg>\n$/,
    );
  },
);

test.skipIf(!hasTmux).each(["SIGTERM", "SIGHUP", "SIGINT"])("%s leaves the terminal as it was", async (signal) => {
  const before = await shell.state(`before-${signal}`);
  player();
  await shell.see(/1,024 episodes/);
  process.kill(pid(), signal);
  expect(await shell.state(`after-${signal}`)).toBe(before);
});

test.skipIf(!hasTmux)("Ctrl-Z gives the terminal to the shell, fg brings the same frame back", async () => {
  const before = await shell.state("before-stop");
  player();
  await shell.see(/1,024 episodes/);
  shell.press(".");
  const frame = await shell.see(/step +1 /);
  shell.press("C-z");
  await shell.see(/Stopped|\$ $/m);
  expect(await shell.state("stopped")).toBe(before);
  shell.press("fg", "Enter");
  expect(await shell.see(/step +1 /)).toBe(frame);
  shell.press("q");
  expect(await shell.state("after-stop")).toBe(before);
});

test.skipIf(!hasTmux)(
  "the tour: a level opens in the player, q comes back, the end leaves the next commands",
  async () => {
    const before = await shell.state("before-tour");
    shell.press(`clear; '${process.execPath}' '${MAIN}' demo`, "Enter");
    await shell.see(/1 of 3/);
    shell.press("Down");
    await shell.see(/2 of 3/);
    shell.press("Right", "r");
    await shell.see(/same draws/);
    shell.press(".", "q");
    await shell.see(/2 of 3 .*‖$/m);
    shell.press("Down", "Down");
    await shell.see(/the end/);
    shell.press("q");
    await shell.see(/^Go on with \(from a clone[\s\S]*^\$/m);
    expect(await shell.state("after-tour")).toBe(before);
  },
);
