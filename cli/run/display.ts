import type { CellEvent } from "../../src/runner/launcher.ts";
import type { RunView } from "../../src/runner/progress.ts";
import { complaintOf, TerminalGone } from "../errors.ts";
import { say } from "../output.ts";

/** What shows a run while it goes on. */
export interface RunDisplay {
  /** `isFinding`: the event was over when the command first looked. */
  update(view: RunView, event: CellEvent | null, isFinding?: boolean): void;
  /** Settles when the terminal has been given back; hurried, at once. */
  end(isHurried: boolean): Promise<void> | void;
}

/** What a screen tells of its own troubles. */
export interface ScreenTrouble {
  /** It cannot go on, and has given the terminal back. */
  readonly onLost: (error: unknown) => void;
  /** A part of it failed, the rest goes on; told once the terminal has been given back. */
  readonly onTrouble: (part: string, error: unknown) => void;
}

/** A display that shows a run come what may. */
export interface SafeDisplay extends RunDisplay {
  /** Whether a screen shows the run now. */
  isOnScreen(): boolean;
  end(isHurried: boolean): Promise<void>;
}

/**
 * Show a run on a screen, and in lines where there is no screen or once it is lost. No display can end what it shows: all that one throws is
 * told on stderr, once, when the terminal has been given back.
 *
 * `screen`: null for lines from the beginning. `work` names what goes on without a screen: "the training".
 */
export async function showRun(
  screen: ((trouble: ScreenTrouble) => Promise<RunDisplay>) | null,
  lines: () => RunDisplay,
  work: string,
): Promise<SafeDisplay> {
  let isOnScreen = screen !== null;
  let shown: RunDisplay | null = null;
  let complaints: string[] = [];
  const complain = () => {
    for (const each of complaints) say(each);
    complaints = [];
  };
  const fallBack = () => {
    try {
      shown = lines();
    } catch (error) {
      shown = null;
      say(complaintOf(error));
    }
  };
  const lose = async (error: unknown): Promise<void> => {
    const lost = shown;
    if (!isOnScreen) {
      // Lines failed: nothing is left to show the run with.
      shown = null;
      return say(complaintOf(error));
    }
    isOnScreen = false;
    // What it throws while it is taken down is a consequence of the error, which is the one to tell.
    const down = (async () => lost?.end(true))().catch(() => {});
    say(lossOf(error, work));
    complain();
    fallBack();
    await down;
  };
  if (screen === null) fallBack();
  else {
    const onTrouble = (part: string, error: unknown) => void complaints.push(`${part} failed: ${complaintOf(error)}`);
    const onLost = (error: unknown) => {
      if (isOnScreen) void lose(error);
    };
    try {
      const opened = await screen({ onLost, onTrouble });
      if (isOnScreen) shown = opened;
      else await opened.end(true);
    } catch (error) {
      if (isOnScreen) await lose(error);
    }
  }
  return {
    isOnScreen: () => isOnScreen,
    update: (view, event, isFinding) => {
      try {
        shown?.update(view, event, isFinding);
      } catch (error) {
        void lose(error);
      }
    },
    end: async (isHurried) => {
      try {
        await shown?.end(isHurried);
      } catch (error) {
        complaints.push(complaintOf(error));
      }
      complain();
    },
  };
}

/** That a screen is lost, why, and what to do about it. */
function lossOf(error: unknown, work: string): string {
  if (error instanceof TerminalGone) return `${error.message}; ${work} goes on without it`;
  return `the screen failed; ${work} goes on in lines, as with --plain\n${complaintOf(error)}`;
}
