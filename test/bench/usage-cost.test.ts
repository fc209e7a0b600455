import { expect, test } from "vitest";
import { costOf, renderCost, type Usage, type UsageLine, usageOf } from "../../bench/usage-cost.ts";

const line = (pid: number, seconds: number, processor: number, isEnd = false): UsageLine => ({
  ...{ pid, processor, isEnd },
  at: 1_000_000 + 1000 * seconds,
});

/** A runner that takes a second of processor time in its first, then 2 % of a core, and a half at the end; two cells. */
const LINES = [
  line(1, 0, 0.1),
  line(2, 1, 0.2),
  line(3, 1, 0.2),
  ...Array.from({ length: 20 }, (_, s) => line(1, s + 1, 1 + 0.02 * (s + 1))),
  line(2, 20.5, 19, true),
  line(3, 21.5, 20, true),
  line(1, 22, 1.44),
  line(1, 23, 1.94, true),
];

test("seconds of runner and cells, and the runner's share while all cells train", () => {
  const { wall, runner, cells, share } = usageOf(LINES);
  expect([wall, runner, cells]).toEqual([23, 1.94, 39]);
  expect(share).toBeCloseTo(0.02, 9);
});

test("a process that did not end, a short training and no run at all are refused", () => {
  expect(() => usageOf(LINES.filter(({ pid, isEnd }) => pid !== 3 || !isEnd))).toThrow(
    "process 3 did not come to its end",
  );
  expect(() => usageOf([line(1, 0, 0.1), line(2, 8, 7, true), line(1, 9, 1, true)])).toThrow(
    "cells trained for 8 s, expected ten or more",
  );
  expect(() => usageOf([])).toThrow("no run was measured");
});

const PLAIN: Usage = { wall: 20, runner: 0.5, cells: 40, share: 0.005 };
const SHOWN: Usage = { wall: 25, runner: 1.25, cells: 41, share: 0.015 };

test("cost: once what the share does not explain; the part is of all cores over the whole run", () => {
  const { once, share, part } = costOf({ plain: PLAIN, shown: SHOWN }, 2);
  // .75 s more, of which 1 % of a core in 25 s is .25
  expect(once).toBeCloseTo(0.5, 9);
  expect(share).toBeCloseTo(0.01, 9);
  expect(part).toBeCloseTo(0.015, 9);
});

test("the table has medians and spreads over the rounds", () => {
  const pairs = [
    { plain: PLAIN, shown: SHOWN },
    { plain: PLAIN, shown: { ...SHOWN, runner: 1.5 } },
  ];
  expect(renderCost(pairs, 2)).toMatchInlineSnapshot(`
    [
      "                                         --plain               with the dashboard    more",
      "runner, processor s                      .50 [.50, .50]        1.38 [1.25, 1.50]     .88 [.75, 1.00]",
      "runner while cells train, % of one core  .50 [.50, .50]        1.50 [1.50, 1.50]     1.00 [1.00, 1.00]",
      "cells, processor s                       40.00 [40.00, 40.00]  41.00 [41.00, 41.00]  1.00 [1.00, 1.00]",
      "run, s                                   20.00 [20.00, 20.00]  25.00 [25.00, 25.00]  5.00 [5.00, 5.00]",
      "",
      "the dashboard costs 1.75 [1.50, 2.00] % of 2 cores in a run of 25 s:",
      ".63 [.50, .75] processor s once, and 1.00 [1.00, 1.00] % of one core as long as it is shown",
    ]
  `);
});
