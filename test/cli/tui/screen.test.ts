import { describe, expect, test } from "vitest";
import type { Program } from "../../../cli/tui/program.ts";
import { line, span } from "../../../cli/tui/span.ts";
import { CLEAN, FakeTerminal } from "./fake-terminal.ts";

type Action = "more" | "less" | "quit" | "throw" | { readonly at: readonly [number, number] };
interface Model {
  readonly count: number;
  readonly at: readonly [number, number] | null;
}

/** Counts; `t` throws while it draws. */
const counter: Program<Model, Action> = {
  title: "counter",
  start: { count: 0, at: null },
  reduce: (model, action) => {
    if (typeof action === "object") return { ...model, at: action.at };
    if (action === "throw") return { ...model, count: Number.NaN };
    if (action === "quit") return model;
    return { ...model, count: model.count + (action === "more" ? 1 : -1) };
  },
  view: ({ count, at }, { columns, rows }) => {
    if (Number.isNaN(count)) throw new Error("cannot draw this");
    return [line(`count ${count}`), line(`${columns} x ${rows}`), line(at === null ? "" : `clicked ${at.join(", ")}`)];
  },
  keys: () => ({
    bindings: [
      { keys: ["up", "+"], action: "more", hint: "more", help: "count one more" },
      { keys: ["down", "-"], action: "less", hint: "less", help: "count one less" },
      { keys: ["t"], action: "throw", help: "throw an error while drawing" },
      { keys: ["q", "ctrl-c"], action: "quit", hint: "quit", help: "leave" },
    ],
  }),
  mouse: (_model, { kind, column, row }) => (kind === "press" ? { at: [column, row] } : undefined),
  effect: (action, screen) => {
    if (action === "quit") screen.close();
  },
};

test("keys reach the model and the frame shows it; the last row says what keys do; nothing is left behind", async () => {
  const terminal = await FakeTerminal.open(counter, { columns: 60, rows: 20 });
  expect(terminal.state()).toEqual({
    screen: "alternate",
    cursorHidden: true,
    mouse: "drag",
    wrap: false,
    paste: true,
    raw: true,
  });
  await terminal.press("up", "up", "+", "down");
  const rows = terminal.visible();
  expect(rows.slice(0, 3)).toEqual(["count 2", "60 x 19", ""]);
  expect(rows[19]).toBe(" ↑+ more  ↓- less  q quit  ? keys");
  await terminal.press("q");
  expect(await terminal.screen.closed).toEqual({ count: 2, at: null });
  expect(terminal.state()).toEqual(CLEAN);
  expect(terminal.visible().slice(0, 2)).toEqual(["$ halfwatch", ""]);
});

test("letters that arrive together are keys one after another", async () => {
  const terminal = await FakeTerminal.open(counter);
  await terminal.press("+++-+");
  expect(terminal.visible()[0]).toBe("count 3");
  await terminal.end();
});

test("the mouse is heard in cells from 0, and its bytes are no keys", async () => {
  const terminal = await FakeTerminal.open(counter);
  await terminal.click(4, 17);
  expect(terminal.visible().slice(0, 3)).toEqual(["count 0", "80 x 23", "clicked 4, 17"]);
  await terminal.end();
});

test("a resize is drawn in the new size, too small a one is said kindly, and the way back is found", async () => {
  const terminal = await FakeTerminal.open(counter);
  await terminal.resize({ columns: 120, rows: 40 });
  expect(terminal.visible()[1]).toBe("120 x 39");
  await terminal.resize({ columns: 40, rows: 10 });
  expect(terminal.visible()).toEqual([
    "",
    "",
    " This terminal is a little small.",
    "",
    " It has 40 x 10,",
    " and needs 60 x 20.",
    "",
    " Make it larger, or ask for --plain.",
    "",
    "",
  ]);
  await terminal.press("up");
  await terminal.resize({ columns: 60, rows: 20 });
  expect(terminal.visible().slice(0, 2)).toEqual(["count 1", "60 x 19"]);
  expect(terminal.visible()[19]).toContain("? keys");
  await terminal.end();
});

test("? shows every key, and any key closes it without doing anything else", async () => {
  const terminal = await FakeTerminal.open(counter, { columns: 60, rows: 20 });
  await terminal.press("?");
  expect(terminal.visible().slice(0, 9)).toEqual([
    "",
    "  counter: keys",
    "",
    "  ↑+        count one more",
    "  ↓-        count one less",
    "  t         throw an error while drawing",
    "  q ctrl-c  leave",
    "  ?         this help",
    "  ctrl-z    suspend; `fg` comes back",
  ]);
  expect(terminal.visible()[19]).toBe(" any key closes this");
  await terminal.press("up");
  expect(terminal.visible()[0]).toBe("count 0");
  await terminal.end();
});

