import { UserError } from "../../src/core/errors.ts";
import { suggest } from "../../src/core/suggest.ts";
import { ARMS } from "../../src/routing/arms/table.ts";

/** The arms of `--arms`. @throws UserError for a name that is none. */
export function checkedArms(names: readonly string[]): string[] {
  return names.map((name) => {
    if (!ARMS.has(name)) {
      const meant = suggest(name, ARMS.keys());
      throw new UserError(
        `--arms: unknown arm ${name}${meant === undefined ? "" : `; did you mean ${meant}?`}`,
        `expected some of ${[...ARMS.keys()].join(", ")}`,
      );
    }
    return name;
  });
}
