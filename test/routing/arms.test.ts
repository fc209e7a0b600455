import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Engine } from "../../src/compute/engine.ts";
import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { type Arm, doingOf } from "../../src/routing/arm.ts";
import { ARMS } from "../../src/routing/arms/table.ts";
import { createRoutes } from "../../src/routing/routes.ts";
import { armCalled, type Hooks, trainedBytes } from "../scenario/tiny.ts";

vi.mock("../../src/oversight/label.ts", { spy: true });

let engine: Engine;
beforeAll(async () => {
  engine = await createWasmEngine({ threads: 1 });
});
afterAll(() => engine.dispose());

/** Declared differences: control -> what it is a control of -> field -> [there, here]. */
const DECLARED: Readonly<Record<string, readonly [of: string, fields: Readonly<Record<string, readonly string[]>>]>> = {
  "route-random-labels": ["route", { labels: ["given", "random"] }],
  "route-shuffled-labels": ["route", { labels: ["given", "shuffled"] }],
  "moe-no-route": ["route", { routing: ["labels", "off"] }],
  "route-no-gate": ["route", { gate: ["scenario", "fixed"] }],
  "shrinkage-matched": ["route", { routing: ["labels", "mean"] }],
  filter: ["naive", { keep: ["all", "labelled"] }],
  oracle: ["naive", { reward: ["labelled", "true"] }],
  "oracle-matched": ["oracle", { keep: ["all", "matched"] }],
  route: ["naive", { reward: ["labelled", "proxy"], modules: ["single", "several"], routing: ["off", "labels"] }],
};

/** What an arm does, without its name, its description, its role and its look. */
const deedsOf = (arm: Arm): Record<string, string> => doingOf(arm);

describe("records", () => {
  test.each(Object.entries(DECLARED))("%s differs in exactly its declared fields", (name, [of, fields]) => {
    const [there, here] = [deedsOf(armCalled(of)), deedsOf(armCalled(name))];
    const found: Record<string, string[]> = {};
    for (const key of Object.keys(here)) if (there[key] !== here[key]) found[key] = [there[key], here[key]];
    expect(found).toEqual(fields);
    expect(Object.keys(here)).toEqual(Object.keys(there));
  });

  test("every arm is either naive or declared above, and is called what the table calls it", () => {
    expect([...ARMS.keys()].sort()).toEqual(["naive", ...Object.keys(DECLARED)].sort());
    for (const [name, arm] of ARMS) expect(arm.name).toBe(name);
  });

  test("no two arms do the same, and no two say the same", () => {
    const arms = [...ARMS.values()];
    expect(new Set(arms.map((arm) => JSON.stringify(deedsOf(arm)))).size).toBe(ARMS.size);
    expect(new Set(arms.map(({ about }) => about)).size).toBe(ARMS.size);
  });
});

describe("trained parameters", () => {
  test("all arms end at different parameters", async () => {
    const bytes = await Promise.all([...ARMS.keys()].map((name) => trainedBytes(engine, name)));
    expect(new Set(bytes).size).toBe(ARMS.size);
  });

  test.each(Object.entries(DECLARED))(
    "%s: giving it back its declared fields gives the other arm's bytes",
    async (name, [of, fields]) => {
      const there = armCalled(of);
      const restored = { ...doingOf(armCalled(name)) } as Record<string, string>;
      for (const field of Object.keys(fields)) restored[field] = deedsOf(there)[field];
      expect(await trainedBytes(engine, { ...armCalled(name), ...restored })).toBe(await trainedBytes(engine, of));
      expect(await trainedBytes(engine, name)).not.toBe(await trainedBytes(engine, of));
    },
  );

  test.each(Object.entries(DECLARED))(
    "%s: each declared field alone makes a difference to the bytes",
    async (name, [of, fields]) => {
      for (const field of Object.keys(fields)) {
        // route's routing acts on several modules only
        const base = field === "routing" ? { ...armCalled(of), modules: "several" as const } : armCalled(of);
        const changed = { ...base, [field]: armCalled(name)[field as keyof Arm] } as Arm;
        expect(await trainedBytes(engine, changed), field).not.toBe(await trainedBytes(engine, base));
      }
    },
  );

  test("placebos start from route's parameters and live through route's first window", async () => {
    const begin = async (arm: string) => {
      let first: unknown;
      const hooks: Hooks = {
        beforeLabels: (ledger, { actions, observations, logProbabilities, values }) => {
          first ??= structuredClone({ ledger, actions, observations, logProbabilities, values });
        },
      };
      const change = { train: { steps: 64 * 16, worlds: 64 } };
      return { first: () => first, bytes: await trainedBytes(engine, arm, change, hooks) };
    };
    const route = await begin("route");
    for (const placebo of ["route-random-labels", "moe-no-route"]) {
      const here = await begin(placebo);
      expect(here.first()).toEqual(route.first());
      expect(here.bytes).not.toBe(route.bytes);
    }
  });
});

describe("createRoutes", () => {
  test("turns names into indices, the same ones in whatever order the file names the routes", () => {
    const expected = { labels: ["diamond", "ghost"], learners: [[0], [1, 2]], modules: ["a", "b", "c"] };
    expect(createRoutes({ diamond: ["a"], ghost: ["b", "c"] }, ["a", "b", "c"])).toEqual(expected);
    expect(createRoutes({ ghost: ["b", "c"], diamond: ["a"] }, ["a", "b", "c"])).toEqual(expected);
  });

  test("refuses a route that names an unknown module, by both names", () => {
    expect(() => createRoutes({ ghost: ["d"] }, ["a", "b"])).toThrow(
      new RangeError("createRoutes: route ghost names d, expected one of a, b"),
    );
  });
});
