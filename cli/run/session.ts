import type { CellEvent } from "../../src/runner/launcher.ts";
import { advance, type RunView } from "../../src/runner/progress.ts";
import { type RunDisplay, type SafeDisplay, type ScreenTrouble, showRun } from "./display.ts";
import { withOutcomeOf } from "./outcomes.ts";
import type { Stopping } from "./stop-request.ts";

/** A run that a command shows while it goes on. */
export interface RunSession {
  /** The run directory. */
  readonly dir: string;
  /** The run before its first event. */
  readonly view: RunView;
  /** Opens its screen; null for lines. */
  readonly screen: ((trouble: ScreenTrouble) => Promise<RunDisplay>) | null;
  readonly lines: () => RunDisplay;
  /** What goes on without a screen: "the training". */
  readonly work: string;
  readonly stopping: Stopping;
}

/**
 * Tells of a run until there is nothing more to tell: a launcher that trains it, or a follower of the processes that do. `isFinding`: the
 * event was over when the command first looked.
 */
export type Source = (
  tell: (event: CellEvent, isFinding?: boolean) => void,
  display: Pick<SafeDisplay, "isOnScreen">,
) => Promise<void>;

/** Show a run while its source tells of it. Returns the run as it was told last, once the terminal has been given back. */
export async function showSession(session: RunSession, source: Source): Promise<RunView> {
  const { dir, screen, lines, work, stopping } = session;
  let { view } = session;
  const display = await showRun(screen, lines, work);
  display.update(view, null);
  const tell: Parameters<Source>[0] = (event, isFinding) => {
    view = withOutcomeOf(advance(view, event), dir, event);
    display.update(view, event, isFinding);
  };
  try {
    await source(tell, display);
  } finally {
    stopping.end();
    await display.end(stopping.signal.aborted);
  }
  return view;
}
