import type { Capabilities } from "../text/capabilities.ts";

/** The signs of a screen; every one takes one column. */
export interface Glyphs {
  /** Arrows by the name of the action; see {@link arrow}. */
  readonly arrows: ReadonlyMap<string, Arrow>;
  readonly floor: string;
  readonly wall: string;
  /** A bar's full column, and its parts of a column, from the least. */
  readonly full: string;
  readonly parts: readonly string[];
  /** Columns of growing height, from the least. */
  readonly levels: readonly string[];
  readonly horizontal: string;
  readonly vertical: string;
  /** A corner at the left end of an axis, and the ticks on axes. */
  readonly corner: string;
  readonly tickLeft: string;
  readonly tickDown: string;
  readonly dash: string;
  readonly dot: string;
  readonly play: string;
  readonly pause: string;
  readonly event: string;
  /** Before the action that was taken. */
  readonly taken: string;
  readonly selected: string;
  readonly up: string;
  readonly down: string;
  readonly left: string;
  readonly right: string;
  readonly times: string;
  readonly minus: string;
  readonly ellipsis: string;
}

/** One direction, weak (an action that is little more than chance), middling and strong; ASCII has one, and its weight tells. */
type Arrow = readonly [weak: string, middling: string, strong: string];

const UNICODE: Glyphs = {
  arrows: new Map<string, Arrow>([
    ["north", ["˄", "↑", "⇑"]],
    ["east", ["˃", "→", "⇒"]],
    ["south", ["˅", "↓", "⇓"]],
    ["west", ["˂", "←", "⇐"]],
    ["stay", ["∘", "○", "◎"]],
  ]),
  floor: "·",
  wall: "█",
  full: "█",
  parts: ["▏", "▎", "▍", "▌", "▋", "▊", "▉"],
  levels: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
  horizontal: "─",
  vertical: "│",
  corner: "└",
  tickLeft: "┤",
  tickDown: "┬",
  dash: "╌",
  dot: "●",
  play: "▶",
  pause: "‖",
  event: "◆",
  taken: ">",
  selected: "›",
  up: "↑",
  down: "↓",
  left: "←",
  right: "→",
  times: "×",
  minus: "–",
  ellipsis: "…",
};

const ASCII: Glyphs = {
  arrows: new Map<string, Arrow>([
    ["north", ["^", "^", "^"]],
    ["east", [">", ">", ">"]],
    ["south", ["v", "v", "v"]],
    ["west", ["<", "<", "<"]],
    ["stay", [".", "o", "O"]],
  ]),
  floor: ".",
  wall: "#",
  full: "#",
  parts: ["-", "="],
  levels: [".", ":", "-", "=", "+", "*", "%", "#"],
  horizontal: "-",
  vertical: "|",
  corner: "+",
  tickLeft: "+",
  tickDown: "+",
  dash: "-",
  dot: "o",
  play: ">",
  pause: "P",
  event: "+",
  taken: "*",
  selected: ">",
  up: "^",
  down: "v",
  left: "<",
  right: ">",
  times: "x",
  minus: "-",
  ellipsis: "~",
};

export const glyphsOf = ({ unicode }: Capabilities): Glyphs => (unicode ? UNICODE : ASCII);

/** The arrow of an action of that probability: strong from .75 on, weak below .4; an action without an arrow is its first letter. */
export function arrow(glyphs: Glyphs, action: string, probability: number): string {
  const [weak, middling, strong] = glyphs.arrows.get(action) ?? [action[0], action[0], action[0].toUpperCase()];
  return probability >= 0.75 ? strong : probability >= 0.4 ? middling : weak;
}
