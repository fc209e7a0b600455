import { UserError } from "../../src/core/errors.ts";
import { enumerateStates, rewardTable } from "../../src/envs/graph.ts";
import { mapParts, spacedMap } from "../../src/envs/maps.ts";
import { bestActions, solve } from "../../src/envs/solver.ts";
import type { World, WorldOptions } from "../../src/envs/world.ts";
import { createWorld, worldNamed } from "../../src/envs/worlds/table.ts";
import type { Scenario } from "../../src/scenario/schema.ts";
import { createSetting } from "../../src/scenario/setting.ts";
import { readInputText } from "../arguments/input-file.ts";
import { drawLevel } from "../arguments/levels.ts";
import { readScenario, type ScenarioOptions } from "../arguments/scenario-files.ts";
import { print, printJson } from "../output.ts";
import { alignColumns } from "../text/columns.ts";

export interface SolveOptions extends ScenarioOptions {
  readonly map?: string;
  readonly level?: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** What the best policy for a goal gets on one level. */
interface SolvedGoal {
  /** Best discounted return from the start with the whole horizon left. */
  readonly value: number;
  /** The first actions that attain it. */
  readonly bestActions: readonly string[];
  /** The same value for an agent that stands on a cell, [height][width]; 0 where the episode is over, null for walls. */
  readonly values: readonly (readonly (number | null)[])[];
}

/** Exact values of a level under every goal of the scenario. */
export async function run([path]: readonly string[], options: SolveOptions): Promise<void> {
  if ((options.map === undefined) === (options.level === undefined)) {
    throw new UserError("solve needs a level: give either --map FILE or --level N");
  }
  const { scenario } = readScenario(path, options);
  const { world, map } = options.map === undefined ? drawn(scenario, options) : written(scenario, options.map);
  const goals = solveMap(world, map, scenario);
  if (options.json) {
    printJson({ goals: Object.fromEntries(goals) });
    return;
  }
  print(spacedMap(map).join("\n"));
  for (const [goal, solved] of goals) {
    print(`\n${goal}: ${solved.value.toFixed(4)}, best first: ${solved.bestActions.join(", ")}`);
    const cells = solved.values.map((row) => row.map((value) => (value === null ? "#" : value.toFixed(3)).padStart(6)));
    print(alignColumns(cells).join("\n"));
  }
}

function drawn(scenario: Scenario, { level = 0, seed }: SolveOptions): { world: World; map: string } {
  const world = createWorld(scenario.world);
  const { level: drawnLevel, start } = drawLevel(world, seed, level);
  return { world, map: world.print(drawnLevel, start) };
}

function written(scenario: Scenario, file: string): { world: World; map: string } {
  const given = readInputText(file);
  try {
    const text = mapIn(given, createWorld(scenario.world).letters);
    const world = createWorld(fitted(scenario.world, text));
    const start = new Int32Array(world.stateSize);
    return { world, map: world.print(world.parse(text, start), start) };
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`${file}: ${error.message}`, error.hint);
    throw error;
  }
}

/**
 * The map in a text: the text itself, a map with blanks between its letters, or the one that a command printed.
 *
 * @throws UserError for several maps.
 */
export function mapIn(text: string, letters: ReadonlyMap<string, string>): string {
  // A row as commands print it: letters apart by blanks, or by the stars of marked cells; what stands beside it is set off.
  const letter = `[${[...letters.keys()].join("").replace(/[\\\]^-]/g, "\\$&")}]`;
  const printedRow = new RegExp(`^\\s*(${letter}(?:[ *]${letter})+)(?:[ *]?\\s*$|[ *]?\\s{2,}.*$)`);
  const lines = text.split("\n").map((each) => each.replace(/^\s*[|│║](.*)[|│║]\s*$/u, "$1").trimEnd());
  const said = lines.filter((each) => each.trim() !== "");
  // Every cell apart: whatever is wrong in it is found at its place.
  if (said.every((each) => /^\s*\S( \S)+$/.test(each))) return said.map((each) => each.replace(/\s/g, "")).join("\n");
  if (!lines.some((each) => printedRow.test(each))) return text;
  const maps: string[][] = [];
  lines.forEach((each, l) => {
    const row = printedRow.exec(each)?.[1];
    if (row === undefined) return;
    if (l === 0 || !printedRow.test(lines[l - 1])) maps.push([]);
    maps.at(-1)?.push(row.replace(/[ *]/g, ""));
  });
  if (maps.length === 1) return maps[0].join("\n");
  throw new UserError(`holds ${maps.length} maps, expected one`, "solve --level N takes a level by its number");
}

/** The scenario's world, made to fit a map: of its size, and with walls if it has any. */
function fitted(options: WorldOptions, map: string): WorldOptions {
  const kind = worldNamed(options.kind);
  return kind.fit === undefined ? options : { ...options, ...kind.fit(options, map, createWorld(options).letters) };
}

function solveMap(world: World, map: string, scenario: Scenario): Map<string, SolvedGoal> {
  // The agent on each free cell in turn, its own first: walled-off cells have a value too.
  const { height, width, stateSize } = world;
  const starts: number[] = [];
  const cells: number[] = [];
  const state = new Int32Array(stateSize);
  const level = world.parse(map, state);
  starts.push(...state);
  cells.push(world.cell(level, state));
  const { rows, notes } = mapParts(map);
  const floor = rows.map((row) => row.replace("A", "."));
  for (let cell = 0; cell < height * width; cell++) {
    const row = Math.floor(cell / width);
    if (rows[row][cell % width] !== ".") continue;
    const moved = floor.with(row, `${floor[row].slice(0, cell % width)}A${floor[row].slice((cell % width) + 1)}`);
    world.parse([...moved, ...notes].join("\n"), state);
    starts.push(...state);
    cells.push(cell);
  }
  const graph = enumerateStates(world, level, Int32Array.from(starts));
  return new Map(
    createSetting(scenario).goals.map((goal): [string, SolvedGoal] => {
      const solution = solve(graph, rewardTable(graph, goal), scenario.discount, world.horizon);
      const valueAt = (start: number): number => solution.values[world.horizon * graph.size + graph.starts[start]];
      const values = rows.map((row) => [...row].map((letter): number | null => (letter === "#" ? null : 0)));
      for (const [k, cell] of cells.entries()) values[Math.floor(cell / width)][cell % width] = valueAt(k);
      const best = bestActions(solution, world.horizon, graph.starts[0]).map((action) => world.actions[action]);
      return [goal.name, { value: valueAt(0), bestActions: best, values }];
    }),
  );
}
