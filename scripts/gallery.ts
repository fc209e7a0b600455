import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Actor, type Actors, createActors } from "../cli/policy/actors.ts";
import { loadCheckpoint } from "../cli/policy/checkpoint.ts";
import {
  encodeGallery,
  type GalleryContent,
  galleryFolder,
  type Measured,
  type SceneName,
} from "../cli/screens/demo/gallery.ts";
import { drawBeginning, playAll, standingsOf, type Trace } from "../src/evaluation/record.ts";
import { encodeCheckpoint } from "../src/runs/checkpoint.ts";
import { type EpisodeRecord, encodeEpisodes, recordOf } from "../src/runs/episodes.ts";
import { curveIn, linesIn } from "../src/runs/results.ts";
import { readRun, readTiming } from "../src/runs/store.ts";

/*
 * `node scripts/gallery.ts OPEN MAZE HIDDEN-1 HIDDEN-10 QUICKSTART`: makes gallery/ of five run directories; gallery/README.md has the commands that
 * train them. Nothing is chosen by hand: it is seed 0, its last checkpoint, and the level that `firstParting` finds.
 */

/** An agent of a run in a view, and the folder that it goes to; its parameters go there too if they are wanted. */
interface Wanted {
  readonly run: string;
  readonly arm: string;
  readonly view: string;
  readonly folder: string;
  readonly parameters?: boolean;
}
interface Wish {
  readonly name: SceneName;
  readonly lanes: readonly [Wanted, Wanted];
}

const SHIFT = "ghost-closer";
/** Levels that are tried before it is given up. */
const MOST = 1000;

const runs = process.argv.slice(2);
if (runs.length !== 5)
  throw new Error("usage: node scripts/gallery.ts OPEN MAZE HIDDEN-1 HIDDEN-10 QUICKSTART, each a run directory");
const [open, maze, seldom, often, quickstart] = runs;
const wishes: readonly Wish[] = [
  {
    name: "open",
    lanes: [
      { run: open, arm: "route", view: "full", folder: "route", parameters: true },
      { run: open, arm: "route", view: "only:diamond", folder: "route" },
    ],
  },
  {
    name: "maze",
    lanes: [
      { run: maze, arm: "naive", view: "full", folder: "maze-naive" },
      { run: maze, arm: "oracle", view: "full", folder: "maze-oracle" },
    ],
  },
  {
    name: "hidden",
    lanes: [
      { run: seldom, arm: "naive", view: "full", folder: "hidden-1" },
      { run: often, arm: "naive", view: "full", folder: "hidden-10" },
    ],
  },
];

/**
 * The first level on which the two end differently, both drawing from the same streams, and each takes at every step the action that is
 * likeliest for it: what is seen is what the agent is most inclined to, and not a slip.
 */
async function firstParting(left: Actor, right: Actor): Promise<[Trace, Trace]> {
  for (let number = 0; number < MOST; number++) {
    const beginning = drawBeginning(left.stage, left.seed, number);
    const [[one], [other]] = [
      await playAll(left.stage, left.mind, [beginning]),
      await playAll(right.stage, right.mind, [drawBeginning(right.stage, right.seed, number)]),
    ];
    if (one.outcome === other.outcome) continue;
    if ((await isLikeliest(left, one)) && (await isLikeliest(right, other))) return [one, other];
  }
  throw new Error(`no level of ${MOST} is to be shown`);
}

async function isLikeliest({ stage, mind, view }: Actor, trace: Trace): Promise<boolean> {
  const opinions = await mind.consult(standingsOf(stage.world, trace));
  return opinions.every(
    ({ probabilities }, t) => probabilities[view][trace.actions[t]] === Math.max(...probabilities[view]),
  );
}

/** What the evaluations of an arm say of a view under the shift, seed by seed. */
function measure({ run, arm, view }: Wanted): Measured[] {
  return readRun(run)
    .finished.filter(({ result }) => result.arm === arm)
    .sort((a, b) => a.result.seed - b.result.seed)
    .map(({ evaluation: { shifts }, result }) => {
      const { exact, levels, rates } = shifts[SHIFT][view];
      return { seed: result.seed, levels, all: exact, rates };
    });
}

const gallery = galleryFolder();
const actors: Actors = createActors();
const files = new Map<string, { readonly actor: Actor; readonly records: EpisodeRecord[] }>();
const scenes: GalleryContent["scenes"] = [];
for (const { name, lanes } of wishes) {
  const [left, right] = [await load(lanes[0]), await load(lanes[1])];
  const traces = await firstParting(left, right);
  const places = [await keep(lanes[0], left, traces[0]), await keep(lanes[1], right, traces[1])];
  const [one, other] = lanes.map((lane, l) => ({ agent: lane.folder, episode: places[l], measured: measure(lane) }));
  scenes.push({ name, lanes: [one, other] });
}
for (const [folder, { actor, records }] of files) {
  const { scenario, arm, seed, step } = actor;
  write(join(folder, "episodes.jsonl"), encodeEpisodes({ scenario, arm, seed, step }, records));
}
write("scenes.json", encodeGallery({ halfwatch: "gallery", format: 1, scenes }));
write("quickstart.json", `${JSON.stringify({ cells: learningCurves() })}\n`);
await actors.dispose();

/** What a dashboard shows of each cell of the quickstart in the middle of its last arm, whose first seed is half way. */
function learningCurves() {
  const { finished, manifest } = readRun(quickstart);
  const last = manifest.arms.at(-1);
  return finished.flatMap(({ paths, result: { arm, seed } }) => {
    if (arm === last && seed > 0) return [];
    const found = curveIn(linesIn(readFileSync(paths.metrics, "utf8")), paths.metrics).curve;
    const points = found.filter(({ update, updates: all }) => arm !== last || update <= all / 2);
    const curve = points.map(({ step, curve: { trueReturn } }) => [step, trueReturn]);
    return [{ arm, seed, curve, latest: points.at(-1), ...readTiming(paths) }];
  });
}

function load({ run, arm, view }: Wanted): Promise<Actor> {
  return actors.openPolicy({ path: run, arm, seed: 0, view, shift: SHIFT });
}

/** Note an episode for an agent's file; returns its place there. */
async function keep({ folder, parameters }: Wanted, actor: Actor, trace: Trace): Promise<number> {
  const { stage, mind, shift, view, checkpoint } = actor;
  const file = files.get(folder) ?? { actor, records: [] };
  files.set(folder, file);
  file.records.push(recordOf(stage, { shift, view }, trace, await mind.consult(standingsOf(stage.world, trace))));
  if (parameters) {
    const { checkpoint: policy, scenario } = loadCheckpoint(checkpoint, []);
    const bytes = encodeCheckpoint({ ...policy, scenario });
    write(join(folder, "checkpoints", `${actor.step}.safetensors`), bytes);
  }
  return file.records.length - 1;
}

function write(name: string, content: string | Uint8Array): void {
  const path = join(gallery, name);
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  writeFileSync(path, content);
}
