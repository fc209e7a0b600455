import { createForwardOutput } from "../agents/rollout.ts";
import type { ForwardOutput, Model } from "../compute/engine.ts";
import { createObservations, type Observations } from "../core/observations.ts";
import { observeMarked } from "../envs/observe.ts";
import type { World } from "../envs/world.ts";
import type { Overseer } from "../oversight/overseer.ts";
import { parseView, type View } from "../routing/views.ts";
import type { Mind, Standing } from "./mind.ts";

export interface NetworkMindOptions {
  /** Views to be consulted before the modules alone. */
  readonly more?: readonly string[];
  /** It takes its most probable action, ties shared; else it draws. */
  readonly greedy?: boolean;
}

/** A network that acts in a view, in a world whose marks it is shown if the overseer's are visible. */
export function networkMind(
  model: Model,
  view: View,
  { world, overseer: { visible } }: { readonly world: World; readonly overseer: Pick<Overseer, "visible"> },
  { more = [], greedy = false }: NetworkMindOptions = {},
): Mind {
  const { modules, actions: A } = model.spec;
  const K = modules.length;
  const cells = world.height * world.width;
  const others = K > 1 ? [...more, ...modules.map((module) => `only:${module}`)] : [];
  const views = [view, ...others.filter((name) => name !== view.name).map((name) => parseView(name, modules))];
  const full = parseView("full", modules);
  /** Of `over`, whose blocks are large and many. */
  let kept = createForwardOutput(0, A, K);

  const createRows = (rows: number): Observations => createObservations(rows, world.maxActive + (visible ? cells : 0));
  const observe = (level: unknown, state: Int32Array, marks: Uint8Array, into: Observations, row: number) => {
    const seen = visible ? marks : null;
    into.counts[row] = observeMarked(world, level, state, seen, into.indices, row * into.stride);
  };
  async function forward(standings: readonly Standing[], asked: readonly View[]): Promise<ForwardOutput[]> {
    const rows = standings.length;
    const observations = createRows(rows);
    standings.forEach(({ level, state, marks }, row) => {
      observe(level, state, marks, observations, row);
    });
    const outputs = [];
    for (const each of asked) {
      const output = createForwardOutput(rows, A, K);
      await model.forward(observations, 0, rows, each.lnScale, output);
      if (greedy && each === view) makeGreedy(output.probabilities, A);
      outputs.push(output);
    }
    return outputs;
  }

  return {
    name: view.name,
    views: views.map(({ name }) => name),
    modules,
    timed: false,
    async over(tasks) {
      const rows = tasks.reduce((sum, { graph }) => sum + graph.size, 0);
      const observations = createRows(rows);
      let row = 0;
      for (const { level, graph, marks } of tasks) {
        for (let s = 0; s < graph.size; s++, row++) {
          const state = graph.states.subarray(s * graph.stateSize, (s + 1) * graph.stateSize);
          observe(level, state, marks, observations, row);
        }
      }
      if (kept.values.length < rows) kept = createForwardOutput(rows, A, K);
      const output = kept;
      await model.forward(observations, 0, rows, view.lnScale, output);
      row = 0;
      return tasks.map(({ graph }) => {
        const policy = output.probabilities.slice(row * A, (row + graph.size) * A);
        const weights = output.weights.slice(row * K, (row + graph.size) * K);
        row += graph.size;
        if (greedy) makeGreedy(policy, A);
        return { policy, weights };
      });
    },
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

/** Replace each row of probabilities [S, A] by a uniform choice among its greatest entries. */
function makeGreedy(probabilities: Float64Array, A: number): void {
  for (let s = 0; s < probabilities.length; s += A) {
    const row = probabilities.subarray(s, s + A);
    const best = Math.max(...row);
    const ties = row.reduce((count, p) => count + (p === best ? 1 : 0), 0);
    for (let a = 0; a < A; a++) row[a] = row[a] === best ? 1 / ties : 0;
  }
}
