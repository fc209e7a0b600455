import { expect } from "vitest";
import type { Capabilities } from "../../../cli/text/capabilities.ts";
import type { Size } from "../../../cli/tui/span.ts";
import { CLEAN, type FakeTerminal } from "./fake-terminal.ts";

type Open<M, A> = (size: Size, capabilities: Capabilities) => Promise<FakeTerminal<M, A>>;

const SIZES: readonly (readonly [number, number])[] = [
  [60, 20],
  [80, 24],
  [120, 40],
  [200, 60],
];
const CAPABILITIES: readonly Capabilities[] = [
  ...(["none", "16", "256", "truecolor"] as const).map((colours) => ({ colours, unicode: true })),
  { colours: "none", unicode: false },
];
const ESCAPE = "\u001b";
const PLAIN = CAPABILITIES[0];
const size = ([columns, rows]: readonly [number, number]): Size => ({ columns, rows });

/** What any view has to bear: terminals of all sizes and kinds, another size, Ctrl-Z, no terminal any more. `busy`: keys that keep it at work. */
export async function endures<M, A>(open: Open<M, A>, busy: readonly string[] = []): Promise<void> {
  const letters = new Set<string>();
  for (const capabilities of CAPABILITIES) {
    for (const each of SIZES) {
      const where = `${each.join(" x ")}, ${JSON.stringify(capabilities)}`;
      const terminal = await open(size(each), capabilities);
      const rows = terminal.visible();
      expect(rows, where).toHaveLength(each[1]);
      expect(rows.at(-1), where).toMatch(/\? keys$/);
      if (!capabilities.unicode) expect(rows.join("").match(/[^\x20-\x7e]/g), where).toBeNull();
      // Colours say nothing that letters do not say too.
      if (capabilities.unicode) letters.add(`${each} ${rows.join("\n")}`);
      const codes = terminal.stdout.written.split(ESCAPE);
      const colours = codes.filter((code) => /^\[(\d+;)*([349]\d|10\d)(;\d+)*m/.test(code));
      expect(colours.length > 0, where).toBe(capabilities.colours !== "none");
      await terminal.end();
      expect(terminal.state(), where).toEqual(CLEAN);
    }
  }
  expect(letters.size).toBe(SIZES.length);

  const terminal = await open(size([80, 24]), PLAIN);
  const before = terminal.visible();
  await terminal.resize({ columns: 50, rows: 15 });
  expect(terminal.visible().join("\n")).toMatch(/This terminal is a little small\.[\s\S]*It has 50 x 15,/);
  await terminal.resize({ columns: 80, rows: 24 });
  expect(terminal.visible()).toEqual(before);
  await terminal.press("ctrl-z");
  expect(terminal.state()).toEqual(CLEAN);
  terminal.process.emit("SIGCONT");
  await terminal.settle();
  expect(terminal.visible()).toEqual(before);

  for (const key of busy) terminal.stdin.write(key);
  for (const each of SIZES) {
    Object.assign(terminal.stdout, size(each));
    terminal.stdout.emit("resize");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await terminal.resize({ columns: 100, rows: 30 });
  expect(terminal.visible().at(-1)).toMatch(/\? keys$/);
  terminal.stdout.on("error", () => terminal.process.exit(0)); // as cli/program.ts does
  terminal.stdout.gone = true;
  await terminal.resize({ columns: 90, rows: 25 });
  expect(terminal.process.exitCode).toBe(0);
  await terminal.end();
}
