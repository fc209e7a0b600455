import type { Observations } from "../core/observations.ts";
import {
  type ForwardOutput,
  type Hyper,
  MOST_CONVOLUTIONS,
  type NetworkSpec,
  type TrainingRows,
  type TrainState,
  trunkOf,
} from "./engine.ts";
import { type NetworkLayout, networkLayoutOf } from "./layout.ts";

/*
 * What every engine refuses, checked here for all of them before anything is changed: a NaN or an infinity that got in would come out as
 * a policy. Numbers must be finite in float32, which most engines keep them in, on an engine of float64 too: what one takes, all take.
 */

/** The largest finite float32 number. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;
const FINITE = "a finite float32 number";

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

/** The layout of a network, once spec and parameters fit. @throws RangeError naming field or index. */
export function checkNetwork(spec: NetworkSpec, parameters: Float64Array): NetworkLayout {
  checkSpec(spec);
  const layout = networkLayoutOf(spec);
  checkParameters("create", "parameters", parameters, layout);
  return layout;
}

/** Refuse a spec that no network has. @throws RangeError naming the field. */
function checkSpec(spec: NetworkSpec): void {
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
function checkParameters(caller: string, name: string, values: Float64Array, layout: NetworkLayout): void {
  checkLength(caller, name, values.length, layout.size);
  checkFinite(caller, name, values, layout.size);
}

/** Refuse a state of another network, or one that is not finite. @throws RangeError naming field and index. */
export function checkState(state: TrainState, layout: NetworkLayout): void {
  checkParameters("setState", "parameters", state.parameters, layout);
  checkParameters("setState", "firstMoments", state.firstMoments, layout);
  checkParameters("setState", "secondMoments", state.secondMoments, layout);
  checkLength("setState", "steps", state.steps.length, layout.groups.length);
  checkRange("setState", "secondMoments", state.secondMoments, layout.size, 0, Infinity);
  checkRange("setState", "steps", state.steps, layout.groups.length, 0, Infinity);
}

/**
 * Refuse a forward pass that would read outside of the observations or of the network's features, write outside of `out`, or leave no
 * module. @throws RangeError naming field and index.
 */
export function checkForward(
  spec: NetworkSpec,
  observations: Observations,
  first: number,
  rows: number,
  lnScale: Float64Array,
  out: ForwardOutput,
): void {
  const K = spec.modules.length;
  checkCount("forward", "first", first);
  checkCount("forward", "rows", rows);
  checkLnScale(lnScale, K);
  checkObservations("forward", observations, first, rows, spec.features);
  const widths = { logProbabilities: spec.actions, probabilities: spec.actions, values: 1, weights: K };
  for (const [name, width] of Object.entries(widths) as [keyof ForwardOutput, number][]) {
    checkRoom("forward", `out.${name}`, out[name], rows * width);
  }
}

/** Refuse rows that the spec cannot read or learn from. @throws RangeError naming field, index and row. */
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
  checkCount("loadRows", "rows", rows);
  for (const [name, width] of Object.entries(perRow) as [keyof typeof perRow, number][]) {
    checkRoom("loadRows", name, data[name], rows * width);
    checkFinite("loadRows", name, data[name], rows * width, width);
  }
  checkRange("loadRows", "moduleMask", data.moduleMask, rows * K, 0, 1, K);
  checkRange("loadRows", "gateMask", data.gateMask, rows, 0, 1);
  checkRange("loadRows", "gateTarget", data.gateTarget, rows * K, 0, Infinity, K);
  checkRoom("loadRows", "actions", data.actions, rows);
  checkRange("loadRows", "actions", data.actions, rows, 0, spec.actions - 1);
  checkObservations("loadRows", data.observations, 0, rows, spec.features);
}

/** Refuse a step without rows, on rows that are not among those loaded, or along impossible numbers. @throws RangeError naming index or field. */
export function checkStep(caller: "update" | "gradient", indices: Int32Array, hyper: Hyper, loaded: number): void {
  checkHyper(caller, hyper);
  if (loaded === 0) throw new RangeError(`${caller}: no rows are loaded, expected loadRows first`);
  if (indices.length === 0) refuse(caller, "indices", "empty", "at least one row");
  checkRange(caller, "indices", indices, indices.length, 0, loaded - 1);
}

