import type { Chance } from "../core/random.ts";
import {
  type Labels,
  type Ledger,
  labelOfRoutes,
  NOTHING,
  routesIn,
  type Trajectory,
  UNLABELLED,
} from "../core/trajectory.ts";
import type { Overseen, Overseer } from "./overseer.ts";

/** How an episode's label follows from what is seen of it. */
export interface LabelRule {
  /** The routes' labels, in the order of their indices. */
  readonly labels: readonly string[];
  /** Route of each event, -1 where it has none, [events]. */
  readonly routeOfEvent: Int8Array;
  /** Which of the seen steps that carry a routed event decides. */
  readonly decides: "last" | "first";
}

/**
 * The label of an episode by the steps of it that are seen [steps]: `UNLABELLED` where none is, `NOTHING` where none of them carries an
 * event with a route, else the route of the event on the deciding step. Where routed events coincide on it the label is ambiguous.
 */
export function labelOf({ labels, routeOfEvent, decides }: LabelRule, events: Uint32Array, seen: Uint8Array): number {
  let label = UNLABELLED;
  for (let i = 0; i < events.length; i++) {
    const t = decides === "last" ? events.length - 1 - i : i;
    if (!seen[t]) continue;
    label = NOTHING;
    let routes = 0;
    for (let rest = events[t], event = 0; rest !== 0; rest >>>= 1, event++) {
      if (rest & 1 && routeOfEvent[event] >= 0) routes |= 1 << routeOfEvent[event];
    }
    if (routes !== 0) return labelOfRoutes(routes, labels.length);
  }
  return label;
}

/** What a label is called: `unlabelled`, `nothing`, a route's name, or several with `+` between. */
export function labelName({ labels }: LabelRule, label: number): string {
  if (label === UNLABELLED) return "unlabelled";
  if (label === NOTHING) return "nothing";
  const routes = routesIn(label, labels.length);
  return labels.filter((_, route) => (routes >>> route) & 1).join("+");
}

/**
 * Let an overseer inspect an episode that ended; returns its label. Writes: `seen` [steps] and, where the overseer keeps any, `memory`.
 */
export function inspectEpisode(
  overseer: Overseer,
  rule: LabelRule,
  episode: Overseen,
  chance: Chance,
  memory: Int32Array,
  seen: Uint8Array,
): number {
  seen.fill(0);
  overseer.inspect(episode, chance, memory, seen);
  const label = labelOf(rule, episode.events, seen);
  if (overseer.report === undefined || label === UNLABELLED || label >= rule.labels.length) return label;
  return overseer.report(label, rule.labels.length, episode, chance);
}

/**
 * Call the steps of episodes still running "reached nothing", with a reward of 0, instead of leaving them unlabelled: what the code of
 * Cloud et al. 2024 does. Writes: `labels`, rows of unfinished episodes.
 */
export function labelTails(trajectory: Trajectory, labels: Labels): void {
  const { worlds, capacity, first, terminated, truncated } = trajectory;
  for (let n = 0; n < worlds; n++) {
    for (let slot = capacity - 1; slot >= first[n]; slot--) {
      const row = slot * worlds + n;
      if (terminated[row] || truncated[row]) break;
      labels.label[row] = NOTHING;
      labels.seen[row] = 1;
      labels.proxyReward[row] = 0;
      labels.trueReward[row] = 0;
    }
  }
}

/**
 * The only door between the ledger and the learner: label every episode that ended in the window, first step to last, and
 * reveal the true reward of the steps that are seen. Steps of episodes still running stay unlabelled.
 *
 * The proxy goal's reward is what anyone can see, so it passes for every step. `revealAll` also passes the true reward of every
 * step: the oracle's privilege, and no other arm's.
 *
 * Writes: `labels`, rows of filled slots. Afterwards nothing downstream may read the ledger (tested by poisoning it).
 */
export function labelEpisodes(trajectory: Trajectory, ledger: Ledger, revealAll: boolean, labels: Labels): void {
  const { worlds, capacity, first, terminated, truncated } = trajectory;
  for (let n = 0; n < worlds; n++) {
    let label = UNLABELLED;
    for (let slot = capacity - 1; slot >= first[n]; slot--) {
      const row = slot * worlds + n;
      if (terminated[row] || truncated[row]) label = ledger.label[row];
      const seen = label === UNLABELLED ? 0 : ledger.seen[row];
      labels.label[row] = label;
      labels.seen[row] = seen;
      labels.proxyReward[row] = ledger.proxyReward[row];
      labels.trueReward[row] = revealAll || seen ? ledger.trueReward[row] : 0;
    }
  }
}
