import { describe, expect, test } from "vitest";
import { canonicalJson, isSealed, seal, sha256, UNSEALED } from "../../src/core/hash.ts";

test("sha256 of a text is that of its UTF-8 bytes", () => {
  // FIPS 180-2, appendix B.1
  expect(sha256("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  expect(sha256("ü")).toBe(sha256(Uint8Array.of(0xc3, 0xbc)));
});

describe("canonical JSON", () => {
  test("sorts keys at every depth, keeps the order of arrays, and leaves out what is undefined", () => {
    const value = { b: [2, { d: null, c: "ü\n" }], a: true, "10": -0, "9": 1e21, gone: undefined };
    expect(canonicalJson(value)).toBe('{"10":0,"9":1e+21,"a":true,"b":[2,{"c":"ü\\n","d":null}]}');
  });

  test.each<[unknown, string]>([
    [{ a: [1, Number.NaN] }, "canonicalJson: value.a[1] is NaN, which JSON cannot hold"],
    [{ a: Number.POSITIVE_INFINITY }, "canonicalJson: value.a is Infinity, which JSON cannot hold"],
    [new Map(), "canonicalJson: value is a Map, which JSON cannot hold"],
    [{ a: Float64Array.of(1) }, "canonicalJson: value.a is a Float64Array, which JSON cannot hold"],
    [[undefined], "canonicalJson: value[0] is a undefined, which JSON cannot hold"],
    [{ a: () => 1 }, "canonicalJson: value.a is a function, which JSON cannot hold"],
    [1n, "canonicalJson: value is a bigint, which JSON cannot hold"],
  ])("of what JSON cannot hold is refused by path", (value, message) => {
    expect(() => canonicalJson(value)).toThrow(new TypeError(message));
  });
});

describe("a seal", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const sealed = seal(bytes(`{"a":{"b":1},"sha256":"${UNSEALED}"}`));
  const claimed: string = JSON.parse(new TextDecoder().decode(sealed)).sha256;

  test("is the hash of the bytes with zeros in its place", () => {
    expect(claimed).toBe(sha256(`{"a":{"b":1},"sha256":"${UNSEALED}"}`));
    expect(isSealed(sealed, claimed)).toBe(true);
  });

  test("breaks with any byte, and is not what another file claims", () => {
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.slice();
      changed[at] ^= 1;
      expect(isSealed(changed, claimed)).toBe(false);
    }
    expect(isSealed(sealed, UNSEALED)).toBe(false);
    expect(isSealed(sealed, claimed.toUpperCase())).toBe(false);
    expect(isSealed(sealed, "")).toBe(false);
  });

  test("is looked at without a change to the bytes, also where they are a Buffer", () => {
    const buffer = Buffer.from(sealed);
    isSealed(buffer, claimed);
    expect(Uint8Array.from(buffer)).toEqual(Uint8Array.from(sealed));
  });

  test("needs a place", () => {
    expect(() => seal(bytes("{}"))).toThrow(new RangeError('seal: the bytes hold no "sha256" of 64 zeros'));
  });
});
