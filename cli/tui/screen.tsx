import { Box, render, Text, useInput } from "ink";
import { memo } from "react";
import { actionOf, helpFrame, hintLine, type InkKey, type Key, type KeyMap, keysOf } from "./keys.ts";
import { mouseIn } from "./mouse.ts";
import type { Opened, ScreenOptions } from "./open.ts";
import { toAnsi } from "./paint.ts";
import { type Program, SMALLEST } from "./program.ts";
import { type Frame, fitFrame, line, type Size } from "./span.ts";
import { takeTerminal } from "./terminal.ts";

const FRAMES = 30;

/** A frame on the screen: one text a row, since text nodes are what Ink spends its time on. */
function Rows({ lines, onInput }: { lines: readonly string[]; onInput: (input: string, key: InkKey) => void }) {
  useInput(onInput);
  return (
    <Box flexDirection="column">
      {lines.map((text, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place
        <OneRow key={row} text={text} />
      ))}
    </Box>
  );
}

/** A row that stays as it is costs nothing. */
const OneRow = memo(({ text }: { text: string }) => <Text wrap="truncate-end">{text}</Text>);

/** Runs a program on a terminal; see `openScreen`, which loads this module. */
export function startScreen<Model, Action>(
  program: Program<Model, Action>,
  options: ScreenOptions,
): Opened<Model, Action> {
  const { capabilities, stdin = process.stdin, stdout = process.stdout } = options;
  const { maxFps = FRAMES, mouse = program.mouse !== undefined } = options;
  let model = program.start;
  let isHelp = false;
  let isClosed = false;
  let isSuspended = false;
  let settle = (_model: Model): void => {};
  let reject = (_error: unknown): void => {};
  const closed = new Promise<Model>((resolve, refuse) => {
    settle = resolve;
    reject = refuse;
  });
  // Whoever waits is told of the error; that nobody waits yet is none.
  closed.catch(() => {});

  const sizeNow = (): Size => ({ columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 });
  const keysNow = (): KeyMap<Action> => program.keys(model);
  const frame = (): Frame => {
    const size = sizeNow();
    const { columns, rows } = size;
    if (columns < SMALLEST.columns || rows < SMALLEST.rows) return fitFrame(tooSmall(size), size);
    const body = { columns, rows: rows - 1 };
    const shown = isHelp
      ? helpFrame(program.title, keysNow(), body, capabilities)
      : program.view(model, body, capabilities);
    return [...fitFrame(shown, body), hintLine(keysNow(), columns, capabilities)];
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
    if (isSuspended) return;
    guarded(() => app.rerender(node()));
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
    const keys = keysNow();
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
  const node = () => <Rows lines={toAnsi(frame(), capabilities)} onInput={onInput} />;

  const finish = () => {
    isClosed = true;
    clearTimeout(timer);
    stdin.off("data", onData);
    stdout.off("resize", redraw);
    // Ink's last words go to the other screen, which is then left.
    app.unmount();
    terminal.release();
    stdin.unref?.();
  };
  const close = () => {
    if (isClosed) return;
    finish();
    app.waitUntilExit().then(() => settle(model), reject);
  };
  function fail(error: unknown): void {
    if (isClosed) return;
    finish();
    reject(error);
  }
  const screen = { dispatch, close, fail };

  const first = toAnsi(frame(), capabilities);
  const terminal = takeTerminal({
    stdin,
    stdout,
    process: options.process ?? process,
    mouse,
    onSignal: options.onSignal,
    onSuspend: () => {
      isSuspended = true;
    },
    onResume: () => {
      isSuspended = false;
      if (stdin.isTTY) stdin.setRawMode?.(true);
      // The other screen is empty again, and Ink does not know.
      app.clear();
      draw();
    },
  });
  const app = render(<Rows lines={first} onInput={onInput} />, {
    stdin: stdin as NodeJS.ReadStream,
    stdout: stdout as NodeJS.WriteStream,
    interactive: true,
    incrementalRendering: true,
    exitOnCtrlC: false,
    patchConsole: false,
    maxFps: 2 * maxFps,
  });
  stdin.on("data", onData);
  stdout.on("resize", redraw);
  app.waitUntilExit().catch(fail);
  return { ...screen, model: () => model, closed: closed };
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
