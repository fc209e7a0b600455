import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { packageRoot } from "../cli/package.ts";
import { median, Terminal } from "./terminal.ts";

/*
 * What the screens cost on a terminal of 120 x 40: until the first frame, from a key to the screen, what a frame computes, and the share of
 * a core while the player plays. Several programs are measured in turns, so that their ratios are of the same minutes. Run `npm run
 * build:ts` first.
 *
 *     node bench/screens.ts [--rounds N] [main.js]...
 */

const KEYS = 16;
const PLAYED_SECONDS = 6;
const SCENARIO = join(packageRoot(), "scenarios/diamond-ghost.yaml");
const SMALL = ["train.steps=4096", "train.worlds=16", "train.rollout=32", "evaluation.levels=8"];
const MAZE = [
  "world={ kind: diamond-ghost, size: 15, horizon: 64, walls: { kind: maze, loops: 0.5 }, observe: centred }",
];
/** Few enough steps that `run` opens its screen without an estimate. The run is paused at once. */
const SHORT = ["train.steps=60000", "train.worlds=16", "train.rollout=32"];

interface Screen {
  readonly args: readonly string[];
  /** What the first frame has. */
  readonly first: RegExp;
  /** Typed before anything is measured. */
  readonly before?: string;
  /** Pressed in turns. */
  readonly keys: readonly [string, string];
  readonly leave?: string;
  /** Keys that make the player play 8 steps a second, and then 16: 10 frames a second lie between. */
  readonly play?: readonly [string, string];
}

const changes = (set: readonly string[]) => set.flatMap((each) => ["--set", each]);

function screensOf(run: string, maze: string, out: string): Readonly<Record<string, Screen>> {
  const player = { first: /episode 0 /, keys: [".", ","], play: ["ll>> ", ">"] } as const;
  const replay = (path: string) => ["replay", path, "--shift", "unseen", "--view", "full"];
  const training = [
    "run",
    SCENARIO,
    "--arms",
    "naive,filter,oracle,route",
    "--seeds",
    "4",
    "--jobs",
    "1",
    "--threads",
    "1",
  ];
  return {
    player: { ...player, args: replay(run) },
    "player, shaded": { ...player, args: replay(run), before: "v" },
    "player, 15 x 15": { ...player, args: replay(maze), before: "v" },
    browse: { args: ["levels", SCENARIO], first: /level 0/, keys: ["\u001b[C", "\u001b[D"] },
    play: { args: ["play", SCENARIO], first: /steps?/, keys: ["\u001b[B", "r"] },
    demo: { args: ["demo"], first: /\S/, before: " ", keys: ["\u001b[C", "\u001b[D"] },
    dashboard: {
      ...{ args: [...training, "--out", out, ...changes(SHORT)], first: /halfwatch run/, before: "p" },
      ...{ keys: ["\u001b[B", "\u001b[A"], leave: "qq" },
    },
  };
}

interface Cost {
  first: number[];
  keys: number[];
  /** Milliseconds of computing for each key. */
  computing: number[];
  /** Percent of a core at 10 frames a second, from what a frame computed at two speeds. */
  playing: number[];
}

async function measure(main: string, screen: Screen, folder: string, cost: Cost): Promise<void> {
  const terminal = new Terminal(main, screen.args, folder);
  cost.first.push(await terminal.shows((text) => screen.first.test(text)));
  if (screen.before !== undefined) await terminal.type(screen.before);
  // Ink is loaded, lists are complete, theory lines are computed.
  await wait(4000);
  const idle = terminal.computed();
  await wait(KEYS * 400);
  const before = terminal.computed();
  for (let n = 0; n < KEYS; n++) cost.keys.push(await terminal.press(screen.keys[n % 2]));
  cost.computing.push((1000 * (terminal.computed() - before - (before - idle))) / KEYS);
  const shares: number[] = [];
  for (const keys of screen.play ?? []) {
    await terminal.type(keys);
    const [computed, frames] = [terminal.computed(), terminal.count()];
    const from = performance.now();
    await wait(1000 * PLAYED_SECONDS);
    const rate = (1000 * (terminal.count() - frames)) / (performance.now() - from);
    shares.push((1000 * (terminal.computed() - computed)) / (performance.now() - from) / rate);
  }
  if (shares.length > 0) cost.playing.push(100 * 10 * median(shares));
  await terminal.end(screen.leave);
}

const { rounds, mains } = ((args: readonly string[]) => {
  const at = args.indexOf("--rounds");
  const own = args.filter((_, i) => at === -1 || (i !== at && i !== at + 1));
  return {
    rounds: at === -1 ? 1 : Number(args[at + 1]),
    mains: own.length > 0 ? own.map((path) => resolve(path)) : [join(packageRoot(), "dist/cli/main.js")],
  };
})(process.argv.slice(2));

const folder = mkdtempSync(join(tmpdir(), "halfwatch-screens-"));
try {
  const train = (name: string, set: readonly string[]): string => {
    const out = join(folder, name);
    const args = ["run", SCENARIO, "--arms", "route", "--seeds", "1", "--out", out, "--plain"];
    execFileSync(process.execPath, [mains[0], ...args, ...changes([...SMALL, ...set])], {
      cwd: folder,
      stdio: "ignore",
    });
    return join(out, readdirSync(out)[0]);
  };
  const screens = screensOf(train("small", []), train("maze", MAZE), join(folder, "paused"));
  for (const [name, screen] of Object.entries(screens)) {
    const costs = mains.map((): Cost => ({ first: [], keys: [], computing: [], playing: [] }));
    const load = loadavg()[0];
    for (let round = 0; round < rounds; round++) {
      for (const [m, main] of mains.entries()) {
        await measure(main, screen, folder, costs[m]);
        rmSync(join(folder, "paused"), { recursive: true, force: true });
      }
    }
    console.log(`${name}, load ${load.toFixed(1)}`);
    for (const [m, { first, keys, computing, playing }] of costs.entries()) {
      const rest = playing.length === 0 ? "" : `   10 frames/s ${median(playing).toFixed(1)} % of a core`;
      console.log(
        `  ${mains[m]}\n    first frame ${median(first).toFixed(0)} ms (at most ${Math.max(...first).toFixed(0)})` +
          `   key to screen ${median(keys).toFixed(1)} ms (at most ${Math.max(...keys).toFixed(0)})` +
          `   computing ${median(computing).toFixed(1)} ms a key${rest}`,
      );
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
