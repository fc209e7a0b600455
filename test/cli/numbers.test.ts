import { expect, test } from "vitest";
import { thousands } from "../../cli/numbers.ts";

test.each([
  [0, "0"],
  [999, "999"],
  [999.5, "1,000"],
  [21_480, "21,480"],
  [100_000, "100,000"],
  [1_234_567.4, "1,234,567"],
  [-1_000, "-1,000"],
  [-999, "-999"],
])("%d in thousands is %s", (value, text) => {
  expect(thousands(value)).toBe(text);
});
