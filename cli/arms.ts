import { UserError } from "../src/core/errors.ts";
import { ARM_NAMES, type ArmName } from "../src/experiment/schema.ts";

/** The arms of `--arms`. @throws UserError for a name that is none. */
export function checkedArms(names: readonly string[]): ArmName[] {
  return names.map((name) => {
    const arm = ARM_NAMES.find((known) => known === name);
    if (arm === undefined) throw new UserError(`--arms: unknown arm ${name}, expected some of ${ARM_NAMES.join(", ")}`);
    return arm;
  });
}
