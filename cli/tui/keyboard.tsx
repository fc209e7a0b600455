import { Writable } from "node:stream";
import { render, useInput } from "ink";
import type { InkKey } from "./keys.ts";
import type { TerminalInput } from "./terminal.ts";

/** Where Ink draws: nowhere. Rows are written by rows.ts, and Ink hears the keys: escape codes, pastes, Windows consoles. */
class Nowhere extends Writable {
  readonly isTTY = true;
  readonly columns = 80;
  readonly rows = 24;
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
}

function Keyboard({ onInput }: { readonly onInput: (input: string, key: InkKey) => void }) {
  useInput(onInput);
  return null;
}

/** Hear the keys of a terminal until `end`; `ended` rejects with what a listener throws. */
export function listenToKeys(stdin: TerminalInput, onInput: (input: string, key: InkKey) => void) {
  const app = render(<Keyboard onInput={onInput} />, {
    stdin: stdin as NodeJS.ReadStream,
    stdout: new Nowhere() as unknown as NodeJS.WriteStream,
    interactive: true,
    exitOnCtrlC: false,
    patchConsole: false,
  });
  return { end: () => app.unmount(), ended: app.waitUntilExit() };
}
