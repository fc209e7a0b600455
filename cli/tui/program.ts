import type { Capabilities } from "../text/capabilities.ts";
import type { KeyMap } from "./keys.ts";
import type { Mouse } from "./mouse.ts";
import type { Frame, Size } from "./span.ts";

/**
 * A screen as data: what it shows and what keys do, both pure functions of a model; `effect` is for what is not pure. `openScreen`
 * runs it on a terminal; tests call the functions with literals.
 */
export interface Program<Model, Action> {
  /** A few words for the help's head. */
  readonly title: string;
  readonly start: Model;
  /** The model after an action; the same object where nothing changes, and then nothing is drawn. `size` is what `view` has. */
  readonly reduce: (model: Model, action: Action, size: Size) => Model;
  /** The screen but for its last row, which the host makes of `keys`. `size` is what is left for it. */
  readonly view: (model: Model, size: Size, capabilities: Capabilities) => Frame;
  readonly keys: (model: Model) => KeyMap<Action>;
  /** What the help says of the screen's signs, after the keys: each with its meaning. */
  readonly signs?: (capabilities: Capabilities) => readonly (readonly [sign: string, meaning: string])[];
  readonly mouse?: (model: Model, mouse: Mouse, size: Size) => Action | undefined;
  /** After each action, with the model before and after it: files, timers, engines; what comes of them is dispatched. */
  readonly effect?: (action: Action, screen: Screen<Action>, model: Model, before: Model) => void;
}

/** A screen that is open. */
export interface Screen<Action> {
  dispatch(action: Action): void;
  /** Give the terminal back and settle {@link Opened.closed}. */
  close(): void;
  /** An error that ends the program: the terminal is given back, and {@link Opened.closed} rejects. */
  fail(error: unknown): void;
}

/** The smallest terminal that a view has to do with. */
export const SMALLEST: Size = { columns: 60, rows: 20 };
