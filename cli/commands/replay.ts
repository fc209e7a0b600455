import { createEngine } from "../../src/compute/create.ts";
import { UserError } from "../../src/core/errors.ts";
import { type Episode, type EpisodeStep, playEpisode } from "../../src/evaluation/episode.ts";
import { withShift } from "../../src/experiment/scenario.ts";
import { createSetting } from "../../src/experiment/setting.ts";
import { checkpointPath, readRun } from "../../src/experiment/store.ts";
import { deployedView, parseView } from "../../src/routing/views.ts";
import { cacheFolder } from "../cache.ts";
import { checkReadable, isCheckpointPath, loadCheckpoint } from "../checkpoint.ts";
import { short } from "../numbers.ts";
import { print, printJson, say } from "../output.ts";

export interface ReplayOptions {
  readonly episode: number;
  readonly arm?: string;
  readonly seed?: number;
  readonly view?: string;
  readonly shift?: string;
  readonly set?: readonly string[];
  readonly plain?: boolean;
  readonly json?: boolean;
}

/** Tell one episode of a trained policy, step by step. */
export async function run([path]: readonly string[], options: ReplayOptions): Promise<void> {
  const file = isCheckpointPath(path) ? path : chooseCheckpoint(path, options);
  const { checkpoint, scenario, engine: trainedBy } = loadCheckpoint(file, options.set ?? []);
  const setting = createSetting(options.shift === undefined ? scenario : withShift(scenario, options.shift));
  checkReadable(file, checkpoint, setting);
  const { modules } = checkpoint.spec;
  const view = parseView(options.view ?? deployedView(modules, setting.trueModule), modules);
  const engine = await createEngine(trainedBy, 1, { cacheFolder: cacheFolder() });
  let episode: Episode;
  try {
    const model = await engine.create(checkpoint.spec, checkpoint.state.parameters);
    const { discount } = setting.scenario;
    episode = await playEpisode({ ...setting, discount, model, view, seed: checkpoint.seed, number: options.episode });
  } finally {
    await engine.dispose();
  }
  if (options.json) {
    printJson({
      checkpoint: file,
      arm: checkpoint.arm,
      shift: options.shift ?? "training",
      actions: setting.world.actions,
      ...episode,
    });
    return;
  }
  say(`${file}`);
  print(
    [
      `${scenario.name} · ${checkpoint.arm} · seed ${checkpoint.seed} · episode ${episode.number} · view ${view.name} · shift ${options.shift ?? "training"}`,
      `marks: ${episode.marks.length === 0 ? "none" : episode.marks.map(([row, column]) => `row ${row} column ${column}`).join(", ")}${setting.overseer.visible ? "" : " (hidden)"}`,
    ].join("\n"),
  );
  for (const step of episode.steps) print(["", ...tellStep(step, setting.world.actions)].join("\n"));
  const returns = Object.entries(episode.returns).map(([goal, value]) => `${goal} ${short(value)}`);
  print(
    [
      "",
      ...spaced(episode.finalMap),
      `${episode.outcome} after ${episode.steps.length} steps · label ${episode.label} · return (discounted): ${returns.join(", ")}`,
    ].join("\n"),
  );
}

function chooseCheckpoint(dir: string, { arm, seed }: ReplayOptions): string {
  const { finished } = readRun(dir);
  if (finished.length === 0) throw new UserError(`run ${dir} has no finished cell`);
  const arms = [...new Set(finished.map(({ result }) => result.arm))];
  const wanted = arm ?? (arms.includes("route") ? "route" : arms[0]);
  const own = finished.filter(({ result }) => result.arm === wanted);
  if (own.length === 0)
    throw new UserError(`--arm ${wanted}: run ${dir} has no finished cell of it`, `it has: ${arms.join(", ")}`);
  const cell =
    seed === undefined
      ? own.sort((a, b) => a.result.seed - b.result.seed)[0]
      : own.find(({ result }) => result.seed === seed);
  if (cell === undefined) {
    throw new UserError(
      `--seed ${seed}: run ${dir} has no finished cell of ${wanted} with it`,
      `it has: ${own.map(({ result }) => result.seed).join(", ")}`,
    );
  }
  return checkpointPath(cell.paths, cell.result.checkpoints.last);
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
    `value ${short(step.value)}`,
  ];
  const map = spaced(step.map);
  const mapWidth = Math.max(...map.map((row) => row.length));
  return Array.from({ length: Math.max(map.length, text.length) }, (_, i) =>
    `${(map[i] ?? "").padEnd(mapWidth)}    ${text[i] ?? ""}`.trimEnd(),
  );
}

const spaced = (map: string): string[] => map.split("\n").map((row) => [...row].join(" "));
