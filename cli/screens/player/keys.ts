import type { Capabilities } from "../../text/capabilities.ts";
import { glyphsOf } from "../../tui/glyphs.ts";
import type { Binding, KeyMap } from "../../tui/keys.ts";
import type { Mouse } from "../../tui/mouse.ts";
import type { Size } from "../../tui/span.ts";
import { lengthOf, type Player, type PlayerAction } from "./player.ts";

type Bindings = readonly Binding<PlayerAction>[];

/** What the player's signs mean, for its help. */
export function playerSigns(capabilities: Capabilities): [sign: string, meaning: string][] {
  const glyphs = glyphsOf(capabilities);
  const [weak, middling, strong] = glyphs.arrows.get("east") ?? ["", "", ""];
  const arrows: [string, string][] =
    weak === strong
      ? [[strong, "on the map: the likeliest action there"]]
      : [[`${strong} ${middling} ${weak}`, "on the map: the likeliest action there, from .75, from .4, below"]];
  return [
    ...arrows,
    [glyphs.taken, "before the action that was taken"],
    ["A [A] A*", "the agent; in brackets, or with a star where there is no room, a cell that is marked"],
    [glyphs.dot, "on the map: where the agent was, in a comparison where it will be; on the bar: this step"],
    ["!", "on the bar: the acting view and the best for the true goal part"],
    ["g", "on the bar: the gate turns to another module"],
    ["L", "on the bar: a label arrives"],
    [glyphs.event, "on the bar: an event of the world"],
    ["Y", "on the bar: the compared minds part"],
    [glyphs.selected, "the view that is meant (m)"],
    ["label", "what the overseer wrote down: an event, `nothing` for a timeout, `unlabelled` where it did not look"],
    ["0 to 9", "on the map, where there is no room for numbers: tenths of the range from the least to the greatest"],
    ["cost", "what one step of the view costs under the true goal, exactly"],
    ["Q*", "exact return of the best action with the steps that are left"],
  ];
}

const LEAVE: Bindings = [{ keys: ["q", "ctrl-c"], action: { kind: "quit" }, hint: "leave", help: "leave the player" }];
const BACK: Bindings = [{ keys: ["escape"], action: { kind: "back" }, hint: "back", help: "back to the episode" }];

/** Through the steps of whatever is shown. */
const STEPS: Bindings = [
  { keys: ["space"], action: { kind: "play" }, hint: "play", help: "play and pause" },
  {
    keys: [",", "."],
    action: (key) => ({ kind: "step", by: key === "," ? -1 : 1 }),
    hint: "step",
    help: "one step back, one ahead",
  },
  { keys: ["left", "right"], action: (key) => ({ kind: "step", by: key === "left" ? -1 : 1 }), help: "the same" },
  {
    keys: ["{", "}"],
    action: (key) => ({ kind: "step", by: key === "{" ? -10 : 10 }),
    help: "ten steps back, ten ahead",
  },
];
const SPEED: Bindings = [
  {
    keys: ["<", ">"],
    action: (key) => ({ kind: key === "<" ? "slower" : "faster" }),
    hint: "speed",
    help: "half the speed, twice the speed: 0.25x to 64x",
  },
];
const ENDS: Bindings = [
  {
    keys: ["home", "end"],
    action: (key) => ({ kind: "go", to: key === "home" ? 0 : Number.MAX_SAFE_INTEGER }),
    help: "to the first state, to the last",
  },
  { keys: ["l"], action: { kind: "loop" }, help: "at the end: stop, begin again, or go on with the next episode" },
  {
    keys: ["v", "V"],
    action: (key) => ({ kind: "overlay", by: key === "v" ? 1 : -1 }),
    hint: "overlay",
    help: "next and previous overlay: policy, value, gate, best, Q*, cost, visits",
  },
];
const SAVES: Bindings = [
  { keys: ["y"], action: { kind: "save-svg" }, help: "save this screen as a picture (SVG)" },
  { keys: ["Y"], action: { kind: "save-text" }, help: "save this screen as text" },
  { keys: ["p"], action: { kind: "command" }, help: "copy the command that shows this again, and print it at the end" },
];
const TURN: Bindings = [
  {
    keys: ["[", "]"],
    action: (key) => ({ kind: "episode", by: key === "[" ? -1 : 1 }),
    hint: "episode",
    help: "previous and next episode of the list",
  },
  {
    keys: ["n", "N"],
    action: (key) => ({ kind: "surprise", by: key === "n" ? 1 : -1 }),
    hint: "surprise",
    help: "surprises: the view and the optimum part, the gate turns, a label arrives; comparing: the minds part",
  },
];
const LIST: Bindings = [
  {
    keys: ["/"],
    action: { kind: "prompt", prompt: "filter" },
    hint: "filter",
    help: "filter the episodes: outcome:ghost marked:no return<0 steps>5 -label:unlabelled",
  },
  { keys: ["s"], action: { kind: "sort" }, hint: "sort", help: "another order of the episodes" },
  { keys: ["g"], action: { kind: "prompt", prompt: "episode" }, help: "go to an episode by its place" },
];

