import { rewardOf } from "../../../src/core/goal.ts";
import { enumerateStates, rewardTable } from "../../../src/envs/graph.ts";
import { mapParts } from "../../../src/envs/maps.ts";
import { actionValuesInto, bestActions, type Solution, solve } from "../../../src/envs/solver.ts";
import type { World } from "../../../src/envs/world.ts";
import type { Mind, Opinion, Standing } from "../../../src/evaluation/mind.ts";
import { type Beginning, type Stage, standingsOf, type Trace } from "../../../src/evaluation/record.ts";
import { indicesOf } from "../../../src/evaluation/scripted-minds.ts";
import { type Scene, sceneOf } from "../scene.ts";

/** An episode with all that a screen shows of it: a plain value, computed once when it is opened. */
export interface Shown {
  readonly scene: Scene;
  readonly trace: Trace;
  /** Who acted: the view, or the name of a scripted policy. */
  readonly acting: string;
  /** The map at each state, [steps + 1]. */
  readonly maps: readonly string[];
  /** Cell of the agent at each state, [steps + 1]. */
  readonly cells: readonly number[];
  readonly actions: readonly string[];
  /** Names of each step's events, [steps]. */
  readonly events: readonly (readonly string[])[];
  /** Undiscounted reward gathered before each state, by goal, [steps + 1]. */
  readonly gathered: Readonly<Record<string, readonly number[]>>;
  /** What the mind said before each action, [steps]; null where nobody can be asked. */
  readonly opinions: readonly Opinion[] | null;
  /** The best actions before each action, by goal, [steps]; null where the world cannot be solved. */
  readonly best: Readonly<Record<string, readonly (readonly string[])[]>> | null;
  readonly surprises: readonly Surprise[];
  /** What holds on the whole map, by state; the same object as long as only the agent moves. */
  readonly charts: readonly Chart[];
}

/** A step at which one should look. */
export interface Surprise {
  readonly step: number;
  readonly kind: "parts" | "gate" | "label";
  readonly about: string;
}

/** What would be said and what would be best if the agent stood on any other cell, all else as it is. */
export interface Chart {
  /** Opinions by cell; null for cells where the agent cannot stand. */
  readonly opinions: readonly (Opinion | null)[] | null;
  /** The exact solution under each goal, and the number of the state by cell (-1: none). */
  readonly exact: { readonly solutions: ReadonlyMap<string, Solution>; readonly states: Int32Array } | null;
}

/** Work out all that is shown of an episode. `mind` null: nobody can be asked; `given`: opinions that the file holds. */
export async function showEpisode(
  stage: Stage,
  trace: Trace,
  mind: Mind | null,
  acting: string,
  given: readonly Opinion[] | null = null,
): Promise<Shown> {
  const { world, goals } = stage;
  const { level } = trace.beginning;
  const maps = trace.states.map((state) => world.print(level, state));
  const cells = trace.states.map((state) => world.cell(level, state));
  const gathered = Object.fromEntries(
    goals.map((goal) => {
      const sums = [0];
      for (const events of trace.events) sums.push(sums[sums.length - 1] + rewardOf(goal, events));
      return [goal.name, sums];
    }),
  );
  const charts = await chartsOf(stage, trace, maps, mind);
  const opinions = mind === null ? given : await opinionsOf(world, trace, cells, charts, mind);
  const best = world.deterministic ? bestOf(stage, trace, charts) : null;
  const surprises = surprisesOf(trace, acting, opinions, best?.true ?? null, world.actions);
  return {
    scene: sceneOf(world, goals, stage.overseer.visible),
    ...{ trace, acting, maps, cells, gathered, opinions, charts, best, surprises },
    actions: trace.actions.map((action) => world.actions[action]),
    events: trace.events.map((events) => world.events.filter((_, e) => (events >>> e) & 1)),
  };
}

