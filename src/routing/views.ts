import { UserError } from "../core/errors.ts";
import { ln } from "../core/numerics.ts";

/**
 * A view of a policy: the modules it is allowed to speak with. `lnScale` [K] is added to the gate's logits, so a scale of 1 is
 * identity, steering moves the gate's logit, and ablation (-Infinity) is its limit; nothing divides by an underflowed gate.
 */
export interface View {
  readonly name: string;
  readonly lnScale: Float64Array;
}

/**
 * Read a view: `full`, `only:diamond`, `ablate:ghost`, `steer:ghost=0.5`; several changes are joined by commas.
 *
 * @throws UserError for an unknown form or module, a scale that is not a number >= 0, all modules ablated, and any view but `full`
 * of a policy with a single module.
 */
export function parseView(text: string, modules: readonly string[]): View {
  const lnScale = new Float64Array(modules.length);
  if (text === "full") return { name: text, lnScale };
  const forms = "expected full, only:MODULE, ablate:MODULE or steer:MODULE=SCALE";
  if (modules.length === 1) {
    throw new UserError(`view ${text}: this policy has a single module`, "its only view is full");
  }
  const find = (name: string) => {
    const index = modules.indexOf(name);
    if (index < 0) throw new UserError(`view ${text}: unknown module ${name}, expected one of ${modules.join(", ")}`);
    return index;
  };
  for (const part of text.split(",")) {
    const [, form, name, scale] = /^(only|ablate|steer):([^=]*)(?:=(.*))?$/.exec(part) ?? [];
    if (form === undefined) throw new UserError(`view ${text}: found ${JSON.stringify(part)}, ${forms}`);
    if ((form === "steer") !== (scale !== undefined))
      throw new UserError(`view ${text}: found ${JSON.stringify(part)}, ${forms}`);
    const module = find(name);
    if (form === "only") {
      for (let k = 0; k < modules.length; k++) if (k !== module) lnScale[k] = Number.NEGATIVE_INFINITY;
    } else if (form === "ablate") {
      lnScale[module] = Number.NEGATIVE_INFINITY;
    } else {
      const value = scale.trim() === "" ? Number.NaN : Number(scale);
      if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) {
        throw new UserError(`view ${text}: the scale of ${name} is ${scale}, expected a number >= 0`);
      }
      lnScale[module] += ln(value);
    }
  }
  if (lnScale.every((x) => x === Number.NEGATIVE_INFINITY)) {
    throw new UserError(`view ${text}: every module is ablated, nothing is left to act`);
  }
  return { name: text, lnScale };
}

/** The view that is deployed unless another is asked for: the true goal's module where there are several, else `full`. */
export function deployedView(modules: readonly string[], trueModule: string): string {
  return modules.length > 1 ? `only:${trueModule}` : "full";
}
