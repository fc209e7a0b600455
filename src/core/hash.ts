import { createHash } from "node:crypto";

/** SHA-256 of a text's UTF-8 or of bytes, as 64 lower-case hex digits. */
export function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * The one JSON text of a value: keys sorted by UTF-16 code unit, no spaces, numbers as ECMAScript prints them
 * (as RFC 8785). Equal content gives equal text, whatever order its keys were set in.
 *
 * A key whose value is undefined is left out, as by `JSON.stringify`, and -0 is 0. What JSON cannot hold (NaN, infinities, functions,
 * typed arrays, maps, undefined in an array) is refused: `JSON.stringify` would write something else in its place.
 *
 * @throws TypeError naming the path of what has no JSON form.
 */
export function canonicalJson(value: unknown): string {
  return textOf(value, "value");
}

function textOf(value: unknown, path: string): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError(`canonicalJson: ${path} is ${value}, which JSON cannot hold`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item, i) => textOf(item, `${path}[${i}]`)).join(",")}]`;
  if (typeof value === "object") {
    const prototype = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) {
      const entries = Object.entries(value).filter(([, item]) => item !== undefined);
      entries.sort(([a], [b]) => (a < b ? -1 : 1));
      return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${textOf(item, `${path}.${key}`)}`).join(",")}}`;
    }
  }
  const kind = typeof value === "object" ? value.constructor.name : typeof value;
  throw new TypeError(`canonicalJson: ${path} is a ${kind}, which JSON cannot hold`);
}

/** What stands in a file in place of its own checksum while the checksum is computed. */
export const UNSEALED = "0".repeat(64);

/**
 * Write a file's checksum into the file itself: `"sha256":"<UNSEALED>"` becomes the SHA-256 of the bytes as they are given.
 * So the checksum covers every byte of the file but its own 64 digits.
 *
 * Writes: `bytes`, in place; returns them.
 *
 * @throws RangeError when the bytes have no place for the checksum.
 */
export function seal(bytes: Uint8Array): Uint8Array {
  const at = placeOfSeal(bytes, UNSEALED);
  if (at < 0) throw new RangeError('seal: the bytes hold no "sha256" of 64 zeros');
  bytes.set(new TextEncoder().encode(sha256(bytes)), at);
  return bytes;
}

/** Whether `claimed` stands in the bytes as their checksum and is right. Writes nothing. */
export function isSealed(bytes: Uint8Array, claimed: string): boolean {
  const at = /^[0-9a-f]{64}$/.test(claimed) ? placeOfSeal(bytes, claimed) : -1;
  if (at < 0) return false;
  const unsealed = createHash("sha256")
    .update(bytes.subarray(0, at))
    .update(UNSEALED)
    .update(bytes.subarray(at + UNSEALED.length));
  return unsealed.digest("hex") === claimed;
}

function placeOfSeal(bytes: Uint8Array, digits: string): number {
  const key = '"sha256":"';
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(`${key}${digits}"`);
  return at < 0 ? -1 : at + key.length;
}
