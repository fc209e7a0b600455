import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import xterm from "@xterm/headless";

const COLUMNS = 120;
const ROWS = 40;
/** Milliseconds after which what came of a key is over. */
const RIGHT_AFTER = 400;
/** Ends what is written of a frame: `SYNCHRONIZED` in cli/tui/terminal.ts. */
const FRAME_END = "\u001b[?2026l";

/**
 * A program on a terminal of 120 x 40. The terminal is util-linux's `script`, which does nothing but hand bytes on, and a screen in this
 * process, so what a real one needs to draw is not counted. Linux alone.
 */
export class Terminal {
  private readonly child: ChildProcess;
  private readonly begun = performance.now();
  private readonly screen = new xterm.Terminal({ cols: COLUMNS, rows: ROWS, allowProposedApi: true, convertEol: true });
  /** What was shown since the last key, each time that bytes came: when they came, in milliseconds, and the screen after them. */
  private seen: { readonly at: number; readonly text: string }[] = [];
  private frames = 0;

  constructor(main: string, args: readonly string[], folder: string) {
    const quoted = [process.execPath, main, ...args].map((each) => `'${each}'`).join(" ");
    const command = `unset CI; stty cols ${COLUMNS} rows ${ROWS}; exec ${quoted}`;
    this.child = spawn("script", ["-qfec", command, "/dev/null"], {
      cwd: folder,
      env: { ...process.env, TERM: "xterm-256color", LANG: "C.UTF-8" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const at = performance.now();
      this.frames += text.split(FRAME_END).length - 1;
      this.screen.write(text, () => this.seen.push({ at, text: this.shown() }));
    });
  }

  private shown(): string {
    const { active } = this.screen.buffer;
    const rows = Array.from({ length: ROWS }, (_, row) => active.getLine(row)?.translateToString(true) ?? "");
    return rows.join("\n");
  }

  /** Milliseconds from `from`, the start unless given, until what is looked for is shown. */
  async shows(isShown: (text: string) => boolean, from = this.begun): Promise<number> {
    for (let tries = 0; tries < 20_000; tries++) {
      const found = this.seen.find(({ text }) => isShown(text));
      if (found !== undefined) return found.at - from;
      await wait(1);
    }
    throw new Error(`never shown; there is\n${this.shown()}`);
  }

  /** Press a key. Milliseconds until the screen is another one, or shows what is looked for. */
  async press(key: string, isShown?: (text: string) => boolean): Promise<number> {
    const before = this.shown();
    this.seen = [];
    const from = performance.now();
    this.child.stdin?.write(key);
    const first = await this.shows(isShown ?? ((text) => text !== before), from);
    // What else comes of it is done before the next one.
    await wait(RIGHT_AFTER);
    return first;
  }

  /** Press a key that need not show anything. */
  async type(key: string): Promise<void> {
    this.child.stdin?.write(key);
    await wait(RIGHT_AFTER);
  }

  /** The program's own process: `script` has one child, the shell that became it. */
  private get pid(): number {
    return Number(readFileSync(`/proc/${this.child.pid}/task/${this.child.pid}/children`, "utf8").trim());
  }

  /** Seconds of computing so far. */
  computed(): number {
    const fields = readFileSync(`/proc/${this.pid}/stat`, "utf8").split(") ")[1].split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** Resident memory at most, MB. */
  peak(): number {
    const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, "utf8")) ?? [];
    return Number(kilobytes) / 1000;
  }

  /** Frames that were written so far. */
  count(): number {
    return this.frames;
  }

  async end(keys = "q"): Promise<void> {
    const ended = new Promise((resolve) => this.child.on("close", resolve));
    for (const key of keys) this.child.stdin?.write(key);
    await ended;
  }
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
