import type { Overseer } from "./overseer.ts";

/**
 * One coin per episode, heads with probability `coverage`: on heads every site is marked and the episode is inspected however
 * it ends, timeouts included; on tails nothing is.
 */
export function createEpisode(coverage: number, visible: boolean): Overseer {
  return {
    kind: "episode",
    visible,
    mostMarks: (_cells, sites) => sites,
    mark: (sites, rng, marks) => {
      if (rng.next() < coverage) for (const site of sites) marks[site] = 1;
    },
    inspects: ({ marks }) => marks.includes(1),
    markings: (sites) =>
      [
        { probability: coverage, cells: sites },
        { probability: 1 - coverage, cells: [] },
      ].filter(({ probability }) => probability > 0),
  };
}