test.each(["none", "truecolor"] as const)(
  "a row that fills the terminal keeps its last column, over another one too: colours %s",
  async (colours) => {
    const capabilities = { colours, unicode: true };
    const row = (letter: string) => [span(letter.repeat(59), { tone: "bad" }), span("!", { bold: true })];
    const full = { ...counter, view: ({ count }: Model) => [row("a"), row(count === 0 ? "b" : "c"), line("short")] };
    const terminal = await FakeTerminal.open(full, { columns: 60, rows: 20 }, { capabilities });
    expect(terminal.visible().slice(0, 3)).toEqual([`${"a".repeat(59)}!`, `${"b".repeat(59)}!`, "short"]);
    await terminal.press("up");
    expect(terminal.visible().slice(0, 3)).toEqual([`${"a".repeat(59)}!`, `${"c".repeat(59)}!`, "short"]);
    // Where xterm.js is past the last column, others stand on it: erasing the rest would erase it.
    const written = terminal.stdout.written.replaceAll("\u001b", "").replaceAll("[0m", "");
    expect(written).not.toMatch(/!\[\d*K/);
    await terminal.end();
  },
);

test("space turns the help's pages, and the last one closes", async () => {
  const many = Array.from({ length: 20 }, (_, i) => ({
    keys: [`${i}`],
    action: "less" as const,
    help: `number ${i}.`,
  }));
  const crowded = { ...counter, keys: () => ({ bindings: [...many, ...counter.keys(counter.start).bindings] }) };
  const terminal = await FakeTerminal.open(crowded, { columns: 60, rows: 20 });
  await terminal.press("?");
  expect(terminal.visible()[1]).toBe("  counter: keys, page 1 of 2");
  expect(terminal.visible()[19]).toBe(" space next page  any other key closes this");
  expect(terminal.visible().join("\n")).not.toContain("number 19.");
  await terminal.press("space");
  expect(terminal.visible()[1]).toBe("  counter: keys, page 2 of 2");
  expect(terminal.visible().join("\n")).toContain("number 19.");
  await terminal.press("space");
  expect(terminal.visible()[0]).toBe("count 0");
  await terminal.press("?", "up");
  expect(terminal.visible()[0]).toBe("count 0");
  await terminal.end();
});

test("an error while drawing gives the terminal back and comes out where the screen was opened", async () => {
  const terminal = await FakeTerminal.open(counter);
  await terminal.press("t");
  await expect(terminal.screen.closed).rejects.toThrow("cannot draw this");
  expect(terminal.state()).toEqual(CLEAN);
});

test.each([
  ["SIGTERM", 143],
  ["SIGINT", 130],
  ["SIGHUP", 129],
])("%s gives the terminal back and ends with %d", async (signal, code) => {
  const terminal = await FakeTerminal.open(counter);
  terminal.process.emit(signal);
  await terminal.settle();
  expect(terminal.state()).toEqual(CLEAN);
  expect(terminal.process.exitCode).toBe(code);
  await terminal.end();
  // No last frame went to the shell's screen.
  expect(terminal.visible().slice(0, 2)).toEqual(["$ halfwatch", ""]);
});

test("who has work to save is told of a signal and keeps the screen until he closes it", async () => {
  const heard: string[] = [];
  const terminal = await FakeTerminal.open(counter, undefined, { onSignal: (signal) => heard.push(signal) });
  terminal.process.emit("SIGTERM");
  await terminal.settle();
  expect(heard).toEqual(["SIGTERM"]);
  expect(terminal.state().screen).toBe("alternate");
  await terminal.end();
  expect(terminal.process.exitCode).toBeUndefined();
  expect(terminal.state()).toEqual(CLEAN);
});

test("on exit the terminal is given back before anything is printed", async () => {
  const terminal = await FakeTerminal.open(counter);
  terminal.process.emit("exit");
  await terminal.settle();
  expect(terminal.state()).toEqual(CLEAN);
  await terminal.end();
  expect(terminal.visible().slice(0, 2)).toEqual(["$ halfwatch", ""]);
});

test("an error that nobody caught gives the terminal back and comes out where the screen was opened", async () => {
  const terminal = await FakeTerminal.open(counter);
  terminal.process.emit("uncaughtException", new Error("from a timer"));
  await expect(terminal.screen.closed).rejects.toThrow("from a timer");
  await terminal.settle();
  expect(terminal.state()).toEqual(CLEAN);
  expect(terminal.visible().slice(0, 2)).toEqual(["$ halfwatch", ""]);
  expect(terminal.process.eventNames()).toEqual([]);
});

test.each(["read", "written"])(
  "a terminal that cannot be %s any more closes the screen, which says so",
  async (how) => {
    const terminal = await FakeTerminal.open(counter);
    // As the program does: what is written last finds no screen that listens.
    terminal.stdout.on("error", () => {});
    if (how === "written") terminal.stdout.gone = true;
    else terminal.stdin.destroy(new Error("read EIO"));
    if (how === "written") await terminal.press("up");
    await expect(terminal.screen.closed).rejects.toThrow(/^the terminal has gone: (read|write) EIO$/);
  },
);

test("ctrl-z gives the terminal back, stops, and fg brings back the same frame", async () => {
  const terminal = await FakeTerminal.open(counter);
  await terminal.press("up", "ctrl-z");
  expect(terminal.process.killed).toEqual([
    [0, "SIGTSTP"],
    [4242, "SIGSTOP"],
  ]);
  expect(terminal.state()).toEqual(CLEAN);
  terminal.process.emit("SIGCONT");
  await terminal.settle();
  expect(terminal.state()).toMatchObject({ screen: "alternate", raw: true, mouse: "drag", cursorHidden: true });
  expect(terminal.visible()[0]).toBe("count 1");
  expect(terminal.visible()[23]).toContain("? keys");
  await terminal.press("up");
  expect(terminal.visible()[0]).toBe("count 2");
  await terminal.end();
  expect(terminal.state()).toEqual(CLEAN);
});

test("no listener stays on the process after a screen", async () => {
  const terminal = await FakeTerminal.open(counter);
  expect(terminal.process.eventNames().length).toBeGreaterThan(5);
  await terminal.end();
  expect(terminal.process.eventNames()).toEqual([]);
});

test("a changed number costs few bytes: rows that stay are not written again, nor is a frame that looks the same", async () => {
  const terminal = await FakeTerminal.open(counter, { columns: 120, rows: 40 });
  const sent = async (key: string) => {
    const before = terminal.stdout.written.length;
    await terminal.press(key);
    return terminal.stdout.written.slice(before);
  };
  const one = await sent("up");
  expect(one).toContain("1");
  expect(one).not.toMatch(/120|clicked|keys/);
  expect(one.length).toBeLessThan(200);
  const unseen = { ...counter, view: () => [line("always the same")] };
  const still = await FakeTerminal.open(unseen, { columns: 120, rows: 40 });
  const before = still.stdout.written.length;
  await still.press("up");
  expect(still.screen.model().count).toBe(1);
  expect(still.stdout.written.length).toBe(before);
  await Promise.all([terminal.end(), still.end()]);
});

test("a slow terminal sets the pace: no frame is made before it has taken the last one", async () => {
  let made = 0;
  const counted: Program<Model, Action> = {
    ...counter,
    view: (...given) => {
      made++;
      return counter.view(...given);
    },
  };
  const terminal = await FakeTerminal.open(counted);
  const go = terminal.stdout.hold();
  const before = made;
  for (let i = 0; i < 100; i++) {
    terminal.screen.dispatch("more");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  expect(made - before).toBeLessThan(10);
  go();
  await terminal.settle();
  expect(terminal.visible()[0]).toBe("count 100");
  await terminal.end();
});

test("a paste is typed where a text is asked for, as one line, and does nothing elsewhere", async () => {
  const prompt: Program<{ readonly text: string | null }, "ask" | { readonly typed: string }> = {
    title: "prompt",
    start: { text: null },
    reduce: ({ text }, action) => (action === "ask" ? { text: "" } : { text: text + action.typed }),
    view: ({ text }) => [line(text === null ? "no prompt" : `> ${text}`)],
    keys: ({ text }) => ({
      bindings: [{ keys: ["a"], action: "ask" as const, help: "ask" }],
      ...(text !== null && { text: (key) => ({ typed: key === "space" ? " " : key }) }),
    }),
  };
  const terminal = await FakeTerminal.open(prompt);
  const paste = (text: string) => terminal.press(`\u001b[200~${text}\u001b[201~`);
  await paste("a?");
  expect(terminal.visible()[0]).toBe("no prompt");
  await terminal.press("a");
  await paste("steps>5\n  outcome:?\n");
  expect(terminal.visible()[0]).toBe("> steps>5 outcome:?");
  await terminal.end();
  expect(terminal.state()).toEqual(CLEAN);
});

test("what is on its way to a slow terminal when the screen closes does not reach the shell's screen", async () => {
  const terminal = await FakeTerminal.open(counter);
  const go = terminal.stdout.hold();
  for (let i = 0; i < 5; i++) terminal.screen.dispatch("more");
  await new Promise((resolve) => setTimeout(resolve, 5));
  terminal.screen.dispatch("more");
  terminal.screen.close();
  go();
  await terminal.screen.closed;
  await terminal.settle();
  expect(terminal.state()).toEqual(CLEAN);
  expect(terminal.visible().slice(0, 2)).toEqual(["$ halfwatch", ""]);
});

test("nothing is lost that is typed or clicked while what hears keys is being loaded", async () => {
  const terminal = await FakeTerminal.open(counter, undefined, { unheard: true });
  expect(terminal.isHeard()).toBe(false);
  terminal.stdin.write("++");
  await terminal.click(4, 17);
  while (!terminal.isHeard()) await terminal.settle();
  await terminal.settle();
  expect(terminal.visible().slice(0, 3)).toEqual(["count 2", "80 x 23", "clicked 4, 17"]);
  await terminal.press("q");
  expect(await terminal.screen.closed).toEqual({ count: 2, at: [4, 17] });
  expect(terminal.state()).toEqual(CLEAN);
});

test("a screen that is closed before its keys are heard leaves no listener and a clean terminal", async () => {
  const terminal = await FakeTerminal.open(counter, undefined, { unheard: true });
  await terminal.end();
  await terminal.settle();
  expect(await terminal.screen.closed).toEqual({ count: 0, at: null });
  expect(terminal.state()).toEqual(CLEAN);
  expect(terminal.process.eventNames()).toEqual([]);
  expect(terminal.isHeard()).toBe(false);
});

describe("a program over another", () => {
  const guest: Program<Model, Action> = {
    ...counter,
    start: { count: 100, at: null },
    view: (model, size, capabilities) => [line("guest"), ...counter.view(model, size, capabilities)],
  };

  test("has the keys, the mouse and the screen until it closes; the terminal is never given back in between", async () => {
    const terminal = await FakeTerminal.open(counter);
    const before = terminal.stdout.written.length;
    const over = terminal.screen.over(guest);
    await terminal.press("up");
    await terminal.click(4, 17);
    expect(terminal.visible().slice(0, 4)).toEqual(["guest", "count 101", "80 x 23", "clicked 4, 17"]);
    // The other goes on unseen.
    terminal.screen.dispatch("less");
    await terminal.settle();
    expect(terminal.visible()[1]).toBe("count 101");
    await terminal.resize({ columns: 70, rows: 22 });
    expect(terminal.visible()[2]).toBe("70 x 21");
    await terminal.press("q");
    expect(await over.closed).toEqual({ count: 101, at: [4, 17] });
    expect(terminal.visible().slice(0, 4)).toEqual(["count -1", "70 x 21", "", ""]);
    await terminal.press("up", "up");
    expect(terminal.visible()[0]).toBe("count 1");
    expect(terminal.stdout.written.slice(before)).not.toMatch(/\[\?(1049|25|7|1002)[hl]/);
    await terminal.press("q");
    expect(await terminal.screen.closed).toEqual({ count: 1, at: null });
    expect(terminal.state()).toEqual(CLEAN);
  });

  test("that throws is closed with its error, and the one below is there again", async () => {
    const terminal = await FakeTerminal.open(counter);
    const over = terminal.screen.over(guest);
    await terminal.press("t");
    await expect(over.closed).rejects.toThrow("cannot draw this");
    expect(terminal.visible()[0]).toBe("count 0");
    await terminal.end();
    expect(terminal.state()).toEqual(CLEAN);
  });

  test("ends with the one below, however that ends; ctrl-z and fg bring the upper one back", async () => {
    const closing = await FakeTerminal.open(counter);
    const over = closing.screen.over(guest);
    await closing.press("ctrl-z");
    expect(closing.state()).toEqual(CLEAN);
    closing.process.emit("SIGCONT");
    await closing.settle();
    expect(closing.visible()[0]).toBe("guest");
    await closing.end();
    expect(await over.closed).toEqual({ count: 100, at: null });
    expect(closing.state()).toEqual(CLEAN);

    const failing = await FakeTerminal.open(counter);
    const other = failing.screen.over(guest);
    failing.screen.fail(new Error("from elsewhere"));
    await expect(other.closed).rejects.toThrow("from elsewhere");
    await failing.settle();
    expect(failing.state()).toEqual(CLEAN);
    expect(failing.visible().slice(0, 2)).toEqual(["$ halfwatch", ""]);
  });
});
