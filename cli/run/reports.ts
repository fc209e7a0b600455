import type { CellReport } from "../../src/runner/launcher.ts";

/** Milliseconds between two messages about updates at least: a screen shows a few a second, and each costs its sender and its reader. */
const APART = 250;

/**
 * A cell's reports without most of its updates, of which there may be hundreds a second: the points of its curve are all sent, and before
 * any other report the latest update, so that where a cell paused or failed is known to the update.
 *
 * `now` in milliseconds.
 */
export function thinUpdates(send: (report: CellReport) => void, now: () => number): (report: CellReport) => void {
  let sent = -Infinity;
  let held: CellReport | null = null;
  return (report) => {
    if (report.kind === "progress") {
      if (report.metrics.curve === undefined && now() - sent < APART) {
        held = report;
        return;
      }
      sent = now();
    } else if (held !== null) send(held);
    held = null;
    send(report);
  };
}
