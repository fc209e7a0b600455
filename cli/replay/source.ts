import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Mind } from "../../src/evaluation/mind.ts";
import { drawBeginning, playAll, type Stage, type Trace } from "../../src/evaluation/record.ts";
import {
  type EpisodeEntry,
  entryOf,
  openEpisodes,
  recordOf,
  stageOf,
  verifyEpisode,
} from "../../src/experiment/episodes.ts";
import { loadScenario, withShift } from "../../src/experiment/scenario.ts";
import { type Scenario, TRAINING } from "../../src/experiment/schema.ts";
import { createSetting } from "../../src/experiment/setting.ts";
import type { Actor, Actors } from "./actors.ts";
import { type Shown, showEpisode } from "./shown.ts";

/** Where episodes come from: a file, a policy that plays them as they are asked for, or a run that goes on. */
export interface EpisodeSource {
  /** Names of the goals, the true one first. */
  readonly goals: readonly string[];
  /** What is known so far; it only grows (a live source drops the oldest, see {@link createLiveSource}). */
  readonly entries: readonly EpisodeEntry[];
  /** Find out about some more; false when there are no more. */
  more(): Promise<boolean>;
  load(index: number): Promise<Shown>;
  /** The agent's cells in an episode, its last one included. */
  cells(index: number): Promise<readonly number[]>;
}

/** Entries that one call of `more` finds. */
const BATCH = 256;

/** Episodes 0, 1, 2, ... of an actor, played in batches; every number gives the same episode, whoever asks and when. */
export function createPlayedSource(actor: Actor, most: number): EpisodeSource {
  const { stage, mind, seed, shift, view } = actor;
  const entries: EpisodeEntry[] = [];
  const cells: number[][] = [];
  return {
    goals: stage.goals.map(({ name }) => name),
    entries,
    async more() {
      const first = entries.length;
      // The first one alone: a screen waits for it.
      const count = Math.min(first === 0 ? 1 : BATCH, most - first);
      if (count <= 0) return false;
      const beginnings = Array.from({ length: count }, (_, i) => drawBeginning(stage, seed, first + i));
      const traces = await playAll(stage, mind, beginnings);
      entries.push(...traces.map((trace) => entryOf(recordOf(stage, { shift, view }, trace))));
      cells.push(...traces.map((trace) => cellsOf(stage, trace)));
      return entries.length < most;
    },
    async load(index) {
      const [trace] = await playAll(stage, mind, [drawBeginning(stage, seed, index)]);
      return showEpisode(stage, trace, mind, view);
    },
    cells: async (index) => cells[index],
  };
}

/**
 * Episodes of a file, each verified when it is shown. Minds are those of the checkpoint that stands beside the file in its cell; without it,
 * or without `actors`, what the file says of them.
 */
export function createFileSource(path: string, actors: Actors | null): EpisodeSource & { readonly head: Head } {
  const file = openEpisodes(path);
  const { head } = file;
  // JSON is YAML, so the scenario inside is checked by the same rules as one that a person wrote.
  const { scenario } = loadScenario({ path, readText: () => JSON.stringify(head.scenario), set: [], sweep: "ignore" });
  const stages = new Map<string, Stage>();
  const stageIn = (shift: string): Stage => {
    const at = shift === TRAINING ? scenario : withShift(scenario, shift);
    const stage = stages.get(shift) ?? stageOf(createSetting(at));
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
    more: async () => file.more(file.entries.length === 0 ? 1 : BATCH).length > 0,
    async load(index) {
      const record = file.read(index);
      const stage = stageIn(record.shift);
      const trace = verifyEpisode(stage, record, `${path}: episode ${index}`);
      const mind: Mind | null =
        checkpoint === undefined || actors === null
          ? null
          : (await actors.load({ path: checkpoint, view: record.view, shift: record.shift })).mind;
      return showEpisode(stage, trace, mind, record.view, record.opinions ?? null);
    },
    async cells(index) {
      const record = file.read(index);
      const stage = stageIn(record.shift);
      return cellsOf(stage, verifyEpisode(stage, record, `${path}: episode ${index}`));
    },
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

/** The latest episodes of something that goes on: a ring of so many, of which the oldest makes room. */
export function createLiveSource(goals: readonly string[], room: number) {
  const shown: Shown[] = [];
  const entries: EpisodeEntry[] = [];
  return {
    goals,
    entries,
    more: async () => true,
    load: async (index: number) => shown[index],
    cells: async (index: number) => shown[index].cells,
    /** Whoever plays adds an episode; nobody waits for a screen. */
    push(entry: EpisodeEntry, episode: Shown): void {
      entries.push(entry);
      shown.push(episode);
      if (entries.length <= room) return;
      entries.shift();
      shown.shift();
    },
  } satisfies EpisodeSource & { push: unknown };
}
