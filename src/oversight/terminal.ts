import type { Marking, Overseer } from "./overseer.ts";

/**
 * One coin per site, heads with probability `coverage`: an episode is inspected if and only if the cell on which it ended is
 * marked; a timeout always is. Other cells carry spurious marks, which mean nothing, with probability `spurious`.
 *
 * Cloud et al. 2024 (arXiv:2410.04332), section 4.3: the label depends on which terminal the policy chose to reach.
 */
export function createTerminal(coverage: number, spurious: number, visible: boolean): Overseer {
  return {
    kind: "terminal",
    visible,
    mostMarks: (cells, sites) => (spurious > 0 ? cells : sites),
    mark: (sites, rng, marks) => {
      // Sites draw first: the same episode has the same marks on them whatever `spurious` is.
      for (const site of sites) marks[site] = rng.next() < coverage ? 1 : 0;
      if (spurious === 0) return;
      for (let cell = 0; cell < marks.length; cell++) {
        if (!sites.includes(cell)) marks[cell] = rng.next() < spurious ? 1 : 0;
      }
    },
    inspects: ({ marks, cell, truncated }) => truncated || marks[cell] === 1,
    markings: (sites) => (spurious > 0 ? null : subsets(sites, coverage)),
  };
}

/** All subsets of the sites, each site in with probability p independently; impossible ones are left out. */
function subsets(sites: readonly number[], p: number): Marking[] {
  let markings: Marking[] = [{ probability: 1, cells: [] }];
  for (const site of sites) {
    markings = markings.flatMap(({ probability, cells }) => [
      { probability: probability * (1 - p), cells },
      { probability: probability * p, cells: [...cells, site] },
    ]);
  }
  return markings.filter(({ probability }) => probability > 0);
}
