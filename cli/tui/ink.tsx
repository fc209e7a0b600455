import { Writable } from "node:stream";
import { Box, render, Transform, useInput, usePaste } from "ink";
import { memo, useSyncExternalStore } from "react";
import type { InkKey } from "./keys.ts";
import type { Size } from "./span.ts";
import { SYNCHRONIZED, type TerminalInput, type TerminalOutput } from "./terminal.ts";

/** What Ink shows, and who hears what Ink hears. */
export interface InkSource {
  /** The screen's rows with escape codes, none wider than the screen. The same array as long as they are the same. */
  readonly rows: () => readonly string[];
  /** Call back whenever `rows` is another array, until the returned function is called. */
  readonly subscribe: (changed: () => void) => () => void;
  readonly onInput: (input: string, key: InkKey) => void;
  readonly onPaste: (text: string) => void;
}

export interface InkOptions {
  readonly stdin: TerminalInput;
  readonly stdout: TerminalOutput;
  readonly size: () => Size;
  /** Whether the terminal is ours. What Ink writes when it is not goes nowhere. */
  readonly isOurs: () => boolean;
  /** Frames a second at most. */
  readonly maxFps: number;
  /** The terminal has taken all that was written. */
  readonly onTaken: () => void;
}

export interface InkScreen {
  /** Whether the terminal has still to take a part of what was written. */
  isBusy(): boolean;
  /** Draw every row again: the terminal has another size, or shows something else. */
  repaint(): void;
  end(): void;
  /** Settles after {@link end}; rejects with what a component throws. */
  readonly ended: Promise<unknown>;
}

/** An empty screen, which a terminal shows only together with the frame that Ink writes next. */
const EMPTY = `${SYNCHRONIZED.begin}\u001b[H\u001b[J`;

/**
 * A row is as wide as the screen already. Given as a transformed dot, Ink need not measure it, wrap it and take it apart twice: half of the
 * computing of a frame.
 */
const Row = memo(({ text }: { readonly text: string }) => <Transform transform={() => text}>.</Transform>);

function Rows({ source }: { readonly source: InkSource }) {
  useInput(source.onInput);
  usePaste(source.onPaste);
  const rows = useSyncExternalStore(source.subscribe, source.rows);
  return (
    <Box flexDirection="column">
      {rows.map((text, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place on the screen
        <Row key={place} text={text} />
      ))}
    </Box>
  );
}

/**
 * Have Ink draw and hear keys until `end`. The terminal's own state (the other screen, cursor, mouse, raw input) is not Ink's: see
 * terminal.ts.
 */
export function openInk(source: InkSource, options: InkOptions): InkScreen {
  const canvas = canvasOf(options);
  canvas.write(EMPTY);
  const app = render(<Rows source={source} />, {
    stdin: options.stdin,
    stdout: canvas,
    maxFps: options.maxFps,
    incrementalRendering: true,
    interactive: true,
    exitOnCtrlC: false,
    patchConsole: false,
    isScreenReaderEnabled: false,
  });
  return {
    isBusy: () => canvas.writableLength > 0,
    repaint: () => {
      app.clear();
      canvas.write(EMPTY);
      app.rerender(<Rows source={source} />);
    },
    end: () => app.unmount(),
    ended: app.waitUntilExit(),
  };
}

/**
 * The terminal as Ink has it. It never tells Ink of another size, since Ink would draw the old rows in it once more: whoever makes the rows
 * asks for {@link InkScreen.repaint}.
 */
function canvasOf({ stdout, size, isOurs, onTaken }: InkOptions): Writable {
  const canvas: Writable = new Writable({
    decodeStrings: false,
    write: (text: string, _encoding, done) => {
      if (!isOurs()) return done();
      stdout.write(text, () => {
        // That it failed is heard by whoever listens to the terminal itself.
        done();
        if (canvas.writableLength === 0) onTaken();
      });
    },
  });
  return Object.defineProperties(canvas, {
    isTTY: { value: true },
    columns: { get: () => size().columns },
    rows: { get: () => size().rows },
  });
}
