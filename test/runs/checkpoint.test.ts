import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type NetworkSpec, tensorsOf } from "../../src/compute/engine.ts";
import { UserError } from "../../src/core/errors.ts";
import { canonicalJson, seal, UNSEALED } from "../../src/core/hash.ts";
import { Stream } from "../../src/core/random.ts";
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from "../../src/runs/checkpoint.ts";
import { decodeSafetensors, encodeSafetensors, type Tensor } from "../../src/runs/safetensors.ts";

const SPEC: NetworkSpec = {
  features: 3,
  actions: 2,
  modules: ["diamond", "ghost"],
  hidden: [2],
  gate: "learned",
  gateHidden: [2],
  critic: [2],
};

function example(precision: "float32" | "float64"): Checkpoint {
  const size = tensorsOf(SPEC).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0);
  const round = precision === "float32" ? Math.fround : (x: number) => x;
  const numbers = (name: string) => {
    const stream = new Stream(1, name);
    return Float64Array.from({ length: size }, () => round(stream.next() - 0.5));
  };
  const parameters = numbers("parameters");
  parameters.set([-0, round(1e-300), round(1e-40), round(0.1)]);
  return {
    format: 1,
    scenarioHash: "5".repeat(64),
    arm: "route",
    seed: 3,
    point: { "oversight.coverage": 0.1 },
    engine: { name: precision === "float32" ? "wasm" : "reference", precision },
    step: 8192,
    update: 1,
    spec: SPEC,
    scenario: { name: "diamond-ghost", seeds: 20, routes: { ghost: ["ghost"], diamond: ["diamond"] } },
    state: {
      parameters,
      firstMoments: numbers("first"),
      secondMoments: numbers("second"),
      steps: Int32Array.of(1, 0, 2, 3, 4),
    },
  };
}

/** The refusal of a file, which is a `UserError` that names it. */
function refusal(bytes: Uint8Array, part: "all" | "policy" = "all"): UserError {
  try {
    decodeCheckpoint(bytes, "runs/a.safetensors", part);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toMatch(/^checkpoint runs\/a\.safetensors/);
    return error as UserError;
  }
  throw new Error("the file was read");
}

/** A well-sealed file made of an encoded checkpoint's parts after `change`. */
function forge(
  bytes: Uint8Array,
  change: (parts: { metadata: Map<string, string>; tensors: Map<string, Tensor> }) => void,
): Uint8Array {
  const file = decodeSafetensors(bytes, "forged");
  const parts = { metadata: new Map(file.metadata), tensors: new Map(file.tensors) };
  parts.metadata.set("sha256", UNSEALED);
  change(parts);
  return seal(encodeSafetensors([...parts.tensors.values()], parts.metadata));
}

function forgeContent(bytes: Uint8Array, change: (content: Record<string, unknown>) => void): Uint8Array {
  return forge(bytes, ({ metadata }) => {
    const content = JSON.parse(metadata.get("checkpoint") ?? "");
    change(content);
    metadata.set("checkpoint", canonicalJson(content));
  });
}

const BYTES = encodeCheckpoint(example("float32"));

