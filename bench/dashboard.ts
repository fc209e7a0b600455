import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { say } from "../cli/output.ts";
import { short } from "../cli/text/numbers.ts";
import { Absent, CORES, execute, MAIN } from "./programs.ts";
import { spreadOf } from "./table.ts";
import { costOf, type Pair, renderCost, type Usage, type UsageLine, usageOf } from "./usage-cost.ts";

/*
 * What the dashboard costs the training: the same run with it, on a terminal of 120 x 40 that `script` makes, and with `--plain`. A cell a
 * core with one thread each, so every core trains and the dashboard takes its time from somebody.
 *
 * The cost is measured in processor time: on two cores the clock says how busy the machine was with other things, which differs more from
 * run to run than the dashboard costs.
 */

/** Half a minute of training. */
const STEPS = 9_000_000;

/** The seconds that the cells of a run took together: training and evaluation by their own clocks, without the start of processes. */
function secondsOf(out: string): number {
  const [run] = readdirSync(out);
  const cells = join(out, run, "cells");
  const timings = readdirSync(cells).map((cell) => JSON.parse(readFileSync(join(cells, cell, "timing.json"), "utf8")));
  return timings.reduce((sum, { seconds }) => sum + seconds, 0);
}

interface Measured extends Usage {
  /** See {@link secondsOf}. */
  readonly training: number;
}

async function measure(isPlain: boolean): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), "halfwatch-dashboard-"));
  const [out, usage] = [join(folder, "runs"), join(folder, "usage.jsonl")];
  const observed = ["--import", new URL("./usage.ts", import.meta.url).href];
  const run = [
    ...[process.execPath, ...observed, MAIN, "run", "scenarios/quickstart.yaml"],
    ...["--arms", "oracle", "--seeds", String(CORES), "--jobs", String(CORES), "--threads", "1"],
    ...["--set", `train.steps=${STEPS}`, "--out", out],
  ];
  const command = [...run, ...(isPlain ? ["--plain"] : [])].map((part) => `'${part}'`).join(" ");
  const shell = `unset CI; export TERM=xterm-256color LANG=C.UTF-8; stty cols 120 rows 40; exec ${command}`;
  try {
    // The programs of that name take their arguments differently.
    const args = process.platform === "linux" ? ["-qefc", shell, "/dev/null"] : ["-q", "/dev/null", "sh", "-c", shell];
    const shown = await execute("script", args, { HALFWATCH_USAGE: usage });
    if (shown.includes("\u001b[?1049h") === isPlain)
      throw new Error("the dashboard was shown where it was not asked for");
    const lines = readFileSync(usage, "utf8").trimEnd().split("\n");
    return { ...usageOf(lines.map((line) => JSON.parse(line) as UsageLine)), training: secondsOf(out) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Rounds of both, in turns the one or the other first; all differences and ratios are taken within a round. As lines of a table. */
export async function compareDashboard(rounds: number): Promise<string[]> {
  if (process.platform === "win32") throw new Absent("--dashboard needs the program `script` for a terminal");
  const pairs: Pair[] = [];
  const speeds: number[] = [];
  for (let r = 0; r < rounds; r++) {
    const first = await measure(r % 2 === 0);
    const second = await measure(r % 2 === 1);
    const [plain, shown] = r % 2 === 0 ? [first, second] : [second, first];
    pairs.push({ plain, shown });
    speeds.push(plain.training / shown.training);
    const { part } = costOf({ plain, shown }, CORES);
    say(`round ${r + 1} of ${rounds}: ${(100 * part).toFixed(2)} % of ${CORES} cores`);
  }
  const { median, min, max } = spreadOf(speeds);
  return [
    ...renderCost(pairs, CORES),
    `by the clock the cells trained ${short(median)} [${short(min)}, ${short(max)}] times as fast as with --plain`,
  ];
}
