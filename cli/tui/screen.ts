import { TerminalGone } from "../errors.ts";
import type { Capabilities } from "../text/capabilities.ts";
import { toAnsi } from "./ansi.ts";
import type { listenToKeys } from "./keyboard.tsx";
import { actionOf, helpFrame, helpHint, hintLine, type InkKey, type Key, keysOf } from "./keys.ts";
import { type Mouse, mouseIn } from "./mouse.ts";
import { type Program, type Screen, SMALLEST } from "./program.ts";
import { createRowWriter } from "./rows.ts";
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

/** A program that runs on a terminal. */
interface Running<Model, Action> extends Screen<Action> {
  readonly model: () => Model;
  /** Settles when the program has been closed: the last model, or what was thrown. */
  readonly closed: Promise<Model>;
}

/** A program with a terminal of its own; when `closed` settles, the terminal has been given back. */
export interface Opened<Model, Action> extends Running<Model, Action> {
  /**
   * Show another program in the place of this one until that closes; this one goes on unseen. The terminal stays as it is in between, and
   * whatever ends this program ends the other.
   */
  over<M, A>(program: Program<M, A>, maxFps?: number): Running<M, A>;
}

/** A program as the terminal sees it, whatever its model is. */
interface Shown {
  readonly maxFps: number;
  /** @throws what the program's view throws. */
  frame(size: Size): string[];
  press(key: Key): void;
  point(mouse: Mouse, size: Size): void;
  fail(error: unknown): void;
}

const FRAMES = 30;

/**
 * Open a screen on the terminal. The first frame is written at once; then Ink and React, which take half a second of computing to load, are
 * loaded to hear the keys, while whoever opened the screen goes on: never on the way to plain output, and React's slow checks of itself only
 * where NODE_ENV asks for them. Keys that are typed in between wait in the stream.
 */
