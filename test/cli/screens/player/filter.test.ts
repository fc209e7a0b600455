import { describe, expect, test } from "vitest";
import { arrange, EVERYTHING, parseFilter, SORTS, unheardOf } from "../../../../cli/screens/player/filter.ts";
import type { EpisodeEntry } from "../../../../src/runs/episodes.ts";

const base = { shift: "unseen", view: "full", seed: 0, label: "unlabelled", marked: false };
const ENTRIES: readonly EpisodeEntry[] = [
  { ...base, number: 0, outcome: "ghost", steps: 2, returns: { true: -1, proxy: 1 } },
  { ...base, number: 1, outcome: "diamond", steps: 5, returns: { true: 0.9, proxy: 0.9 } },
  { ...base, number: 2, outcome: "ghost", steps: 7, marked: true, label: "ghost", returns: { true: -0.8, proxy: 0.8 } },
  { ...base, number: 3, outcome: "timeout", steps: 32, seed: 1, shift: "ghost-closer", returns: { true: 0, proxy: 0 } },
];

describe("a filter", () => {
  test.each([
    ["", [0, 1, 2, 3]],
    ["outcome:ghost", [0, 2]],
    ["outcome:ghost,timeout", [0, 2, 3]],
    ["-outcome:ghost", [1, 3]],
    ["outcome:ghost marked:no", [0]],
    ["marked:yes", [2]],
    ["label:ghost", [2]],
    ["shift:ghost-closer", [3]],
    ["return<0", [0, 2]],
    ["return<=-1", [0]],
    ["true>=0.9", [1]],
    ["proxy=1", [0]],
    ["steps>5 steps<32", [2]],
    ["number=3", [3]],
    ["steps=5", [1]],
    ["seed=1", [3]],
    ["-return<0 -steps>10", [1]],
    ["  return<0   steps>5 ", [2]],
  ])("%s", (text, kept) => {
    expect(arrange(ENTRIES, parseFilter(text, ["true", "proxy"]), "as recorded")).toEqual(kept);
  });

  test.each([
    ["ghost", "filter: ghost has no : < > or =", "for example outcome:ghost marked:no return<0 steps>5"],
    ["-", "filter: - has no : < > or =", "for example outcome:ghost marked:no return<0 steps>5"],
    [
      "step:5",
      "filter: unknown key step; did you mean steps?",
      "keys: outcome, label, shift, view, marked; numbers: return, steps, number, seed and the goals",
    ],
    [
      "outcom:ghost",
      "filter: unknown key outcom; did you mean outcome?",
      "keys: outcome, label, shift, view, marked; numbers: return, steps, number, seed and the goals",
    ],
    [
      "retrun<0",
      "filter: unknown key retrun; did you mean return?",
      "keys: outcome, label, shift, view, marked; numbers: return, steps, number, seed and the goals",
    ],
    [
      "return:ghost",
      "filter: return is compared by return<... or return>...",
      "for example outcome:ghost marked:no return<0 steps>5",
    ],
    ["outcome<3", "filter: outcome is compared by outcome:...", "for example outcome:ghost marked:no return<0 steps>5"],
    ["marked:perhaps", "filter: marked is perhaps, expected yes or no", undefined],
    ["steps>many", "filter: steps>many compares with many, expected a number", undefined],
    ["steps>", "filter: steps> compares with nothing, expected a number", undefined],
    [
      "outcome:",
      "filter: outcome: names nothing after the colon",
      "for example outcome:ghost marked:no return<0 steps>5",
    ],
    [
      "-constructor:x",
      "filter: unknown key constructor",
      "keys: outcome, label, shift, view, marked; numbers: return, steps, number, seed and the goals",
    ],
  ])("%s is refused", (text, message, hint) => {
    expect(() => parseFilter(text, ["true", "proxy"])).toThrow(
      expect.objectContaining({ name: "UserError", message, hint }),
    );
  });
});

test("a goal may have a hyphen in its name", () => {
  const { accepts } = parseFilter("by-way>0", ["true", "proxy", "by-way"]);
  const entryOf = (reward: number) => ({ ...ENTRIES[0], returns: { true: 0, proxy: 0, "by-way": reward } });
  expect([entryOf(1), entryOf(0)].map(accepts)).toEqual([true, false]);
});

test("a filter's text has one blank between its terms", () => {
  expect(parseFilter("  return<0   steps>5 ", []).text).toBe("return<0 steps>5");
});

test("orders: equals stay as they are recorded", () => {
  expect(SORTS.map((sort) => arrange(ENTRIES, EVERYTHING, sort))).toEqual([
    [0, 1, 2, 3],
    [0, 2, 3, 1],
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [1, 0, 2, 3],
  ]);
});

describe("what no entry has", () => {
  const said = (text: string) => unheardOf(parseFilter(text, []), ENTRIES);

  test("is named with what is meant, or with what there is", () => {
    expect(said("outcome:gost")).toBe("no episode has outcome gost; did you mean ghost?");
    expect(said("steps>5 shift:elsewhere")).toMatch(/^no episode has shift elsewhere; there is \w/);
    expect(said("outcome:ghost,gost")).toContain("outcome gost");
  });

  test("is not asked of other terms", () => {
    for (const text of ["", "outcome:ghost", "-outcome:gost", "marked:yes", "steps>1000"])
      expect(said(text)).toBeNull();
  });
});
