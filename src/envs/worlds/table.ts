import type { World, WorldDefinition, WorldOptions } from "../world.ts";
import { diamondGhost } from "./diamond-ghost.ts";

/** The worlds that there are, by kind: one file and one line each. A user's own are added when a scenario brings them. */
export const WORLDS = new Map<string, WorldDefinition>(
  [diamondGhost].map((definition) => [definition.kind, definition as WorldDefinition]),
);

/** The definition of a kind. @throws RangeError for one that the schema would have refused. */
export function worldNamed(kind: string): WorldDefinition {
  const definition = WORLDS.get(kind);
  if (definition === undefined) throw new RangeError(`worldNamed: unknown world ${JSON.stringify(kind)}`);
  return definition;
}

/** The world that a scenario's `world` describes. */
export const createWorld = (options: WorldOptions): World => worldNamed(options.kind).create(options);
