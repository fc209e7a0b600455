import { describe, expect, test } from "vitest";
import { UserError } from "../../src/core/errors.ts";
import { decodeSafetensors, encodeSafetensors } from "../../src/runs/safetensors.ts";

/**
 * Written by Python: safetensors 0.8.0, `safetensors.numpy.save({"weight": float32 [[1.5, -2.25, 3e-45], [0.1, 5, 6]], "double": [0.1, -0.0, 1e300],
 * "steps": int32 [1, -2, 2147483647], "scalar": 7.0, "empty": float32 [0, 3]}, metadata={"author": 'numpy ü "q"'})`.
 */
const FROM_PYTHON = Buffer.from(
  "WAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJhdXRob3IiOiJudW1weSDDvCBcInFcIiJ9LCJkb3VibGUiOnsiZHR5cGUiOiJGNjQiLCJzaGFwZSI6WzNdLCJkYXRhX29mZnNldHMiOlswLDI0XX0sInNjYWxhciI6eyJkdHlwZSI6IkY2NCIsInNoYXBlIjpbXSwiZGF0YV9vZmZzZXRzIjpbMjQsMzJdfSwiZW1wdHkiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzAsM10sImRhdGFfb2Zmc2V0cyI6WzMyLDMyXX0sIndlaWdodCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMiwzXSwiZGF0YV9vZmZzZXRzIjpbMzIsNTZdfSwic3RlcHMiOnsiZHR5cGUiOiJJMzIiLCJzaGFwZSI6WzNdLCJkYXRhX29mZnNldHMiOls1Niw2OF19fZqZmZmZmbk/AAAAAAAAAICcdQCIPOQ3fgAAAAAAABxAAADAPwAAEMACAAAAzczMPQAAoEAAAMBAAQAAAP7///////9/",
  "base64",
);

/** A file with this header and this many bytes of data. */
function file(header: unknown, dataBytes: number): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const tensor = (begin: number, end: number, shape = [(end - begin) / 4], dtype = "F32") => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

