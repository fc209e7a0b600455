import { print, printJson } from "../output.ts";
import { galleryFolder, readGallery } from "../screens/demo/gallery.ts";
import { summaryOf, tellEnd, tellScene } from "../screens/demo/lines.ts";
import { CLOCK, tourProgram } from "../screens/demo/program.ts";
import { tourSceneOf } from "../screens/demo/scenes.ts";
import { beginTour, isOver } from "../screens/demo/tour.ts";
import { liveCapabilities, printedCapabilities } from "../text/capabilities.ts";
import { openScreen } from "../tui/screen.ts";
import { openPlayer } from "./replay.ts";

export interface DemoOptions {
  /** Counted from 1. */
  readonly scene?: number;
  readonly plain?: boolean;
  readonly json?: boolean;
}

/** A tour of recorded levels: on a terminal it plays by itself, elsewhere it is printed. */
export async function run(_args: readonly string[], { scene, plain, json }: DemoOptions): Promise<void> {
  const scenes = (await readGallery(galleryFolder())).map(tourSceneOf);
  const capabilities = liveCapabilities({ plain: plain === true, json: json === true });
  if (capabilities === null) {
    const numbered = scenes
      .map((each, s) => [each, s + 1] as const)
      .filter(([, s]) => scene === undefined || s === scene);
    if (json) return printJson(summaryOf(numbered.map(([each]) => each)));
    const told = numbered.flatMap(([each, s]) => [...tellScene(each, s, printedCapabilities(process.stdout)), ""]);
    return print([...told, ...tellEnd()].join("\n"));
  }
  for (let tour = beginTour(scenes, (scene ?? 1) - 1); tour.leaving !== "shell"; ) {
    const screen = await openScreen(tourProgram({ ...tour, leaving: null }, capabilities, CLOCK), { capabilities });
    screen.dispatch({ kind: "begin" });
    tour = await screen.closed;
    const [lane] = tour.scenes[tour.scene]?.lanes ?? [];
    // Whoever has seen it to the end may want to copy what to do next.
    if (isOver(tour)) print(tellEnd().join("\n"));
    // Closed by a signal.
    if (tour.leaving === null) return;
    if (tour.leaving === "player" && lane !== undefined) {
      await openPlayer(
        lane.path,
        { episode: lane.index, at: 0, episodes: 1 },
        capabilities,
        tour.scenes[tour.scene].lanes,
      );
    }
  }
}
