import { z } from "zod";
import {
  type EngineInfo,
  groupsOf,
  MOST_CONVOLUTIONS,
  type NetworkSpec,
  type TrainState,
  tensorsOf,
} from "../compute/engine.ts";
import { UserError } from "../core/errors.ts";
import { canonicalJson, isSealed, seal, UNSEALED } from "../core/hash.ts";
import type { LoopState } from "../training/loop-state.ts";
import type { FileMark } from "./files.ts";
import { issueText, refuseOtherFormat } from "./json.ts";
import { decodeSafetensors, elementsOf, encodeSafetensors, type Safetensors, type Tensor } from "./safetensors.ts";

/** The checkpoint format that this version writes and reads. */
export const CHECKPOINT_FORMAT = 1;

/**
 * A policy at one step of one cell, with all that `halfwatch eval` needs to use it; perhaps its optimiser too, and all else that
 * training needs to go on. It holds nothing of clock, host or threads: the same training gives the same bytes.
 */
export interface Checkpoint {
  readonly format: typeof CHECKPOINT_FORMAT;
  readonly scenarioHash: string;
  readonly arm: string;
  readonly seed: number;
  /** The cell's point of the sweep, key path to value; empty without a sweep. */
  readonly point: Readonly<Record<string, unknown>>;
  /** float32 engines are stored as F32, float64 ones as F64: the round trip is exact. */
  readonly engine: Pick<EngineInfo, "name" | "precision">;
  /** Environment steps taken. */
  readonly step: number;
  /** Updates made. */
  readonly update: number;
  readonly spec: NetworkSpec;
  /** The resolved scenario, as JSON. */
  readonly scenario: unknown;
  /** With the optimiser or, to a third of the size, without. */
  readonly state: TrainState | Pick<TrainState, "parameters">;
  /** What training goes on from; only with the optimiser. */
  readonly resume?: ResumePoint | undefined;
}

/** The training loop between two updates, and the cell's files as they were then. */
export interface ResumePoint {
  readonly loop: Omit<LoopState, "update">;
  /** By path in the cell; a log may have grown since. */
  readonly files: Readonly<Record<string, FileMark>>;
}

const count = z.int().min(0);
const width = z.int().min(1);
const specSchema = z
  .strictObject({
    features: width,
    actions: width,
    modules: z.array(z.string().min(1)).min(1),
    hidden: z.array(width).min(1),
    gate: z.enum(["none", "learned", "fixed"]),
    gateHidden: z.array(width),
    critic: z.array(width),
    conv: z
      .array(z.strictObject({ channels: width, kernel: width, stride: width.exactOptional() }))
      .min(1)
      .max(MOST_CONVOLUTIONS)
      .exactOptional(),
    plane: z.tuple([width, width]).exactOptional(),
    gateConv: width.exactOptional(),
    criticConv: width.exactOptional(),
    cells: width.exactOptional(),
    criticActivation: z.enum(["relu", "none"]).exactOptional(),
  })
  .refine((spec) => new Set(spec.modules).size === spec.modules.length, {
    error: "names a module twice",
    path: ["modules"],
  });

const contentSchema = z.strictObject({
  scenarioHash: z.string(),
  arm: z.string(),
  seed: count,
  point: z.record(z.string(), z.unknown()),
  engine: z.strictObject({ name: z.string(), precision: z.enum(["float32", "float64"]) }),
  step: count,
  update: count,
  spec: specSchema,
  scenario: z.unknown(),
  resume: z
    .strictObject({
      episodes: count,
      labelled: count,
      files: z.record(z.string(), z.strictObject({ bytes: count, sha256: z.string() })),
    })
    .optional(),
});

const KIND = "checkpoint";
const STEPS = "adam.steps";
/** What the names of moments, and of the loop's arrays, begin with. */
const FIRST = "adam.m/";
const SECOND = "adam.v/";
const LOOP = "loop/";