/** The keys of the player as it stands; `candidates` are what `c` suggests. */
export function playerKeys(player: Player, candidates: readonly string[]): KeyMap<PlayerAction> {
  if (player.prompt !== null) return promptKeys(player.prompt.suggestions.length > 0);
  if (player.edit !== null) return { bindings: EDITING };
  const digits: Bindings = [
    {
      keys: [..."0123456789"],
      action: (key) => ({ kind: "go", to: Math.round((Number(key) / 10) * lengthOf(player)) }),
      help: "to the start, to a tenth, two tenths, ...",
    },
  ];
  const compare: Bindings = [
    {
      keys: ["c"],
      action: { kind: "prompt", prompt: "compare", suggestions: candidates },
      hint: "compare",
      help: "let another mind act on this level, with the same draws",
    },
    { keys: ["e"], action: { kind: "edit" }, help: "change the level (an object, a mark) and see what that changes" },
  ];
  if (player.comparison !== null) {
    return { bindings: [...STEPS, ...BACK, ...compare, ...ENDS, ...SPEED, ...digits, ...SAVES, ...LEAVE] };
  }
  if (player.panel === "list") {
    const move: Bindings = [
      {
        keys: ["up", "down"],
        action: (key) => ({ kind: "select", by: key === "up" ? -1 : 1 }),
        hint: "select",
        help: "up and down the list",
      },
      { keys: ["enter"], action: { kind: "open" }, hint: "open", help: "show the episode" },
      ...LIST,
      {
        keys: ["pageup", "pagedown"],
        action: (key) => ({ kind: "select", by: (key === "pageup" ? -1 : 1) * player.page }),
        help: "a page up, a page down",
      },
      {
        keys: ["home", "end"],
        action: (key) => ({ kind: "select", by: (key === "home" ? -1 : 1) * player.order.length }),
        help: "to the first, to the last",
      },
      { keys: ["tab", "escape"], action: { kind: "panel" }, hint: "back", help: "back to the episode" },
    ];
    return { bindings: [...move, ...SAVES, ...LEAVE] };
  }
  const panel: Bindings = [{ keys: ["tab"], action: { kind: "panel" }, hint: "list", help: "the list of episodes" }];
  const view: Bindings = [
    {
      keys: ["m", "M"],
      action: (key) => ({ kind: "view", by: key === "m" ? 1 : -1 }),
      help: "next and previous module: whose policy, cost and board are meant",
    },
  ];
  return {
    bindings: [
      ...STEPS,
      ...TURN,
      ...ENDS.slice(2),
      ...panel,
      ...compare,
      ...SPEED,
      ...LIST,
      ...view,
      ...ENDS.slice(0, 2),
      ...digits,
      ...SAVES,
      ...LEAVE,
    ],
  };
}

function promptKeys(hasSuggestions: boolean): KeyMap<PlayerAction> {
  const through: Bindings = hasSuggestions
    ? [
        {
          keys: ["up", "down", "tab"],
          action: (key) => ({ kind: "type", key }),
          hint: "suggestions",
          help: "what there is",
        },
      ]
    : [];
  return {
    bindings: [
      { keys: ["enter"], action: { kind: "submit" }, hint: "do it", help: "do it" },
      { keys: ["escape", "ctrl-c"], action: { kind: "cancel" }, hint: "leave it", help: "leave it" },
      ...through,
    ],
    text: (key) => ({ kind: "type", key }),
  };
}

const EDITING: Bindings = [
  {
    keys: ["up", "down", "left", "right"],
    action: (key) => ({
      kind: "cursor",
      by: { up: [-1, 0], down: [1, 0], left: [0, -1], right: [0, 1] }[key] as [number, number],
    }),
    hint: "move",
    help: "move the cursor",
  },
  {
    keys: ["space"],
    action: { kind: "carry" },
    hint: "pick up, put down",
    help: "pick up the object under the cursor, or put it down",
  },
  { keys: ["m"], action: { kind: "mark" }, hint: "mark", help: "mark the cell, or unmark it" },
  {
    keys: ["enter"],
    action: { kind: "rerun" },
    hint: "play both",
    help: "play the changed level beside the one as it was",
  },
  ...BACK,
  ...LEAVE,
];

/** The wheel steps or scrolls, a click on the list selects, on the bar of steps goes there. */
export function playerMouse(
  player: Player,
  { kind, column, row }: Mouse,
  { rows, columns }: Size,
): PlayerAction | undefined {
  const isList = player.panel === "list" && player.comparison === null && player.edit === null;
  if (kind === "wheel-up" || kind === "wheel-down") {
    const by = kind === "wheel-up" ? -1 : 1;
    return isList ? { kind: "select", by: 3 * by } : { kind: "step", by };
  }
  if (kind === "release") return undefined;
  if (isList && row >= 4) return { kind: "select", by: player.place.first + row - 4 - player.place.selected };
  if (row !== rows - 2) return undefined;
  const { begin, width } = barPlace(lengthOf(player), columns);
  const at = (column - begin) / Math.max(1, width - 1);
  return at < -0.1 || at > 1.1 ? undefined : { kind: "go", to: Math.round(at * lengthOf(player)) };
}

/** Where the bar of steps begins, and its columns. */
export function barPlace(length: number, columns: number): { begin: number; width: number } {
  const width = Math.max(10, Math.min(48, Math.floor(columns / 3), 2 * length + 1));
  return { begin: ` step ${length} `.length + 1, width };
}
