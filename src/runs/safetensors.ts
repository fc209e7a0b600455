import { endianness } from "node:os";
import { UserError } from "../core/errors.ts";
import { isRecord } from "../core/record.ts";

/** A named array; `data` is row-major with as many elements as the product of `shape`. */
export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | Int32Array;
}

/** What a safetensors file holds. Tensors keep the order of the file's header. */
export interface Safetensors {
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** The reference implementation's bound on the header, in bytes; a longer one is an attack or noise. */
const MAX_HEADER_BYTES = 100_000_000;
const METADATA = "__metadata__";

/**
 * Encode tensors as a safetensors file, readable by Python's `safetensors` and all its kin.
 *
 *     8 bytes     length H of the header, unsigned, little-endian
 *     H bytes     JSON: {"__metadata__": {key: text}, name: {dtype, shape, data_offsets: [begin, end]}, ...}, spaces up to a multiple of 8
 *     the rest    tensors back to back, little-endian; offsets count from here
 *
 * F64 tensors come first, so that every tensor is aligned to its element size; otherwise the given order stands.
 *
 * @throws RangeError when a name is used twice or reserved, or a shape does not fit its data.
 * @see https://github.com/huggingface/safetensors#format
 */
export function encodeSafetensors(tensors: readonly Tensor[], metadata: ReadonlyMap<string, string>): Uint8Array {
  const ordered = [...tensors].sort((a, b) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT);
  const texts = [...metadata].map(([key, text]) => [key, JSON.stringify(text)] as const);
  const fields: [string, string][] = [[METADATA, objectText(texts)]];
  const seen = new Set([METADATA]);
  let size = 0;
  for (const { name, shape, data } of ordered) {
    if (seen.has(name)) throw new RangeError(`encodeSafetensors: the name ${JSON.stringify(name)} is taken`);
    seen.add(name);
    if (elementsOf(shape) !== data.length) {
      throw new RangeError(`encodeSafetensors: ${name} has shape [${shape.join(", ")}] but ${data.length} elements`);
    }
    const entry = { dtype: dtypeOf(data), shape, data_offsets: [size, size + data.byteLength] };
    fields.push([name, JSON.stringify(entry)]);
    size += data.byteLength;
  }
  const header = new TextEncoder().encode(objectText(fields));
  const headerBytes = Math.ceil(header.length / 8) * 8;

  const bytes = new Uint8Array(8 + headerBytes + size);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, 8, 8 + headerBytes);
  bytes.set(header, 8);
  let offset = 8 + headerBytes;
  for (const { data } of ordered) {
    const place = bytes.subarray(offset, offset + data.byteLength);
    place.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    inOurOrder(place, data instanceof Float64Array ? 8 : 4);
    offset += data.byteLength;
  }
  return bytes;
}

/** Bytes of a file that {@link endOfHeader} looks at. */
export const SAFETENSORS_BEGIN = 9;

/**
 * Where the header of a safetensors file ends, by the first bytes of a file of `size` bytes.
 *
 * @throws UserError saying why it is none, or is truncated.
 */
export function endOfHeader(begin: Uint8Array, size: number, name: string): number {
  if (size < 8)
    throw new UserError(`${name} is truncated: it has ${size} bytes, a safetensors header takes at least 8`);
  const claimed = new DataView(begin.buffer, begin.byteOffset, begin.byteLength).getBigUint64(0, true);
  if (claimed > BigInt(MAX_HEADER_BYTES)) {
    throw new UserError(
      `${name} is not a safetensors file: its header would take ${claimed} bytes, more than ${MAX_HEADER_BYTES}`,
    );
  }
  if (size > 8 && begin[8] !== 0x7b) {
    throw new UserError(`${name} is not a safetensors file: its header does not begin with {`);
  }
  const end = 8 + Number(claimed);
  if (end > size) throw new UserError(`${name} is truncated: its header ends at byte ${end}, the file at byte ${size}`);
  return end;
}

/**
 * Decode a safetensors file of F32, F64 and I32 tensors, strictly: tensors lie back to back, fill the file, and are named once.
 *
 * `name` is what the messages call the file ("checkpoint runs/a.safetensors").
 *
 * @throws UserError saying what is wrong with the file; no other error, whatever the bytes.
 */
