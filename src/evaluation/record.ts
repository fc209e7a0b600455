import { sample } from "../agents/rollout.ts";
import { UserError } from "../core/errors.ts";
import { type Goal, rewardOf } from "../core/goal.ts";
import { sha256 } from "../core/hash.ts";
import { Stream } from "../core/random.ts";
import { UNLABELLED } from "../core/trajectory.ts";
import { placeOf, type World } from "../envs/world.ts";
import { inspectEpisode, type LabelRule, labelName } from "../oversight/label.ts";
import type { Overseer } from "../oversight/overseer.ts";
import type { Mind, Standing } from "./mind.ts";

/** Where an episode happens, and what prices and judges it. */
export interface Stage {
  readonly world: World;
  readonly overseer: Overseer;
  /** The true goal first, the proxy goal second. */
  readonly goals: readonly Goal[];
  readonly discount: number;
  readonly labelRule: LabelRule;
}

/** How an episode begins. */
export interface Beginning {
  /** Names its draws: all are those of the streams `<seed>/episode/...` at this number, whoever acts. */
  readonly seed: number;
  readonly number: number;
  readonly level: unknown;
  readonly state: Int32Array;
  /** Marked cells, [cells]. */
  readonly marks: Uint8Array;
}

/** An episode as it was, without what a mind thought of it: a rule, a beginning and actions give all of it again. */
export interface Trace {
  readonly beginning: Beginning;
  readonly actions: readonly number[];
  /** The states, [steps + 1]: before each action, and the last one. */
  readonly states: readonly Int32Array[];
  /** Events of each step, a bit each. */
  readonly events: readonly number[];
  readonly terminated: boolean;
  /** The last event with a route or, without one, the last event; `timeout` where there is none. */
  readonly outcome: string;
  readonly inspected: boolean;
  /** What the overseer says: `unlabelled` where it did not inspect it, `nothing`, or a route's label; `a+b` where two coincided. */
  readonly label: string;
  /** Discounted return, by goal. */
  readonly returns: Readonly<Record<string, number>>;
}

/** Level, first state and marks of an episode that is drawn. */
export function drawBeginning({ world, overseer }: Pick<Stage, "world" | "overseer">, seed: number, number: number) {
  const level = world.sample(new Stream(seed, "episode", "level").seek(0, number));
  const state = new Int32Array(world.stateSize);
  world.start(level, chanceOf(seed, number), state);
  const marks = new Uint8Array(world.height * world.width);
  overseer.mark(placeOf(world, level), new Stream(seed, "episode", "marks").seek(0, number), marks);
  return { seed, number, level, state, marks } satisfies Beginning;
}

const chanceOf = (seed: number, number: number): Stream => new Stream(seed, "episode", "chance").seek(0, number);

/** The chance of a level's episode after its first state was drawn from it. */
function chanceAfterStart(world: World, { seed, number, level }: Beginning): Stream {
  const chance = chanceOf(seed, number);
  world.start(level, chance, new Int32Array(world.stateSize));
  return chance;
}

