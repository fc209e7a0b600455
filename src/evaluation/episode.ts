import { rewardOf } from "../core/goal.ts";
import type { Mind } from "./mind.ts";
import { drawBeginning, playAll, type Stage, standingsOf } from "./record.ts";

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
  /** The value of the map before the step; null where the mind has no idea of it. */
  readonly value: number | null;
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

/** Play one episode and write down everything; the same stage, mind, seed and number give the same episode. */
export async function playEpisode(stage: Stage, mind: Mind, seed: number, number: number): Promise<Episode> {
  const { world, goals } = stage;
  const [trace] = await playAll(stage, mind, [drawBeginning(stage, seed, number)]);
  const { beginning, actions, states, events, terminated, label, returns } = trace;
  const opinions = await mind.consult(standingsOf(world, trace));
  const steps = opinions.map(
    ({ probabilities, gate, value }, t): EpisodeStep => ({
      step: t,
      map: world.print(beginning.level, states[t]),
      action: world.actions[actions[t]],
      events: world.events.filter((_, e) => (events[t] >>> e) & 1),
      rewards: Object.fromEntries(goals.map((goal) => [goal.name, rewardOf(goal, events[t])])),
      probabilities,
      gate,
      value,
    }),
  );
  return {
    seed,
    number,
    view: mind.name,
    marks: [...beginning.marks.keys()]
      .filter((c) => beginning.marks[c])
      .map((c) => [Math.floor(c / world.width), c % world.width] as const),
    steps,
    finalMap: world.print(beginning.level, states[states.length - 1]),
    outcome: terminated ? "terminated" : "truncated",
    label,
    returns,
  };
}
