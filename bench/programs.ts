import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../cli/package.ts";
import { ENGINES } from "../src/compute/choice.ts";
import { type Measurement, parseOurs, parseRival, type RivalLine, type Row, together } from "./table.ts";

/** A whole program that can be asked for a row's speed. */
export interface Program {
  readonly name: string;
  /** Time `updates` updates of each of the row's trainings. @throws Absent when it cannot run here. */
  measure(row: Row, updates: number): Promise<Measurement>;
}

/** Something that was asked for is not here, or there is no such thing; the message says what. */
export class Absent extends Error {}

const ROOT = packageRoot();
export const MAIN = join(ROOT, "dist/cli/main.js");
export const RIVALS = join(ROOT, "bench/rivals");
export const PYTHON = join(RIVALS, ".venv/bin/python");
export const CORES = availableParallelism();
export const RIVAL_NAMES: readonly string[] = ["pytorch", "jax"];

/** Our engines by name. */
export function ourPrograms(): Program[] {
  return ENGINES.map((engine) => ({
    name: engine,
    /** One seed: the engine's threads on all cores. More: one process a core, side by side, as `run --jobs` trains them. */
    measure: async (row, updates) => {
      const ask = (threads: number, own: number) =>
        askOurs(engine, threads, [
          ...(row.maze ? ["--maze"] : []),
          ...["--updates", String(own), "--arms", row.arm, ...settingsOf(row)],
        ]);
      if (row.seeds === 1) return parseOurs(await ask(CORES, updates));
      const jobs = Math.min(CORES, row.seeds);
      const each = Math.ceil((row.seeds * updates) / jobs);
      const outputs = await Promise.all(Array.from({ length: jobs }, () => ask(1, each)));
      return together(outputs.map(parseOurs));
    },
  }));
}

/** What `halfwatch bench --json` prints. */
export const askOurs = (engine: string, threads: number, args: readonly string[]): Promise<string> =>
  execute(process.execPath, [MAIN, "bench", "--json", "--engine", engine, "--threads", String(threads), ...args]);

/** The scenario's changes that make a row: `tails=all` is what the rivals do. A module past the second has no label of its own. */
export function settingsOf({ modules, size, width, maze }: Omit<Row, "arm" | "seeds">): string[] {
  const names = ["diamond", "ghost", "third"].slice(0, Math.max(2, modules));
  // Behind convolutions there is one hidden layer.
  const hidden = maze ? `[${width}]` : `[${width},${width}]`;
  return [
    "train.tails=all",
    `world.size=${size}`,
    `agent.modules=[${names.join(",")}]`,
    `agent.hidden=${hidden}`,
    `agent.critic=${hidden}`,
  ].flatMap((change) => ["--set", change]);
}

/** How a rival spreads its work. */
export interface RivalSetting {
  readonly processes: number;
  readonly atOnce: number;
  readonly threads: number;
  /** Whether each process is held to a core of its own. */
  readonly pin: boolean;
}

/**
 * The settings of each rival that are worth a try, the best one first (bench/README.md has the numbers): the table uses the first,
 * `--settings` measures all.
 */
export function rivalSettings(
  rival: string,
  { seeds, width, maze }: Pick<Row, "seeds" | "width" | "maze">,
): RivalSetting[] {
  const processes = Math.min(CORES, seeds);
  const one = { processes, atOnce: 1, threads: 1, pin: false };
  const pinned = { ...one, pin: true };
  if (seeds === 1) {
    const shared = { ...one, threads: CORES };
    return width > 64 || maze ? [shared, one, pinned] : [one, shared, pinned];
  }
  const together = { ...pinned, atOnce: Math.ceil(seeds / processes) };
  return [pinned, one, ...(rival === "jax" ? [together] : [])];
}

/** The rivals: PyTorch and JAX. */
export function rivalPrograms(): Program[] {
  return RIVAL_NAMES.map((rival) => ({
    name: rival,
    measure: (row, updates) => askRival(rival, row, updates, rivalSettings(rival, row)[0]),
  }));
}

/**
 * Where JAX keeps what it has compiled, for as long as this process lives, by the settings that a compiled program depends on; it is the
 * same program for one seed and for eight.
 */
const compilations = new Map<string, string>();
process.on("exit", () => {
  for (const folder of compilations.values()) rmSync(folder, { recursive: true, force: true });
});

export async function askRival(
  rival: string,
  row: Omit<Row, "arm"> & { readonly arm: Row["arm"] | "oracle" },
  updates: number,
  { processes, atOnce, threads, pin }: RivalSetting,
  curve = 0,
): Promise<RivalLine> {
  if (!existsSync(PYTHON)) throw new Absent("not installed; `npm run bench:rivals` installs PyTorch and JAX");
  const options = {
    arm: row.arm,
    modules: row.modules,
    ...(row.maze ? { "warm-up": 1 } : { size: row.size }),
    width: row.width,
    seeds: row.seeds,
    updates,
    processes,
    "at-once": atOnce,
    threads,
    curve,
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const flags = [...(row.maze ? ["--maze"] : []), ...(pin ? ["--pin"] : [])];
  const { arm, modules, size, width, maze } = row;
  const compiled = JSON.stringify({ arm, modules, size, width, maze, atOnce, threads });
  const isCold = rival !== "jax" || !compilations.has(compiled);
  if (!compilations.has(compiled)) compilations.set(compiled, mkdtempSync(join(tmpdir(), "halfwatch-compiled-")));
  const output = await execute(PYTHON, [join(RIVALS, `${rival}_ppo.py`), ...args, ...flags], {
    JAX_COMPILATION_CACHE_DIR: compilations.get(compiled),
    JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS: "0",
  });
  const line = parseRival(output);
  // What a start takes is what it takes the first time.
  return isCold ? line : { ...line, startSeconds: null };
}

/** Run a program to its end. @throws Absent when it says with exit code 2 that it cannot be asked for that; Error for other failures. */
export async function execute(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): Promise<string> {
  const env = { ...process.env, ...environment };
  // Its input stays open: at the end of it `script` would type a Ctrl-D.
  const child = spawn(command, args, { cwd: ROOT, stdio: ["pipe", "pipe", "pipe"], env });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject).on("close", resolve);
  });
  if (code === 0) return output.stdout;
  const said = output.stderr.trim();
  // Talk comes first, then the reason; an indented line is a hint.
  if (code === 2) throw new Absent(said.split("\n").findLast((line) => !line.startsWith(" ")) ?? said);
  throw new Error(`${[command, ...args].join(" ")} ended with ${code}:\n${said}`);
}