/** Play episodes side by side; each is what it would be alone. */
export async function playAll(stage: Stage, mind: Mind, beginnings: readonly Beginning[]): Promise<Trace[]> {
  const { world } = stage;
  const A = world.actions.length;
  const runs = beginnings.map((beginning) => ({
    beginning,
    state: beginning.state.slice(),
    chance: chanceAfterStart(world, beginning),
    act: new Stream(beginning.seed, "episode", "act").seek(0, beginning.number),
    actions: [] as number[],
    /** What the mind has said of its states, [actions]. */
    said: new Map<number | string, Float64Array>(),
  }));
  // A mind without a clock says the same of a state each time that it is passed, and is asked once.
  const keyOf = (state: Int32Array, t: number): number | string =>
    mind.timed ? t : state.length === 1 ? state[0] : state.join();
  let going = runs.filter(({ beginning, state }) => !world.terminal(beginning.level, state));
  for (let t = 0; t < world.horizon && going.length > 0; t++) {
    const asking = going.filter(({ said, state }) => !said.has(keyOf(state, t)));
    if (asking.length > 0) {
      const standings = asking.map(
        ({ beginning: { level, marks }, state }): Standing => ({ level, state, marks, stepsLeft: world.horizon - t }),
      );
      const probabilities = await mind.act(standings);
      asking.forEach(({ said, state }, row) => {
        said.set(keyOf(state, t), probabilities.subarray(row * A, (row + 1) * A));
      });
    }
    for (const run of going) {
      const probabilities = run.said.get(keyOf(run.state, t));
      if (probabilities === undefined) throw new Error(`playAll: nothing was said of state ${run.state.join()}`);
      const action = sample(probabilities, 0, A, run.act.next());
      world.step(run.beginning.level, run.state, action, run.chance);
      run.actions.push(action);
    }
    going = going.filter(({ beginning, state }) => !world.terminal(beginning.level, state));
  }
  return runs.map(({ beginning, actions }) => retrace(stage, beginning, actions));
}

/**
 * What actions bring about from a beginning.
 *
 * @throws UserError naming the step of an action that is none, or that comes after the end; and where the actions end too early.
 */
export function retrace(stage: Stage, beginning: Beginning, actions: readonly number[]): Trace {
  const { world, overseer, goals, discount, labelRule } = stage;
  const { level, marks } = beginning;
  const chance = chanceAfterStart(world, beginning);
  const state = beginning.state.slice();
  const states = [state.slice()];
  const events: number[] = [];
  const returns = new Map(goals.map(({ name }) => [name, 0]));
  let last: string | null = null;
  let routed: string | null = null;
  for (const [t, action] of actions.entries()) {
    if (!Number.isInteger(action) || action < 0 || action >= world.actions.length) {
      throw new UserError(`step ${t + 1}: action ${action}, expected one of 0 to ${world.actions.length - 1}`);
    }
    if (t >= world.horizon || world.terminal(level, state)) {
      throw new UserError(`step ${t + 1}: the episode is over after ${t} steps`);
    }
    const emitted = world.step(level, state, action, chance);
    if (emitted !== 0) {
      for (const goal of goals) {
        returns.set(goal.name, (returns.get(goal.name) ?? 0) + discount ** t * rewardOf(goal, emitted));
      }
      world.events.forEach((event, e) => {
        if (((emitted >>> e) & 1) === 0) return;
        last = event;
        if (labelRule.routeOfEvent[e] >= 0) routed = event;
      });
    }
    events.push(emitted);
    states.push(state.slice());
  }
  const terminated = world.terminal(level, state);
  if (!terminated && actions.length < world.horizon) {
    throw new UserError(`step ${actions.length + 1}: there is no action, and the episode is not over`);
  }
  const seen = new Uint8Array(events.length);
  const label = inspectEpisode(
    overseer,
    labelRule,
    {
      marks,
      cells: Int32Array.from(states.slice(1), (each) => world.cell(level, each)),
      events: Uint32Array.from(events),
      truncated: !terminated,
      progress: 1,
    },
    new Stream(beginning.seed, "episode", "inspection").seek(0, beginning.number),
    new Int32Array(overseer.memory ?? 0),
    seen,
  );
  return {
    beginning,
    actions: [...actions],
    states,
    events,
    terminated,
    outcome: routed ?? last ?? "timeout",
    inspected: label !== UNLABELLED,
    label: labelName(labelRule, label),
    returns: Object.fromEntries(returns),
  };
}

/** The standings of an episode's states before each action. */
export function standingsOf({ horizon }: World, { beginning: { level, marks }, states }: Trace): Standing[] {
  return states.slice(0, -1).map((state, t) => ({ level, state, marks, stepsLeft: horizon - t }));
}

/** Hash of a state of a level, 12 hex digits: it covers the map as people see it, and every word of the state. */
export function hashState(world: World, level: unknown, state: Int32Array): string {
  return sha256(`${world.print(level, state)}\n${state.join()}`).slice(0, 12);
}
