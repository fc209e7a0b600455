import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { capabilitiesOf } from "../../../cli/text/capabilities.ts";
import { MAIN, ROOT } from "../halfwatch.ts";

const XTERM = { TERM: "xterm-256color", LANG: "en_US.UTF-8" };

test.each([
  ["a modern terminal", { ...XTERM, COLORTERM: "truecolor" }, "truecolor"],
  ["256 colours by name", XTERM, "256"],
  ["an old terminal", { TERM: "xterm" }, "16"],
  ["tmux", { TERM: "tmux-256color" }, "256"],
  ["a terminal with direct colour", { TERM: "xterm-direct" }, "truecolor"],
  ["a dumb terminal", { TERM: "dumb" }, "none"],
  ["no TERM at all", {}, "none"],
  ["NO_COLOR wins over everything", { ...XTERM, COLORTERM: "truecolor", NO_COLOR: "1", FORCE_COLOR: "3" }, "none"],
  ["an empty NO_COLOR is none (no-color.org)", { ...XTERM, NO_COLOR: "" }, "256"],
  ["FORCE_COLOR=0", { ...XTERM, FORCE_COLOR: "0" }, "none"],
  ["FORCE_COLOR=1", { ...XTERM, FORCE_COLOR: "1" }, "16"],
  ["FORCE_COLOR=2 without a TERM", { FORCE_COLOR: "2" }, "256"],
  ["FORCE_COLOR=3", { TERM: "xterm", FORCE_COLOR: "3" }, "truecolor"],
  ["FORCE_COLOR=true says that there are some", { TERM: "dumb", FORCE_COLOR: "true" }, "16"],
])("colours: %s", (_, environment, colours) => {
  expect(capabilitiesOf(environment, "linux").colours).toBe(colours);
});

test.each([
  ["a UTF-8 locale", { TERM: "xterm", LANG: "de_DE.utf8" }, "linux", true],
  ["LC_ALL overrules LANG", { TERM: "xterm", LC_ALL: "C", LANG: "de_DE.UTF-8" }, "linux", false],
  ["an empty LC_ALL does not", { TERM: "xterm", LC_ALL: "", LANG: "de_DE.UTF-8" }, "linux", true],
  ["no locale", { TERM: "xterm" }, "linux", false],
  ["a Mac", { TERM: "xterm" }, "darwin", true],
  ["the kernel's console", { TERM: "linux", LANG: "C.UTF-8" }, "linux", false],
  ["the old Windows console", {}, "win32", false],
  ["Windows Terminal", { WT_SESSION: "1" }, "win32", true],
  ["asked for ASCII", { ...XTERM, HALFWATCH_ASCII: "1" }, "linux", false],
] as const)("Unicode: %s", (_, environment, platform, unicode) => {
  expect(capabilitiesOf(environment, platform).unicode).toBe(unicode);
});

test.each([
  ["demo", "--plain"],
  ["eval", "scenarios/quickstart.yaml", "--policy", "optimal:naive"],
])("lines on a terminal without Unicode are ASCII, in a pipe they are what they are anywhere: %s", (...args) => {
  const lines = (before: string): string => {
    const command = ["--import", `data:text/javascript,${before}`, MAIN, ...args];
    const environment = { ...process.env, TERM: "xterm", LC_ALL: "C" };
    return spawnSync(process.execPath, command, { cwd: ROOT, env: environment, encoding: "utf8" }).stdout;
  };
  expect(lines("process.stdout.isTTY=true")).toMatch(/^[\n -~]+$/);
  expect(lines("")).toMatch(/[^\n -~]/);
});
