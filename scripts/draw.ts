import { join } from "node:path";
import { type Actors, createActors } from "../cli/policy/actors.ts";
import { beginDashboard, reduce } from "../cli/screens/dashboard/model.ts";
import { dashboardProgram } from "../cli/screens/dashboard/program.ts";
import { galleryFolder, readGallery } from "../cli/screens/demo/gallery.ts";
import { CLOCK, tourProgram } from "../cli/screens/demo/program.ts";
import { tourSceneOf } from "../cli/screens/demo/scenes.ts";
import { beginTour } from "../cli/screens/demo/tour.ts";
import { playerKeys } from "../cli/screens/player/keys.ts";
import { beginPlayer, type Player, playerReducer } from "../cli/screens/player/player.ts";
import { viewPlayer } from "../cli/screens/player/player-view.ts";
import { createFileSource } from "../cli/screens/player/source.ts";
import type { Capabilities } from "../cli/text/capabilities.ts";
import { hintLine } from "../cli/tui/keys.ts";
import type { Program } from "../cli/tui/program.ts";
import { fitFrame, type Size } from "../cli/tui/span.ts";
import { toSvg } from "../cli/tui/svg.ts";
import { boundsOf } from "../src/report/summary.ts";
import type { CellEvent } from "../src/runner/launcher.ts";
import { advance, beginRun, type Curve } from "../src/runner/progress.ts";
import { readText } from "../src/runs/files.ts";
import { planCells } from "../src/runs/plan.ts";
import type { Metrics } from "../src/runs/results.ts";
import { loadScenario } from "../src/scenario/load.ts";

/*
 * The pictures of screens in docs/figures/, from the gallery alone: the same gallery gives the same bytes.
 */

const COLOURS: Capabilities = { colours: "truecolor", unicode: true };

/** Each picture by its file's name. */
export async function drawPictures(): Promise<Map<string, string>> {
  const pictures = new Map<string, string>();
  const scenes = (await readGallery(galleryFolder())).map(tourSceneOf);
  for (const [s, scene] of scenes.entries()) {
    const tour = { ...beginTour(scenes, s), beat: scene.beats.length - 1 };
    const rows = 12 + scene.lanes[0].shown.scene.height;
    pictures.set(
      `demo-${scene.name}.svg`,
      draw(tourProgram(tour, COLOURS, CLOCK), { columns: 84, rows }, `halfwatch demo: ${scene.title}`),
    );
  }
  const actors = createActors();
  try {
    pictures.set("player.svg", await drawPlayer(actors));
  } finally {
    await actors.dispose();
  }
  pictures.set("dashboard.svg", await drawDashboard());
  return pictures;
}

/** A screen as the host shows it. */
function draw<Model, Action>(
  { view, keys, start }: Pick<Program<Model, Action>, "view" | "keys" | "start">,
  size: Size,
  title: string,
) {
  const body = { ...size, rows: size.rows - 1 };
  const frame = [...fitFrame(view(start, body, COLOURS), body), hintLine(keys(start), size.columns, COLOURS)];
  return toSvg(frame, title);
}

/** The whole network of the gallery's `route` at the beginning of its level, with the modules beside it. */
async function drawPlayer(actors: Actors): Promise<string> {
  const source = createFileSource(join(galleryFolder(), "route", "episodes.jsonl"), actors);
  while (await source.more());
  const { arm, seed, step } = source.head;
  const begun = beginPlayer(`${arm} · seed ${seed} · step ${step.toLocaleString("en-US")}`, source.goals);
  const listed = playerReducer(begun, { kind: "entries", entries: source.entries, growing: false });
  const start: Player = playerReducer(listed, { kind: "shown", index: 0, shown: await source.load(0) });
  const program = { start, keys: (player: Player) => playerKeys(player, []), view: viewPlayer };
  return draw(program, { columns: 100, rows: 22 }, "halfwatch replay: what each module would do");
}

/** The quickstart while its last arm is trained, one cell after the other. */
async function drawDashboard(): Promise<string> {
  const { cells } = JSON.parse(readText(join(galleryFolder(), "quickstart.json"))) as {
    cells: { arm: string; seed: number; curve: Curve; latest: Metrics; seconds: number; peakMemory: number }[];
  };
  const { scenario } = loadScenario({ path: "scenarios/quickstart.yaml", readText, set: [] });
  const plans = planCells(scenario, "wasm");
  const told = cells.map(({ arm, seed, ...rest }) => {
    const plan = plans.find((each) => each.arm === arm && each.seed === seed);
    if (plan === undefined) throw new RangeError(`drawDashboard: the quickstart has no cell ${arm} ${seed}`);
    return { plan, ...rest };
  });
  // What labels said is not in the file, nor in the picture.
  const validation = { episodes: 0, labelled: 0, trueReturn: null };
  // The latest update brings the last point of its curve with it.
  const past = told.map(({ plan, curve, latest }) => {
    const candidates = curve.slice(0, -1).map(([step, trueReturn]) => ({ step, trueReturn, validation }));
    return [plan.id, { candidates, metrics: latest }] as const;
  });
  let run = beginRun(plans, new Map(), new Map(past));
  let model = beginDashboard(scenario, run, {
    ...{ title: "halfwatch run: quickstart", role: "run" },
    engine: { name: "wasm", spread: "1 cell x 1 thread", why: "" },
  });
  const tell = (event: CellEvent, elapsed: number) => {
    run = advance(run, event);
    model = reduce(model, { kind: "told", run, event, elapsed });
  };
  let elapsed = 0;
  for (const { plan, latest, seconds, peakMemory } of told) {
    const share = latest.update / latest.updates;
    tell({ plan, kind: "started" }, elapsed);
    elapsed += share * seconds;
    tell({ plan, kind: "progress", metrics: latest }, elapsed);
    if (share === 1) tell({ plan, kind: "finished", seconds, peakMemory }, elapsed);
  }
  model = reduce(model, { kind: "bounds", point: 0, bounds: await boundsOf(scenario, scenario.primary.shift) });
  // No policy is there to play beside the curves.
  model = reduce(model, { kind: "toggle-live" });
  model = reduce(model, { kind: "move", arms: model.arms.indexOf("route"), seeds: 1 });
  const program = dashboardProgram(model, { onStop: () => {}, onPause: () => {}, onReplay: () => {} });
  return draw(program, { columns: 100, rows: 29 }, "halfwatch run: the dashboard of the quickstart");
}
