import { UserError } from "../../src/core/errors.ts";

/** Stands in until the command is written. */
export async function run(_args: readonly string[], _options: object): Promise<void> {
  throw new UserError("halfwatch replay is not part of this build");
}
