import type { Capabilities } from "../capabilities.ts";
import type { Program, Screen } from "./program.ts";
import type { ProcessEvents, TerminalInput, TerminalOutput } from "./terminal.ts";

export interface ScreenOptions {
  readonly capabilities: Capabilities;
  /** `process.stdin`, `process.stdout` and `process` unless given. */
  readonly stdin?: TerminalInput;
  readonly stdout?: TerminalOutput;
  readonly process?: ProcessEvents;
  /** Whether the mouse is listened to; then the terminal's own selection needs Shift. Only for a program that has `mouse`. */
  readonly mouse?: boolean;
  /** Frames a second at most; 30 unless given. */
  readonly maxFps?: number;
  /** See `TerminalOptions` in terminal.ts. */
  readonly onSignal?: (signal: "SIGINT" | "SIGTERM" | "SIGHUP") => void;
}

export interface Opened<Model, Action> extends Screen<Action> {
  readonly model: () => Model;
  /** Settles when the screen has been closed and the terminal given back: the last model, or what was thrown. */
  readonly closed: Promise<Model>;
}

/**
 * Open a screen on the terminal. Ink and React cost 0.2 s and are loaded here, never on the way to plain output; React's slow
 * checks of itself are left out unless NODE_ENV asks for them.
 */
export async function openScreen<Model, Action>(
  program: Program<Model, Action>,
  options: ScreenOptions,
): Promise<Opened<Model, Action>> {
  process.env.NODE_ENV ??= "production";
  const { startScreen } = await import("./screen.tsx");
  return startScreen(program, options);
}
