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

/** The worlds that were asked for last, by their options: a cell asks for the same few again, and each lists its levels once. */
const recent = new Map<string, World>();
const KEPT = 16;

/** The world that a scenario's `world` describes. */
export function createWorld(options: WorldOptions): World {
  const key = JSON.stringify(options);
  let world = recent.get(key);
  if (world === undefined) {
    world = worldNamed(options.kind).create(options);
    if (recent.size >= KEPT) recent.clear();
    recent.set(key, world);
  }
  return world;
}