/** What the mind said before each action. Without a clock it says that of the same state in the chart, and need not be asked again. */
async function opinionsOf(
  world: World,
  trace: Trace,
  cells: readonly number[],
  charts: readonly Chart[],
  mind: Mind,
): Promise<readonly Opinion[]> {
  if (mind.timed) return mind.consult(standingsOf(world, trace));
  return trace.actions.map((_, t) => {
    const opinion = charts[t].opinions?.[cells[t]];
    if (opinion == null)
      throw new Error(`opinionsOf: the chart of step ${t} has no opinion on the agent's cell ${cells[t]}`);
    return opinion;
  });
}

/** A chart for each state; states that differ in the agent's cell alone share one. */
async function chartsOf(stage: Stage, { beginning, states }: Trace, maps: readonly string[], mind: Mind | null) {
  const { world } = stage;
  const { level } = beginning;
  const known = new Map<string, { stands: ReadonlyMap<number, Int32Array>; chart: Chart }>();
  const charts: Chart[] = [];
  for (const [t, state] of states.entries()) {
    if (world.terminal(level, state)) {
      // After the end the agent covers an object, and nothing is to be decided any more: the last chart stays.
      const last = charts.at(-1);
      if (last === undefined) throw new RangeError("chartsOf: an episode that is over before it begins");
      charts.push(last);
      continue;
    }
    // Maps that are the same without the agent have the same stands, but for words of a state that a map does not show.
    const floor = maps[t].replace("A", ".");
    const before = known.get(floor);
    if (before?.stands.get(world.cell(level, state))?.join() === state.join()) {
      charts.push(before.chart);
      continue;
    }
    const stands = standsOf(world, level, state) ?? new Map();
    const chart = await chartOf(stage, beginning, stands, mind);
    known.set(floor, { stands, chart });
    charts.push(chart);
  }
  return charts;
}

/**
 * The state for every cell on which the agent can stand, all else as in `state`; null where the episode is over. The map is drawn with the
 * agent elsewhere and read again, as `solve` does it.
 */
export function standsOf(world: World, level: unknown, state: Int32Array): Map<number, Int32Array> | null {
  if (world.terminal(level, state)) return null;
  const { rows, notes } = mapParts(world.print(level, state));
  const own = world.cell(level, state);
  const { width } = world;
  const stands = new Map<number, Int32Array>([[own, state.slice()]]);
  const floor = rows.map((row) => row.replace("A", "."));
  for (const [r, row] of floor.entries()) {
    for (const [c, letter] of [...row].entries()) {
      if (letter !== "." || r * width + c === own) continue;
      const moved = floor.with(r, `${row.slice(0, c)}A${row.slice(c + 1)}`);
      const there = new Int32Array(world.stateSize);
      world.parse([...moved, ...notes].join("\n"), there);
      stands.set(r * width + c, there);
    }
  }
  return new Map([...stands].sort(([a], [b]) => a - b));
}

async function chartOf(
  stage: Stage,
  { level, marks }: Beginning,
  stands: ReadonlyMap<number, Int32Array>,
  mind: Mind | null,
): Promise<Chart> {
  const { world, goals, discount } = stage;
  const size = world.height * world.width;
  const cells = [...stands.keys()];
  const standings = [...stands.values()].map((state): Standing => ({ level, state, marks, stepsLeft: world.horizon }));
  let opinions: (Opinion | null)[] | null = null;
  if (mind !== null) {
    const said = await mind.consult(standings);
    opinions = Array.from({ length: size }, () => null);
    for (const [i, cell] of cells.entries()) opinions[cell] = said[i];
  }
  if (!world.deterministic) return { opinions, exact: null };
  const starts = new Int32Array(stands.size * world.stateSize);
  for (const [i, { state }] of standings.entries()) starts.set(state, i * world.stateSize);
  const graph = enumerateStates(world, level, starts);
  const states = new Int32Array(size).fill(-1);
  for (const [i, cell] of cells.entries()) states[cell] = graph.starts[i];
  const solutions = new Map(
    goals.map((goal) => [goal.name, solve(graph, rewardTable(graph, goal), discount, world.horizon)] as const),
  );
  return { opinions, exact: { solutions, states } };
}

