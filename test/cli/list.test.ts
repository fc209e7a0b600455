import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ARM_NAMES, oversightSchema, worldSchema } from "../../src/experiment/schema.ts";
import { ESCAPE, halfwatch, inFolder } from "./halfwatch.ts";

function json(args: readonly string[], folder?: string) {
  const { code, stdout, stderr } = halfwatch([...args, "--json"], folder);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

describe("list", () => {
  const kindsOf = (schema: { options: readonly { shape: { kind: { value: string } } }[] }): string[] =>
    schema.options.map(({ shape }) => shape.kind.value);

  test("names every world, overseer and arm that a scenario can, each with a line about it", () => {
    const lists = json(["list"]);
    expect(Object.keys(lists)).toEqual(["worlds", "overseers", "arms", "scenarios"]);
    const namesOf = (topic: string): string[] => lists[topic].map(({ name }: { name: string }) => name);
    expect(namesOf("worlds")).toEqual(kindsOf(worldSchema));
    expect(namesOf("overseers")).toEqual(kindsOf(oversightSchema));
    expect(namesOf("arms")).toEqual([...ARM_NAMES]);
    for (const { about } of Object.values(lists).flat() as { about: string }[]) expect(about).toMatch(/^[^\n]+$/);
  });

  test("one topic alone is lines of name and about, without escape codes", () => {
    const { code, stdout, stderr } = halfwatch(["list", "arms"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.split("\n")[0]).toBe(
      "naive                true reward where labelled, the proxy's elsewhere; one module",
    );
    expect(stdout.trimEnd().split("\n")).toHaveLength(ARM_NAMES.length);
    expect(stdout).not.toContain(ESCAPE);
    expect(json(["list", "arms"])).toEqual({ arms: json(["list"]).arms });
  });

  test("scenarios are those of the package and of ./scenarios, each file once, a broken one with its error", () => {
    inFolder((folder) => {
      mkdirSync(join(folder, "scenarios/more"));
      writeFileSync(join(folder, "scenarios/broken.yaml"), "extends: quickstart.yaml\nseed: 3\n");
      symlinkSync("quickstart.yaml", join(folder, "scenarios/zz-same.yaml"));
      const own = json(["list", "scenarios"], folder).scenarios.filter(({ path }: { path: string }) =>
        path.startsWith("scenarios/"),
      );
      expect(own.map(({ path }: { path: string }) => path)).toEqual([
        "scenarios/broken.yaml",
        "scenarios/diamond-ghost.yaml",
        "scenarios/quickstart.yaml",
      ]);
      expect(own[0].about).toBe("invalid: scenarios/broken.yaml:2:1: unknown key seed; did you mean seeds?");
    });
    inFolder((folder) => {
      const elsewhere = join(folder, "scenarios");
      const paths = json(["list", "scenarios"], elsewhere).scenarios.map(({ path }: { path: string }) => path);
      expect(paths.some((path: string) => path.endsWith("scenarios/quickstart.yaml"))).toBe(true);
      expect(halfwatch(["validate", paths[0]], elsewhere).code).toBe(0);
    });
  });
});

describe("doctor", () => {
  test("says what is there and the command that adds what is not", () => {
    const { node, cores, engines, peers } = json(["doctor"]);
    expect(node).toEqual({ version: process.versions.node, supported: true, needed: ">=22" });
    expect(cores).toBeGreaterThan(0);
    expect(engines.map(({ name }: { name: string }) => name)).toEqual(["reference", "wasm", "tfjs"]);
    expect(peers.map(({ name }: { name: string }) => name)).toEqual([
      "@tensorflow/tfjs-node-gpu",
      "@tensorflow/tfjs-node",
      "webgpu",
      "koffi",
    ]);
    for (const { name, state, command } of peers) {
      if (state === "absent") expect(command).toBe(`npm install ${name}`);
      if (state === "found") expect(command).toBeNull();
    }
    const usable = peers.some(
      ({ name, state }: { name: string; state: string }) => state === "found" && name !== "koffi",
    );
    expect(engines[2].usable).toBe(usable);
  });

  test("prints lines without escape codes", () => {
    const { code, stdout, stderr } = halfwatch(["doctor"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^node {6}\d+\.\d+\.\d+ {2}fine\ncores {5}\d+\nengines\n {2}reference /);
    expect(stdout).not.toContain(ESCAPE);
  });
});