export function decodeSafetensors(bytes: Uint8Array, name: string): Safetensors {
  const refuse = (reason: string) => new UserError(`${name} ${reason}`);
  const notSafetensors = (reason: string) => refuse(`is not a safetensors file: ${reason}`);

  const dataStart = endOfHeader(bytes, bytes.length, name);
  const header = parseHeader(bytes.subarray(8, dataStart), notSafetensors);

  const metadata = new Map<string, string>();
  const tensors = new Map<string, Tensor>();
  const spans: { name: string; begin: number; end: number }[] = [];
  const dataBytes = bytes.length - dataStart;
  for (const [key, entry] of Object.entries(header)) {
    if (!isRecord(entry))
      throw notSafetensors(`${JSON.stringify(key)} in its header is ${kindOf(entry)}, expected an object`);
    if (key === METADATA) {
      for (const [field, text] of Object.entries(entry)) {
        if (typeof text !== "string") throw notSafetensors(`metadata ${field} is ${kindOf(text)}, expected a string`);
        metadata.set(field, text);
      }
      continue;
    }
    const { dtype, shape, begin, end } = readEntry(entry, (reason) => notSafetensors(`tensor ${key} ${reason}`));
    if (end > dataBytes) {
      throw refuse(`is truncated: tensor ${key} ends at byte ${dataStart + end}, the file at byte ${bytes.length}`);
    }
    spans.push({ name: key, begin, end });
    tensors.set(key, { name: key, shape, data: readData(bytes.subarray(dataStart + begin, dataStart + end), dtype) });
  }

  spans.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const span of spans) {
    if (span.begin < covered) throw notSafetensors(`tensor ${span.name} overlaps the tensor before it`);
    if (span.begin > covered)
      throw notSafetensors(`${span.begin - covered} bytes before tensor ${span.name} belong to no tensor`);
    covered = span.end;
  }
  if (covered < dataBytes) throw notSafetensors(`${dataBytes - covered} bytes at its end belong to no tensor`);
  return { metadata, tensors };
}

type Dtype = "F32" | "F64" | "I32";
type Refusal = (reason: string) => UserError;

function parseHeader(bytes: Uint8Array, refuse: Refusal): Record<string, unknown> {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch {
    throw refuse("its header is not JSON");
  }
  if (!isRecord(header)) throw refuse("its header is not a JSON object");
  const twice = duplicateKey(text);
  if (twice !== undefined) throw refuse(`its header names ${JSON.stringify(twice)} twice`);
  return header;
}

/** The first key that an object of a valid JSON text has twice; `JSON.parse` keeps the last one without a word. */
function duplicateKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "{") open.push(new Set());
    else if (text[i] === "}") open.pop();
    else if (text[i] === '"') {
      const start = i;
      for (i++; text[i] !== '"'; i++) if (text[i] === "\\") i++;
      const end = i + 1;
      let after = end;
      while (/\s/.test(text[after])) after++;
      if (text[after] !== ":") continue;
      const key: string = JSON.parse(text.slice(start, end));
      const keys = open[open.length - 1];
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

function readEntry(entry: Record<string, unknown>, refuse: Refusal) {
  for (const field of Object.keys(entry)) {
    if (field !== "dtype" && field !== "shape" && field !== "data_offsets")
      throw refuse(`has an unknown field ${field}`);
  }
  const { dtype, shape, data_offsets: offsets } = entry;
  if (dtype !== "F32" && dtype !== "F64" && dtype !== "I32") {
    throw refuse(`has dtype ${JSON.stringify(dtype)}, expected F32, F64 or I32`);
  }
  if (!isCounts(shape)) throw refuse(`has shape ${JSON.stringify(shape)}, expected whole numbers`);
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw refuse(`has data_offsets ${JSON.stringify(offsets)}, expected [begin, end]`);
  }
  const [begin, end] = offsets;
  const size = elementsOf(shape) * (dtype === "F64" ? 8 : 4);
  if (end - begin !== size) throw refuse(`has ${end - begin} bytes, its shape [${shape.join(", ")}] takes ${size}`);
  return { dtype, shape, begin, end } as const;
}

/** An array of its own from a tensor's bytes, which begin anywhere. */
function readData(bytes: Uint8Array, dtype: Dtype): Tensor["data"] {
  const { buffer } = inOurOrder(new Uint8Array(bytes), dtype === "F64" ? 8 : 4);
  if (dtype === "I32") return new Int32Array(buffer);
  return dtype === "F32" ? new Float32Array(buffer) : new Float64Array(buffer);
}

/** Elements of `width` bytes from the file's order to the machine's, or back: changed in place, and returned. */
function inOurOrder<Bytes extends Uint8Array>(bytes: Bytes, width: 4 | 8): Bytes {
  if (endianness() === "LE") return bytes;
  const swapped = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (width === 8) swapped.swap64();
  else swapped.swap32();
  return bytes;
}

/** JSON text of an object from the JSON texts of its fields, in their order (an object literal moves keys like "7" to its front). */
function objectText(fields: readonly (readonly [name: string, text: string])[]): string {
  return `{${fields.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(",")}}`;
}

function dtypeOf(data: Tensor["data"]): Dtype {
  return data instanceof Float32Array ? "F32" : data instanceof Float64Array ? "F64" : "I32";
}

/** Elements of a tensor of this shape. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? "an array" : value === null ? "null" : `a ${typeof value}`;
}
