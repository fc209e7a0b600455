import { type Frame, fitTo, line, type Row, rowOf, rowWidth, type Size, span } from "./span.ts";

/**
 * A key: a letter as it is typed (`q`, `N`, `[`), or a name: `up down left right pageup pagedown home end enter escape tab shift-tab
 * space backspace delete`, `ctrl-` before a small letter. Nothing that a Windows console or a terminal over SSH does not send.
 */
export type Key = string;

/** What keys do in one state of a view; from this table come the last line and the help, so neither can be wrong. */
export interface Binding<Action> {
  readonly keys: readonly Key[];
  /** What to do; a function where it depends on which of the keys it was. */
  readonly action: Action | ((key: Key) => Action);
  /** Two or three words for the last line; without it the key stands in the help alone. */
  readonly hint?: string;
  readonly help: string;
}

export interface KeyMap<Action> {
  readonly bindings: readonly Binding<Action>[];
  /** Where a text is typed: every key that is in no binding, the help's `?` among them. */
  readonly text?: (key: Key) => Action | undefined;
}

/** The action of a key, undefined for one that does nothing here. */
export function actionOf<Action>({ bindings, text }: KeyMap<Action>, key: Key): Action | undefined {
  const binding = bindings.find(({ keys }) => keys.includes(key));
  if (binding === undefined) return text?.(key);
  const { action } = binding;
  return typeof action === "function" ? (action as (key: Key) => Action)(key) : action;
}

/** The fields of Ink's key that are read here. */
export interface InkKey {
  readonly upArrow: boolean;
  readonly downArrow: boolean;
  readonly leftArrow: boolean;
  readonly rightArrow: boolean;
  readonly pageDown: boolean;
  readonly pageUp: boolean;
  readonly home: boolean;
  readonly end: boolean;
  readonly return: boolean;
  readonly escape: boolean;
  readonly ctrl: boolean;
  readonly shift: boolean;
  readonly tab: boolean;
  readonly backspace: boolean;
  readonly delete: boolean;
  readonly meta: boolean;
}

const NAMES: readonly (readonly [keyof InkKey, Key])[] = [
  ["upArrow", "up"],
  ["downArrow", "down"],
  ["leftArrow", "left"],
  ["rightArrow", "right"],
  ["pageDown", "pagedown"],
  ["pageUp", "pageup"],
  ["home", "home"],
  ["end", "end"],
  ["return", "enter"],
  ["backspace", "backspace"],
  ["delete", "delete"],
  ["escape", "escape"],
];
const TYPED: ReadonlyMap<string, Key> = new Map([
  [" ", "space"],
  ["\r", "enter"],
  ["\n", "enter"],
  ["\t", "tab"],
  ["\u007f", "backspace"],
  ["\b", "backspace"],
  ["\u001a", "ctrl-z"],
]);

/** The keys of one event of Ink's `useInput`: several letters come as one event where they are typed fast, or pasted. */
export function keysOf(input: string, key: InkKey): Key[] {
  if (key.tab) return [key.shift ? "shift-tab" : "tab"];
  const named = NAMES.find(([field]) => key[field]);
  if (named !== undefined) return [named[1]];
  if (key.ctrl) return /^[a-z]$/.test(input) ? [`ctrl-${input}`] : [];
  if (key.meta) return [];
  return [...input].flatMap((letter) => {
    const name = TYPED.get(letter);
    if (name !== undefined) return [name];
    return letter < " " ? [] : [letter];
  });
}

/** How a key is written on the screen. */
const SHOWN: ReadonlyMap<Key, string> = new Map([
  ["up", "↑"],
  ["down", "↓"],
  ["left", "←"],
  ["right", "→"],
  ["enter", "⏎"],
  ["escape", "esc"],
  ["pageup", "page up"],
  ["pagedown", "page down"],
]);
const SHOWN_ASCII: ReadonlyMap<Key, string> = new Map([
  ["escape", "esc"],
  ["pageup", "page up"],
  ["pagedown", "page down"],
]);

interface Lettering {
  readonly unicode: boolean;
}

/** Keys as they are written: letters together (`,.`), names apart (`page up page down`). */
function writeKeys(keys: readonly Key[], { unicode }: Lettering): string {
  const shown = keys.map((key) => (unicode ? SHOWN : SHOWN_ASCII).get(key) ?? key);
  return shown.join(shown.every((text) => text.length === 1) ? "" : " ");
}

/** The last line: what the keys do here, as much as fits; `? keys` always does. */
export function hintLine<Action>({ bindings, text }: KeyMap<Action>, columns: number, lettering: Lettering): Row {
  const last = text === undefined ? "? keys" : "";
  const parts: Row[] = [];
  let room = columns - 1 - last.length;
  for (const { keys, hint } of bindings) {
    if (hint === undefined) continue;
    const part = rowOf(span(writeKeys(keys, lettering), { bold: true }), span(` ${hint}  `, { tone: "muted" }));
    if (rowWidth(part) > room) break;
    room -= rowWidth(part);
    parts.push(part);
  }
  const help = last === "" ? [] : rowOf(span("?", { bold: true }), span(" keys", { tone: "muted" }));
  return fitTo([span(" "), ...parts.flat(), ...help], columns);
}

/** Every key of a view with what it does: what `?` shows. In two columns where they fitTo; what is too much is left out. */
export function helpFrame<Action>(
  title: string,
  { bindings }: KeyMap<Action>,
  { columns, rows }: Size,
  lettering: Lettering,
): Frame {
  const own = bindings.map(({ keys, help }) => [writeKeys(keys, lettering), help] as const);
  const entries = [...own, ["?", "this help; any key closes it"], ["ctrl-z", "suspend; `fg` comes back"]] as const;
  const wide = Math.max(...entries.map(([keys]) => keys.length)) + 3;
  const body = entries.map(([keys, help]) => rowOf(span(`  ${keys}`.padEnd(wide), { bold: true }), ` ${help}`));
  return [
    line(""),
    line(`  ${title}: keys`, { bold: true }),
    line(""),
    ...body.slice(0, rows - 4).map((row) => fitTo(row, columns)),
  ];
}