/**
 * Encode a checkpoint as safetensors: `<name>` for each tensor of the network; with the optimiser `adam.m/<name>`, `adam.v/<name>` and
 * `adam.steps` [groups]; to go on from, `loop/<array>`. The rest is canonical JSON in the metadata, beside a checksum over the whole
 * file. Same content, same bytes.
 *
 * @throws UserError when the training has diverged, so that a number is NaN or infinite.
 * @throws RangeError when the state does not fit the spec, or is not made of float32 numbers although the engine's are.
 */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const { format, state, spec, resume, ...rest } = checkpoint;
  const { name, precision } = rest.engine;
  const content = { ...rest, engine: { name, precision }, spec };
  const shapes = tensorsOf(spec);
  const groups = groupsOf(spec).length;
  const size = shapes.reduce((sum, tensor) => sum + elementsOf(tensor.shape), 0);
  const full = "steps" in state;
  if (full && state.steps.length !== groups) {
    throw new RangeError(`encodeCheckpoint: ${state.steps.length} step counters, the spec has ${groups} groups`);
  }
  if (resume !== undefined && !full) throw new RangeError("encodeCheckpoint: a resume point without the optimiser");
  const tensors: Tensor[] = [];
  const arrays: [name: string, prefix: string, values: Float64Array][] = [["parameters", "", state.parameters]];
  if (full) arrays.push(["firstMoments", FIRST, state.firstMoments], ["secondMoments", SECOND, state.secondMoments]);
  for (const [array, prefix, values] of arrays) {
    if (values.length !== size) {
      throw new RangeError(`encodeCheckpoint: ${array} has ${values.length} elements, the spec takes ${size}`);
    }
    let offset = 0;
    for (const tensor of shapes) {
      const slice = values.slice(offset, offset + elementsOf(tensor.shape));
      offset += slice.length;
      const data = precision === "float32" ? Float32Array.from(slice) : slice;
      slice.forEach((value, i) => {
        if (!Number.isFinite(value)) {
          throw new UserError(
            `training of ${checkpoint.arm}, seed ${checkpoint.seed}, diverged: ${prefix}${tensor.name} holds ${value} at step ${checkpoint.step}`,
            "lower train.learningRate or train.maxGradNorm",
          );
        }
        if (data[i] !== value) {
          throw new RangeError(
            `encodeCheckpoint: ${prefix}${tensor.name} holds ${value}, which is not a ${precision} number`,
          );
        }
      });
      tensors.push({ name: prefix + tensor.name, shape: tensor.shape, data });
    }
  }
  if (full) tensors.push({ name: STEPS, shape: [groups], data: state.steps });
  for (const [array, data] of Object.entries(resume?.loop.arrays ?? {})) {
    tensors.push({ name: LOOP + array, shape: [data.length], data });
  }
  const metadata = new Map([
    ["halfwatch", KIND],
    ["format", String(format)],
    ["checkpoint", canonicalJson({ ...content, ...(resume && { resume: textOfResume(resume) }) })],
    ["sha256", UNSEALED],
  ]);
  return seal(encodeSafetensors(tensors, metadata));
}

/**
 * Decode a checkpoint; `name` is the file's, for messages. Of part `policy` there is no optimiser and no resume point, which are twice as
 * much as the rest: the checksum covers them, but their numbers are not looked at.
 *
 * @throws UserError naming the file and the reason when it is truncated, foreign, newer or changed, does not fit its own spec, or
 * holds NaN; no other error, whatever the bytes.
 */
