import type { Overseer } from "./overseer.ts";

/** Sees nothing, timeouts included; nothing is marked. */
export function createNone(visible: boolean): Overseer {
  return {
    kind: "none",
    visible,
    mostMarks: () => 0,
    mark: () => {},
    inspects: () => false,
    markings: () => [{ probability: 1, cells: [] }],
  };
}
