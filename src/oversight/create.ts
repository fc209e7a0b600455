import { createEpisode } from "./episode.ts";
import { createFull } from "./full.ts";
import { createNone } from "./none.ts";
import type { Overseer } from "./overseer.ts";
import { createTerminal } from "./terminal.ts";

/** An overseer as the scenario describes it (src/scenario/schema.ts). */
export type OverseerOptions = { readonly visible: boolean } & (
  | { readonly kind: "full" | "none" }
  | { readonly kind: "episode"; readonly coverage: number }
  | { readonly kind: "terminal"; readonly coverage: number; readonly spurious: number }
);

/** What each overseer does, for people. */
export const OVERSEERS: ReadonlyMap<OverseerOptions["kind"], string> = new Map([
  ["full", "inspects every episode"],
  ["none", "inspects nothing"],
  ["episode", "one coin per episode decides whether it is inspected, however it ends"],
  ["terminal", "one coin per terminal decides whether an end there is inspected; timeouts always are"],
]);

export function createOverseer(options: OverseerOptions): Overseer {
  switch (options.kind) {
    case "full":
      return createFull(options.visible);
    case "none":
      return createNone(options.visible);
    case "episode":
      return createEpisode(options.coverage, options.visible);
    case "terminal":
      return createTerminal(options.coverage, options.spurious, options.visible);
    default:
      throw new RangeError(`createOverseer: unknown kind ${JSON.stringify(options satisfies never)}`);
  }
}
