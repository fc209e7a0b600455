import { expect, test } from "vitest";
import { thousands } from "../../cli/numbers.ts";

test.each([
  [0, "0"],
  [999.4, "999"],
  [999.5, "1,000"],
  [21480, "21,480"],
  [-1234567, "-1,234,567"],
  [12345678901, "12,345,678,901"],
])("thousands of %d: %s", (value, text) => {
  expect(thousands(value)).toBe(text);
  expect(thousands(value)).toBe(value.toLocaleString("en-US", { maximumFractionDigits: 0 }));
});
