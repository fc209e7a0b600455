import { performance } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import type { CellEvent } from "../../src/experiment/launch.ts";
import { expandSweep } from "../../src/experiment/scenario.ts";
import type { Scenario } from "../../src/experiment/schema.ts";
import { boundsOf } from "../../src/experiment/summary.ts";
import type { Capabilities } from "../capabilities.ts";
import type { RunView } from "../progress.ts";
import { openScreen } from "../tui/open.ts";
import { createRehearsal, keepPlaying } from "./live.ts";
import { beginDashboard, type Dashboard } from "./model.ts";
import { dashboardProgram, type Hooks } from "./program.ts";
import { layoutOf } from "./view.ts";

/** Frames a second at most: enough to see it move, too few to cost anything. */
const FRAMES = 8;

interface DashboardOptions extends Hooks, Pick<Dashboard, "title" | "role" | "engine"> {
  /** The run directory. */
  readonly dir: string;
  readonly capabilities: Capabilities;
}

/** Open the screen of a run; training never waits for it. It is told of the run by `update`, and stays until `end`. */
export async function openDashboard(scenario: Scenario, run: RunView, options: DashboardOptions) {
  const { dir, capabilities, onStop } = options;
  const begun = performance.now();
  const elapsed = () => (performance.now() - begun) / 1000;
  const screen = await openScreen(dashboardProgram(beginDashboard(scenario, run, options), options), {
    capabilities,
    maxFps: FRAMES,
    // Ctrl-C and SIGTERM are heard by whoever trains or follows; a terminal that has gone is like the key.
    onSignal: (signal) => {
      if (signal === "SIGHUP") onStop();
    },
  });
  let latest = run;
  let isOpen = true;
  const timer = setInterval(() => screen.dispatch({ kind: "seen", run: latest, elapsed: elapsed() }), 1000 / FRAMES);
  // Without a screen nobody could stop it; what went wrong is thrown by `end`.
  screen.closed.catch(onStop);
  const rehearsal = createRehearsal(dir, scenario.primary.shift);
  const rest = keepPlaying(screen, rehearsal, (model) => {
    const { columns = 80, rows = 24 } = process.stdout;
    return layoutOf(model, { columns, rows: rows - 1 }).live !== null;
  });
  const computeBounds = async () => {
    for (const [point, { scenario: at }] of expandSweep(scenario).entries()) {
      // Between two points keys are heard and frames drawn.
      await wait(1);
      if (!isOpen) return;
      screen.dispatch({ kind: "bounds", point, bounds: await boundsOf(at, scenario.primary.shift) });
    }
  };
  computeBounds().catch(screen.fail);
  return {
    update: (view: RunView, event: CellEvent | null) => {
      latest = view;
      if (event === null || event.kind === "progress") return;
      screen.dispatch({ kind: "told", run: view, event, elapsed: elapsed() });
    },
    end: async () => {
      isOpen = false;
      clearInterval(timer);
      rest();
      screen.close();
      await screen.closed;
      await rehearsal.dispose();
    },
  };
}
