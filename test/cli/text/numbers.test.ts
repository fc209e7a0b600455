import { expect, test } from "vitest";
import { countWithin, within } from "../../../cli/text/numbers.ts";
import { grouped } from "../../../src/report/format.ts";

test.each([
  [0, "0"],
  [999.4, "999"],
  [999.5, "1,000"],
  [21480, "21,480"],
  [-1234567, "-1,234,567"],
  [12345678901, "12,345,678,901"],
])("grouped of %d: %s", (value, text) => {
  expect(grouped(value)).toBe(text);
  expect(grouped(value)).toBe(value.toLocaleString("en-US", { maximumFractionDigits: 0 }));
});

test("a number in so many columns keeps the decimals that fit", () => {
  const forms = (value: number) => [4, 3, 2, 1].map((columns) => within(value, columns));
  expect(forms(0.966)).toEqual([".97", ".97", "1", "1"]);
  expect(forms(0.25)).toEqual([".25", ".25", ".3", "0"]);
  expect(forms(1)).toEqual(["1.00", "1.0", "1", "1"]);
  expect(forms(-0.5)).toEqual(["-.50", "-.5", "-1", "-1"]);
  expect(forms(-0.001)).toEqual([".00", ".00", ".0", "0"]);
});

test("a count in so many columns is whole, or in grouped and millions", () => {
  const forms = (value: number) => [7, 6, 5, 4, 3].map((columns) => countWithin(value, columns));
  expect(forms(7)).toEqual(["7", "7", "7", "7", "7"]);
  expect(forms(1204)).toEqual(["1,204", "1,204", "1,204", "1.2k", "1k"]);
  expect(forms(12_345)).toEqual(["12,345", "12,345", "12.3k", "12k", "12k"]);
  // Nothing rather than 0k.
  expect([countWithin(100, 2), countWithin(499, 2), countWithin(99_999, 2), countWithin(0, 2)]).toEqual([
    "",
    "",
    "",
    "0",
  ]);
  expect(forms(640_000)).toEqual(["640,000", "640.0k", "640k", "640k", ".6M"]);
});
