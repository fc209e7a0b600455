import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wordsIn } from "../../../cli/arguments/names.ts";
import { type Actors, createActors } from "../../../cli/policy/actors.ts";
import { parsePoint, wantedPath } from "../../../cli/policy/choice.ts";
import { candidatesOf, mindOf } from "../../../cli/screens/player/comparison.ts";
import { createWasmEngine } from "../../../src/compute/wasm/engine.ts";
import { UserError } from "../../../src/core/errors.ts";
import { runCell } from "../../../src/runner/cell.ts";
import { cellPaths, checkpointPath } from "../../../src/runs/cell-paths.ts";
import { openRun } from "../../../src/runs/manifest.ts";
import { type CellPlan, manifestOf, planCells } from "../../../src/runs/plan.ts";
import type { Point } from "../../../src/scenario/sweep.ts";
import { tinyScenario } from "../../scenario/tiny.ts";
import { halfwatch } from "../halfwatch.ts";
import { halfwatchHere } from "../here.ts";

/*
 * Which policy of a run with a sweep is meant. Only `naive` of seed 1 has no cell at the second coverage.
 */

const COVERAGES = [0.5, 0.1];
const SIZES = [4, 3];
const LAST = 256;

let run: string;
let actors: Actors;
let plans: readonly CellPlan[];
const scenario = tinyScenario({
  ...{ arms: ["naive", "route"], seeds: 2, train: { steps: LAST } },
  sweep: { "oversight.coverage": COVERAGES, "world.size": SIZES },
  shift: { unseen: { "oversight.coverage": 0 } },
  evaluation: { levels: 2, validationEpisodes: 8 },
});

beforeAll(async () => {
  run = mkdtempSync(join(tmpdir(), "halfwatch-choose-"));
  openRun(run, manifestOf(scenario, "0"));
  plans = planCells(scenario, "wasm");
  const engine = await createWasmEngine({ threads: 1 });
  for (const plan of plans) {
    if (plan.arm === "naive" && plan.seed === 1 && plan.point["oversight.coverage"] === COVERAGES[1]) continue;
    await runCell(run, plan, engine);
  }
  await engine.dispose();
  actors = createActors();
});
afterAll(async () => {
  await actors.dispose();
  rmSync(run, { recursive: true, force: true });
});

const point = (coverage: number, size: number): Point => ({ "oversight.coverage": coverage, "world.size": size });

/** The last checkpoint of the cell that was planned for it. */
function planned(arm: string, seed: number, at: Point): string {
  const found = plans.find(
    (plan) =>
      plan.arm === arm && plan.seed === seed && Object.entries(at).every(([key, value]) => plan.point[key] === value),
  );
  return checkpointPath(cellPaths(run, found?.id ?? expect.fail()), LAST);
}

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return `${error.message}\n${error.hint ?? ""}`.trim();
  }
  throw new Error("expected a UserError");
}

