import {
  type Hyper,
  MOST_CONVOLUTIONS,
  type NetworkSpec,
  type TrainingRows,
  type TrainState,
  trunkOf,
} from "../engine.ts";
import type { Layout } from "./network.ts";

const HYPER_NUMBERS = [
  "learningRate",
  "beta1",
  "beta2",
  "adamEps",
  "clipRange",
  "valueClip",
  "entropyCoef",
  "valueCoef",
  "gateCoef",
  "advantageMean",
  "advantageScale",
  "maxGradNorm",
] as const satisfies readonly (keyof Hyper)[];

/** Refuse a spec that no network has. @throws RangeError naming the field. */
export function checkSpec(spec: NetworkSpec): void {
  const positive = (name: string, value: number) => {
    if (!Number.isInteger(value) || value < 1) refuse("create", name, value, "a positive integer");
  };
  positive("features", spec.features);
  positive("actions", spec.actions);
  for (const field of ["hidden", "gateHidden", "critic"] as const) {
    spec[field].forEach((width, depth) => {
      positive(`${field}[${depth}]`, width);
    });
  }
  for (const [field, widths] of [
    ["gateConv", spec.gateHidden],
    ["criticConv", spec.critic],
  ] as const) {
    const channels = spec[field] ?? 0;
    if (channels === 0) continue;
    positive(field, channels);
    positive("cells", spec.cells ?? 0);
    if (spec.features % (spec.cells ?? 1) !== 0) {
      refuse("create", "cells", spec.cells, `a divisor of features = ${spec.features}, so that there are whole planes`);
    }
    if (widths.length === 0 && (field === "criticConv" || spec.gate === "learned")) {
      refuse("create", field, channels, "0 where there is no hidden layer after it");
    }
  }
  checkTrunk(spec);
  if (spec.hidden.length === 0) refuse("create", "hidden", "empty", "at least one width");
  if (spec.modules.length === 0) refuse("create", "modules", "empty", "at least one name");
  if (new Set(spec.modules).size < spec.modules.length) refuse("create", "modules", spec.modules, "distinct names");
  if ((spec.gate === "none") !== (spec.modules.length === 1)) {
    refuse(
      "create",
      "gate",
      spec.gate,
      `none if and only if there is one module, of which there are ${spec.modules.length}`,
    );
  }
}

function checkTrunk(spec: NetworkSpec): void {
  const { conv = [], plane = [0, 0], features } = spec;
  if (conv.length === 0) return;
  if (conv.length > MOST_CONVOLUTIONS) {
    refuse("create", "conv.length", conv.length, `at most ${MOST_CONVOLUTIONS}`);
  }
  const positive = (name: string, value: number) => {
    if (!Number.isInteger(value) || value < 1) refuse("create", name, value, "a positive integer");
  };
  positive("plane[0]", plane[0]);
  positive("plane[1]", plane[1]);
  if (features % (plane[0] * plane[1]) !== 0) {
    refuse("create", "plane", plane, `rows and columns of whole planes of features = ${features}`);
  }
  conv.forEach(({ channels, kernel, stride = 1 }, depth) => {
    positive(`conv[${depth}].channels`, channels);
    positive(`conv[${depth}].kernel`, kernel);
    positive(`conv[${depth}].stride`, stride);
  });
  trunkOf(spec).forEach(({ height, width, kernel }, depth) => {
    if (kernel > height || kernel > width) {
      refuse(
        "create",
        `conv[${depth}].kernel`,
        kernel,
        `at most the ${height} rows and ${width} columns that it reads`,
      );
    }
  });
  for (const field of ["gateConv", "criticConv"] as const) {
    if ((spec[field] ?? 0) > 0) refuse("create", field, spec[field], "none beside conv");
  }
  if (spec.criticActivation === "none") refuse("create", "criticActivation", "none", "relu beside conv");
  if (spec.critic.length === 0) refuse("create", "critic", "empty", "at least one width behind conv");
  if (spec.gate === "learned" && spec.gateHidden.length === 0) {
    refuse("create", "gateHidden", "empty", "at least one width behind conv");
  }
}

/** Refuse parameters of another length, or NaN and infinities among them. @throws RangeError naming the index. */
export function checkParameters(caller: string, name: string, values: Float64Array, layout: Layout): void {
  checkLength(caller, name, values.length, layout.size);
  checkFinite(caller, name, values, layout.size);
}

/** Refuse a state of another network, or one that is not finite. @throws RangeError naming field and index. */
export function checkState(state: TrainState, layout: Layout): void {
  checkParameters("setState", "parameters", state.parameters, layout);
  checkParameters("setState", "firstMoments", state.firstMoments, layout);
  checkParameters("setState", "secondMoments", state.secondMoments, layout);
  checkLength("setState", "steps", state.steps.length, layout.groups.length);
  checkRange("setState", "secondMoments", state.secondMoments, layout.size, 0, Infinity);
  checkRange("setState", "steps", state.steps, layout.groups.length, 0, Infinity);
}

