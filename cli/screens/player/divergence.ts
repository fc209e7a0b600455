import type { Shown } from "./shown-episode.ts";

/** One of several minds on the same level, with the same random streams. */
export interface Lane {
  readonly name: string;
  readonly shown: Shown;
}

/** Where two lanes part. */
export interface Divergence {
  readonly step: number;
  /** What each lane did there; null for one whose episode was over. */
  readonly actions: readonly (string | null)[];
}

/** The first step at which not every lane does the same; null where they never part. */
export function divergenceOf(lanes: readonly Pick<Lane, "shown">[]): Divergence | null {
  const longest = Math.max(0, ...lanes.map(({ shown }) => shown.actions.length));
  for (let step = 0; step < longest; step++) {
    const actions = lanes.map(({ shown }) => shown.actions[step] ?? null);
    if (actions.some((action) => action !== actions[0])) return { step, actions };
  }
  return null;
}