function bestOf({ world, goals }: Stage, trace: Trace, charts: readonly Chart[]) {
  return Object.fromEntries(
    goals.map(({ name }) => [
      name,
      trace.actions.map((_, t) => {
        const solution = charts[t].exact?.solutions.get(name);
        if (solution === undefined) return [];
        const index = indicesIn(solution).get(trace.states[t].join()) ?? 0;
        return bestActions(solution, world.horizon - t, index).map((action) => world.actions[action]);
      }),
    ]),
  );
}

const INDICES = new WeakMap<Solution["graph"], Map<string, number>>();
function indicesIn({ graph }: Solution): Map<string, number> {
  const indices = INDICES.get(graph) ?? indicesOf(graph);
  INDICES.set(graph, indices);
  return indices;
}

/** Where the acting view's likeliest action is not among the best for the true goal, the gate changes its mind, the label arrives. */
function surprisesOf(
  trace: Trace,
  acting: string,
  opinions: readonly Opinion[] | null,
  best: readonly (readonly string[])[] | null,
  actions: readonly string[],
): Surprise[] {
  const found: Surprise[] = [];
  opinions?.forEach(({ probabilities, gate }, step) => {
    const row = probabilities[acting];
    const wanted = actions[row.indexOf(Math.max(...row))];
    if (best !== null && best[step].length > 0 && !best[step].includes(wanted)) {
      found.push({ step, kind: "parts", about: `${acting} wants ${wanted}, the true goal ${best[step].join(" or ")}` });
    }
    const before = step > 0 ? loudest(opinions[step - 1].gate) : undefined;
    const now = loudest(gate);
    if (before !== undefined && now !== before) {
      found.push({ step, kind: "gate", about: `the gate turns from ${before} to ${now}` });
    }
  });
  if (trace.inspected) found.push({ step: trace.actions.length, kind: "label", about: `label: ${trace.label}` });
  return found;
}

function loudest(gate: Opinion["gate"]): string | undefined {
  const weights = Object.entries(gate);
  return weights.length < 2 ? undefined : weights.reduce((a, b) => (b[1] > a[1] ? b : a))[0];
}

/** V* of a goal on every cell with so many steps left: what `solve` prints; null where nobody can stand. */
export function optimalValues(chart: Chart, goal: string, stepsLeft: number): (number | null)[] {
  const solution = chart.exact?.solutions.get(goal);
  if (chart.exact === null || solution === undefined) return [];
  const { size } = solution.graph;
  return Array.from(chart.exact.states, (s) => (s < 0 ? null : solution.values[stepsLeft * size + s]));
}

/** On every cell the probabilities of a goal's best actions, alike among equals. */
export function optimalPolicy(chart: Chart, goal: string, stepsLeft: number): (readonly number[] | null)[] {
  const solution = chart.exact?.solutions.get(goal);
  if (chart.exact === null || solution === undefined || stepsLeft === 0) return [];
  const A = solution.graph.actions;
  return Array.from(chart.exact.states, (s) => {
    if (s < 0) return null;
    const best = bestActions(solution, stepsLeft, s);
    return Array.from({ length: A }, (_, a) => (best.includes(a) ? 1 / best.length : 0));
  });
}

/**
 * What one step of a view costs under a goal on every cell, the optimum acting before and after it:
 * V*(s) - sum over a of pi(a | s) Q*(s, a), reward units.
 */
export function regret(chart: Chart, view: string, goal: string, stepsLeft: number): (number | null)[] {
  const solution = chart.exact?.solutions.get(goal);
  if (chart.exact === null || chart.opinions === null || solution === undefined || stepsLeft === 0) return [];
  const { opinions } = chart;
  const { graph, values } = solution;
  const Q = new Float64Array(graph.actions);
  return Array.from(chart.exact.states, (s, cell) => {
    const row = opinions[cell]?.probabilities[view];
    if (s < 0 || row === undefined) return null;
    actionValuesInto(solution, stepsLeft, s, Q);
    return values[stepsLeft * graph.size + s] - row.reduce((sum, p, a) => sum + p * Q[a], 0);
  });
}
