import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Stream } from "../../src/core/random.ts";
import { bytesOf } from "../runs/bytes.ts";
import { MAIN, type Outcome } from "./halfwatch.ts";

/** Two arms on 3x3 maps: a second of training or so, with tails that are carried. */
export const TINY = `
name: tiny
world: { kind: diamond-ghost, size: 3, horizon: 12 }
goals: { true: { diamond: 1, ghost: -1 }, proxy: { diamond: 1, ghost: 1 } }
routes: { diamond: [diamond], ghost: [ghost] }
oversight: { kind: terminal, coverage: 0.5 }
agent: { modules: [diamond, ghost], hidden: [16, 16], critic: [16, 16] }
train: { steps: 60000, worlds: 16, rollout: 20, minibatches: 4, learningRate: 0.01 }
arms: [naive, route]
shift: { unseen: { oversight.coverage: 0 } }
seeds: 2
`;

/** A folder that exists while `action` runs, with tiny.yaml in it. */
export async function inTinyFolder<T>(action: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "halfwatch-run-"));
  try {
    writeFileSync(join(folder, "tiny.yaml"), TINY);
    return await action(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly done: Promise<Outcome & { readonly signal: NodeJS.Signals | null }>;
  /** What it has written so far. */
  stderr(): string;
}

/** Start `halfwatch run tiny.yaml` in a folder. */
export function startRun(folder: string, args: readonly string[] = []): Running {
  const child = spawn(process.execPath, [MAIN, "run", "tiny.yaml", "--out", "runs", "--plain", ...args], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const done = new Promise<Awaited<Running["done"]>>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, pid: child.pid ?? 0, done, stderr: () => stderr };
}

/** Start `halfwatch watch RUN --plain`. */
export function startWatch(run: string) {
  const child = spawn(process.execPath, [MAIN, "watch", run, "--plain"], { stdio: ["ignore", "pipe", "pipe"] });
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (more: string) => {
      text[name] += more;
    });
  }
  const done = new Promise<{ code: number | null }>((resolve) => child.on("close", (code) => resolve({ code })));
  return { text, done };
}

/** The one run directory in a folder's `runs`. */
export function runIn(folder: string): string {
  const [name] = readdirSync(join(folder, "runs"));
  return join(folder, "runs", name);
}

/** Processes that train cells for a runner. */
export function cellsOf(runner: number): number[] {
  try {
    const text = readFileSync(`/proc/${runner}/task/${runner}/children`, "utf8").trim();
    return text === "" ? [] : text.split(" ").map(Number);
  } catch {
    return [];
  }
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Resolves once `condition` holds, which is looked at every few milliseconds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await wait(5);
}

export const wait = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** How many lines the metrics of a run's cells have together. */
export function linesIn(folder: string): number {
  try {
    const cells = join(runIn(folder), "cells");
    const lines = (id: string) => readFileSync(join(cells, id, "metrics.jsonl"), "utf8").split("\n").length - 1;
    return readdirSync(cells).reduce((sum, id) => sum + lines(id), 0);
  } catch {
    return 0;
  }
}

export interface Kills {
  /** Runners, and single cells, that were killed while they trained. */
  readonly runners: number;
  readonly cells: number;
  /** Cells that later went on from where they had been saved. */
  readonly resumed: number;
}

/** Start the run again and again, each time killing the runner or a cell at a random moment, and at last let it end. */
export async function killAndFinish(
  folder: string,
  kills: number,
  args: readonly string[],
  seed: number,
): Promise<Kills> {
  const random = new Stream(seed, "kills");
  const count = { runners: 0, cells: 0, resumed: 0 };
  const resumes = (text: string) => text.split("\n").filter((line) => line.includes("goes on at update")).length;
  while (count.runners + count.cells < kills) {
    const run = startRun(folder, args);
    let over = false;
    void run.done.then(() => {
      over = true;
    });
    const before = linesIn(folder);
    // It trains: a kill in the first moments, before there is a cell, would prove nothing.
    await until(() => over || cellsOf(run.pid).length > 0);
    const moment = random.below(30);
    await until(() => over || linesIn(folder) >= before + moment);
    await wait(random.below(60));
    if (over) break;
    const cells = cellsOf(run.pid);
    if (random.next() < 0.5 || cells.length === 0) {
      kill(run.pid, "SIGKILL");
      count.runners++;
    } else {
      kill(cells[random.below(cells.length)], "SIGKILL");
      count.cells++;
      await wait(random.below(200));
      kill(run.pid, "SIGKILL");
      count.runners++;
    }
    count.resumed += resumes((await run.done).stderr);
  }
  const { code, stderr } = await startRun(folder, args).done;
  if (code !== 0) throw new Error(`the run ended with ${code}:\n${stderr}`);
  count.resumed += resumes(stderr);
  return count;
}

/** The bytes of the tiny run, undisturbed. */
export function undisturbed(args: readonly string[]): Promise<Map<string, string>> {
  return inTinyFolder(async (folder) => {
    const { code, stderr } = await startRun(folder, args).done;
    if (code !== 0) throw new Error(`the run ended with ${code}:\n${stderr}`);
    return bytesOf(runIn(folder));
  });
}
