import type { Capabilities } from "../capabilities.ts";
import { actionOf, helpFrame, hintLine, type InkKey, type Key, keysOf } from "./keys.ts";
import { mouseIn } from "./mouse.ts";
import { toAnsi } from "./paint.ts";
import { type Program, type Screen, SMALLEST } from "./program.ts";
import { type Frame, fitFrame, line, type Size } from "./span.ts";
import { type ProcessEvents, type TerminalInput, type TerminalOutput, takeTerminal } from "./terminal.ts";

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

const FRAMES = 30;
const HOME = "\u001b[H";

/**
 * Open a screen on the terminal. The first frame is written as it is; then Ink and React, which take half a second of computing to load, are
 * loaded and go on from it: never on the way to plain output, and React's slow checks of itself only where NODE_ENV asks for them. Keys
 * that are typed in between wait.
 */
export async function openScreen<Model, Action>(
  program: Program<Model, Action>,
  options: ScreenOptions,
): Promise<Opened<Model, Action>> {
  const { capabilities, stdin = process.stdin, stdout = process.stdout } = options;
  const { maxFps = FRAMES, mouse = program.mouse !== undefined } = options;
  let model = program.start;
  let isHelp = false;
  let isClosed = false;
  let isSuspended = false;
  let shower: Shower | undefined;
  let settle = (_model: Model): void => {};
  let reject = (_error: unknown): void => {};
  const closed = new Promise<Model>((resolve, refuse) => {
    settle = resolve;
    reject = refuse;
  });
  // Whoever waits is told of the error; that nobody waits yet is none.
  closed.catch(() => {});

  const sizeNow = (): Size => ({ columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 });
  const frame = (): string[] => {
    const size = sizeNow();
    const { columns, rows } = size;
    if (columns < SMALLEST.columns || rows < SMALLEST.rows) {
      return toAnsi(fitFrame(tooSmall(size), size), capabilities);
    }
    const body = { columns, rows: rows - 1 };
    const keys = program.keys(model);
    const shown = isHelp ? helpFrame(program.title, keys, body, capabilities) : program.view(model, body, capabilities);
    return toAnsi([...fitFrame(shown, body), hintLine(keys, columns, capabilities)], capabilities);
  };
  const guarded = (action: () => void) => {
    if (isClosed) return;
    try {
      action();
    } catch (error) {
      fail(error);
    }
  };

  // Draw at once, then at most every 1000 / maxFps milliseconds, the latest state last.
  let timer: NodeJS.Timeout | undefined;
  let isDue = false;
  const draw = () => {
    isDue = false;
    if (!isSuspended) guarded(() => shower?.show(frame()));
  };
  const redraw = () => {
    if (timer !== undefined) {
      isDue = true;
      return;
    }
    timer = setTimeout(() => {
      timer = undefined;
      if (isDue && !isClosed) redraw();
    }, 1000 / maxFps);
    draw();
  };

  const dispatch = (action: Action) => {
    guarded(() => {
      const before = model;
      model = program.reduce(model, action);
      if (model !== before) redraw();
      program.effect?.(action, screen, model, before);
    });
  };
  const onKey = (key: Key) => {
    const keys = program.keys(model);
    if (key === "ctrl-z") return terminal.suspend();
    // A ? in a text that is being typed is a letter.
    if (isHelp || (key === "?" && keys.text === undefined)) {
      isHelp = !isHelp;
      if (key !== "ctrl-c") return redraw();
    }
    const action = actionOf(keys, key);
    if (action !== undefined) dispatch(action);
  };
  const onInput = (input: string, key: InkKey) => guarded(() => keysOf(input, key).forEach(onKey));
  const onData = (data: string | Uint8Array) => {
    if (!mouse || isHelp) return;
    for (const event of mouseIn(String(data))) {
      guarded(() => {
        const { columns, rows } = sizeNow();
        const action = program.mouse?.(model, event, { columns, rows: rows - 1 });
        if (action !== undefined) dispatch(action);
      });
    }
  };

  const finish = () => {
    isClosed = true;
    clearTimeout(timer);
    stdin.off("data", onData);
    stdout.off("resize", redraw);
    // Ink's last words go to the other screen, which is then left.
    shower?.end();
    terminal.release();
    stdin.unref?.();
  };
  const close = () => {
    if (isClosed) return;
    finish();
    (shower?.ended ?? Promise.resolve()).then(() => settle(model), reject);
  };
  function fail(error: unknown): void {
    if (isClosed) return;
    finish();
    reject(error);
  }
  const screen = { dispatch, close, fail };

  // A program that cannot draw itself throws here, before the terminal is touched.
  const first = frame();
  const terminal = takeTerminal({
    stdin,
    stdout,
    process: options.process ?? process,
    mouse,
    onSignal: options.onSignal,
    onEnd: () => shower?.end(),
    onSuspend: () => {
      isSuspended = true;
    },
    onResume: () => {
      isSuspended = false;
      if (stdin.isTTY) stdin.setRawMode?.(true);
      // The other screen is empty again, and Ink does not know.
      shower?.forget();
      draw();
    },
  });
  if (stdin.isTTY) stdin.setRawMode?.(true);
  stdout.write(first.join("\r\n") + HOME);
  try {
    process.env.NODE_ENV ??= "production";
    const { startShowing } = await import("./screen.tsx");
    if (!isClosed) {
      shower = startShowing(isSuspended ? [] : frame(), { stdin, stdout, maxFps, onInput });
      shower.ended.catch(fail);
      stdin.on("data", onData);
      stdout.on("resize", redraw);
    }
  } catch (error) {
    fail(error);
  }
  return { ...screen, model: () => model, closed };
}

/** What puts frames on the terminal and hears keys: Ink, behind as much as is needed of it. */
export interface Shower {
  show(lines: readonly string[]): void;
  /** Somebody else wrote to the terminal: the next frame is drawn whole. */
  forget(): void;
  end(): void;
  /** Settles after `end`, when all is written; rejects with an error of rendering. */
  readonly ended: Promise<unknown>;
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