describe("a checkpoint", () => {
  test.each(["float32", "float64"] as const)("of a %s engine comes back to the bit", (precision) => {
    const checkpoint = example(precision);
    const decoded = decodeCheckpoint(encodeCheckpoint(checkpoint), "a");
    expect(decoded).toEqual(checkpoint);
    expect(Object.is(decoded.state.parameters[0], -0)).toBe(true);
  });

  test("of a network with convolutions and a linear critic comes back to the bit, its spec as it was", () => {
    const spec: NetworkSpec = { ...SPEC, cells: 3, gateConv: 2, criticConv: 1, criticActivation: "none" };
    const size = tensorsOf(spec).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0);
    const [parameters, firstMoments, secondMoments] = [1, 2, 3].map((by) => {
      return Float64Array.from({ length: size }, (_, i) => i * by);
    });
    const state = { parameters, firstMoments, secondMoments, steps: new Int32Array(5) };
    const checkpoint = { ...example("float64"), spec, state };
    const bytes = encodeCheckpoint(checkpoint);
    expect(decodeCheckpoint(bytes, "a")).toEqual(checkpoint);
    expect(decodeSafetensors(bytes, "a").tensors.get("gate.conv.weight")?.shape).toEqual([1, 2]);
  });

  test("holds each tensor of the network under its name, in the engine's precision", () => {
    const { tensors } = decodeSafetensors(BYTES, "a");
    expect([...tensors.keys()].slice(0, 2)).toEqual(["module.diamond.0.weight", "module.diamond.0.bias"]);
    expect(tensors.get("adam.v/critic.1.weight")?.shape).toEqual([2, 1]);
    expect(tensors.get("adam.m/gate.0.weight")?.data).toBeInstanceOf(Float32Array);
    expect(tensors.get("adam.steps")?.data).toEqual(Int32Array.of(1, 0, 2, 3, 4));
    const double = decodeSafetensors(encodeCheckpoint(example("float64")), "a");
    expect(double.tensors.get("output.bias")?.data).toBeInstanceOf(Float64Array);
  });

  test("with the same content set in another order is the same bytes", () => {
    const checkpoint = example("float32");
    const reordered = Object.fromEntries(Object.entries(checkpoint).reverse()) as unknown as Checkpoint;
    const scenario = { routes: { diamond: ["diamond"], ghost: ["ghost"] }, seeds: 20, name: "diamond-ghost" };
    expect(encodeCheckpoint({ ...reordered, scenario })).toEqual(BYTES);
    expect(encodeCheckpoint({ ...checkpoint, seed: 4 })).not.toEqual(BYTES);
  });

  test.each([
    ["float32", BYTES],
    ["float64", encodeCheckpoint(example("float64"))],
    ["float32, no optimiser", encodeCheckpoint(decodeCheckpoint(BYTES, "a", "policy"))],
  ])("gives its policy alone: all but the optimiser (%s)", (_, bytes) => {
    const { state, ...rest } = decodeCheckpoint(bytes, "a");
    expect(decodeCheckpoint(bytes, "a", "policy")).toEqual({ ...rest, state: { parameters: state.parameters } });
  });

  test("does not record threads or device, which do not change it", () => {
    const engine = { name: "wasm", precision: "float32", threads: 8, device: "cpu" } as const;
    expect(encodeCheckpoint({ ...example("float32"), engine })).toEqual(BYTES);
  });

  test("with any byte flipped is refused by name", () => {
    fc.assert(
      fc.property(fc.nat(BYTES.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = BYTES.slice();
        changed[at] ^= flip;
        refusal(changed);
      }),
      { numRuns: 3000, seed: 1 },
    );
  });

  test("cut anywhere, or with bytes added, is refused by name", () => {
    for (let length = 0; length < BYTES.length; length++) {
      const { message } = refusal(BYTES.subarray(0, length));
      expect(message).toContain("is truncated");
    }
    refusal(Buffer.concat([BYTES, Uint8Array.of(0)]));
  });

  test("made of any bytes at all is refused by name", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
        refusal(noise);
      }),
      { seed: 1 },
    );
  });
});

