import { expect, test } from "vitest";
import { toCsv } from "../../src/report/csv.ts";

test("fields with commas, quotes and line breaks are quoted, quotes doubled, absent values empty, numbers whole", () => {
  expect(
    toCsv(
      ["name", "value", "note"],
      [
        ["plain", 0.1 + 0.2, true],
        ["a,b", -1e-7, 'say "x"'],
        ["two\nlines", null, undefined],
        ["carriage\rreturn", 0, ""],
      ],
    ),
  ).toBe(
    'name,value,note\nplain,0.30000000000000004,true\n"a,b",-1e-7,"say ""x"""\n"two\nlines",,\n"carriage\rreturn",0,\n',
  );
});

test("a record of another width, or a number that is none, is refused", () => {
  expect(() => toCsv(["a", "b"], [[1]])).toThrow(new RangeError("toCsv: record 1 has 1 fields, expected 2"));
  expect(() => toCsv(["a"], [[Number.NaN]])).toThrow(new RangeError("toCsv: a field is NaN, expected a finite number"));
});
