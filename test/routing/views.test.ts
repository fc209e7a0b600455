import { describe, expect, test } from "vitest";
import { UserError } from "../../src/core/errors.ts";
import { deployedView, parseView } from "../../src/routing/views.ts";

const MODULES = ["diamond", "ghost", "corner"];
const lnScaleOf = (text: string, modules = MODULES) => [...parseView(text, modules).lnScale];
const OFF = Number.NEGATIVE_INFINITY;

describe("parseView", () => {
  test("full scales every module by 1: ln 1 = 0", () => {
    expect(lnScaleOf("full")).toEqual([0, 0, 0]);
    expect(lnScaleOf("full", ["policy"])).toEqual([0]);
  });

  test("only keeps one module and silences every other", () => {
    expect(lnScaleOf("only:ghost")).toEqual([OFF, 0, OFF]);
  });

  test("ablate silences one module; twice is once; with two modules it equals the other alone", () => {
    expect(lnScaleOf("ablate:ghost")).toEqual([0, OFF, 0]);
    expect(lnScaleOf("ablate:ghost,ablate:ghost")).toEqual(lnScaleOf("ablate:ghost"));
    expect(lnScaleOf("ablate:ghost", ["diamond", "ghost"])).toEqual(lnScaleOf("only:diamond", ["diamond", "ghost"]));
  });

  test("steer adds ln scale: by 1 is full, by 0 is ablation", () => {
    expect(lnScaleOf("steer:corner=0.5")).toEqual([0, 0, Math.log(0.5)]);
    expect(lnScaleOf("steer:corner=2e1")).toEqual([0, 0, Math.log(20)]);
    expect(lnScaleOf("steer:corner=1")).toEqual(lnScaleOf("full"));
    expect(lnScaleOf("steer:corner=0")).toEqual(lnScaleOf("ablate:corner"));
  });

  test("changes add up, and nothing wakes a silenced module", () => {
    expect(lnScaleOf("ablate:ghost,steer:diamond=3")).toEqual([Math.log(3), OFF, 0]);
    expect(lnScaleOf("steer:diamond=3,steer:diamond=2")[0]).toBeCloseTo(Math.log(6), 12);
    expect(lnScaleOf("ablate:ghost,steer:ghost=100")).toEqual([0, OFF, 0]);
    expect(lnScaleOf("only:ghost,steer:diamond=100")).toEqual([OFF, 0, OFF]);
  });

  test("a view keeps the name that it was asked for by", () => {
    expect(parseView("ablate:ghost,steer:diamond=3", MODULES).name).toBe("ablate:ghost,steer:diamond=3");
  });

  const FORMS = "expected full, only:MODULE, ablate:MODULE or steer:MODULE=SCALE";
  test.each([
    ["only:ghots", "view only:ghots: unknown module ghots, expected one of diamond, ghost, corner"],
    [
      "steer:constructor=1",
      "view steer:constructor=1: unknown module constructor, expected one of diamond, ghost, corner",
    ],
    ["only:", "view only:: unknown module , expected one of diamond, ghost, corner"],
    ["", `view : found "", ${FORMS}`],
    ["nothing", `view nothing: found "nothing", ${FORMS}`],
    ["full,ablate:ghost", `view full,ablate:ghost: found "full", ${FORMS}`],
    ["only:ghost,", `view only:ghost,: found "", ${FORMS}`],
    ["steer:ghost", `view steer:ghost: found "steer:ghost", ${FORMS}`],
    ["only:ghost=1", `view only:ghost=1: found "only:ghost=1", ${FORMS}`],
    ["steer:ghost=", "view steer:ghost=: the scale of ghost is , expected a number >= 0"],
    ["steer:ghost=loud", "view steer:ghost=loud: the scale of ghost is loud, expected a number >= 0"],
    ["steer:ghost=-1", "view steer:ghost=-1: the scale of ghost is -1, expected a number >= 0"],
    ["steer:ghost=NaN", "view steer:ghost=NaN: the scale of ghost is NaN, expected a number >= 0"],
    ["steer:ghost=Infinity", "view steer:ghost=Infinity: the scale of ghost is Infinity, expected a number >= 0"],
    ["steer:ghost=1=2", "view steer:ghost=1=2: the scale of ghost is 1=2, expected a number >= 0"],
    ["only:ghost,only:diamond", "view only:ghost,only:diamond: every module is ablated, nothing is left to act"],
    [
      "ablate:ghost,ablate:diamond,steer:corner=0",
      "view ablate:ghost,ablate:diamond,steer:corner=0: every module is ablated, nothing is left to act",
    ],
  ])("%s is refused with what was found", (text, message) => {
    expect(() => parseView(text, MODULES)).toThrow(new UserError(message));
    expect(() => parseView(text, MODULES)).toThrow(UserError);
  });

  test.each(["only:policy", "ablate:policy", "steer:policy=1"])("%s of a single module is refused", (text) => {
    expect(() => parseView(text, ["policy"])).toThrow(
      new UserError(`view ${text}: this policy has a single module`, "its only view is full"),
    );
  });
});

test("deployed is the true goal's module alone, or the whole policy where there is but one module", () => {
  expect(deployedView(["diamond", "ghost"], "diamond")).toBe("only:diamond");
  expect(deployedView(["policy"], "diamond")).toBe("full");
});
