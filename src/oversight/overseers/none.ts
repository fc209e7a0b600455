import { z } from "zod";
import type { OverseerDefinition } from "../overseer.ts";

/** Sees nothing, timeouts included; nothing is marked. */
export const none: OverseerDefinition = {
  kind: "none",
  about: "inspects nothing",
  options: z.strictObject({}),
  create: ({ visible }) => ({
    kind: "none",
    visible,
    mostMarks: () => 0,
    mark: () => {},
    endOnly: true,
    inspect: () => {},
    markings: () => [{ probability: 1, cells: [] }],
  }),
};
