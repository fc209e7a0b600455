import { type Frame, fitTo, line, type Row, rowOf, rowWidth, type Size, span, wrapText } from "./span.ts";

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
  ["\u0015", "ctrl-u"],
  ["\u0017", "ctrl-w"],
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

/** The last line: what the keys do here, as much as fits; how to leave and `? keys` have their room first. */
export function hintLine<Action>({ bindings, text }: KeyMap<Action>, columns: number, lettering: Lettering): Row {
  const hinted = bindings.filter(({ hint }) => hint !== undefined);
  const leaving = hinted.find(({ keys }) => keys.includes("q")) ?? hinted.find(({ keys }) => keys.includes("escape"));
  const partOf = ({ keys, hint }: Binding<Action>, only = keys.length): Row =>
    rowOf(span(writeKeys(keys.slice(0, only), lettering), { bold: true }), span(` ${hint}  `, { tone: "muted" }));
  const help = text !== undefined ? [] : rowOf(span("?", { bold: true }), span(" keys", { tone: "muted" }));
  const last = leaving === undefined ? help : [...partOf(leaving, 1), ...help];
  const parts: Row[] = [];
  let room = columns - 1 - rowWidth(last);
  for (const binding of hinted) {
    if (binding === leaving) continue;
    const part = partOf(binding);
    if (rowWidth(part) > room) break;
    room -= rowWidth(part);
    parts.push(part);
  }
  return fitTo([span(" "), ...parts.flat(), ...last], columns);
}

/** What `?` shows. */
export interface Help {
  readonly frame: Frame;
  /** Pages that there are at this size, and which one this is, from 0 on. */
  readonly pages: number;
  readonly page: number;
}

/** Rows around a page of the help: its head with a blank row above and below, and how to go on below. */
const AROUND_HELP = 4;

/** Every key of a view with what it does, then what its signs mean, in as many pages as it takes. */
export function helpFrame<Action>(
  title: string,
  { bindings }: KeyMap<Action>,
  { columns, rows }: Size,
  lettering: Lettering,
  wanted: number,
  signs: readonly (readonly [sign: string, meaning: string])[] = [],
): Help {
  const entries = [
    ...bindings.map(({ keys, help }) => [writeKeys(keys, lettering), help] as const),
    ["?", "this help"] as const,
    ["ctrl-z", "suspend; `fg` comes back"] as const,
    ...(signs.length > 0 ? [["", ""] as const, ...signs] : []),
  ];
  const longest = Math.max(...entries.map(([keys]) => keys.length));
  // The ten digits would push every text aside.
  const wide = Math.min(longest, 12) + 3;
  const told = entries.map(([keys, help]): Frame => {
    const text = wrapText(help, columns - wide - 2);
    const name = span(`  ${keys}`.padEnd(wide), { bold: true });
    if (keys.length + 3 > wide) return [[name], ...text.map((row) => [span(" ".repeat(wide + 1)), ...row])];
    return text.map((row, i) => [i === 0 ? name : span(" ".repeat(wide)), span(" "), ...row]);
  });
  const pages: Row[][] = [[]];
  for (const rowsOfKey of told) {
    if ((pages.at(-1)?.length ?? 0) + rowsOfKey.length > rows - AROUND_HELP) pages.push([]);
    // A page does not begin with the blank row before the signs.
    if (pages.at(-1)?.length !== 0 || rowsOfKey !== told[bindings.length + 2]) pages.at(-1)?.push(...rowsOfKey);
  }
  const page = Math.min(wanted, pages.length - 1);
  const what = signs.length === 0 ? "keys" : "keys and signs";
  const which = pages.length === 1 ? "" : `, page ${page + 1} of ${pages.length}`;
  return {
    frame: [line(""), line(`  ${title}: ${what}${which}`, { bold: true }), line(""), ...pages[page]],
    pages: pages.length,
    page,
  };
}

/** The last line under the help. */
export function helpHint({ page, pages }: Help, columns: number): Row {
  const turn = page + 1 < pages ? rowOf(span("space", { bold: true }), span(" next page  ", { tone: "muted" })) : [];
  const other = turn.length > 0 ? "any other key" : "any key";
  return fitTo([span(" "), ...turn, span(other, { bold: true }), span(" closes this", { tone: "muted" })], columns);
}
