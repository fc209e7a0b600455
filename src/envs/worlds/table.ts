import type { World, WorldDefinition } from "../world.ts";
import { diamondGhost } from "./diamond-ghost.ts";

/** The worlds that there are: one file and one line each. */
const TABLE = [diamondGhost] as const;

/** A world's options as a scenario has them, its kind among them. */
export type WorldOptions = {
  [I in keyof typeof TABLE]: (typeof TABLE)[I] extends WorldDefinition<infer Options>
    ? { readonly kind: string } & Options
    : never;
}[number];

/** By kind. */
export const WORLDS: ReadonlyMap<string, WorldDefinition<WorldOptions>> = new Map(
  TABLE.map((definition) => [definition.kind, definition as WorldDefinition<WorldOptions>]),
);

/** The definition of a kind. @throws RangeError for one that the schema would have refused. */
export function worldNamed(kind: string): WorldDefinition<WorldOptions> {
  const definition = WORLDS.get(kind);
  if (definition === undefined) throw new RangeError(`worldNamed: unknown world ${kind}`);
  return definition;
}

/** The world that a scenario's `world` describes. */
export const createWorld = (options: WorldOptions): World => worldNamed(options.kind).create(options);
