import { dirname } from "node:path";
import { UserError } from "../../src/core/errors.ts";
import { spacedMap } from "../../src/envs/maps.ts";
import { type Episode, type EpisodeStep, playEpisode } from "../../src/evaluation/episode.ts";
import { drawBeginning, playAll, standingsOf } from "../../src/evaluation/record.ts";
import { encodeEpisodes, recordOf } from "../../src/runs/episodes.ts";
import { makeFolder, pathExists, writeAtomically } from "../../src/runs/files.ts";
import { isRun, noRun, whereRunsAre } from "../arguments/run-directories.ts";
import { print, printJson, say } from "../output.ts";
import { type Actor, createActors } from "../policy/actors.ts";
import { isCheckpointPath } from "../policy/checkpoint.ts";
import { refuseChoice } from "../policy/choice.ts";
import type { Lane } from "../screens/player/divergence.ts";
import { tellComparison, tellRecorded } from "../screens/player/lines.ts";
import { actorName, type PlayerRequest, preparePlayer, wantedOf } from "../screens/player/preparation.ts";
import { type Capabilities, liveCapabilities } from "../text/capabilities.ts";
import { short } from "../text/numbers.ts";
import { openScreen } from "../tui/screen.ts";

export interface ReplayOptions extends PlayerRequest {
  /** A file to write episodes into. */
  readonly record?: string;
  readonly plain?: boolean;
  readonly json?: boolean;
}

/** Play episodes of a trained policy, or of a file: on a terminal in the player, else told step by step. */
export async function run([path]: readonly string[], options: ReplayOptions): Promise<void> {
  const isFile = path.endsWith(".jsonl");
  if (isFile) refuseChoice({ path, ...options });
  if (!isFile && !isCheckpointPath(path) && !isRun(path)) throw nothingToReplay(path);
  const capabilities = liveCapabilities(options);
  if (options.record !== undefined || capabilities === null) refusePlayerOptions(options, isFile);
  if (options.record !== undefined) {
    await record(path, options.record, options);
    return;
  }
  if (capabilities !== null) await openPlayer(path, options, capabilities);
  else if (isFile) await tellRecorded(path, options);
  else if (options.compare !== undefined) await tellComparison(wantedOf(path, options), options);
  else await tell(path, options);
}

/** What only the player heeds. @throws UserError where there is none, rather than to show what was not asked for. */
function refusePlayerOptions({ at, filter }: ReplayOptions, isFile: boolean): void {
  if (at > 0) throw new UserError(`--at ${at}: only the player begins there; in lines an episode is told whole`);
  if (filter === undefined || isFile) return;
  throw new UserError(
    `--filter ${filter}: only the player and an episode file have a list; of a run one episode is told, by --episode`,
    "--record FILE without --filter writes the episodes of a run into such a file",
  );
}

function nothingToReplay(path: string): UserError {
  if (!pathExists(path)) return noRun(path);
  return new UserError(
    `${path} is nothing to replay`,
    `expected a run directory, a .safetensors checkpoint or an episode file (.jsonl); ${whereRunsAre(path)}`,
  );
}

/** The player on this terminal, with `lanes` side by side if there are any. */
export async function openPlayer(
  path: string,
  request: PlayerRequest,
  capabilities: Capabilities,
  lanes?: readonly Lane[],
): Promise<void> {
  const { program, dispose } = await preparePlayer(path, request, capabilities);
  try {
    const screen = await openScreen(program, { capabilities });
    screen.dispatch({ kind: "start" });
    if (lanes !== undefined) screen.dispatch({ kind: "lanes", comparison: { specs: [], lanes, edited: false } });
    await screen.closed;
  } finally {
    await dispose();
  }
  for (const text of program.printed) print(text);
}

