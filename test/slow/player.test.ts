import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { halfwatch, MAIN } from "../cli/halfwatch.ts";

/*
 * The player on a real terminal: tmux is its keyboard and its screen. What a shell finds afterwards is what it had before, however the
 * player ended.
 */

const hasTmux = spawnSync("tmux", ["-V"]).status === 0;
const SOCKET = `halfwatch-${process.pid}`;
let folder: string;
let run: string;

const tmux = (...args: readonly string[]): string =>
  execFileSync("tmux", ["-u", "-L", SOCKET, ...args], { encoding: "utf8" });
const press = (...keys: readonly string[]) => tmux("send-keys", "-t", "shell", ...keys);
const screen = (): string => tmux("capture-pane", "-p", "-t", "shell");

/** Look until the screen shows it. */
async function see(pattern: RegExp): Promise<string> {
  for (let tries = 0; tries < 300; tries++) {
    const text = screen();
    if (pattern.test(text)) return text;
    await wait(100);
  }
  throw new Error(`the screen never showed ${pattern}:\n${screen()}`);
}

/** The terminal's modes as tmux and the shell's own `stty` tell them. */
async function state(name: string): Promise<string> {
  // What is typed while the player ends is lost with it.
  while (tmux("display", "-p", "-t", "shell", "#{pane_current_command}").trim() !== "bash") await wait(50);
  press(`clear; stty -a > ${name}; echo ${name}-$((40 + 2))`, "Enter");
  await see(new RegExp(`^${name}-42$`, "m"));
  const modes = tmux("display", "-p", "-t", "shell", "#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{wrap_flag}");
  return `${modes}${readFileSync(join(folder, name), "utf8")}`;
}

const player = () => press(`clear; '${process.execPath}' '${MAIN}' replay ${run} --shift unseen --view full`, "Enter");

/** The player's process: the newest one that shows this run. */
const pid = (): number => Number(execFileSync("pgrep", ["-n", "-f", `replay ${run}`], { encoding: "utf8" }));

beforeAll(() => {
  if (!hasTmux) return;
  folder = mkdtempSync(join(tmpdir(), "halfwatch-tmux-"));
  const set = ["train.steps=4096", "train.worlds=16", "train.rollout=32", "agent.hidden=[8, 8]", "agent.critic=[8]"];
  const trained = halfwatch([
    ...["run", "scenarios/quickstart.yaml", "--arms", "naive,route", "--seeds", "1", "--out", join(folder, "runs")],
    ...set.flatMap((each) => ["--set", each]),
  ]);
  expect(trained.code, trained.stderr).toBe(0);
  run = join(folder, "runs", readdirSync(join(folder, "runs"))[0]);
  const shell = "env PS1='$ ' LANG=C.UTF-8 TERM=tmux-256color bash --norc -i";
  tmux("new-session", "-d", "-s", "shell", "-x", "100", "-y", "30", "-c", folder, shell);
}, 120_000);
afterAll(() => {
  if (!hasTmux) return;
  spawnSync("tmux", ["-L", SOCKET, "kill-server"]);
  rmSync(folder, { recursive: true, force: true });
});

test.skipIf(!hasTmux)(
  "a journey: step, overlay, list, filter, compare, change the level, save a frame, quit",
  async () => {
    const before = await state("before");
    player();
    await see(/route · seed 0 .* full {3}episode 0 · unseen/);
    await see(/1,024 episodes/);
    press("v");
    await see(/policy of full/);
    press("Tab");
    await see(/episode +shift +view +ended with/);
    press("/", "outcome:ghost,diamond,timeout", "Enter");
    await see(/1024 of 1024 episodes/);
    press("Tab");
    press("c", "optimal:true", "Enter");
    await see(/│ optimal:true/);
    press("e", "m", "Enter");
    await see(/edited level/);
    press("y");
    await see(/saved as halfwatch-episode0-step0\.svg/);
    tmux("resize-window", "-t", "shell", "-x", "50", "-y", "15");
    await see(/This terminal is a little small/);
    tmux("resize-window", "-t", "shell", "-x", "100", "-y", "30");
    await see(/edited level/);
    press("q");
    expect(await state("after")).toBe(before);
    expect(readFileSync(join(folder, "halfwatch-episode0-step0.svg"), "utf8")).toMatch(
      /^<svg[\s\S]*optimal:true[\s\S]*<\/svg>\n$/,
    );
  },
);

test.skipIf(!hasTmux).each(["SIGTERM", "SIGHUP", "SIGINT"])("%s leaves the terminal as it was", async (signal) => {
  const before = await state(`before-${signal}`);
  player();
  await see(/1,024 episodes/);
  process.kill(pid(), signal);
  expect(await state(`after-${signal}`)).toBe(before);
});

test.skipIf(!hasTmux)("Ctrl-Z gives the terminal to the shell, fg brings the same frame back", async () => {
  const before = await state("before-stop");
  player();
  await see(/1,024 episodes/);
  press(".");
  const frame = await see(/step +1 /);
  press("C-z");
  await see(/Stopped|\$ $/m);
  expect(await state("stopped")).toBe(before);
  press("fg", "Enter");
  expect(await see(/step +1 /)).toBe(frame);
  press("q");
  expect(await state("after-stop")).toBe(before);
});

test.skipIf(!hasTmux)(
  "the tour: a level opens in the player, q comes back, the end leaves the next commands",
  async () => {
    const before = await state("before-tour");
    press(`clear; '${process.execPath}' '${MAIN}' demo`, "Enter");
    await see(/1 of 3/);
    press("Down");
    await see(/2 of 3/);
    press("Right", "r");
    await see(/same draws/);
    press(".", "q");
    await see(/2 of 3 .*‖$/m);
    press("Down", "Down");
    await see(/the end/);
    press("q");
    await see(/^Go on with:[\s\S]*^\$/m);
    expect(await state("after-tour")).toBe(before);
  },
);
