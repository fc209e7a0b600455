import { createForwardOutput } from "../agents/rollout.ts";
import { groupsOf, type Model, tensorsOf } from "../compute/engine.ts";
import { copyObservation, createObservations } from "../core/observations.ts";
import type { LastUpdate } from "./train.ts";

/** What the modules learned from, and whom the gate trusted, by what the arm took the label to be: a route's label, `none`, or `ambiguous`. */
export interface ModuleDiagnostics {
  /** Rows of each class in the last update. */
  readonly rows: Readonly<Record<string, number>>;
  /**
   * Gradient mass: L2 norm of the policy and entropy loss's mean gradient over the rows of a class, by class and group. Exactly 0 where
   * the routing mask stops it.
   */
  readonly gradientMass: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Mean weight that the gate gives each module on the rows of a class; on a labelled class the share of its own module is its calibration. */
  readonly gate: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Measure the modules on the rows of the last update, which are still loaded in the model; changes nothing. */
export async function moduleDiagnostics(
  model: Model,
  { rows, trajectory, lesson, hyper }: LastUpdate,
  labels: readonly string[],
): Promise<ModuleDiagnostics> {
  const { spec } = model;
  const K = spec.modules.length;
  const classOf = (row: number): string => {
    const label = lesson.label[row];
    return label < 0 ? "none" : (labels[label] ?? "ambiguous");
  };
  const isAmbiguous = rows.some((row) => classOf(row) === "ambiguous");
  const classes = [...labels, "none", ...(isAmbiguous ? ["ambiguous"] : [])].map((name) => ({
    name,
    rows: rows.filter((row) => classOf(row) === name).sort(),
  }));
  const policyOnly = { ...hyper, gateCoef: 0, valueCoef: 0 };
  const gradientMass: Record<string, Record<string, number>> = {};
  const gate: Record<string, Record<string, number>> = {};
  for (const { name, rows: own } of classes) {
    if (own.length === 0) continue;
    const gradient = await model.gradient(own, policyOnly);
    const squares = new Map(groupsOf(spec).map((group) => [group, 0]));
    let at = 0;
    for (const { group, shape } of tensorsOf(spec)) {
      const end = at + shape.reduce((product, n) => product * n, 1);
      let sum = squares.get(group) ?? 0;
      for (; at < end; at++) sum += gradient[at] ** 2;
      squares.set(group, sum);
    }
    squares.delete("critic");
    gradientMass[name] = Object.fromEntries([...squares].map(([group, sum]) => [group, Math.sqrt(sum)]));

    const observations = createObservations(own.length, trajectory.observations.stride);
    own.forEach((row, i) => {
      copyObservation(trajectory.observations, row, observations, i);
    });
    const output = createForwardOutput(own.length, spec.actions, K);
    await model.forward(observations, 0, own.length, new Float64Array(K), output);
    gate[name] = Object.fromEntries(
      spec.modules.map((module, k) => {
        let sum = 0;
        for (let i = 0; i < own.length; i++) sum += output.weights[i * K + k];
        return [module, sum / own.length];
      }),
    );
  }
  return { rows: Object.fromEntries(classes.map(({ name, rows: own }) => [name, own.length])), gradientMass, gate };
}