describe("the policy of a run", () => {
  test("of each arm, seed and point is that cell's", () => {
    for (const { arm, seed, point: at } of plans) {
      const isThere = !(arm === "naive" && seed === 1 && at["oversight.coverage"] === COVERAGES[1]);
      if (isThere) expect(wantedPath({ path: run, arm, seed, point: at })).toBe(planned(arm, seed, at));
    }
  });

  test("is of route, the first seed and the sweep's first point unless told otherwise", () => {
    expect(wantedPath({ path: run })).toBe(planned("route", 0, point(0.5, 4)));
    expect(wantedPath({ path: run, seed: 1 })).toBe(planned("route", 1, point(0.5, 4)));
    expect(wantedPath({ path: run, arm: "naive" })).toBe(planned("naive", 0, point(0.5, 4)));
    expect(wantedPath({ path: run, point: { "world.size": 3 } })).toBe(planned("route", 0, point(0.5, 3)));
    expect(wantedPath({ path: run, point: { "oversight.coverage": 0.1 } })).toBe(planned("route", 0, point(0.1, 4)));
  });

  test("that there is not is said, with what there is", () => {
    const points =
      "0.5 · world.size 4; oversight.coverage 0.5 · world.size 3; oversight.coverage 0.1 · world.size 4; oversight.coverage 0.1 · world.size 3";
    expect(messageOf(() => wantedPath({ path: run, point: { "oversight.coverage": 0.2 } }))).toBe(
      `--point oversight.coverage=0.2: run ${run} has no such point\nit has: oversight.coverage ${points}`,
    );
    expect(messageOf(() => wantedPath({ path: run, point: { toString: 1 } }))).toContain("has no such point");
    expect(messageOf(() => wantedPath({ path: run, arm: "naive", seed: 1, point: point(0.1, 3) }))).toBe(
      `run ${run} has no finished cell of naive with seed 1 at oversight.coverage 0.1 · world.size 3\n` +
        [
          ...[
            "it has: seed 0 at oversight.coverage 0.5 · world.size 4",
            "seed 0 at oversight.coverage 0.5 · world.size 3",
          ],
          ...["seed 0 at oversight.coverage 0.1 · world.size 4", "seed 0 at oversight.coverage 0.1 · world.size 3"],
          ...["seed 1 at oversight.coverage 0.5 · world.size 4", "seed 1 at oversight.coverage 0.5 · world.size 3"],
        ].join("; "),
    );
    // Some of a point is named as it was asked for.
    const some = messageOf(() =>
      wantedPath({ path: run, arm: "naive", seed: 1, point: { "oversight.coverage": 0.1 } }),
    );
    expect(some).toContain("has no finished cell of naive with seed 1 at oversight.coverage 0.1\n");
    expect(messageOf(() => wantedPath({ path: run, arm: "oracle" }))).toContain("it has: naive, route");
    expect(messageOf(() => wantedPath({ path: run, seed: 7 }))).toContain("it has: 0, 1");
    expect(messageOf(() => wantedPath({ path: run, step: 7 }))).toMatch(/has no checkpoint of it\nit has: [\d, ]+256$/);
  });

  test("is not chosen of a single file", async () => {
    for (const [name, choice] of Object.entries({ arm: { arm: "route" }, seed: { seed: 0 }, point: { point: {} } })) {
      expect(messageOf(() => wantedPath({ path: "README.md", ...choice }))).toBe(
        `--${name}: README.md is no run directory\n--${name} chooses a cell of one`,
      );
    }
    const file = planned("route", 0, {});
    expect(await halfwatchHere(["replay", file, "--seed", "0"])).toMatchObject({ code: 2, stdout: "" });
    const episodes = "gallery/maze-naive/episodes.jsonl";
    expect((await halfwatchHere(["replay", episodes, "--point", "a=1"])).stderr).toContain(
      `--point: ${episodes} is no run directory`,
    );
    expect((await halfwatchHere(["replay", "no-such.jsonl", "--point", "a=1"])).stderr).toContain(
      "there is no such file",
    );
    expect(
      (await halfwatchHere(["eval", "scenarios/maze.yaml", "--policy", "random", "--arm", "naive"])).stderr,
    ).toContain("--arm: scenarios/maze.yaml is no run directory");
  });
});

test("terms of a point are JSON, or else text", () => {
  expect(parsePoint(["a.b=.5", "c=-1e3", "d=true", "e=[1, 2]", "f= maze ", "g=a=b", "h="], "--point")).toEqual({
    ...{ "a.b": 0.5, c: -1000, d: true, e: [1, 2], f: "maze", g: "a=b", h: "" },
  });
  for (const term of ["", "a", "=1", "a b=1"]) {
    expect(messageOf(() => parsePoint([term], "--point"))).toBe(
      `--point ${term}: expected key.path=value, as oversight.coverage=0.1`,
    );
  }
});

