import type { Arm } from "../arm.ts";
import { filter, naive } from "./naive.ts";
import { oracle, oracleMatched } from "./oracle.ts";
import { moeNoRoute, routeRandomLabels, routeShuffledLabels, shrinkageMatched } from "./placebos.ts";
import { route, routeNoGate } from "./route.ts";

/** The arms that there are, by name, in the order of tables: one record and one line each. A user's own are added when a scenario brings them. */
export const ARMS = new Map<string, Arm>(
  [
    naive,
    filter,
    oracle,
    oracleMatched,
    route,
    routeRandomLabels,
    routeShuffledLabels,
    moeNoRoute,
    routeNoGate,
    shrinkageMatched,
  ].map((arm) => [arm.name, arm]),
);

/** The placebos that a claim about the method needs beside it: those of this package. */
export const PLACEBOS: readonly string[] = [...ARMS.values()].flatMap(({ role, name }) =>
  role === "placebo" ? [name] : [],
);

/** The arm of a name. @throws RangeError for a name that the schema would have refused. */
export function armNamed(name: string): Arm {
  const arm = ARMS.get(name);
  if (arm === undefined) throw new RangeError(`armNamed: unknown arm ${name}`);
  return arm;
}
