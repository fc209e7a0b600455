import { sample } from "../agents/rollout.ts";
import type { Model } from "../compute/engine.ts";
import { type Goal, rewardOf } from "../core/goal.ts";
import { createObservations } from "../core/observations.ts";
import { Stream } from "../core/random.ts";
import { observeMarked } from "../envs/observe.ts";
import type { World } from "../envs/world.ts";
import type { Overseer } from "../oversight/overseer.ts";
import { parseView, type View } from "../routing/views.ts";

/** What happened in one step, and what the mind had to say before it. */
export interface EpisodeStep {
  /** Steps taken before this one. */
  readonly step: number;
  /** The map before the step. */
  readonly map: string;
  readonly action: string;
  /** Names of the events that the step emitted. */
  readonly events: readonly string[];
  /** Reward of the step, by goal. */
  readonly rewards: Readonly<Record<string, number>>;
  /** Probabilities of the actions under each view, [actions]: the acting view first, then each module alone. */
  readonly probabilities: Readonly<Record<string, readonly number[]>>;
  /** The gate's weights in the full view, by module. */
  readonly gate: Readonly<Record<string, number>>;
  readonly value: number;
}

/** One episode of a policy on one level, as it can be told. */
export interface Episode {
  readonly seed: number;
  readonly number: number;
  readonly view: string;
  /** Marked cells, as [row, column]. */
  readonly marks: readonly (readonly [number, number])[];
  readonly steps: readonly EpisodeStep[];
  readonly finalMap: string;
  readonly outcome: "terminated" | "truncated";
  /** `unlabelled` where the overseer did not inspect it, else its last event with a route, or `nothing`. */
  readonly label: string;
  /** Discounted return, by goal. */
  readonly returns: Readonly<Record<string, number>>;
}

export interface EpisodeOptions {
  readonly world: World;
  readonly overseer: Overseer;
  readonly goals: readonly Goal[];
  readonly discount: number;
  /** Route of each event, -1 where it has none, [events]. */
  readonly routeOfEvent: Int8Array;
  readonly model: Model;
  readonly view: View;
  /** Level, marks and actions are drawn from streams of this seed, at this number. */
  readonly seed: number;
  readonly number: number;
}

/** Play one episode and write down everything; the same seed, number and model give the same episode. */
export async function playEpisode(options: EpisodeOptions): Promise<Episode> {
  const { world, overseer, goals, discount, routeOfEvent, model, view, seed, number } = options;
  const { modules, actions: A } = model.spec;
  const K = modules.length;
  const views = [view, ...(K > 1 ? modules.map((module) => parseView(`only:${module}`, modules)) : [])];
  const full = parseView("full", modules);
  const cells = world.height * world.width;
  const level = world.sample(new Stream(seed, "episode", "level").seek(0, number));
  const chance = new Stream(seed, "episode", "chance").seek(0, number);
  const act = new Stream(seed, "episode", "act").seek(0, number);
  const state = new Int32Array(world.stateSize);
  const marks = new Uint8Array(cells);
  world.start(level, chance, state);
  overseer.mark(world.sites(level), new Stream(seed, "episode", "marks").seek(0, number), marks);
  const observations = createObservations(1, world.maxActive + (overseer.visible ? cells : 0));
  const output = {
    logProbabilities: new Float64Array(A),
    probabilities: new Float64Array(A),
    values: new Float64Array(1),
    weights: new Float64Array(K),
  };

  const steps: EpisodeStep[] = [];
  const returns = new Map(goals.map(({ name }) => [name, 0]));
  let label = "nothing";
  let terminated = false;
  while (!terminated && steps.length < world.horizon) {
    observations.counts[0] = observeMarked(
      world,
      level,
      state,
      overseer.visible ? marks : null,
      observations.indices,
      0,
    );
    await model.forward(observations, 0, 1, full.lnScale, output);
    const gate = Object.fromEntries(modules.map((module, k) => [module, output.weights[k]]));
    const probabilities: Record<string, number[]> = {};
    for (const each of views) {
      await model.forward(observations, 0, 1, each.lnScale, output);
      probabilities[each.name] = [...output.probabilities];
    }
    const action = sample(Float64Array.from(probabilities[view.name]), 0, A, act.next());
    const map = world.print(level, state);
    const events = world.step(level, state, action, chance);
    const rewards = goals.map((goal) => [goal.name, rewardOf(goal, events)] as const);
    for (const [name, reward] of rewards)
      returns.set(name, (returns.get(name) ?? 0) + discount ** steps.length * reward);
    const names = world.events.filter((_, e) => (events >>> e) & 1);
    for (const event of names) if (routeOfEvent[world.events.indexOf(event)] >= 0) label = event;
    steps.push({
      step: steps.length,
      map,
      action: world.actions[action],
      events: names,
      rewards: Object.fromEntries(rewards),
      probabilities,
      gate,
      value: output.values[0],
    });
    terminated = world.terminal(level, state);
  }
  const inspected = overseer.inspects({ marks, cell: world.cell(level, state), truncated: !terminated });
  return {
    seed,
    number,
    view: view.name,
    marks: [...marks.keys()]
      .filter((c) => marks[c])
      .map((c) => [Math.floor(c / world.width), c % world.width] as const),
    steps,
    finalMap: world.print(level, state),
    outcome: terminated ? "terminated" : "truncated",
    label: inspected ? label : "unlabelled",
    returns: Object.fromEntries(returns),
  };
}
