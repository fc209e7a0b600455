import { isDeepStrictEqual } from "node:util";
import { spacedMap } from "../../src/envs/maps.ts";
import { createWorld } from "../../src/envs/worlds/table.ts";
import { withShift } from "../../src/scenario/load.ts";
import { TRAINING } from "../../src/scenario/schema.ts";
import { settingUnder } from "../../src/scenario/setting.ts";
import { drawLevel, fewestSteps } from "../arguments/levels.ts";
import { readScenario, type ScenarioOptions } from "../arguments/scenario-files.ts";
import { print, printJson, say } from "../output.ts";
import { beginBrowser, type Shelf } from "../screens/browse/browser.ts";
import { browserProgram } from "../screens/browse/program.ts";
import { liveCapabilities } from "../text/capabilities.ts";
import { alignColumns } from "../text/columns.ts";
import { openScreen } from "../tui/screen.ts";

export interface LevelsOptions extends ScenarioOptions {
  /** How many. */
  readonly number: number;
  readonly shift?: string;
  readonly seed: number;
  readonly plain?: boolean;
  readonly json?: boolean;
}

const WIDTH = 100;

/** Page through levels on a terminal; else print them as maps, with the fewest steps to each event. */
export async function run([path]: readonly string[], options: LevelsOptions): Promise<void> {
  const { scenario } = readScenario(path, options);
  const shifted = options.shift === undefined ? scenario : withShift(scenario, options.shift);
  const capabilities = liveCapabilities(options);
  if (capabilities !== null) {
    const shelves = [TRAINING, ...Object.keys(scenario.shift)].map((name) => ({
      name,
      setting: settingUnder(scenario, name),
    }));
    // A shift of the overseer alone has the training levels: what is to be compared is the first that has others.
    const isOther = ({ setting }: Shelf) => !isDeepStrictEqual(setting.scenario.world, scenario.world);
    const right = shelves.findIndex(
      (shelf, s) =>
        s > 0 &&
        (options.shift !== undefined && options.shift !== TRAINING ? shelf.name === options.shift : isOther(shelf)),
    );
    const browser = beginBrowser(shelves, options.seed, Math.max(right, Math.min(1, shelves.length - 1)));
    await (await openScreen(browserProgram(browser), { capabilities })).closed;
    return;
  }
  const world = createWorld(shifted.world);
  const levels = Array.from({ length: options.number }, (_, number) => {
    const drawn = drawLevel(world, options.seed, number);
    return {
      level: number,
      map: world.print(drawn.level, drawn.start).split("\n"),
      steps: Object.fromEntries(fewestSteps(world, drawn)),
    };
  });
  if (options.json) {
    printJson({ scenario: scenario.name, shift: options.shift ?? null, seed: options.seed, levels });
    return;
  }
  const blocks = levels.map(({ level, map, steps }) => [
    `level ${level}`,
    ...spacedMap(map.join("\n")),
    ...alignColumns(
      Object.entries(steps ?? {}).map(([event, fewest]) => [event, fewest === null ? "never" : `${fewest}`]),
    ),
  ]);
  print(sideBySide(blocks).join("\n"));
  say(
    `${[...world.letters].map(([letter, meaning]) => `${letter} ${meaning}`).join(", ")}; numbers: fewest steps to it`,
  );
}

/** Blocks in rows of as many as fit, three spaces apart, an empty line between the rows. */
function sideBySide(blocks: readonly (readonly string[])[]): string[] {
  const width = Math.max(...blocks.flatMap((block) => block.map((line) => line.length)));
  const perRow = Math.max(1, Math.floor((WIDTH + 3) / (width + 3)));
  const lines: string[] = [];
  for (let first = 0; first < blocks.length; first += perRow) {
    const row = blocks.slice(first, first + perRow);
    if (first > 0) lines.push("");
    for (let i = 0; i < Math.max(...row.map((block) => block.length)); i++) {
      lines.push(
        row
          .map((block) => (block[i] ?? "").padEnd(width))
          .join("   ")
          .trimEnd(),
      );
    }
  }
  return lines;
}
