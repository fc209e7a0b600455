import { expect, test } from "vitest";
import { boundsOf } from "../../src/report/summary.ts";
import { tinyScenario } from "../scenario/tiny.ts";

const scenario = (coverage: number) =>
  tinyScenario({
    arms: ["naive", "oracle", "route"],
    oversight: { kind: "terminal", coverage },
    shift: { unseen: { "oversight.coverage": 0 } },
    primary: { shift: "unseen" },
  });

test("an arm that is paid the true goal has the optimum for its theory line; one that deploys a module has none", async () => {
  const { optimum, theory } = await boundsOf(scenario(0.5), "unseen");
  expect([...theory.keys()]).toEqual(["naive", "oracle"]);
  expect(theory.get("oracle")).toBeCloseTo(optimum, 9);
  expect(theory.get("naive")).toBeLessThan(optimum);
});

test("with every end inspected the naive arm is paid the true goal", async () => {
  const { optimum, theory } = await boundsOf(scenario(1), "training");
  expect(theory.get("naive")).toBeCloseTo(optimum, 9);
});
