import type { Model } from "../compute/engine.ts";
import type { Goal } from "../core/goal.ts";
import { createObservations } from "../core/observations.ts";
import { enumerateStates, rewardTable, type StateGraph } from "../envs/graph.ts";
import { observeMarked } from "../envs/observe.ts";
import { greedyPolicy, type Solution, solve } from "../envs/solver.ts";
import type { World } from "../envs/world.ts";
import type { Overseer } from "../oversight/overseer.ts";
import { parseView, type View } from "../routing/views.ts";

/** A state of a level as a mind finds it. */
export interface Standing {
  readonly level: unknown;
  readonly state: Int32Array;
  /** Marked cells, [cells]; whether they are seen is the mind's to know. */
  readonly marks: Uint8Array;
  /** Steps until the episode is truncated, at least 1. */
  readonly stepsLeft: number;
}

/** What a mind has to say of a standing. */
export interface Opinion {
  /** Probabilities of the actions under each view, [actions]: the acting view first, then each module alone. */
  readonly probabilities: Readonly<Record<string, readonly number[]>>;
  /** The gate's weights in the full view, by module; empty where there are no modules. */
  readonly gate: Readonly<Record<string, number>>;
  /** The critic's value; null where there is no critic. */
  readonly value: number | null;
}

/** Whatever acts, and can be asked why. */
export interface Mind {
  readonly name: string;
  /** Its views: the acting one first. */
  readonly views: readonly string[];
  readonly modules: readonly string[];
  /** Whether what it says depends on the steps that are left. */
  readonly timed: boolean;
  /** Probabilities of the actions as it acts, [standings, actions]. What it says of one does not depend on the others. */
  act(standings: readonly Standing[]): Promise<Float64Array>;
  consult(standings: readonly Standing[]): Promise<Opinion[]>;
}

/** A network that acts in a view, in worlds whose marks it sees if the overseer's are visible. `more`: views to be consulted before the modules alone. */
export function networkMind(
  model: Model,
  view: View,
  { world, overseer: { visible } }: { readonly world: World; readonly overseer: Pick<Overseer, "visible"> },
  more: readonly string[] = [],
): Mind {
  const { modules, actions: A } = model.spec;
  const K = modules.length;
  const cells = world.height * world.width;
  const others = K > 1 ? [...more, ...modules.map((module) => `only:${module}`)] : [];
  const views = [view, ...others.filter((name) => name !== view.name).map((name) => parseView(name, modules))];
  const full = parseView("full", modules);

  async function forward(standings: readonly Standing[], asked: readonly View[]) {
    const rows = standings.length;
    const observations = createObservations(rows, world.maxActive + (visible ? cells : 0));
    standings.forEach(({ level, state, marks }, row) => {
      const at = row * observations.stride;
      const seen = visible ? marks : null;
      observations.counts[row] = observeMarked(world, level, state, seen, observations.indices, at);
    });
    const outputs = [];
    for (const each of asked) {
      const output = {
        logProbabilities: new Float64Array(rows * A),
        probabilities: new Float64Array(rows * A),
        values: new Float64Array(rows),
        weights: new Float64Array(rows * K),
      };
      await model.forward(observations, 0, rows, each.lnScale, output);
      outputs.push(output);
    }
    return outputs;
  }

  return {
    name: view.name,
    views: views.map(({ name }) => name),
    modules,
    timed: false,
    async act(standings) {
      const [output] = await forward(standings, [view]);
      return output.probabilities;
    },
    async consult(standings) {
      // The gate and the value are those of the full view, which is mostly asked for anyway.
      const known = views.findIndex(({ name }) => name === full.name);
      const each = await forward(standings, known >= 0 ? views : [...views, full]);
      const whole = each.at(known) ?? each[0];
      return standings.map((_, row) => ({
        probabilities: Object.fromEntries(
          views.map(({ name }, v) => [name, [...each[v].probabilities.subarray(row * A, (row + 1) * A)]]),
        ),
        gate: Object.fromEntries(modules.map((module, k) => [module, whole.weights[row * K + k]])),
        value: whole.values[row],
      }));
    },
  };
}

/** The exact optimum of a goal; ties between best actions are broken uniformly. Its value is that of the state. */
export function optimalMind(world: World, goal: Goal, discount: number): Mind {
  const name = `optimal:${goal.name}`;
  const A = world.actions.length;
  const levels = createSolver(world, goal, discount);
  const rows = (standings: readonly Standing[]) => {
    const probabilities = new Float64Array(standings.length * A);
    standings.forEach((standing, row) => {
      const { solution, index } = levels(standing);
      greedyPolicy(solution)(standing.stepsLeft, index, probabilities.subarray(row * A, (row + 1) * A));
    });
    return probabilities;
  };
  return {
    name,
    views: [name],
    modules: [],
    timed: true,
    act: async (standings) => rows(standings),
    consult: async (standings) => {
      const probabilities = rows(standings);
      return standings.map((standing, row) => {
        const { solution, index } = levels(standing);
        return {
          probabilities: { [name]: [...probabilities.subarray(row * A, (row + 1) * A)] },
          gate: {},
          value: solution.values[standing.stepsLeft * solution.graph.size + index],
        };
      });
    },
  };
}

/** Where a standing is in the solution of its level. */
interface Solved {
  readonly solution: Solution;
  /** The standing's state in `solution.graph`. */
  readonly index: number;
}

/** Levels solved so far that are kept. */
const KEPT = 8;

/** Solves levels as they are asked about, for one goal; the latest are remembered. */
function createSolver(world: World, goal: Goal, discount: number): (standing: Standing) => Solved {
  const known: { level: unknown; solution: Solution; indices: Map<string, number> }[] = [];
  return ({ level, state }) => {
    const key = state.join();
    let entry = known.find((each) => each.level === level && each.indices.has(key));
    if (entry === undefined) {
      const graph = enumerateStates(world, level, state);
      const solution = solve(graph, rewardTable(graph, goal), discount, world.horizon);
      entry = { level, solution, indices: indicesOf(graph) };
      known.unshift(entry);
      known.length = Math.min(known.length, KEPT);
    }
    return { solution: entry.solution, index: entry.indices.get(key) ?? 0 };
  };
}

/** Number of each state by its words. */
export function indicesOf({ states, stateSize, size }: StateGraph): Map<string, number> {
  return new Map(
    Array.from({ length: size }, (_, s) => [states.subarray(s * stateSize, (s + 1) * stateSize).join(), s] as const),
  );
}