/** Refuse rows that the spec cannot read or learn from. @throws RangeError naming field and index. */
export function checkRows(data: TrainingRows, rows: number, spec: NetworkSpec): void {
  const K = spec.modules.length;
  const perRow = {
    logProbabilities: 1,
    values: 1,
    advantages: 1,
    returns: 1,
    moduleMask: K,
    gateMask: 1,
    gateTarget: K,
  };
  for (const [name, width] of Object.entries(perRow) as [keyof typeof perRow, number][]) {
    if (data[name].length < rows * width) refuse("loadRows", `${name}.length`, data[name].length, `>= ${rows * width}`);
    checkFinite("loadRows", name, data[name], rows * width);
  }
  checkRange("loadRows", "moduleMask", data.moduleMask, rows * K, 0, 1);
  checkRange("loadRows", "gateMask", data.gateMask, rows, 0, 1);
  checkRange("loadRows", "gateTarget", data.gateTarget, rows * K, 0, Infinity);
  if (data.actions.length < rows) refuse("loadRows", "actions.length", data.actions.length, `>= ${rows}`);
  checkRange("loadRows", "actions", data.actions, rows, 0, spec.actions - 1);
  const { counts, indices, stride } = data.observations;
  if (counts.length < rows) refuse("loadRows", "observations.counts.length", counts.length, `>= ${rows}`);
  checkRange("loadRows", "observations.counts", counts, rows, 0, stride);
  for (let row = 0; row < rows; row++) {
    for (let i = row * stride; i < row * stride + counts[row]; i++) {
      // Negated, so that an index past the end of the array (undefined) is refused too.
      if (!(indices[i] < spec.features)) {
        refuse("loadRows", `observations.indices[${i}]`, indices[i], `below features = ${spec.features}`);
      }
    }
  }
}

/** Refuse an empty minibatch and rows that were not loaded. @throws RangeError naming the index. */
export function checkIndices(caller: string, indices: Int32Array, rows: number): void {
  if (indices.length === 0) refuse(caller, "indices", "empty", "at least one row");
  checkRange(caller, "indices", indices, indices.length, 0, rows - 1);
}

/** Refuse hyperparameters outside their domain. @throws RangeError naming the field. */
export function checkHyper(caller: string, hyper: Hyper): void {
  for (const name of HYPER_NUMBERS) {
    if (!Number.isFinite(hyper[name])) refuse(caller, `hyper.${name}`, hyper[name], "a finite number");
  }
  for (const name of ["learningRate", "clipRange", "valueClip", "maxGradNorm"] as const) {
    if (hyper[name] < 0) refuse(caller, `hyper.${name}`, hyper[name], "at least 0");
  }
  for (const name of ["beta1", "beta2"] as const) {
    if (hyper[name] < 0 || hyper[name] >= 1) refuse(caller, `hyper.${name}`, hyper[name], "in [0, 1)");
  }
  // At 0, a parameter whose gradient has always been 0 would step by 0 / 0.
  if (hyper.adamEps <= 0) refuse(caller, "hyper.adamEps", hyper.adamEps, "above 0");
  if (hyper.clip !== "policy" && hyper.clip !== "module") refuse(caller, "hyper.clip", hyper.clip, "policy or module");
}

/** Refuse a scale that leaves no module; -Infinity ablates one. @throws RangeError naming the index. */
export function checkLnScale(lnScale: Float64Array, modules: number): void {
  checkLength("forward", "lnScale", lnScale.length, modules);
  lnScale.forEach((s, k) => {
    if (Number.isNaN(s) || s === Infinity) refuse("forward", `lnScale[${k}]`, s, "a finite number or -Infinity");
  });
  if (lnScale.every((s) => s === -Infinity)) {
    refuse("forward", "lnScale", "-Infinity for all modules", "at least one module left");
  }
}

function checkLength(caller: string, name: string, length: number, expected: number): void {
  if (length !== expected) refuse(caller, `${name}.length`, length, `${expected}`);
}

function checkFinite(caller: string, name: string, values: Float64Array, count: number): void {
  for (let i = 0; i < count; i++) {
    if (!Number.isFinite(values[i])) refuse(caller, `${name}[${i}]`, values[i], "a finite number");
  }
}

function checkRange(
  caller: string,
  name: string,
  values: { readonly [i: number]: number },
  count: number,
  low: number,
  high: number,
): void {
  for (let i = 0; i < count; i++) {
    if (values[i] < low || values[i] > high) refuse(caller, `${name}[${i}]`, values[i], `in [${low}, ${high}]`);
  }
}

function refuse(caller: string, what: string, found: unknown, allowed: string): never {
  throw new RangeError(`${caller}: ${what} is ${found}, expected ${allowed}`);
}