export async function openScreen<Model, Action>(
  program: Program<Model, Action>,
  options: ScreenOptions,
): Promise<Opened<Model, Action>> {
  const { capabilities, stdin = process.stdin, stdout = process.stdout } = options;
  const { maxFps = FRAMES, mouse = program.mouse !== undefined, process: host = process } = options;
  let isClosed = false;
  let isSuspended = false;
  let keyboard: ReturnType<typeof listenToKeys> | undefined;
  const rows = createRowWriter(stdout);

  const sizeNow = (): Size => ({ columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 });
  const frame = (): string[] => {
    const size = sizeNow();
    if (size.columns < SMALLEST.columns || size.rows < SMALLEST.rows) {
      return toAnsi(fitFrame(tooSmall(size), size), capabilities);
    }
    return shown.frame(size);
  };

  // Draw at once, then at most every 1000 / maxFps milliseconds, the latest state last.
  let timer: NodeJS.Timeout | undefined;
  let isDue = false;
  const draw = (): boolean => {
    isDue = false;
    return !isSuspended && rows.show(frame());
  };
  const redraw = () => {
    if (isClosed) return;
    if (timer !== undefined) {
      isDue = true;
      return;
    }
    try {
      // What looks the same as before is no frame: the next one need not wait for it.
      if (!draw()) return;
    } catch (error) {
      shown.fail(error);
      return;
    }
    timer = setTimeout(() => {
      timer = undefined;
      if (isDue) redraw();
    }, 1000 / shown.maxFps);
  };
  const onResize = () => {
    rows.forget();
    redraw();
  };
  const onInput = (input: string, key: InkKey) => {
    for (const each of keysOf(input, key)) shown.press(each);
  };
  const onData = (data: string | Uint8Array) => {
    if (!mouse) return;
    const body = bodyOf(sizeNow());
    for (const event of mouseIn(String(data))) shown.point(event, body);
  };

  /** Run a program; `leave` is called once when it closes or fails, and `ended` awaited before that is told. */
  function start<M, A>(program: Program<M, A>, maxFps: number, leave: () => void, ended: () => Promise<unknown>) {
    let model = program.start;
    /** The page of the help that is shown; null where there is none. */
    let help: number | null = null;
    let isOver = false;
    let settle = (_model: M): void => {};
    let reject = (_error: unknown): void => {};
    const closed = new Promise<M>((resolve, refuse) => {
      settle = resolve;
      reject = refuse;
    });
    // Whoever waits is told of the error; that nobody waits yet is none.
    closed.catch(() => {});

    const guarded = (action: () => unknown) => {
      if (isOver) return;
      try {
        action();
      } catch (error) {
        fail(error);
      }
    };
    const changed = () => {
      if (shown === running) redraw();
    };
    const dispatch = (action: A) => {
      guarded(() => {
        const before = model;
        model = program.reduce(model, action, bodyOf(sizeNow()));
        if (model !== before) changed();
        program.effect?.(action, screen, model, before);
      });
    };
    const helpAt = (page: number, size: Size) =>
      helpFrame(program.title, program.keys(model), size, capabilities, page, program.signs?.(capabilities));
    const isMoreHelp = (page: number): boolean => page + 1 < helpAt(page, bodyOf(sizeNow())).pages;
    const press = (key: Key) => {
      const keys = program.keys(model);
      if (key === "ctrl-z") return terminal.suspend();
      // A ? in a text that is being typed is a letter.
      if (help !== null || (key === "?" && keys.text === undefined)) {
        help = help === null ? 0 : key === "space" && isMoreHelp(help) ? help + 1 : null;
        if (key !== "ctrl-c") return changed();
      }
      const action = actionOf(keys, key);
      if (action !== undefined) dispatch(action);
    };
    const point = (mouse: Mouse, size: Size) => {
      if (help !== null) return;
      const action = program.mouse?.(model, mouse, size);
      if (action !== undefined) dispatch(action);
    };
    const end = (tell: () => void, tellLate: (error: unknown) => void) => {
      if (isOver) return;
      isOver = true;
      leave();
      ended().then(tell, tellLate);
    };
    const close = () => end(() => settle(model), reject);
    /** What is thrown while it closes is a consequence, and not told. */
    function fail(error: unknown): void {
      const tell = () => reject(error);
      end(tell, tell);
    }
    const screen = { dispatch, close, fail };
    const running = {
      ...{ ...screen, closed, maxFps, model: () => model },
      press: (key: Key) => guarded(() => press(key)),
      point: (mouse: Mouse, size: Size) => guarded(() => point(mouse, size)),
      frame: (size: Size): string[] => {
        const body = bodyOf(size);
        const keys = program.keys(model);
        if (help === null) {
          const drawn = program.view(model, body, capabilities);
          return toAnsi([...fitFrame(drawn, body), hintLine(keys, body.columns, capabilities)], capabilities);
        }
        const shownHelp = helpAt(help, body);
        return toAnsi([...fitFrame(shownHelp.frame, body), helpHint(shownHelp, body.columns)], capabilities);
      },
    };
    return running;
  }

  let ended: Promise<unknown> = Promise.resolve();
  const main = start(
    program,
    maxFps,
    () => {
      isClosed = true;
      clearTimeout(timer);
      stdin.off("data", onData);
      stdout.off("resize", onResize);
      try {
        keyboard?.end();
        ended = keyboard?.ended ?? ended;
      } catch (error) {
        // The terminal is given back all the same.
        ended = Promise.reject(error);
      }
      terminal.release();
      host.off("uncaughtException", main.fail);
      stdin.off("error", onGone);
      stdout.off("error", onGone);
      stdin.unref?.();
    },
    () => ended,
  );
  const onGone = (error: unknown) => main.fail(new TerminalGone(error));
  let shown: Shown = main;

  // A program that cannot draw itself throws here, before the terminal is touched.
  frame();
  const terminal = takeTerminal({
    stdin,
    stdout,
    process: host,
    mouse,
    onSignal: options.onSignal,
    onSuspend: () => {
      isSuspended = true;
    },
    onResume: () => {
      isSuspended = false;
      if (stdin.isTTY) stdin.setRawMode?.(true);
      // The other screen is empty again.
      onResize();
    },
  });
  // What a timer or a stream of a screen throws reaches nobody else: before it is told, the terminal is given back.
  host.on("uncaughtException", main.fail);
  stdin.on("error", onGone);
  stdout.on("error", onGone);
  stdout.on("resize", onResize);
  redraw();
  async function listen(): Promise<void> {
    try {
      if (stdin.isTTY) stdin.setRawMode?.(true);
      process.env.NODE_ENV ??= "production";
      const { listenToKeys } = await import("./keyboard.tsx");
      if (isClosed) return;
      keyboard = listenToKeys(stdin, onInput);
      keyboard.ended.catch(main.fail);
      stdin.on("data", onData);
    } catch (error) {
      main.fail(error);
    }
  }
  void listen();
  return {
    ...{ dispatch: main.dispatch, close: main.close, fail: main.fail, model: main.model, closed: main.closed },
    over: (other, fps = FRAMES) => {
      const back = () => {
        shown = main;
        redraw();
      };
      const guest = start(other, fps, back, async () => {});
      main.closed.then(guest.close, guest.fail);
      shown = guest;
      redraw();
      return guest;
    },
  };
}

/** What is left of the terminal beside the row that says what keys do. */
const bodyOf = ({ columns, rows }: Size): Size => ({ columns, rows: rows - 1 });

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
