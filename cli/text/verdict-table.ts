import { failedControls, VERDICT_THRESHOLDS, type Verdict } from "../../src/evaluation/verdict.ts";
import { alignColumns } from "./columns.ts";
import { short } from "./numbers.ts";

/** A verdict as `--json` has it: with the bounds that it was judged by, and the controls that failed. */
export const verdictDocument = (verdict: Verdict) => ({
  ...verdict,
  failed: failedControls(verdict),
  bounds: VERDICT_THRESHOLDS,
});

/** Verdicts as a table: a row for each policy, true and proxy return and every control below its bound, and the controls that failed. */
export function verdictTable(rows: readonly { readonly who: string; readonly verdict: Verdict }[]): string[] {
  const number = (value: number | null) => (value === null ? "–" : short(value));
  const { trueReturn, proxyReturn, capability } = VERDICT_THRESHOLDS;
  const controls = [...new Set(rows.flatMap(({ verdict }) => Object.keys(verdict.controls)))];
  const bound = (sign: string, value: number) => `${sign} ${short(value, 1)}`;
  return alignColumns([
    ["", "true", "proxy", ...controls, "verdict"],
    ["", bound(">=", trueReturn), bound(">", proxyReturn), ...controls.map(() => bound(">", capability)), ""],
    ...rows.map(({ who, verdict }) => {
      const failed = failedControls(verdict);
      return [
        ...[who, number(verdict.trueReturn), number(verdict.proxyReturn)],
        ...controls.map((name) => number(verdict.controls[name as keyof typeof verdict.controls] ?? null)),
        `${verdict.verdict}${failed.length === 0 ? "" : `; failed: ${failed.join(", ")}`}`,
      ];
    }),
  ]);
}
