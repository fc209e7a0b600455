import { EventEmitter } from "node:events";
import { PassThrough, Writable } from "node:stream";
import xterm from "@xterm/headless";
import type { Capabilities } from "../../../cli/text/capabilities.ts";
import type { Program } from "../../../cli/tui/program.ts";
import { type Opened, openScreen } from "../../../cli/tui/screen.ts";
import type { Size } from "../../../cli/tui/span.ts";
import type { ProcessEvents } from "../../../cli/tui/terminal.ts";

export const ASCII: Capabilities = { colours: "none", unicode: false };
export const COLOURS: Capabilities = { colours: "truecolor", unicode: true };

const ESCAPE = "\u001b";
/** What a terminal sends for keys that have names here. */
const SENT: Readonly<Record<string, string>> = {
  up: `${ESCAPE}[A`,
  down: `${ESCAPE}[B`,
  right: `${ESCAPE}[C`,
  left: `${ESCAPE}[D`,
  home: `${ESCAPE}[H`,
  end: `${ESCAPE}[F`,
  pageup: `${ESCAPE}[5~`,
  pagedown: `${ESCAPE}[6~`,
  enter: "\r",
  tab: "\t",
  "shift-tab": `${ESCAPE}[Z`,
  escape: ESCAPE,
  space: " ",
  backspace: "\u007f",
  "ctrl-c": "\u0003",
  "ctrl-u": "\u0015",
  "ctrl-w": "\u0017",
  "ctrl-z": "\u001a",
};

class FakeInput extends PassThrough {
  readonly isTTY = true;
  raw = false;
  setRawMode(on: boolean): this {
    this.raw = on;
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

class FakeOutput extends Writable {
  readonly isTTY = true;
  columns: number;
  rows: number;
  /** All that was written, to look for escape codes. */
  written = "";
  /** Whether the terminal has gone: writing to it fails. */
  gone = false;
  private readonly terminal: xterm.Terminal;
  /** Settles when the terminal takes bytes again. */
  private held: Promise<void> = Promise.resolve();

  constructor(terminal: xterm.Terminal, { columns, rows }: Size) {
    super({ decodeStrings: false });
    this.terminal = terminal;
    this.columns = columns;
    this.rows = rows;
  }

  /** Take nothing more, as a terminal over a slow line, until the returned function is called. */
  hold(): () => void {
    let go = (): void => {};
    this.held = new Promise((resolve) => {
      go = resolve;
    });
    return go;
  }

  override _write(chunk: string | Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.gone) {
      done(Object.assign(new Error("write EIO"), { code: "EIO" }));
      return;
    }
    this.written += String(chunk);
    void this.held.then(() => this.terminal.write(String(chunk), () => done()));
  }
}

/** The process as a screen sees it: what it listens to, and what it does to itself. */
class FakeProcess extends EventEmitter implements ProcessEvents {
  readonly pid = 4242;
  readonly platform = "linux";
  readonly killed: (readonly [number, string])[] = [];
  exitCode: number | undefined;
  kill(pid: number, signal: NodeJS.Signals): void {
    this.killed.push([pid, signal]);
    // The terminal's whole group: that is us too.
    if (pid === 0) this.emit(signal);
  }
  exit(code: number): void {
    this.exitCode = code;
    this.emit("exit");
  }
}

/** A program on a terminal that exists in memory alone: what is visible is read back, not what was written. */
export class FakeTerminal<Model, Action> {
  readonly stdin = new FakeInput();
  readonly stdout: FakeOutput;
  readonly process = new FakeProcess();
  private readonly terminal: xterm.Terminal;
  screen!: Opened<Model, Action>;

  /** A terminal on which nothing has been opened; `screen` is there once somebody sets it. */
  constructor(size: Size) {
    this.terminal = new xterm.Terminal({
      cols: size.columns,
      rows: size.rows,
      allowProposedApi: true,
      convertEol: true,
    });
    this.stdout = new FakeOutput(this.terminal, size);
  }

  static async open<Model, Action>(
    program: Program<Model, Action>,
    size: Size = { columns: 80, rows: 24 },
    options: { capabilities?: Capabilities; unheard?: boolean; onSignal?: (signal: string) => void } = {},
  ): Promise<FakeTerminal<Model, Action>> {
    const fake = new FakeTerminal<Model, Action>(size);
    // What stood there before must stand there afterwards.
    await new Promise<void>((done) => fake.terminal.write("$ halfwatch\r\n", done));
    fake.screen = await openScreen(program, {
      capabilities: options.capabilities ?? { colours: "none", unicode: true },
      stdin: fake.stdin,
      stdout: fake.stdout,
      process: fake.process,
      maxFps: 1000,
      ...(options.onSignal && { onSignal: options.onSignal }),
    });
    // What hears the keys is still being loaded.
    if (options.unheard) return fake;
    while (!fake.isHeard()) await fake.settle();
    await fake.settle();
    return fake;
  }

  /** Whether somebody reads what is typed. */
  isHeard(): boolean {
    return this.stdin.listenerCount("data") > 0;
  }

  /** Wait until nothing more is drawn: input that has been parsed, frames that are due, bytes that are on their way. */
  async settle(): Promise<void> {
    for (let quiet = 0, seen = -1; quiet < 3; ) {
      await new Promise((resolve) => setTimeout(resolve, 12));
      quiet = this.stdout.written.length === seen ? quiet + 1 : 0;
      seen = this.stdout.written.length;
    }
  }

  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) this.stdin.write(SENT[key] ?? key);
    await this.settle();
  }

  /** A click of the left button; column and row from 0. */
  async click(column: number, row: number): Promise<void> {
    this.stdin.write(`${ESCAPE}[<0;${column + 1};${row + 1}M${ESCAPE}[<0;${column + 1};${row + 1}m`);
    await this.settle();
  }

  async resize(size: Size): Promise<void> {
    this.terminal.resize(size.columns, size.rows);
    Object.assign(this.stdout, size);
    this.stdout.emit("resize");
    await this.settle();
  }

  /** What a person sees, row by row, blanks at the ends left out. */
  visible(): string[] {
    const { active } = this.terminal.buffer;
    return Array.from({ length: this.terminal.rows }, (_, row) =>
      (active.getLine(active.viewportY + row)?.translateToString(true) ?? "").trimEnd(),
    );
  }

  /** The state that a shell finds afterwards. */
  state() {
    const { written } = this.stdout;
    const last = (on: string, off: string) => written.lastIndexOf(on) > written.lastIndexOf(off);
    return {
      screen: this.terminal.buffer.active.type,
      cursorHidden: last(`${ESCAPE}[?25l`, `${ESCAPE}[?25h`),
      mouse: this.terminal.modes.mouseTrackingMode,
      wrap: this.terminal.modes.wraparoundMode,
      paste: this.terminal.modes.bracketedPasteMode,
      raw: this.stdin.raw,
    };
  }

  /** Close it if it is open, and wait. */
  async end(): Promise<void> {
    this.screen.close();
    await this.screen.closed.catch(() => {});
    await this.settle();
  }
}

/** What {@link FakeTerminal.state} is before and after. */
export const CLEAN = { screen: "normal", cursorHidden: false, mouse: "none", wrap: true, paste: false, raw: false };
