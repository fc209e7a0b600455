import { z } from "zod";
import { type Marking, type OverseerDefinition, probabilityOfInspection, timeouts, wholeEpisode } from "../overseer.ts";

const options = z.strictObject({
  coverage: probabilityOfInspection,
  spurious: z.number().min(0).max(1).default(0).describe("probability of a mark on a cell where no episode can end"),
  timeouts: timeouts("always"),
});

/**
 * One coin per site, heads with probability `coverage`: an episode is inspected if and only if the cell on which it ended is
 * marked; a timeout always is, unless `timeouts` says otherwise. Other cells carry spurious marks, which mean nothing, with probability `spurious`.
 *
 * Cloud et al. 2024 (arXiv:2410.04332), section 4.3: the label depends on which terminal the policy chose to reach.
 */
export const terminal: OverseerDefinition<z.output<typeof options>> = {
  kind: "terminal",
  about: "one coin per terminal decides whether an end there is inspected; timeouts always are",
  options,
  create: ({ coverage, spurious, timeouts: late = "always", visible }) => ({
    kind: "terminal",
    visible,
    mostMarks: (cells, sites) => (spurious > 0 ? cells : sites),
    mark: ({ sites }, chance, marks) => {
      // Sites draw first: the same episode has the same marks on them whatever `spurious` is.
      for (const site of sites) marks[site] = chance.flip(coverage) ? 1 : 0;
      if (spurious === 0) return;
      for (let cell = 0; cell < marks.length; cell++) {
        if (!sites.includes(cell)) marks[cell] = chance.flip(spurious) ? 1 : 0;
      }
    },
    endOnly: true,
    inspect: wholeEpisode(({ marks, cells, truncated }, chance) =>
      truncated
        ? late === "always" || (late === "coverage" && chance.flip(coverage))
        : marks[cells[cells.length - 1]] === 1,
    ),
    markings: ({ sites }) => (spurious > 0 ? null : subsets(sites, coverage)),
  }),
};

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