export function decodeCheckpoint(bytes: Uint8Array, name: string, part: "all" | "policy" = "all"): Checkpoint {
  const subject = `checkpoint ${name}`;
  const file = decodeSafetensors(bytes, subject);
  const metadata = (key: string) => file.metadata.get(key) ?? "";
  if (metadata("halfwatch") !== KIND) {
    throw new UserError(`${subject} is a safetensors file of another program: it has no halfwatch metadata`);
  }
  refuseOtherFormat(Number.parseInt(metadata("format"), 10), CHECKPOINT_FORMAT, subject);
  // Nothing below this line can fail for a file that we wrote and nobody touched.
  if (!isSealed(bytes, metadata("sha256"))) {
    throw new UserError(`${subject} was changed after it was written: its checksum does not match`);
  }

  let json: unknown;
  try {
    json = JSON.parse(metadata("checkpoint"));
  } catch {
    throw new UserError(`${subject} has metadata that is not JSON`);
  }
  const parsed = contentSchema.safeParse(json);
  if (!parsed.success) throw new UserError(`${subject}: ${issueText(parsed.error)}`);
  const { resume, ...content } = parsed.data;
  const arrays = Object.fromEntries(
    [...file.tensors].flatMap(([key, { data }]) =>
      key.startsWith(LOOP) && !(data instanceof Float32Array) ? [[key.slice(LOOP.length), data]] : [],
    ),
  );
  const loopTensors = Object.keys(arrays).length;
  if (resume === undefined && loopTensors > 0) throw new UserError(`${subject} has loop tensors, but no resume point`);
  const state = readState(file, loopTensors, content.spec, content.engine.precision, part, subject);
  if (resume === undefined || part === "policy") return { format: CHECKPOINT_FORMAT, ...content, state };
  if (!("steps" in state)) throw new UserError(`${subject} has a resume point, but no optimiser`);
  const { episodes, labelled, files } = resume;
  return {
    format: CHECKPOINT_FORMAT,
    ...content,
    state,
    resume: { loop: { episodes, labelled, arrays }, files },
  };
}

/** What of a resume point stands in the metadata. */
function textOfResume({ loop: { episodes, labelled }, files }: ResumePoint) {
  return { episodes, labelled, files };
}

function readState(
  file: Safetensors,
  loopTensors: number,
  spec: NetworkSpec,
  precision: "float32" | "float64",
  part: "all" | "policy",
  subject: string,
): Checkpoint["state"] {
  const shapes = tensorsOf(spec);
  const groups = groupsOf(spec).length;
  const full = file.tensors.has(STEPS);
  const expected = full ? 3 * shapes.length + 1 : shapes.length;
  const found = file.tensors.size - loopTensors;
  if (found !== expected) throw new UserError(`${subject} has ${found} tensors, its network takes ${expected}`);
  const find = (name: string, shape: readonly number[]) => {
    const tensor = file.tensors.get(name);
    if (tensor === undefined) throw new UserError(`${subject} has no tensor ${name}, which its network takes`);
    if (canonicalJson(tensor.shape) !== canonicalJson(shape)) {
      throw new UserError(
        `${subject}: tensor ${name} has shape [${tensor.shape.join(", ")}], its network takes [${shape.join(", ")}]`,
      );
    }
    return tensor.data;
  };
  const read = (prefix: string) => {
    const parts = shapes.map(({ name, shape }) => {
      const data = find(prefix + name, shape);
      if (!(data instanceof (precision === "float32" ? Float32Array : Float64Array))) {
        throw new UserError(`${subject}: tensor ${prefix}${name} is not ${precision}, the precision of its engine`);
      }
      // No callback for each of some million numbers.
      for (let i = 0; i < data.length; i++) {
        if (Number.isFinite(data[i])) continue;
        throw new UserError(`${subject}: tensor ${prefix}${name} holds ${data[i]}, expected finite numbers`);
      }
      return data;
    });
    const values = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
    let offset = 0;
    for (const part of parts) {
      values.set(part, offset);
      offset += part.length;
    }
    return values;
  };
  const parameters = read("");
  if (!full || part === "policy") return { parameters };
  const steps = find(STEPS, [groups]);
  if (!(steps instanceof Int32Array)) throw new UserError(`${subject}: tensor ${STEPS} is not I32`);
  return { parameters, firstMoments: read(FIRST), secondMoments: read(SECOND), steps };
}
