import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Mind } from "../../../src/evaluation/mind.ts";
import { drawBeginning, playAll, retrace, type Stage, type Trace } from "../../../src/evaluation/record.ts";
import { type EpisodeEntry, entryOf, openEpisodes, stageOf, verifyEpisode } from "../../../src/runs/episodes.ts";
import { loadStoredScenario } from "../../../src/scenario/load.ts";
import { type Scenario, TRAINING } from "../../../src/scenario/schema.ts";
import { settingUnder } from "../../../src/scenario/setting.ts";
import type { Actor, Actors } from "../../policy/actors.ts";
import { type Shown, showEpisode } from "./shown-episode.ts";

/** Where episodes come from: a file, or a policy that plays them as they are asked for. */
export interface EpisodeSource {
  /** Names of the goals, the true one first. */
  readonly goals: readonly string[];
  /** What is known so far; it only grows. */
  readonly entries: readonly EpisodeEntry[];
  /** Find out about some more; false when there are no more. */
  more(): Promise<boolean>;
  /** A known episode with all that is shown of it. */
  load(index: number): Promise<Shown>;
  /** The agent's cells in a known episode, its last one included. */
  cells(index: number): Promise<ArrayLike<number>>;
}

/** Milliseconds that one call of `more` takes, about: keys wait for it. */
const PATIENCE = 20;
/** Episodes that are played at once: at least a tile of the network's kernels, which take as long for fewer. */
const TILE = 16;
/** The most, and lines of a file that are read at once: 10 ms. */
const MOST = 256;

/** Episodes 0, 1, 2, ... of an actor, played in batches; every number gives the same episode, whoever asks and when. */
export function createPlayedSource(actor: Actor, most: number): EpisodeSource {
  const { stage, mind, seed, shift, view } = actor;
  const entries: EpisodeEntry[] = [];
  /** Bytes where objects would take ten times as many: of each episode what gives it again, and what visits are counted from. */
  const played: { readonly actions: Uint8Array; readonly cells: Uint16Array }[] = [];
  return {
    goals: stage.goals.map(({ name }) => name),
    entries,
    more: paced(TILE, async (batch) => {
      const first = entries.length;
      const count = Math.min(batch, most - first);
      if (count <= 0) return false;
      const beginnings = Array.from({ length: count }, (_, i) => drawBeginning(stage, seed, first + i));
      const traces = await playAll(stage, mind, beginnings);
      for (const trace of traces) {
        const { seed, number, marks } = trace.beginning;
        entries.push(entryOf({ ...trace, seed, number, shift, view, marks: marks.filter((mark) => mark) }));
        played.push({ actions: new Uint8Array(trace.actions), cells: new Uint16Array(cellsOf(stage, trace)) });
      }
      return entries.length < most;
    }),
    async load(index) {
      const trace = retrace(stage, drawBeginning(stage, seed, index), [...played[index].actions]);
      return showEpisode(stage, trace, mind, view);
    },
    cells: async (index) => played[index].cells,
  };
}

/**
 * Episodes of a file, each verified when it is shown. Minds are those of the checkpoint that stands beside the file in its cell; without it,
 * or without `actors`, what the file says of them.
 */
export function createFileSource(path: string, actors: Actors | null): EpisodeSource & { readonly head: Head } {
  const file = openEpisodes(path);
  const { head } = file;
  const { scenario } = loadStoredScenario(head.scenario, path, { sweep: "ignore" });
  const stages = new Map<string, Stage>();
  const stageIn = (shift: string): Stage => {
    const stage = stages.get(shift) ?? stageOf(settingUnder(scenario, shift));
    stages.set(shift, stage);
    return stage;
  };
  const beside = join(dirname(path), "checkpoints", `${head.step}.safetensors`);
  const checkpoint = existsSync(beside) ? beside : undefined;
  return {
    head: { scenario, arm: head.arm, seed: head.seed, step: head.step, checkpoint },
    // In a file keys are sorted; a setting has the true goal first.
    goals: stageIn(TRAINING).goals.map(({ name }) => name),
    entries: file.entries,
    more: paced(MOST, async (batch) => file.more(batch).length > 0),
    async load(index) {
      const record = file.read(index);
      const stage = stageIn(record.shift);
      const trace = verifyEpisode(stage, record, `${path}: episode ${index}`);
      const mind: Mind | null =
        checkpoint === undefined || actors === null
          ? null
          : (await actors.openPolicy({ path: checkpoint, view: record.view, shift: record.shift })).mind;
      return showEpisode(stage, trace, mind, record.view, record.opinions ?? null);
    },
    async cells(index) {
      const record = file.read(index);
      const stage = stageIn(record.shift);
      return cellsOf(stage, verifyEpisode(stage, record, `${path}: episode ${index}`));
    },
  };
}

/** Work by the batch, as much at once as there is patience for but for `least`; first one alone, since a screen waits for it. */
function paced(least: number, work: (batch: number) => Promise<boolean>): () => Promise<boolean> {
  let batch = 1;
  return async () => {
    const begun = performance.now();
    const more = await work(batch);
    const took = performance.now() - begun;
    if (batch === 1 || took > PATIENCE) batch = Math.max(least, batch / 2);
    else if (took < PATIENCE / 2) batch = Math.min(MOST, batch * 2);
    return more;
  };
}

function cellsOf({ world }: Stage, { beginning: { level }, states }: Trace): number[] {
  return states.map((state) => world.cell(level, state));
}

/** Who acted in a file. */
export interface Head {
  readonly scenario: Scenario;
  readonly arm: string;
  readonly seed: number;
  readonly step: number;
  readonly checkpoint: string | undefined;
}
