import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { thousands } from "../cli/numbers.ts";
import { alignColumns, say } from "../cli/output.ts";
import { Absent, CORES, execute, MAIN } from "./programs.ts";
import { spreadOf } from "./table.ts";

/*
 * What the dashboard costs the training: the same run with it, on a terminal of 120 x 40 that `script` makes, and with `--plain`. A cell a
 * core with one thread each, so every core trains and the dashboard takes its time from somebody.
 */

/** Half a minute of training: what opening the screen costs, once, is in it. */
const STEPS = 6_000_000;

/** The seconds that the cells of a run took together: training and evaluation by their own clocks, without the start of processes. */
function secondsOf(out: string): number {
  const [run] = readdirSync(out);
  const cells = join(out, run, "cells");
  const timings = readdirSync(cells).map((cell) => JSON.parse(readFileSync(join(cells, cell, "timing.json"), "utf8")));
  return timings.reduce((sum, { seconds }) => sum + seconds, 0);
}

async function measure(isPlain: boolean): Promise<number> {
  const out = mkdtempSync(join(tmpdir(), "halfwatch-dashboard-"));
  const run = [
    process.execPath,
    MAIN,
    "run",
    "scenarios/quickstart.yaml",
    "--arms",
    "oracle",
    "--seeds",
    String(CORES),
  ];
  const options = ["--jobs", String(CORES), "--threads", "1", "--set", `train.steps=${STEPS}`, "--out", out];
  const command = [...run, ...options, ...(isPlain ? ["--plain"] : [])].map((part) => `'${part}'`).join(" ");
  const shell = `unset CI; export TERM=xterm-256color LANG=C.UTF-8; stty cols 120 rows 40; exec ${command}`;
  try {
    // The programs of that name take their arguments differently.
    const args = process.platform === "linux" ? ["-qefc", shell, "/dev/null"] : ["-q", "/dev/null", "sh", "-c", shell];
    const shown = await execute("script", args);
    if (shown.includes("\u001b[?1049h") === isPlain)
      throw new Error("the dashboard was shown where it was not asked for");
    return secondsOf(out);
  } finally {
    rmSync(out, { recursive: true });
  }
}

/** Rounds of both, in turns the one or the other first; the ratio is taken within a round. As lines of a table. */
export async function compareDashboard(rounds: number): Promise<string[]> {
  if (process.platform === "win32") throw new Absent("--dashboard needs the program `script` for a terminal");
  const ratios: number[] = [];
  const speeds: { plain: number[]; shown: number[] } = { plain: [], shown: [] };
  for (let r = 0; r < rounds; r++) {
    const first = await measure(r % 2 === 0);
    const second = await measure(r % 2 === 1);
    const [plain, shown] = r % 2 === 0 ? [first, second] : [second, first];
    const speed = (seconds: number) => (CORES * CORES * STEPS) / seconds;
    speeds.plain.push(speed(plain));
    speeds.shown.push(speed(shown));
    ratios.push(plain / shown);
    say(`round ${r + 1} of ${rounds}: with the dashboard ${(100 * (plain / shown)).toFixed(1)} % of the speed without`);
  }
  const text = (values: readonly number[], form: (value: number) => string) => {
    const { median, min, max } = spreadOf(values);
    return `${form(median)} [${form(min)}, ${form(max)}]`;
  };
  return alignColumns([
    ["run", "steps/s"],
    ["--plain", text(speeds.plain, thousands)],
    ["with the dashboard", text(speeds.shown, thousands)],
    ["ratio", text(ratios, (value) => value.toFixed(3))],
  ]);
}
