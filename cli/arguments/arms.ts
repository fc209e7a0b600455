import { UserError } from "../../src/core/errors.ts";
import { suggest } from "../../src/core/suggest.ts";
import { ARM_NAMES, type ArmName } from "../../src/scenario/schema.ts";

/** The arms of `--arms`. @throws UserError for a name that is none. */
export function checkedArms(names: readonly string[]): ArmName[] {
  return names.map((name) => {
    const arm = ARM_NAMES.find((known) => known === name);
    if (arm === undefined) {
      const meant = suggest(name, ARM_NAMES);
      throw new UserError(
        `--arms: unknown arm ${name}${meant === undefined ? "" : `; did you mean ${meant}?`}`,
        `expected some of ${ARM_NAMES.join(", ")}`,
      );
    }
    return arm;
  });
}
