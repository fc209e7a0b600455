import { z } from "zod";
import { type OverseerDefinition, wholeEpisode } from "../overseer.ts";

/** Sees every episode; every site is marked. */
export const full: OverseerDefinition = {
  kind: "full",
  about: "inspects every episode",
  options: z.strictObject({}),
  create: ({ visible }) => ({
    kind: "full",
    visible,
    mostMarks: (_cells, sites) => sites,
    mark: ({ sites }, _chance, marks) => {
      for (const site of sites) marks[site] = 1;
    },
    endOnly: true,
    inspect: wholeEpisode(() => true),
    markings: ({ sites }) => [{ probability: 1, cells: sites }],
  }),
};