function refusal(bytes: Uint8Array): string {
  try {
    decodeSafetensors(bytes, "a.safetensors");
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error("the file was read");
}

describe("safetensors", () => {
  test("a file that Python wrote is read to the bit", () => {
    const { metadata, tensors } = decodeSafetensors(FROM_PYTHON, "python");
    expect([...metadata]).toEqual([["author", 'numpy ü "q"']]);
    const content = [...tensors.values()].map(({ name, shape, data }) => [name, shape, data]);
    expect(content).toEqual([
      ["double", [3], Float64Array.of(0.1, -0, 1e300)],
      ["scalar", [], Float64Array.of(7)],
      ["empty", [0, 3], new Float32Array(0)],
      ["weight", [2, 3], Float32Array.of(1.5, -2.25, 3e-45, 0.1, 5, 6)],
      ["steps", [3], Int32Array.of(1, -2, 2147483647)],
    ]);
  });

  test("what is written is Python's file byte for byte, from the same tensors in the same order", () => {
    const { metadata, tensors } = decodeSafetensors(FROM_PYTHON, "python");
    expect(Buffer.from(encodeSafetensors([...tensors.values()], metadata))).toEqual(FROM_PYTHON);
  });

  test("the header takes a multiple of 8 bytes and F64 comes first, so that every tensor is aligned", () => {
    const tensors = [
      { name: "7", shape: [1], data: Float32Array.of(1) },
      { name: "odd", shape: [1, 2], data: Float64Array.of(2, 3) },
    ];
    for (const text of ["", "a", "ab", "abc", "abcdefg"]) {
      const bytes = encodeSafetensors(tensors, new Map([["text", text]]));
      expect(bytes[0] % 8).toBe(0);
      expect([...decodeSafetensors(bytes, "file").tensors.values()]).toEqual(tensors);
      expect(new DataView(bytes.buffer).getFloat64(8 + bytes[0], true)).toBe(2);
    }
  });

  test("bytes that do not begin their buffer are read from where they begin", () => {
    const shifted = new Uint8Array(FROM_PYTHON.length + 3).subarray(3);
    shifted.set(FROM_PYTHON);
    expect(decodeSafetensors(shifted, "shifted").tensors.get("scalar")?.data[0]).toBe(7);
  });

  test("a tensor that does not fit its shape, or whose name is taken, is not written", () => {
    const data = Float32Array.of(1, 2);
    expect(() => encodeSafetensors([{ name: "w", shape: [3], data }], new Map())).toThrow(
      new RangeError("encodeSafetensors: w has shape [3] but 2 elements"),
    );
    const w = { name: "w", shape: [2], data };
    expect(() => encodeSafetensors([w, w], new Map())).toThrow('the name "w" is taken');
    expect(() => encodeSafetensors([{ ...w, name: "__metadata__" }], new Map())).toThrow("is taken");
  });

  test.each<[string, Uint8Array, string]>([
    ["an empty file", new Uint8Array(0), "is truncated: it has 0 bytes, a safetensors header takes at least 8"],
    [
      "a file cut in its header",
      FROM_PYTHON.subarray(0, 100),
      "is truncated: its header ends at byte 352, the file at byte 100",
    ],
    [
      "a file cut in its data",
      FROM_PYTHON.subarray(0, 417),
      "is truncated: tensor steps ends at byte 420, the file at byte 417",
    ],
    ["a text", new TextEncoder().encode("name: diamond-ghost"), "its header would take"],
    [
      "a huge header",
      Uint8Array.of(1, 0, 0, 0, 0, 1, 0, 0),
      "its header would take 1099511627777 bytes, more than 100000000",
    ],
    ["a header of another kind", file("[1]", 0), "its header does not begin with {"],
    ["a broken header", file("{]", 0), "its header is not JSON"],
    ["a header that is not UTF-8", file("{}", 0).fill(0xff, 9), "its header is not JSON"],
    [
      "a name used twice",
      file('{"w":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"\\u0077" :{}}', 0),
      'its header names "w" twice',
    ],
    [
      "a field used twice",
      file('{"w":{"dtype":"F32","dtype":"F64","shape":[0],"data_offsets":[0,0]}}', 0),
      'its header names "dtype" twice',
    ],
    ["metadata that is not text", file({ __metadata__: { a: 1 } }, 0), "metadata a is a number, expected a string"],
    [
      "metadata that is a list",
      file({ __metadata__: [] }, 0),
      '"__metadata__" in its header is an array, expected an object',
    ],
    ["a tensor that is no object", file({ w: null }, 0), '"w" in its header is null, expected an object'],
    [
      "a foreign dtype",
      file({ w: tensor(0, 4, [2], "BF16") }, 4),
      'tensor w has dtype "BF16", expected F32, F64 or I32',
    ],
    ["an unknown field", file({ w: { ...tensor(0, 4), color: 1 } }, 4), "tensor w has an unknown field color"],
    ["a negative length", file({ w: tensor(0, 4, [-1]) }, 4), "tensor w has shape [-1], expected whole numbers"],
    ["a fraction of a length", file({ w: tensor(0, 4, [1.5]) }, 4), "tensor w has shape [1.5], expected whole numbers"],
    [
      "no shape",
      file({ w: { dtype: "F32", data_offsets: [0, 4] } }, 4),
      "tensor w has shape undefined, expected whole numbers",
    ],
    ["reversed offsets", file({ w: tensor(4, 0, [1]) }, 4), "tensor w has data_offsets [4,0], expected [begin, end]"],
    [
      "one offset",
      file({ w: { ...tensor(0, 4), data_offsets: [4] } }, 4),
      "tensor w has data_offsets [4], expected [begin, end]",
    ],
    ["a shape larger than its bytes", file({ w: tensor(0, 4, [2]) }, 4), "tensor w has 4 bytes, its shape [2] takes 8"],
    ["a shape beyond all numbers", file({ w: tensor(0, 4, [2 ** 52, 2 ** 52]) }, 4), "tensor w has 4 bytes, its shape"],
    ["offsets out of range", file({ w: tensor(0, 8) }, 4), "is truncated: tensor w ends at byte"],
    ["overlapping tensors", file({ a: tensor(0, 8), b: tensor(4, 12) }, 12), "tensor b overlaps the tensor before it"],
    ["a hole", file({ a: tensor(0, 4), b: tensor(8, 12) }, 12), "4 bytes before tensor b belong to no tensor"],
    ["bytes past the end", file({ a: tensor(0, 4) }, 9), "5 bytes at its end belong to no tensor"],
  ])("%s is refused by name and reason", (_, bytes, reason) => {
    const message = refusal(bytes);
    expect(message).toMatch(/^a\.safetensors is (truncated|not a safetensors file): /);
    expect(message).toContain(reason);
  });
});
