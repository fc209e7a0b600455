import type { Overseer, OverseerDefinition, OverseerOptions } from "../overseer.ts";
import { episode } from "./episode.ts";
import { full } from "./full.ts";
import { none } from "./none.ts";
import { terminal } from "./terminal.ts";

/** The overseers that there are, by kind: one file and one line each. A user's own are added when a scenario brings them. */
export const OVERSEERS = new Map<string, OverseerDefinition>(
  [full, none, episode, terminal].map((definition) => [definition.kind, definition as OverseerDefinition]),
);

/** The overseer that a scenario's `oversight` describes. @throws RangeError for a kind that the schema would have refused. */
export function createOverseer(options: OverseerOptions): Overseer {
  const definition = OVERSEERS.get(options.kind);
  if (definition === undefined) throw new RangeError(`createOverseer: unknown kind ${JSON.stringify(options.kind)}`);
  return definition.create(options);
}
