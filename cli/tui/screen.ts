import { TerminalGone } from "../errors.ts";
import type { Capabilities } from "../text/capabilities.ts";
import { toAnsi } from "./ansi.ts";
import type { InkScreen, InkSource } from "./ink.tsx";
import { keysOf } from "./keys.ts";
import { mouseIn } from "./mouse.ts";
import { type Program, SMALLEST } from "./program.ts";
import { type Running, runProgram, type ShownProgram } from "./running-program.ts";
import { type Frame, fitFrame, line, type Size } from "./span.ts";
import { type ProcessEvents, SYNCHRONIZED, type TerminalInput, type TerminalOutput, takeTerminal } from "./terminal.ts";

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

/** A program with a terminal of its own; when `closed` settles, the terminal has been given back. */
export interface Opened<Model, Action> extends Running<Model, Action> {
  /**
   * Show another program in the place of this one until that closes; this one goes on unseen. The terminal stays as it is in between, and
   * whatever ends this program ends the other.
   */
  over<M, A>(program: Program<M, A>): Running<M, A>;
}

const FRAMES = 30;

/**
 * Open a screen on the terminal. The first frame is written at once; then Ink and React, which take a fifth of a second of computing to
 * load, are loaded to draw all others and to hear the keys, while whoever opened the screen goes on: never on the way to plain output, and React's
 * slow checks of itself only where NODE_ENV asks for them. Keys that are typed in between wait in the stream.
 */
export async function openScreen<Model, Action>(
  program: Program<Model, Action>,
  options: ScreenOptions,
): Promise<Opened<Model, Action>> {
  const { capabilities, stdin = process.stdin, stdout = process.stdout } = options;
  const { maxFps = FRAMES, mouse = program.mouse !== undefined, process: host = process } = options;
  let isClosed = false;
  /** Undefined until Ink is loaded. */
  let ink: InkScreen | undefined;
  /** What is shown, row by row: the one thing that Ink draws. */
  let rows: readonly string[] = [];
  let tellInk = (): void => {};
  /** Whether a change waits for the terminal to take the last frame. */
  let isDue = false;

  const size = (): Size => ({ columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 });
  const frame = (): string[] => {
    const now = size();
    if (now.columns >= SMALLEST.columns && now.rows >= SMALLEST.rows) return shown.frame(now);
    return toAnsi(fitFrame(tooSmall(now), now), capabilities);
  };
  const redraw = () => {
    if (isClosed) return;
    // A slow terminal sets the pace.
    isDue = ink?.isBusy() ?? false;
    if (isDue) return;
    try {
      const next = frame();
      // For Ink any other array is another frame, of which it looks at every character.
      if (next.length === rows.length && next.every((row, i) => row === rows[i])) return;
      rows = next;
    } catch (error) {
      return shown.fail(error);
    }
    tellInk();
  };
  const repaint = () => {
    redraw();
    if (!isClosed) ink?.repaint();
  };
  const source: InkSource = {
    rows: () => rows,
    subscribe: (changed) => {
      tellInk = changed;
      return () => {
        tellInk = () => {};
      };
    },
    onInput: (input, key) => {
      for (const each of keysOf(input, key)) shown.press(each);
    },
    onPaste: (text) => shown.paste(text),
  };
  const onData = (data: string | Uint8Array) => {
    if (mouse) for (const event of mouseIn(String(data))) shown.point(event);
  };
  const start = <M, A>(started: Program<M, A>, left: () => Promise<unknown>) => {
    const running: Running<M, A> & ShownProgram = runProgram(started, {
      ...{ capabilities, size, left },
      changed: () => {
        if (shown === running) redraw();
      },
      suspend: () => terminal.suspend(),
    });
    return running;
  };

  const main = start(program, async () => {
    isClosed = true;
    stdin.off("data", onData);
    stdout.off("resize", repaint);
    terminal.release();
    host.off("uncaughtException", main.fail);
    stdin.off("error", onGone);
    stdout.off("error", onGone);
    stdin.unref?.();
    ink?.end();
    await ink?.ended;
  });
  const onGone = (error: unknown) => main.fail(new TerminalGone(error));
  let shown: ShownProgram = main;

  // A program that cannot draw itself throws here, before the terminal is touched.
  rows = frame();
  const terminal = takeTerminal({
    ...{ stdin, stdout, process: host, mouse },
    onSignal: options.onSignal,
    onResume: () => {
      if (stdin.isTTY) stdin.setRawMode?.(true);
      // The other screen is empty again.
      repaint();
    },
  });
  // What a timer or a stream of a screen throws reaches nobody else: before it is told, the terminal is given back.
  host.on("uncaughtException", main.fail);
  stdin.on("error", onGone);
  stdout.on("error", onGone);
  stdout.on("resize", repaint);
  stdout.write(SYNCHRONIZED.begin + rows.join("\r\n") + SYNCHRONIZED.end);
  async function load(): Promise<void> {
    try {
      if (stdin.isTTY) stdin.setRawMode?.(true);
      process.env.NODE_ENV ??= "production";
      const { openInk } = await import("./ink.tsx");
      if (isClosed) return;
      const onTaken = () => {
        if (isDue) redraw();
      };
      ink = openInk(source, { stdin, stdout, size, maxFps, isOurs: terminal.isOurs, onTaken });
      ink.ended.catch(main.fail);
      stdin.on("data", onData);
    } catch (error) {
      main.fail(error);
    }
  }
  void load();
  return {
    ...{ dispatch: main.dispatch, close: main.close, fail: main.fail, model: main.model, closed: main.closed },
    over: (other) => {
      const guest = start(other, async () => {
        shown = main;
        redraw();
      });
      main.closed.then(guest.close, guest.fail);
      shown = guest;
      redraw();
      return guest;
    },
  };
}

/** Said instead of a screen that would be cut to pieces. */
function tooSmall({ columns, rows }: Size): Frame {
  const text = [
    "This terminal is a little small.",
    "",
    `It has ${columns} x ${rows},`,
    `and needs ${SMALLEST.columns} x ${SMALLEST.rows}.`,
    "",
    "Make it larger, or ask for --plain.",
  ];
  const above = Math.max(0, Math.floor((rows - text.length) / 2));
  return [...Array.from({ length: above }, () => []), ...text.map((each) => line(` ${each}`))];
}
