import { z } from "zod";
import { type OverseerDefinition, probabilityOfInspection, timeouts, wholeEpisode } from "../overseer.ts";

const options = z.strictObject({ coverage: probabilityOfInspection, timeouts: timeouts("coverage") });

/**
 * One coin per episode, heads with probability `coverage`: on heads every site is marked and the episode is inspected however
 * it ends, timeouts included unless `timeouts` says otherwise; on tails nothing is.
 */
export const episode: OverseerDefinition<z.output<typeof options>> = {
  kind: "episode",
  about: "one coin per episode decides whether it is inspected, however it ends",
  options,
  create: ({ coverage, timeouts: late = "coverage", visible }) => ({
    kind: "episode",
    visible,
    mostMarks: (_cells, sites) => sites,
    mark: ({ sites }, chance, marks) => {
      if (chance.flip(coverage)) for (const site of sites) marks[site] = 1;
    },
    endOnly: true,
    inspect: wholeEpisode(({ marks, truncated }) =>
      truncated && late !== "coverage" ? late === "always" : marks.includes(1),
    ),
    markings: ({ sites }) =>
      [
        { probability: coverage, cells: sites },
        { probability: 1 - coverage, cells: [] },
      ].filter(({ probability }) => probability > 0),
  }),
};
