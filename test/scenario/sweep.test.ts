import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/core/errors.ts";
import { manifestOf, planCells, runPlanOf } from "../../src/runs/plan.ts";
import { loadScenario, loadStoredScenario } from "../../src/scenario/load.ts";
import { expandSweep, nameInFull, placing, plannedCells, sweepOf } from "../../src/scenario/sweep.ts";
import { tinyScenario } from "./tiny.ts";

/** Lines 1 to 9; what is added begins on line 10. */
const BASE = `name: apples
world: { kind: diamond-ghost, size: 5 }
goals:
  true: { diamond: 1, ghost: -1 }
  proxy: { diamond: 1, ghost: 1 }
routes: { diamond: [diamond], ghost: [ghost] }
oversight: { kind: terminal, coverage: 0.1 }
agent: { modules: [diamond, ghost], hidden: [8], critic: [8] }
arms: [naive, route, oracle]
`;

const load = (text: string, set: readonly string[] = []) =>
  loadScenario({ path: "apples.yaml", readText: () => `${BASE}primary: { shift: training }\n${text}`, set }).scenario;

function complaint(text: string, set: readonly string[] = []): string {
  try {
    load(text, set);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  throw new Error("expected a UserError");
}

const pointsOf = (text: string, set: readonly string[] = []) => expandSweep(load(text, set)).map(({ point }) => point);

describe("a key and a key inside it", () => {
  test("that say different things are refused with both places, in a sweep and in a shift", () => {
    expect(complaint("sweep: { oversight: [{ kind: terminal, coverage: 0.2 }], oversight.coverage: [0.2, 0.3] }")).toBe(
      "apples.yaml:11:84: sweep: oversight.coverage is 0.3, but oversight has 0.2 there (apples.yaml:11:22)\n" +
        "  give the value in one of the two places",
    );
    expect(complaint("sweep: { train.epochs: [4], train: [{ steps: 8192, epochs: 2 }] }")).toContain(
      "sweep: train.epochs is 4, but train has 2 there",
    );
    expect(complaint("sweep: { world.walls: [null], world.walls.density: [0.2] }")).toContain(
      "sweep: world.walls.density is 0.2, but world.walls has null there",
    );
    expect(
      complaint("shift: { blind: { oversight.coverage: 0, oversight: { kind: terminal, coverage: 0.2 } } }"),
    ).toContain(
      "apples.yaml:11:19: shift blind: oversight.coverage is 0, but oversight has 0.2 there (apples.yaml:11:",
    );
  });

  test("that say the same are one, and the key inside refines a map that says nothing of it, in either order", () => {
    const same = "sweep: { oversight.coverage: [0.2], oversight: [{ kind: terminal, coverage: 0.2 }] }";
    expect(expandSweep(load(same))[0].scenario.oversight).toMatchObject({ kind: "terminal", coverage: 0.2 });
    const coverages = (text: string) => expandSweep(load(text)).map(({ scenario }) => scenario.oversight);
    const kinds = "oversight: [{ kind: terminal, coverage: 0.5 }]";
    expect(coverages(`sweep: { oversight.visible: [false], ${kinds} }`)).toEqual(
      coverages(`sweep: { ${kinds}, oversight.visible: [false] }`),
    );
    expect(coverages(`sweep: { oversight.visible: [false], ${kinds} }`)[0]).toMatchObject({ visible: false });
  });

  test("set on the command line under a swept map is refused: every point would replace it", () => {
    const swept = "sweep: { train: [{ steps: 8192 }, { steps: 16384 }] }";
    expect(complaint(swept, ["train.epochs=3"])).toBe(
      "--set train.epochs=3: train.epochs is part of train, which the sweep replaces at every point (apples.yaml:11:10)\n" +
        "  set the values of the sweep: --set 'sweep.train=[...]'",
    );
    expect(load(swept, ["train=[{steps: 8192, epochs: 3}]"]).sweep).toEqual({ train: [{ steps: 8192, epochs: 3 }] });
  });
});

describe("points that stand for the same cells", () => {
  test("are refused with both places where they give a key two values", () => {
    const kinds = "[{ kind: terminal, coverage: 0.2 }, { kind: terminal, coverage: 0.2, visible: true }]";
    expect(complaint(`sweep: { oversight: ${kinds} }`)).toMatch(
      /^apples.yaml:11:57: sweep: oversight \{.*\} and \{.*\} \(apples.yaml:11:22\) come to the same scenario\n/,
    );
    expect(complaint("sweep: { oversight.coverage: [0.1, 0.2, 0.1] }")).toBe(
      "apples.yaml:11:41: sweep: oversight.coverage has 0.1 twice\n  first at apples.yaml:11:31",
    );
  });

  test("are one point where they do not: a default that is written out is still the default", () => {
    // 2 is the default.
    expect(pointsOf("sweep: [{}, { train.epochs: [2, 4] }]")).toEqual([{}, { "train.epochs": 4 }]);
    const cells = planCells(
      load("seeds: 2\nsweep: [{ oversight.coverage: [0.1, 1] }, { train.epochs: [2, 4] }]"),
      "wasm",
    );
    expect(cells).toHaveLength(3 * 2 * 3);
    expect(new Set(cells.map(({ id }) => id)).size).toBe(cells.length);
  });

  test("have one name in full, in which a key that means nothing there is left out", () => {
    const text = "sweep: [{}, { train.epochs: [4] }, { oversight: [{ kind: full }] }, { oversight.coverage: [1] }]";
    expect(nameInFull(expandSweep(load(text))).map(({ point }) => point)).toEqual([
      {
        "train.epochs": 2,
        oversight: { kind: "terminal", coverage: 0.1, visible: true, unlabelled: "proxy", spurious: 0 },
        "oversight.coverage": 0.1,
      },
      {
        "train.epochs": 4,
        oversight: { kind: "terminal", coverage: 0.1, visible: true, unlabelled: "proxy", spurious: 0 },
        "oversight.coverage": 0.1,
      },
      { "train.epochs": 2, oversight: { kind: "full" } },
      {
        "train.epochs": 2,
        oversight: { kind: "terminal", coverage: 1, visible: true, unlabelled: "proxy", spurious: 0 },
        "oversight.coverage": 1,
      },
    ]);
  });
});

describe("a list of sweeps", () => {
  test("gives the points of one map after the other; arms and seeds choose from the scenario's", () => {
    const scenario = load(
      "seeds: 3\nsweep:\n  - { oversight.coverage: [0.2, 0.3], arms: [naive], seeds: [0, 2] }\n  - { train.epochs: [4] }",
    );
    const cells = plannedCells(scenario, expandSweep(scenario)).map(({ arm, seed, point }) => [seed, arm, point]);
    const of4 = { "train.epochs": 4 };
    expect(cells).toEqual([
      [0, "naive", { "oversight.coverage": 0.2 }],
      [0, "naive", { "oversight.coverage": 0.3 }],
      ...[0, 1].flatMap((seed) => ["naive", "route", "oracle"].map((arm) => [seed, arm, of4])),
      [2, "naive", { "oversight.coverage": 0.2 }],
      [2, "naive", { "oversight.coverage": 0.3 }],
      ...["naive", "route", "oracle"].map((arm) => [2, arm, of4]),
    ]);
  });

  test("names what is wrong in it with its place", () => {
    expect(complaint("sweep: [{ train.stepz: [1] }]")).toContain("apples.yaml:11:11: sweep: unknown key train.stepz");
    expect(complaint("sweep: [{ arms: [filter] }]")).toBe(
      'apples.yaml:11:18: sweep: arms has "filter", which is not among the scenario\'s arms\n  they are: naive, route, oracle',
    );
    expect(complaint("seeds: 2\nsweep: [{ seeds: [2] }]")).toBe(
      "apples.yaml:12:19: sweep: seeds has 2, which is not among the scenario's seeds\n  they are: 0, 1",
    );
    expect(complaint("sweep: [3]")).toContain("apples.yaml:11:9: sweep[0] is 3, expected");
    expect(complaint("sweep: { train.epochs: 4 }")).toContain(
      "apples.yaml:11:24: sweep.train.epochs is 4, expected a list of 1 or more values",
    );
    expect(complaint("sweep: [{}, { train.epochs: 4 }]")).toContain(
      "apples.yaml:11:29: sweep[1].train.epochs is 4, expected a list of 1 or more values",
    );
    expect(complaint("sweep: 3")).toContain(
      "apples.yaml:11:8: sweep is 3, expected a map or a list of 1 to 10000 maps",
    );
    expect(complaint("sweep: { arms: [naive] }")).toContain("sweep: arms cannot be swept");
  });

  test("--set replaces the values of a key in every map that has it, and the value of the others", () => {
    const listed = "sweep: [{ train.epochs: [2, 4], oversight.coverage: [0.2] }, { train.epochs: [8] }]";
    expect(pointsOf(listed, ["oversight.coverage=0.5"])).toEqual([
      { "train.epochs": 2, "oversight.coverage": 0.5 },
      { "train.epochs": 4, "oversight.coverage": 0.5 },
      { "train.epochs": 8 },
    ]);
    expect(load(listed, ["oversight.coverage=0.5"]).oversight).toMatchObject({ coverage: 0.5 });
    expect(pointsOf(listed, ["train.epochs=[1,3]"]).map((point) => point["train.epochs"])).toEqual([1, 3, 1, 3]);
  });
});

describe("a run that several commands made", () => {
  const scenario = load("seeds: 2");
  const commands = [
    load("seeds: 2\nsweep: {}"),
    load("arms: [naive]\nseeds: 3\nsweep: { train.epochs: [2, 4] }".replace("arms: [naive]\n", "")),
    load("seeds: 1\nsweep: { oversight.coverage: [0.1, 1], train.epochs: [2] }"),
  ];

  test("has each cell once, found at every point that it stands for", () => {
    const manifests = commands.map((command) => manifestOf(command, "9"));
    const asked = manifests.flatMap((manifest) => manifest.asked);
    const plan = runPlanOf({ ...manifests[0], seeds: [0, 1, 2], asked }, "manifest.json");
    expect(plan.points.map(({ point }) => point)).toEqual([
      {},
      { "train.epochs": 4 },
      { "oversight.coverage": 1, "train.epochs": 2 },
    ]);
    const cells = plannedCells(plan.scenario, plan.points);
    const ids = new Set(commands.flatMap((command) => planCells(command, "wasm")).map(({ id }) => id));
    expect(new Set(planCells(plan.scenario, "wasm", plan.points).map(({ id }) => id))).toEqual(ids);
    expect(cells).toHaveLength(ids.size);
    const placeOf = placing(plan.scenario, plan.points);
    expect(placeOf({ "train.epochs": 2 })).toBe(plan.points[0]);
    expect(placeOf({ "oversight.coverage": 0.1, "train.epochs": 4 })).toBe(plan.points[1]);
    expect(placeOf({ "oversight.coverage": 0.7 })).toBeUndefined();
    expect(placeOf({ "no.such.key": 1 })).toBeUndefined();
  });

  test("comes back as one scenario that plans exactly its cells, whichever they are", () => {
    const arm = fc.constantFrom("naive", "route", "oracle");
    const point = fc.record(
      {
        "oversight.coverage": fc.constantFrom(0.2, 0.3, 1),
        "train.epochs": fc.constantFrom(1, 3),
        "train.entropyCoef": fc.constantFrom(0.1, [0.2, 0]),
      },
      { requiredKeys: [] },
    );
    const cell = fc.record({ arm, seed: fc.integer({ min: 0, max: 3 }), point });
    const named = ({ arm, seed, point }: { arm: string; seed: number; point: object }) =>
      JSON.stringify([arm, seed, Object.entries(point).sort()]);
    fc.assert(
      fc.property(fc.uniqueArray(cell, { minLength: 1, maxLength: 40, selector: named }), (cells) => {
        const stored = loadStoredScenario({ ...scenario, ...sweepOf(cells) }, "scenario.json").scenario;
        const again = plannedCells(stored, expandSweep(stored));
        expect(again.map(named).sort()).toEqual(cells.map(named).sort());
      }),
      { numRuns: 60 },
    );
  });

  test("has the sweep that it was made with, where that was one", () => {
    const cells = plannedCells(commands[2], expandSweep(commands[2]));
    expect(sweepOf(cells)).toEqual({
      arms: ["naive", "route", "oracle"],
      seeds: [0],
      sweep: { "oversight.coverage": [0.1, 1], "train.epochs": [2] },
    });
    const alone = tinyScenario({ seeds: 1 });
    expect(sweepOf(plannedCells(alone, expandSweep(alone)))).toEqual({ arms: ["route"], seeds: [0], sweep: {} });
  });
});
