import { writeSync } from "node:fs";
import { attempt } from "../../src/core/cleanup.ts";
import { MOUSE_OFF, MOUSE_ON } from "./mouse.ts";

/*
 * Who owns the terminal's state: the other screen, the cursor, the mouse, raw input. It is taken once and given back once, whatever
 * ends the program; only SIGKILL cannot be heard.
 */

/** Terminals that know DEC mode 2026 show what is between the two at once; the others take no notice. */
export const SYNCHRONIZED = { begin: "\u001b[?2026h", end: "\u001b[?2026l" };
/** Other screen, cursor hidden, no wrap at the right edge, pastes marked as such. */
const ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[?2004h\u001b[H\u001b[2J";
/** All of it back, in the reverse order; before that the end of a frame that was not written whole, and plain letters. */
const LEAVE = `${SYNCHRONIZED.end}\u001b[0m\u001b[?2004l\u001b[?7h\u001b[?25h\u001b[?1049l`;

/** The part of `process.stdin` that is needed here. */
export interface TerminalInput extends NodeJS.ReadableStream {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
  ref?(): unknown;
  unref?(): unknown;
}

export interface TerminalOutput extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  readonly fd?: number;
}

/** What a screen asks of the process that it runs in; `process` itself, but in tests. */
export interface ProcessEvents {
  readonly pid: number;
  readonly platform: NodeJS.Platform;
  on(event: string, listener: (error: unknown) => void): unknown;
  off(event: string, listener: (error: unknown) => void): unknown;
  kill(pid: number, signal: NodeJS.Signals): unknown;
  exit(code: number): unknown;
}

export interface TerminalOptions {
  readonly stdin: TerminalInput;
  readonly stdout: TerminalOutput;
  readonly process: ProcessEvents;
  readonly mouse: boolean;
  /**
   * A signal asks for the end. Without it the terminal is given back and the program ends with 128 + the signal's number; with it the
   * owner decides, for example saves its work first.
   */
  readonly onSignal?: ((signal: "SIGINT" | "SIGTERM" | "SIGHUP") => void) | undefined;
  /** After the program was suspended and goes on: the terminal has been taken again. */
  readonly onResume: () => void;
}

export interface Terminal {
  /** False while the program is suspended, and once the terminal has been given back. */
  isOurs(): boolean;
  /** Suspend the program as the shell's Ctrl-Z does. */
  suspend(): void;
  /** Give everything back; the second time does nothing. */
  release(): void;
}

const ENDS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Take the terminal; every way out gives it back. */
export function takeTerminal({ stdin, stdout, process, mouse, onSignal, onResume }: TerminalOptions): Terminal {
  let isOurs = false;
  const take = () => {
    if (isOurs) return;
    isOurs = true;
    write(stdout, ENTER + (mouse ? MOUSE_ON : ""));
  };
  const leave = () => {
    if (!isOurs) return;
    isOurs = false;
    write(stdout, (mouse ? MOUSE_OFF : "") + LEAVE);
    if (stdin.isTTY) attempt(() => stdin.setRawMode?.(false));
  };
  const end = (signal: keyof typeof ENDS) => () => {
    if (onSignal !== undefined && signal !== "SIGHUP") return onSignal(signal);
    leave();
    onSignal?.(signal);
    if (onSignal === undefined) process.exit(ENDS[signal]);
  };
  const stop = () => {
    leave();
    // The one signal that stops and cannot be caught: SIGTSTP itself is caught here.
    process.kill(process.pid, "SIGSTOP");
  };
  const goOn = () => {
    if (isOurs) return;
    take();
    onResume();
  };
  const listeners: (readonly [string, () => void])[] = [
    ["exit", leave],
    ["SIGINT", end("SIGINT")],
    ["SIGTERM", end("SIGTERM")],
    ["SIGHUP", end("SIGHUP")],
    ...(process.platform === "win32"
      ? []
      : ([
          ["SIGTSTP", stop],
          ["SIGCONT", goOn],
        ] as const)),
  ];
  for (const [event, listener] of listeners) process.on(event, listener);
  take();
  return {
    isOurs: () => isOurs,
    suspend: () => {
      // The whole group, as the terminal does it: a shell waits for npx, not for us.
      if (process.platform !== "win32") process.kill(0, "SIGTSTP");
    },
    release: () => {
      for (const [event, listener] of listeners) process.off(event, listener);
      leave();
    },
  };
}

/** At once where that can be: an exit does not wait for a stream. A terminal that has gone away has nothing to be told. */
function write(stdout: TerminalOutput, text: string): void {
  attempt(() => {
    if (stdout.fd === undefined) stdout.write(text);
    else writeAll(stdout.fd, text);
  });
}

function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0, tries = 0; done < bytes.length; ) {
    try {
      done += writeSync(file, bytes, done);
    } catch (error) {
      // A slow terminal, not a missing one.
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN" || tries++ > 1000) throw error;
    }
  }
}
