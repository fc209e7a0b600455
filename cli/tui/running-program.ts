import type { Capabilities } from "../text/capabilities.ts";
import { toAnsi } from "./ansi.ts";
import { actionOf, helpFrame, helpHint, hintLine, type Key } from "./keys.ts";
import type { Mouse } from "./mouse.ts";
import type { Program, Screen } from "./program.ts";
import { fitFrame, type Size } from "./span.ts";

/** A program that runs on a terminal. */
export interface Running<Model, Action> extends Screen<Action> {
  readonly model: () => Model;
  /** Settles when the program has been closed: the last model, or what was thrown. */
  readonly closed: Promise<Model>;
}

/** A running program as the terminal sees it, whatever its model is. */
export interface ShownProgram {
  /** The screen's rows with escape codes. @throws what the program's view throws. */
  frame(size: Size): string[];
  press(key: Key): void;
  paste(text: string): void;
  point(mouse: Mouse): void;
  fail(error: unknown): void;
}

/** What a running program asks of its terminal. */
export interface Host {
  readonly capabilities: Capabilities;
  size(): Size;
  /** The program looks different from before. */
  changed(): void;
  /** Suspend the process, as Ctrl-Z does. */
  suspend(): void;
  /** The program has closed or failed. Called once; what it returns is awaited before anybody is told. */
  left(): Promise<unknown>;
}

/** Run a program: its model, its help, and what keys and the mouse do to them. It draws nothing. */
export function runProgram<Model, Action>(
  program: Program<Model, Action>,
  host: Host,
): Running<Model, Action> & ShownProgram {
  const { capabilities } = host;
  let model = program.start;
  /** The page of the help that is shown; null where none is. */
  let help: number | null = null;
  let isOver = false;
  let settle = (_model: Model): void => {};
  let reject = (_error: unknown): void => {};
  const closed = new Promise<Model>((resolve, refuse) => {
    settle = resolve;
    reject = refuse;
  });
  // Whoever waits is told of the error. It is no fault that nobody waits yet.
  closed.catch(() => {});

  const body = (): Size => bodyOf(host.size());
  const guarded = (action: () => unknown) => {
    if (isOver) return;
    try {
      action();
    } catch (error) {
      fail(error);
    }
  };
  const dispatch = (action: Action) => {
    guarded(() => {
      const before = model;
      model = program.reduce(model, action, body());
      if (model !== before) host.changed();
      program.effect?.(action, screen, model, before);
    });
  };
  const helpAt = (page: number, size: Size) =>
    helpFrame(program.title, program.keys(model), size, capabilities, page, program.signs?.(capabilities));
  const isMoreHelp = (page: number): boolean => page + 1 < helpAt(page, body()).pages;
  const press = (key: Key) => {
    const keys = program.keys(model);
    if (key === "ctrl-z") return host.suspend();
    // A ? in a text that is being typed is a letter.
    if (help !== null || (key === "?" && keys.text === undefined)) {
      help = help === null ? 0 : key === "space" && isMoreHelp(help) ? help + 1 : null;
      if (key !== "ctrl-c") return host.changed();
    }
    const action = actionOf(keys, key);
    if (action !== undefined) dispatch(action);
  };
  const paste = (text: string) => {
    // Outside of a prompt every letter would be a command.
    if (help !== null || program.keys(model).text === undefined) return;
    for (const letter of text.trim().replace(/\s+/g, " ")) press(letter === " " ? "space" : letter);
  };
  const point = (mouse: Mouse) => {
    if (help !== null) return;
    const action = program.mouse?.(model, mouse, body());
    if (action !== undefined) dispatch(action);
  };
  const end = (tell: () => void, tellLate: (error: unknown) => void) => {
    if (isOver) return;
    isOver = true;
    host.left().then(tell, tellLate);
  };
  const close = () => end(() => settle(model), reject);
  /** What is thrown while it closes is a consequence, and not told. */
  function fail(error: unknown): void {
    const tell = () => reject(error);
    end(tell, tell);
  }
  const screen: Screen<Action> = { dispatch, close, fail };
  return {
    ...screen,
    closed,
    model: () => model,
    press: (key) => guarded(() => press(key)),
    paste: (text) => guarded(() => paste(text)),
    point: (mouse) => guarded(() => point(mouse)),
    frame: (size) => {
      const inner = bodyOf(size);
      if (help === null) {
        const drawn = program.view(model, inner, capabilities);
        const hint = hintLine(program.keys(model), inner.columns, capabilities);
        return toAnsi([...fitFrame(drawn, inner), hint], capabilities);
      }
      const shown = helpAt(help, inner);
      return toAnsi([...fitFrame(shown.frame, inner), helpHint(shown, inner.columns)], capabilities);
    },
  };
}

/** What is left of the terminal beside the row that says what keys do. */
const bodyOf = ({ columns, rows }: Size): Size => ({ columns, rows: rows - 1 });