test("names are apart by blanks or commas; a number may have commas of its own; a missing one is seen", async () => {
  expect(wordsIn(" only:ghost, step:1,000,000  full,arm:naive ,x ")).toEqual([
    ...["only:ghost", "step:1,000,000", "full", "arm:naive", "x"],
  ]);
  expect(wordsIn("seed:1,2,1,0000,12,345")).toEqual(["seed:1", "2", "1", "0000", "12,345"]);
  expect(["a,,b", "a,", ""].map(wordsIn)).toEqual([["a", "", "b"], ["a", ""], [""]]);
  expect((await halfwatchHere(["run", "scenarios/maze.yaml", "--arms", "naive,,route"])).stderr).toContain(
    "--arms is naive,,route, expected",
  );
});

describe("a comparison", () => {
  /** What was loaded, of the spec's mind, seen from an actor. */
  async function loadedFor(spec: string, at: Point): Promise<string[]> {
    const actor = await actors.openPolicy({ path: run, point: at, shift: "unseen" });
    const paths: string[] = [];
    await mindOf(spec, actor, {
      ...actors,
      openPolicy: async (wanted) => {
        const loaded = await actors.openPolicy(wanted);
        paths.push(loaded.checkpoint);
        return loaded;
      },
    });
    return [...new Set(paths)];
  }

  test("with another arm or seed stays at the point", async () => {
    for (const at of [point(0.5, 3), point(0.1, 4)]) {
      expect(await loadedFor("arm:naive", at)).toEqual([planned("naive", 0, at)]);
      expect(await loadedFor("seed:1", at)).toEqual([planned("route", 1, at)]);
    }
  });

  test("with another point changes what is named of it", async () => {
    expect(await loadedFor("point:oversight.coverage=.1", point(0.5, 3))).toEqual([planned("route", 0, point(0.1, 3))]);
  });

  test("with a mind of another world is refused", async () => {
    await expect(loadedFor("point:world.size=4", point(0.5, 3))).rejects.toThrow(
      "--compare point:world.size=4: it was trained in another world",
    );
  });

  test("may be with each point that differs in one value and has the same world", async () => {
    const actor = await actors.openPolicy({ path: run, point: point(0.1, 3) });
    expect(candidatesOf(actor).filter((spec) => spec.startsWith("point:"))).toEqual(["point:oversight.coverage=0.5"]);
  });

  test("is made in the world that --set made of it", async () => {
    const set = ["world.horizon=3"];
    const actor = await actors.openPolicy({ path: run, set });
    const wanted: unknown[] = [];
    const spy: Actors = {
      ...actors,
      openPolicy: (each) => {
        wanted.push(each.set);
        return actors.openPolicy(each);
      },
    };
    for (const spec of ["ablate:ghost", "arm:naive", "point:oversight.coverage=.1"]) await mindOf(spec, actor, spy);
    expect(new Set(wanted)).toEqual(new Set([set]));
  });
});

test("eval and replay of a run are those of its checkpoint", async () => {
  const at = ["--point", "oversight.coverage=0.1", "--point", "world.size=3"];
  const file = planned("route", 1, point(0.1, 3));
  const ofRun = await halfwatchHere(["eval", run, "--arm", "route", "--seed", "1", ...at, "--json"]);
  expect(ofRun.code, ofRun.stderr).toBe(0);
  expect(JSON.parse(ofRun.stdout).point).toEqual(point(0.1, 3));
  const header = (await halfwatchHere(["eval", run, "--seed", "1", ...at])).stdout.split("\n")[0];
  expect(header).toContain(" · route · 1 · oversight.coverage 0.1 · world.size 3 · view ");
  // The run's other seeds are beside it either way.
  expect(JSON.parse(ofRun.stdout).otherSeeds).toMatchObject([{ seed: 0 }]);
  expect(JSON.parse(ofRun.stdout)).toEqual(JSON.parse((await halfwatchHere(["eval", file, "--json"])).stdout));
  const told = await halfwatchHere(["replay", run, "--seed", "1", ...at, "--plain"]);
  expect(halfwatch(["replay", file, "--plain"])).toEqual(told);
  expect(told.stderr).toContain(file);
  expect(told.stdout).toContain("tiny · route · seed 1 · oversight.coverage 0.1 · world.size 3 · step 256 · episode 0");
});
