import { expect, test } from "vitest";
import { thinUpdates } from "../../../cli/run/reports.ts";
import type { CellReport } from "../../../src/runner/launcher.ts";
import type { Metrics } from "../../../src/runs/results.ts";

/** Reports at their milliseconds; what was sent, and when. */
function sentOf(reports: readonly (readonly [at: number, report: CellReport])[]): (readonly [number, CellReport])[] {
  const sent: (readonly [number, CellReport])[] = [];
  let now = 0;
  const tell = thinUpdates(
    (report) => sent.push([now, report]),
    () => now,
  );
  for (const [at, report] of reports) {
    now = at;
    tell(report);
  }
  return sent;
}
const update = (number: number, curve?: object): CellReport => ({
  kind: "progress",
  metrics: { update: number, updates: 9, ...(curve && { curve }) } as Metrics,
});
const POINT = { trueReturn: 0.5 };

test("of many updates the first is sent and then one in a quarter of a second; slow ones are all sent", () => {
  const reports = Array.from({ length: 100 }, (_, i) => [i * 10, update(i)] as const);
  expect(sentOf(reports)).toEqual([0, 25, 50, 75].map((i) => [i * 10, update(i)]));
  const slow = [0, 250, 600].map((at) => [at, update(at)] as const);
  expect(sentOf(slow)).toEqual(slow);
});

test("every point of the curve is sent at once, and in order", () => {
  const reports = [update(1), update(2), update(3, POINT), update(4), update(5, POINT)].map(
    (report, i) => [i, report] as const,
  );
  expect(sentOf(reports)).toEqual([
    [0, update(1)],
    [2, update(3, POINT)],
    [4, update(5, POINT)],
  ]);
});

test.each([
  { kind: "stopped" },
  { kind: "paused", by: { host: "here", pid: 7 } },
  { kind: "failed", message: "the loss is not finite" },
] satisfies CellReport[])("before a report of another kind the latest update is sent, once: $kind", (report) => {
  expect(
    sentOf([
      [0, update(1)],
      [10, update(2)],
      [20, update(3)],
      [30, report],
      [40, report],
      [50, update(4)],
    ]),
  ).toEqual([
    [0, update(1)],
    [30, update(3)],
    [30, report],
    [40, report],
  ]);
});