/** Refuse hyperparameters outside their domain. @throws RangeError naming the field. */
function checkHyper(caller: string, hyper: Hyper): void {
  for (const name of HYPER_NUMBERS) {
    if (!isFinite32(hyper[name])) refuse(caller, `hyper.${name}`, hyper[name], FINITE);
  }
  for (const name of ["learningRate", "clipRange", "valueClip", "maxGradNorm"] as const) {
    if (hyper[name] < 0) refuse(caller, `hyper.${name}`, hyper[name], "at least 0");
  }
  for (const name of ["beta1", "beta2"] as const) {
    if (hyper[name] < 0 || hyper[name] >= 1) refuse(caller, `hyper.${name}`, hyper[name], "in [0, 1)");
  }
  // At 0, a parameter whose gradient has always been 0 would step by 0 / 0; what is below the float32 numbers is 0 there.
  if (Math.fround(hyper.adamEps) <= 0) refuse(caller, "hyper.adamEps", hyper.adamEps, "above 0, also in float32");
  if (hyper.clip !== "policy" && hyper.clip !== "module") refuse(caller, "hyper.clip", hyper.clip, "policy or module");
}

/** Refuse a scale that leaves no module; -Infinity ablates one. */
function checkLnScale(lnScale: Float64Array, modules: number): void {
  checkLength("forward", "lnScale", lnScale.length, modules);
  lnScale.forEach((s, k) => {
    if (Number.isNaN(s) || s === Infinity) refuse("forward", `lnScale[${k}]`, s, "a finite number or -Infinity");
  });
  if (lnScale.every((s) => s === -Infinity)) {
    refuse("forward", "lnScale", "-Infinity for all modules", "at least one module left");
  }
}

/** Refuse rows [first, first + rows) that would be read outside of their arrays or of the network's features. */
function checkObservations(
  caller: string,
  { counts, indices, stride }: Observations,
  first: number,
  rows: number,
  features: number,
): void {
  checkCount(caller, "observations.stride", stride);
  const end = first + rows;
  if (counts.length < end || indices.length < end * stride) {
    throw new RangeError(`${caller}: rows ${first} .. ${end} are not within observations.counts and indices`);
  }
  for (let row = first; row < end; row++) {
    const count = counts[row];
    if (count > stride) refuse(caller, `observations.counts[${row}]`, count, `in [0, ${stride}]`);
    for (let i = row * stride, stop = i + count; i < stop; i++) {
      if (indices[i] >= features) {
        refuse(caller, `observations.indices[${i}]`, indices[i], `below features = ${features} (row ${row})`);
      }
    }
  }
}

function checkLength(caller: string, name: string, length: number, expected: number): void {
  if (length !== expected) refuse(caller, `${name}.length`, length, `${expected}`);
}

function checkRoom(caller: string, name: string, values: { readonly length: number }, least: number): void {
  if (values.length < least) refuse(caller, `${name}.length`, values.length, `>= ${least}`);
}

function checkCount(caller: string, name: string, count: number): void {
  if (!Number.isInteger(count) || count < 0) refuse(caller, name, count, "a whole number, at least 0");
}

/** NaN is in no range. */
function isFinite32(x: number): boolean {
  return Math.abs(x) <= LARGEST;
}

/** `width` values to a row, of which the message names the one. */
function checkFinite(caller: string, name: string, values: Float64Array, count: number, width = 1): void {
  for (let i = 0; i < count; i++) {
    if (!isFinite32(values[i])) refuse(caller, `${name}[${i}]`, values[i], FINITE + rowOf(i, width));
  }
}

function checkRange(
  caller: string,
  name: string,
  values: { readonly [i: number]: number },
  count: number,
  low: number,
  high: number,
  width = 1,
): void {
  for (let i = 0; i < count; i++) {
    if (values[i] < low || values[i] > high) {
      refuse(caller, `${name}[${i}]`, values[i], `in [${low}, ${high}]${rowOf(i, width)}`);
    }
  }
}

function rowOf(index: number, width: number): string {
  return width === 1 ? "" : ` (row ${Math.floor(index / width)})`;
}

function refuse(caller: string, what: string, found: unknown, allowed: string): never {
  throw new RangeError(`${caller}: ${what} is ${found}, expected ${allowed}`);
}
