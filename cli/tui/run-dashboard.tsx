import { render } from "ink";
import type { CellEvent } from "../../src/experiment/launch.ts";
import type { Scenario } from "../../src/experiment/schema.ts";
import type { RunView } from "../progress.ts";
import { RunTable } from "./run-table.tsx";

export interface DashboardOptions {
  readonly scenario: Scenario;
  readonly title: string;
  /** The person asked to stop. */
  readonly onStop: () => void;
  /** The person asked to pause, or to go on. */
  readonly onPause: () => void;
  /** What the key q does; see `RunTableProps`. */
  readonly leaving?: string;
  /** Seconds of a steady clock. */
  readonly now: () => number;
}

/** Frames a second at most: enough to see it move, too few to cost anything. */
const FRAMES = 8;

/** Open the live table of a run; training never waits for it. */
export function openRunDashboard({ scenario, title, onStop, onPause, leaving, now }: DashboardOptions) {
  const begun = now();
  let latest: RunView | null = null;
  const frame = () => (
    <RunTable
      {...{ scenario, title, onStop, onPause }}
      {...(leaving !== undefined && { leaving })}
      view={latest}
      elapsed={now() - begun}
    />
  );
  const app = render(frame(), { exitOnCtrlC: false, patchConsole: false, maxFps: FRAMES });
  const timer = setInterval(() => app.rerender(frame()), 1000 / FRAMES);
  return {
    update: (view: RunView, _event: CellEvent | null) => {
      latest = view;
    },
    end: async () => {
      clearInterval(timer);
      app.rerender(frame());
      app.unmount();
      await app.waitUntilExit();
    },
  };
}
