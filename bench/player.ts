import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { median, Terminal } from "./terminal.ts";

/*
 * What the player costs on a terminal of 120 x 40: from a key to the screen, until the list of a long file is complete, memory, and the
 * share of a core while it plays. bench/screens.ts measures the other screens. Run `npm run build:ts` first.
 *
 *     node bench/player.ts [main.js]
 */

const MAIN = process.argv[2] ?? join(import.meta.dirname, "../dist/cli/main.js");
const REPEATS = 12;
const EPISODES = 10_000;
const PLAYED_SECONDS = 8;

const WORLDS = {
  "5 x 5": ["diamond-ghost.yaml"],
  "15 x 15 maze": ["maze.yaml", "world.size=15", "world.horizon=64"],
  "15 x 15 maze, no convolutions": [
    "diamond-ghost.yaml",
    "world={ kind: diamond-ghost, size: 15, horizon: 64, walls: { kind: maze, loops: 0.5 }, observe: centred }",
  ],
} as const;
const SMALL = ["train.steps=4096", "train.worlds=16", "train.rollout=32", "evaluation.levels=8"];

const halfwatch = (args: readonly string[], folder: string) =>
  execFileSync(process.execPath, [MAIN, ...args], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });

const has = (pattern: RegExp) => (text: string) => pattern.test(text);
/** `computed` in seconds over all: what does not depend on who else computes. */
const told = (values: readonly number[], computed: number): string =>
  `${median(values).toFixed(1).padStart(7)} ms (at most ${Math.max(...values).toFixed(1)}), computing ${((1000 * computed) / values.length).toFixed(1)} ms`;

/** Keys, memory and playing on a run's own episodes. */
async function measurePlayer(run: string, folder: string): Promise<void> {
  const terminal = new Terminal(MAIN, ["replay", run, "--shift", "unseen", "--view", "full"], folder);
  const first = await terminal.shows(has(/episode 0 /));
  const listed = await terminal.shows(has(/1,024 episodes/));
  // A key right after a frame waits for the next one, 33 ms at most: that is no computing.
  await wait(1000);
  console.log(`  first frame ${first.toFixed(0)} ms, list of 1,024 complete ${listed.toFixed(0)} ms`);
  const keys: readonly (readonly [string, (n: number) => string, ((n: number) => RegExp)?])[] = [
    ["next episode", () => "]", (n) => new RegExp(`episode ${n} `)],
    ["a step", (n) => (n % 2 === 1 ? "." : ","), (n) => new RegExp(`step +${n % 2} `)],
    ["an overlay", () => "v"],
  ];
  for (const [name, key, shown] of keys) {
    const presses: number[] = [];
    const computed = terminal.computed();
    for (let n = 1; n <= REPEATS; n++) presses.push(await terminal.press(key(n), shown && has(shown(n))));
    console.log(`  ${name.padEnd(13)} ${told(presses, terminal.computed() - computed)}`);
  }
  // Loop over all episodes at 8 steps a second, then at 16: 10 frames a second lie between.
  for (const [keys, rate] of [
    ["ll>> ", 8],
    [">", 16],
  ] as const) {
    await terminal.type(keys);
    const [computed, frames, from] = [terminal.computed(), terminal.count(), performance.now()];
    await wait(PLAYED_SECONDS * 1000);
    const seconds = (performance.now() - from) / 1000;
    const share = (100 * (terminal.computed() - computed)) / seconds;
    const rateShown = (terminal.count() - frames) / seconds;
    console.log(`  playing ${rate} steps/s: ${share.toFixed(1)} % of a core, ${rateShown.toFixed(1)} frames/s`);
  }
  console.log(`  memory at most ${terminal.peak().toFixed(0)} MB`);
  await terminal.end();
}

/** Until the list of a long file or of a long run is complete. */
async function measureList(name: string, args: readonly string[], folder: string): Promise<void> {
  const complete: number[] = [];
  let peak = 0;
  let computed = 0;
  for (let n = 0; n < 3; n++) {
    const terminal = new Terminal(MAIN, ["replay", ...args], folder);
    complete.push(await terminal.shows(has(/ 10,000 episodes/)));
    peak = Math.max(peak, terminal.peak());
    computed += terminal.computed();
    await terminal.end();
  }
  console.log(`  ${name}: list complete after ${told(complete, computed)}, memory at most ${peak.toFixed(0)} MB`);
}

const folder = mkdtempSync(join(tmpdir(), "halfwatch-bench-"));
try {
  console.log(`load ${loadavg()[0].toFixed(1)}`);
  for (const [name, [file, ...changes]] of Object.entries(WORLDS)) {
    const out = join(folder, name.replaceAll(/[ ,]/g, ""));
    const scenario = join(import.meta.dirname, "../scenarios", file);
    const set = [...SMALL, ...changes].flatMap((each) => ["--set", each]);
    halfwatch(["run", scenario, "--arms", "route", "--seeds", "1", "--out", out, "--plain", ...set], folder);
    const run = join(out, readdirSync(out)[0]);
    console.log(name);
    await measurePlayer(run, folder);
    if (name !== "5 x 5") continue;
    const recorded = join(out, "recorded.jsonl");
    halfwatch(["replay", run, "--episodes", String(EPISODES), "--record", recorded], folder);
    await measureList("file of 10,000", [recorded], folder);
    await measureList("run of 10,000", [run, "--episodes", String(EPISODES)], folder);
  }
  console.log(`load ${loadavg()[0].toFixed(1)}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