/** Write episodes into a file that can be replayed without the checkpoint. */
async function record(path: string, file: string, options: ReplayOptions): Promise<void> {
  if (path.endsWith(".jsonl"))
    throw new UserError(`--record: ${path} is recorded already`, "give a run or a checkpoint");
  if (pathExists(file)) throw new UserError(`--record: ${file} is there already`, "choose another name, or remove it");
  const actors = createActors();
  try {
    const actor = await actors.openPolicy(wantedOf(path, options));
    const { stage, mind, seed, arm, step, shift, view } = actor;
    const beginnings = Array.from({ length: options.episodes }, (_, i) =>
      drawBeginning(stage, seed, (options.episode ?? 0) + i),
    );
    const records = [];
    for (const trace of await playAll(stage, mind, beginnings)) {
      records.push(recordOf(stage, { shift, view }, trace, await mind.consult(standingsOf(stage.world, trace))));
    }
    makeFolder(dirname(file));
    writeAtomically(file, encodeEpisodes({ scenario: actor.scenario, arm, seed, step }, records));
    say(`${file}: ${records.length} episodes of ${actorName(actor)}, view ${view}, shift ${shift}`);
  } finally {
    await actors.dispose();
  }
}

/** One episode, step by step, in lines. */
async function tell(path: string, options: ReplayOptions): Promise<void> {
  const actors = createActors();
  let episode: Episode;
  let actor: Actor;
  try {
    actor = await actors.openPolicy(wantedOf(path, options));
    episode = await playEpisode(actor.stage, actor.mind, actor.seed, options.episode ?? 0);
  } finally {
    await actors.dispose();
  }
  const { checkpoint, scenario, arm, point, shift, view, setting } = actor;
  if (options.json) {
    printJson({
      checkpoint,
      arm,
      ...(Object.keys(point).length > 0 && { point }),
      shift,
      actions: setting.world.actions,
      ...episode,
    });
    return;
  }
  say(checkpoint);
  print(
    [
      `${scenario.name} · ${actorName(actor)} · episode ${episode.number} · view ${view} · shift ${shift}`,
      `marks: ${episode.marks.length === 0 ? "none" : episode.marks.map(([row, column]) => `row ${row} column ${column}`).join(", ")}${setting.overseer.visible ? "" : " (hidden)"}`,
    ].join("\n"),
  );
  for (const step of episode.steps) print(["", ...tellStep(step, setting.world.actions)].join("\n"));
  const returns = Object.entries(episode.returns).map(([goal, value]) => `${goal} ${short(value)}`);
  print(
    [
      "",
      ...spacedMap(episode.finalMap),
      `${episode.outcome} after ${episode.steps.length} steps · label ${episode.label} · return (discounted): ${returns.join(", ")}`,
    ].join("\n"),
  );
}

/** The map beside what each view would do. */
function tellStep(step: EpisodeStep, actions: readonly string[]): string[] {
  const width = Math.max(...Object.keys(step.probabilities).map((name) => name.length));
  const views = Object.entries(step.probabilities).map(
    ([name, probabilities]) =>
      `${name.padEnd(width)}  ${actions.map((action, a) => `${action} ${short(probabilities[a], 2)}`).join("  ")}`,
  );
  const gate = Object.entries(step.gate).map(([module, weight]) => `${module} ${short(weight, 2)}`);
  const happened =
    step.events.length === 0
      ? ""
      : `  ${step.events.join(", ")}: ${Object.entries(step.rewards)
          .map(([goal, reward]) => `${goal} ${reward > 0 ? "+" : ""}${reward}`)
          .join(", ")}`;
  const text = [
    `step ${step.step + 1}: ${step.action}${happened}`,
    ...views,
    ...(gate.length > 1 ? [`gate  ${gate.join("  ")}`] : []),
    `value ${step.value === null ? "–" : short(step.value)}`,
  ];
  const map = spacedMap(step.map);
  const mapWidth = Math.max(...map.map((row) => row.length));
  return Array.from({ length: Math.max(map.length, text.length) }, (_, i) =>
    `${(map[i] ?? "").padEnd(mapWidth)}    ${text[i] ?? ""}`.trimEnd(),
  );
}
