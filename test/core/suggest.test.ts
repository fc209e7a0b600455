import { expect, test } from "vitest";
import { suggest } from "../../src/core/suggest.ts";

test.each([
  ["covrage", "coverage"], // 1 edit; 7 letters allow 2
  ["COVERAGE", "coverage"],
  ["hiddne", "hidden"], // a swap is one edit
  ["kin", "kind"],
  ["kxxd", undefined], // 2 edits; 4 letters allow 1
  ["seen", "unseen"], // 2 edits, but contained
  ["e", undefined], // contained, but too short to mean anything
  ["constructor", undefined],
])("%j is taken for %j", (word, meant) => {
  expect(suggest(word, ["kind", "coverage", "hidden", "unseen", "levels"])).toBe(meant);
});

test("of two that are as close, the first; of two, the closer", () => {
  expect(suggest("arn", ["arm", "art"])).toBe("arm");
  expect(suggest("diamend", ["diamond-ghost", "demand", "diamond"])).toBe("diamond");
});
