import { describe, expect, test } from "vitest";
import { UserError } from "../../src/core/errors.ts";
import { canonicalJson } from "../../src/core/hash.ts";
import { countIdle, curveIn, linesIn, parseEvaluation, parseMetrics, parseTiming } from "../../src/runs/results.ts";
import { evaluationOf, metricsAt } from "./specimens.ts";

const HINT = "restore the file, or remove its folder to train the cell again";

function refusal(action: () => unknown): UserError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  throw new Error("nothing was refused");
}

describe("a line of metrics.jsonl", () => {
  test.each([metricsAt(3), metricsAt(3, 0.25)])("is read as it was written: %j", (metrics) => {
    expect(parseMetrics(canonicalJson(metrics), "m.jsonl", 1)).toEqual(metrics);
  });

  const { gradNorms: _, ...without } = metricsAt(1);
  test.each<[string, string, string]>([
    ["that is cut", '{"update":1,', "is not JSON"],
    ["that is empty", "", "is not JSON"],
    ["that lacks a number", canonicalJson(without), "is not valid: gradNorms: "],
    ["with text for a number", canonicalJson({ ...metricsAt(1), step: "100" }), "is not valid: step: "],
    ["with half a step", canonicalJson({ ...metricsAt(1), step: 0.5 }), "is not valid: step: "],
    ["with a number that it does not have", canonicalJson({ ...metricsAt(1), loss: 1 }), "is not valid: content: "],
    [
      "with half a point",
      canonicalJson({ ...metricsAt(1), curve: { trueReturn: 1 } }),
      "is not valid: curve.proxyReturn: ",
    ],
  ])("%s is refused with file and line", (_name, text, reason) => {
    const { message, hint } = refusal(() => parseMetrics(text, "run/m.jsonl", 7));
    expect(message).toContain(`run/m.jsonl:7: ${reason}`);
    expect(hint).toBe(HINT);
  });
});

describe("the learning curve", () => {
  const text = (...updates: readonly object[]) => updates.map((each) => `${canonicalJson(each)}\n`).join("");

  test("is in the lines that have a point; the last update is the last line", () => {
    const lines = linesIn(text(metricsAt(1), metricsAt(2, 0.25), metricsAt(3), metricsAt(4, -0.5), metricsAt(5)));
    expect(curveIn(lines, "m.jsonl")).toEqual({
      curve: [metricsAt(2, 0.25), metricsAt(4, -0.5)],
      last: metricsAt(5),
    });
    expect(curveIn(linesIn(text(metricsAt(1, 0.5))), "m.jsonl")).toEqual({
      curve: [metricsAt(1, 0.5)],
      last: metricsAt(1, 0.5),
    });
    expect(curveIn(linesIn(""), "m.jsonl")).toEqual({ curve: [], last: null });
  });

  test("with a damaged point is refused with its line, counted from the first", () => {
    const damaged = text(metricsAt(1), { ...metricsAt(2), curve: { trueReturn: "x" } }, metricsAt(3));
    expect(refusal(() => curveIn(linesIn(damaged), "m.jsonl")).message).toContain("m.jsonl:2: is not valid: curve.");
    expect(refusal(() => curveIn(linesIn(damaged), "m.jsonl", 41)).message).toContain("m.jsonl:42: ");
  });

  test("is told apart from updates without rows", () => {
    expect(countIdle(linesIn(text(metricsAt(1), { ...metricsAt(2), rows: 0 }, metricsAt(3))))).toBe(1);
  });
});

describe("evaluation.json", () => {
  const bytes = (content: unknown) => new TextEncoder().encode(canonicalJson(content));

  test("is read as it was written", () => {
    expect(parseEvaluation(bytes(evaluationOf(0.75)), "evaluation.json")).toEqual(evaluationOf(0.75));
  });

  const { selected, ...rest } = evaluationOf(0.75);
  test.each<[string, unknown, string]>([
    ["without what a rule selects", { ...rest, selected: { last: selected.last } }, "is not valid: selected"],
    ["with a return of text", { ...rest, selected, selectionLeak: "0" }, "is not valid: selectionLeak: "],
    [
      "with a verdict that there is not",
      { ...rest, selected, verdict: { ...rest.verdict, verdict: "good" } },
      "is not valid: verdict.verdict: ",
    ],
  ])("%s is refused by name", (_name, content, reason) => {
    const { message, hint } = refusal(() => parseEvaluation(bytes(content), "cell/evaluation.json"));
    expect(message).toContain(`cell/evaluation.json ${reason}`);
    expect(hint).toBe(HINT);
  });

  test("that is not JSON is refused by name", () => {
    expect(refusal(() => parseEvaluation(new Uint8Array(0), "e.json")).message).toBe("e.json is not JSON");
  });
});

test("timing.json may say more than readers ask of it, and not less", () => {
  const timing = { seconds: 1.5, peakMemory: 2, host: "here" };
  const bytes = (content: unknown) => new TextEncoder().encode(canonicalJson(content));
  expect(parseTiming(bytes(timing), "timing.json")).toEqual({ seconds: 1.5, peakMemory: 2 });
  expect(() => parseTiming(bytes({ seconds: 1.5 }), "timing.json")).toThrow("timing.json is not valid: peakMemory: ");
});