describe("a checkpoint is refused", () => {
  test("when it is a safetensors file of another program", () => {
    const foreign = encodeSafetensors(
      [{ name: "w", shape: [1], data: Float32Array.of(1) }],
      new Map([["format", "pt"]]),
    );
    expect(refusal(foreign).message).toContain(
      "is a safetensors file of another program: it has no halfwatch metadata",
    );
  });

  test("when it has a newer format, with a hint, whatever else is in it", () => {
    const newer = forge(BYTES, ({ metadata, tensors }) => {
      metadata.set("format", "2").delete("checkpoint");
      tensors.clear();
    });
    const error = refusal(newer);
    expect(error.message).toBe("checkpoint runs/a.safetensors has format 2; this version reads format 1");
    expect(error.hint).toBe("it was written by a newer release");
  });

  test("when a number was changed and the checksum was not", () => {
    const changed = BYTES.slice();
    changed[changed.length - 1] ^= 1;
    expect(refusal(changed).message).toContain("was changed after it was written: its checksum does not match");
  });

  test("when a tensor's shape does not fit the network", () => {
    const wrong = forge(BYTES, ({ tensors }) => {
      tensors.set("output.weight", { name: "output.weight", shape: [4], data: new Float32Array(4) });
    });
    expect(refusal(wrong).message).toContain("tensor output.weight has shape [4], its network takes [2, 2]");
  });

  test("when its network takes other tensors than it has", () => {
    const renamed = forge(BYTES, ({ tensors }) => {
      tensors.delete("gate.0.bias");
      tensors.set("x", { name: "x", shape: [2], data: new Float32Array(2) });
    });
    expect(refusal(renamed).message).toContain("has no tensor gate.0.bias, which its network takes");
    const deeper = forgeContent(BYTES, (content) => {
      content.spec = { ...SPEC, critic: [2, 2] };
    });
    expect(refusal(deeper).message).toContain("tensors, its network takes");
  });

  test("when a parameter is NaN, a moment infinite, or the precision another", () => {
    const broken = (name: string, value: number) =>
      forge(BYTES, ({ tensors }) => {
        tensors.get(name)?.data.fill(value, 1, 2);
      });
    expect(refusal(broken("output.bias", Number.NaN)).message).toContain(
      "tensor output.bias holds NaN, expected finite numbers",
    );
    const moment = broken("adam.v/output.bias", Number.POSITIVE_INFINITY);
    expect(refusal(moment).message).toContain("adam.v/output.bias holds Infinity");
    expect(refusal(broken("output.bias", Number.NaN), "policy").message).toContain("tensor output.bias holds NaN");
    // Whoever acts does not read moments.
    expect(Object.keys(decodeCheckpoint(moment, "a", "policy").state)).toEqual(["parameters"]);
    const double = forgeContent(BYTES, (content) => {
      content.engine = { name: "reference", precision: "float64" };
    });
    expect(refusal(double).message).toContain("tensor module.diamond.0.weight is not float64");
  });

  test.each<[string, (content: Record<string, unknown>) => void, string]>([
    ["a seed that is text", (content) => Object.assign(content, { seed: "3" }), "seed: "],
    ["no spec", (content) => delete content.spec, "spec: "],
    ["an unknown key", (content) => Object.assign(content, { color: 1 }), "color"],
    ["width 0", (content) => Object.assign(content, { spec: { ...SPEC, hidden: [0] } }), "spec.hidden.0: "],
    [
      "a module twice",
      (content) => Object.assign(content, { spec: { ...SPEC, modules: ["a", "a"] } }),
      "spec.modules: names a module twice",
    ],
  ])("when its metadata has %s", (_, change, reason) => {
    expect(refusal(forgeContent(BYTES, change)).message).toContain(reason);
  });

  test("when its metadata is not JSON", () => {
    const text = forge(BYTES, ({ metadata }) => metadata.set("checkpoint", "{"));
    expect(refusal(text).message).toContain("has metadata that is not JSON");
  });
});

describe("a checkpoint is not written", () => {
  const checkpoint = example("float32");
  const withParameter = (value: number) => {
    const parameters = checkpoint.state.parameters.slice();
    parameters[5] = value;
    return { ...checkpoint, state: { ...checkpoint.state, parameters } };
  };

  test("after the training diverged: the message says where", () => {
    expect(() => encodeCheckpoint(withParameter(Number.NaN))).toThrow(
      new UserError(
        "training of route, seed 3, diverged: module.diamond.0.weight holds NaN at step 8192",
        "lower train.learningRate or train.maxGradNorm",
      ),
    );
  });

  test("with numbers that its precision cannot hold", () => {
    expect(() => encodeCheckpoint(withParameter(0.1))).toThrow(
      new RangeError("encodeCheckpoint: module.diamond.0.weight holds 0.1, which is not a float32 number"),
    );
  });

  test("with a state of another size", () => {
    const short = { ...checkpoint.state, firstMoments: new Float64Array(3) };
    expect(() => encodeCheckpoint({ ...checkpoint, state: short })).toThrow(
      "firstMoments has 3 elements, the spec takes",
    );
    const steps = { ...checkpoint.state, steps: new Int32Array(2) };
    expect(() => encodeCheckpoint({ ...checkpoint, state: steps })).toThrow("2 step counters, the spec has 5 groups");
  });
});
