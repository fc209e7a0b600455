import { describe, expect, test } from "vitest";
import { PLAIN } from "../../../cli/text/capabilities.ts";
import { within } from "../../../cli/text/numbers.ts";
import { toAnsi, toText } from "../../../cli/tui/ansi.ts";
import { bar, sparkline, track } from "../../../cli/tui/bars.ts";
import { type Board, boardRows, cellWidth, drawBoard, type Overlay } from "../../../cli/tui/board.ts";
import { arrow, glyphsOf } from "../../../cli/tui/glyphs.ts";
import { actionOf, type Binding, helpFrame, helpHint, hintLine, type InkKey, keysOf } from "../../../cli/tui/keys.ts";
import { moveSelection, scrollbar } from "../../../cli/tui/list.ts";
import { mouseIn } from "../../../cli/tui/mouse.ts";
import { heatColour, TONE_COLOURS } from "../../../cli/tui/palette.ts";
import { badge, box, choice, heading, rule } from "../../../cli/tui/parts.ts";
import { type PlotOptions, plot, type Series } from "../../../cli/tui/plot.ts";
import {
  beside,
  fitFrame,
  fitRight,
  fitTo,
  indent,
  line,
  type Row,
  rowOf,
  rowWidth,
  span,
  spread,
  type Tone,
  wrapText,
} from "../../../cli/tui/span.ts";
import { toSvg } from "../../../cli/tui/svg.ts";
import { table } from "../../../cli/tui/table.ts";
import { ASCII, COLOURS } from "./fake-terminal.ts";

const G = glyphsOf(PLAIN);
const A = glyphsOf(ASCII);
const ESC = "\u001b";

describe("rows", () => {
  test("are cut or filled to a width, by letters and not by UTF-16 units", () => {
    expect(toText([fitTo(rowOf("abc", span("def", { bold: true })), 4)])).toEqual(["abcd"]);
    expect(rowWidth(fitTo(line("ab"), 5))).toBe(5);
    expect(fitTo(rowOf("abc", "def", "ghijk"), 4)).toEqual(rowOf("abc", "d"));
    expect(fitRight(line("ab"), 4)).toEqual(rowOf("  ", "ab"));
    expect(fitRight(line("abcdef"), 4)).toEqual(line("abcd"));
    expect(rowWidth(line("𝔸𝔹"))).toBe(2);
    expect(fitTo(line("𝔸𝔹ℂ"), 2)).toEqual([span("𝔸𝔹")]);
  });

  test("spread: the right side stays whole, the left one is cut", () => {
    expect(toText([spread(line("left text"), line("12 %"), 12)])).toEqual(["left te 12 %"]);
    expect(toText([spread(line("a"), line("b"), 5)])).toEqual(["a   b"]);
    expect(toText([spread(line("ab"), line("cde"), 4)])).toEqual([" cde"]);
    for (const right of ["cdef", "cdefg"]) expect(toText([spread(line("ab"), line(right), 4)])).toEqual(["cdef"]);
  });

  test("a frame of a size has that many rows of that width, whatever it had", () => {
    const frame = [line("abcdef"), [], line("x"), line("left out")];
    expect(fitFrame(frame, { columns: 4, rows: 3 }).map(rowWidth)).toEqual([4, 4, 4]);
    expect(toText(fitFrame(frame, { columns: 4, rows: 3 }))).toEqual(["abcd", "", "x"]);
    expect(fitFrame([], { columns: 2, rows: 1 })).toEqual([line("  ")]);
  });

  test("frames stand side by side, the shorter one filled up", () => {
    expect(toText(beside([[line("ab"), line("c")], [line("x")]], 2))).toEqual(["ab  x", "c"]);
  });

  test("sentences are broken at blanks", () => {
    expect(toText(wrapText("one two three four", 9))).toEqual(["one two", "three", "four"]);
    expect(wrapText("one two", 4, { tone: "muted" })).toEqual(
      ["one", "two"].map((word) => line(word, { tone: "muted" })),
    );
  });
});

describe("paint", () => {
  const frame = [rowOf(span("D", { tone: "true", bold: true }), " ", span(".5", { heat: 1, tone: "proxy" }))];

  test("truecolor, 256, 16 and no colours; bold is no colour", () => {
    expect(toAnsi(frame, COLOURS)).toEqual([
      `${ESC}[1;38;2;36;135;213mD ${ESC}[0m${ESC}[48;2;254;232;56;38;5;16m.5${ESC}[0m`,
    ]);
    expect(toAnsi(frame, { ...COLOURS, colours: "256" })).toEqual([
      `${ESC}[1;38;5;32mD ${ESC}[0m${ESC}[48;5;227;38;5;16m.5${ESC}[0m`,
    ]);
    expect(toAnsi(frame, { ...COLOURS, colours: "16" })).toEqual([`${ESC}[1;36mD ${ESC}[0m${ESC}[7m.5${ESC}[0m`]);
    expect(toAnsi(frame, PLAIN)).toEqual([`${ESC}[1mD ${ESC}[0m.5`]);
  });

  test("blanks change no style and are not written at a row's end, but for those on a ground", () => {
    const tone = (text: string) => span(text, { tone: "true" });
    const paint = (...row: Row) => toAnsi([row], { ...COLOURS, colours: "256" })[0].replaceAll(ESC, "");
    expect(paint(tone("a"), span("  "), tone("b"), span("   "))).toBe("[38;5;32ma  b[0m");
    expect(paint(span("a"), tone(" "), span("b  "), span(" "))).toBe("a b");
    const ground = (text: string) => span(text, { heat: 1 });
    expect(paint(ground("a"), span(" "), ground("b"), ground(" "), span(" "))).toBe(
      "[48;5;227;38;5;16ma[0m [48;5;227;38;5;16mb [0m",
    );
  });

  test("control characters of a file are never obeyed", () => {
    expect(toAnsi([line(`a${ESC}[2Jb\u0007\u009b\u202e`)], PLAIN)).toEqual(["a?[2Jb???"]);
    expect(toText([line("a\nb")])).toEqual(["a?b"]);
  });

  test("an SVG picture has the same letters in the same columns, with its own text escaped", () => {
    const svg = toSvg([rowOf("<", span("&", { tone: "proxy" }), span("x", { inverse: true }))], 'a "title"');
    expect(svg).toContain("<title>a &quot;title&quot;</title>");
    expect(svg).toContain('<text x="14" y="28" textLength="8.4">&lt;</text>');
    expect(svg).toContain('<text x="22.4" y="28" textLength="8.4" fill="#d66500">&amp;</text>');
    expect(svg).toContain('<rect x="30.8" y="14" width="8.4" height="18" fill="#d8dee6"/>');
    expect(svg.match(/<(?!\/)(svg|g|title|text|rect)\b/g)?.length).toBe(8);
  });

  test("blanks are no part of an SVG picture's texts: a browser keeps one of several, and none at the ends", () => {
    const texts = [...toSvg([rowOf("  a b   c "), line("   ")], "").matchAll(/<text x="(.*?)" .*>(.*)<\/text>/g)];
    expect(texts.map(([, x, text]) => [Number(x), text])).toEqual([
      [14 + 2 * 8.4, "a b"],
      [14 + 8 * 8.4, "c"],
    ]);
  });
});

describe("palette", () => {
  /** WCAG 2.2: relative luminance of sRGB. */
  const luminance = (rgb: readonly number[]) => {
    const [r, g, b] = rgb.map((part) => {
      const c = part / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a: readonly number[], b: readonly number[]) => {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };

  test.each(Object.keys(TONE_COLOURS) as Tone[])("%s is read on black and on white: contrast 3 to 1", (tone) => {
    expect(contrast(TONE_COLOURS[tone].rgb, [0, 0, 0])).toBeGreaterThan(3);
    expect(contrast(TONE_COLOURS[tone].rgb, [255, 255, 255])).toBeGreaterThan(3);
  });

  test("letters on every heat are read: contrast 4.5 to 1; heat grows lighter all the way", () => {
    const grounds = [0, 0.25, 0.5, 0.75, 1].map(heatColour);
    for (const { rgb, dark } of grounds) {
      expect(contrast(rgb, dark ? [255, 255, 255] : [0, 0, 0])).toBeGreaterThan(4.5);
    }
    const light = grounds.map(({ rgb }) => luminance(rgb));
    expect([...light].sort((a, b) => a - b)).toEqual(light);
  });

  test("true and proxy stay apart for red-blind, green-blind and blue-blind eyes", () => {
    // Viénot, Brettel and Mollon 1999 (protan, deutan) and Brettel et al. 1997 (tritan, one plane), on linear RGB.
    const linear = (rgb: readonly number[]) => rgb.map((part) => (part / 255) ** 2.2);
    const blind = [
      [0.11238, 0.88762, 0, 0.11238, 0.88762, 0, 0.00401, -0.00401, 1],
      [0.29275, 0.70725, 0, 0.29275, 0.70725, 0, -0.02234, 0.02234, 1],
      [1.01277, 0.13548, -0.14826, -0.01243, 0.86812, 0.14431, 0.07589, 0.805, 0.11911],
    ];
    for (const m of blind) {
      const seen = (rgb: readonly number[]) =>
        [0, 3, 6].map((r) => linear(rgb).reduce((sum, c, i) => sum + m[r + i] * c, 0));
      const [a, b] = [seen(TONE_COLOURS.true.rgb), seen(TONE_COLOURS.proxy.rgb)];
      expect(Math.hypot(...a.map((c, i) => c - b[i]))).toBeGreaterThan(0.25);
    }
  });
});

describe("bars", () => {
  test("grow by eighths of a column, and the least share still shows", () => {
    expect([-1, 0, 0.001, 0.5, 0.5625, 1, 7, Number.NaN].map((p) => bar(p, 4, G))).toEqual([
      "",
      "",
      "▏",
      "██",
      "██▎",
      "████",
      "████",
      "",
    ]);
    expect(bar(0.5, 4, A)).toBe("##");
    expect(track(0.5, 4, G)).toBe("██··");
  });

  test("a sparkline shows the latest values between two bounds; null and NaN are gaps", () => {
    expect(sparkline([9, 0, 0.5, null, 1], 4, [0, 1], G)).toBe("▁▅ █");
    // an eighth of the range a level
    expect(sparkline([1, 2, 2.2, 3, Number.NaN, 3.9, 4, 9], 9, [2, 4], G)).toBe("▁▁▁▅ ███");
    expect(sparkline([0, 1], 4, [0, 1], A)).toBe(".#");
    expect(sparkline([3, 3], 4, [3, 3], G)).toBe("▁▁");
  });

  test("arrows are bolder the likelier the action; unknown actions are their first letter", () => {
    expect([0.3, 0.5, 0.9].map((p) => arrow(G, "north", p))).toEqual(["˄", "↑", "⇑"]);
    expect([0.3, 0.5, 0.9].map((p) => arrow(A, "east", p))).toEqual([">", ">", ">"]);
    expect(arrow(G, "jump", 0.9)).toBe("J");
  });
});

describe("plot", () => {
  const options = {
    series: [
      {
        points: [
          [0, 0],
          [1, 1],
        ] as const,
      },
    ],
    x: [0, 1] as const,
    y: [0, 1] as const,
    width: 12,
    height: 5,
    yLabels: [
      [0, "0"],
      [1, "1"],
    ] as const,
    xLabels: [
      [0, "0"],
      [1, "1M"],
    ] as const,
  };

  test("a diagonal in braille, with its axes", () => {
    // 9 columns x 3 rows of cells are 18 x 12 dots
    expect(toText(plot(options, PLAIN))).toEqual([
      "1 ┤      ⣀⠔⠊",
      "  │   ⡠⠔⠊",
      "0 ┤⡠⠔⠉",
      "  └┬───────┬",
      "   0      1M",
    ]);
  });

  test("its ASCII twin", () => {
    expect(toText(plot(options, ASCII))).toEqual([
      "1 +      ***",
      "  |   ***",
      "0 +***",
      "  ++-------+",
      "   0      1M",
    ]);
  });

  test("NaN breaks a line, what is outside is left out, a dashed line has gaps, a single point is a dot", () => {
    const broken = {
      ...options,
      series: [
        {
          points: [
            [0, 0],
            [0.5, Number.NaN],
            [1, 0],
          ] as const,
        },
      ],
    };
    expect(toText(plot(broken, PLAIN)).at(2)).toBe("0 ┤⡀       ⢀");
    const outside = {
      ...options,
      series: [
        {
          points: [
            [2, 0],
            [3, 5],
          ] as const,
        },
      ],
    };
    expect(toText(plot(outside, PLAIN)).at(0)).toBe("1 ┤");
    const theory: Series = {
      points: [
        [0, 1],
        [1, 1],
      ],
      dashed: true,
    };
    expect(toText(plot({ ...options, series: [theory] }, PLAIN)).at(0)).toBe("1 ┤⠉ ⠉ ⠉ ⠉ ⠉");
  });

  test("where two lines cross, the cell holds the dots of both in the later one's colour", () => {
    const cross = {
      ...options,
      series: [
        {
          points: [
            [0, 0],
            [1, 0],
          ] as const,
          style: { tone: "true" as const },
        },
        {
          points: [
            [0, 0.1],
            [1, 0.1],
          ] as const,
          style: { tone: "proxy" as const },
        },
      ],
    };
    const last = plot(cross, PLAIN)[2].at(-1);
    // the lowest dots of a cell are 7 and 8, those above them 3 and 6
    expect(last).toEqual(span("⣤".repeat(9), { tone: "proxy" }));
  });

  const drawn = (series: readonly Series[], change: Partial<PlotOptions> = {}) =>
    toText(plot({ ...options, ...change, series }, PLAIN));

  test("axes need not begin at 0; a range of nothing is a point at their corner", () => {
    const line: Series = {
      points: [
        [10, -1],
        [30, 3],
      ],
    };
    expect(drawn([line], { x: [10, 30], y: [-1, 3], xLabels: [], yLabels: [[-1, "0"]] }).slice(0, 3)).toEqual([
      "  │      ⣀⠔⠊",
      "  │   ⡠⠔⠊",
      "0 ┤⡠⠔⠉",
    ]);
    expect(drawn([{ points: [[5, 2]] }], { x: [5, 5], y: [2, 2], xLabels: [], yLabels: [[2, "2"]] })).toEqual([
      ...["  │", "  │", "2 ┤⡀", "  └─────────", ""],
    ]);
  });

  test("a line that leaves the plot at a side does not come in at the other", () => {
    const across = (y: number): Series => ({
      points: [
        [-1, y],
        [2, y],
      ],
    });
    expect(drawn([across(1), across(0)]).slice(0, 3)).toEqual(["1 ┤⠉⠉⠉⠉⠉⠉⠉⠉⠉", "  │", "0 ┤⣀⣀⣀⣀⣀⣀⣀⣀⣀"]);
  });

  test("lines beside each other have each its own colour", () => {
    const part = (from: number, to: number, tone: Tone): Series => ({
      points: [
        [from, 0],
        [to, 0],
      ],
      style: { tone },
    });
    const [, , row] = plot({ ...options, series: [part(0, 0.4, "true"), part(0.6, 1, "proxy")] }, PLAIN);
    const pieces = row.filter(({ text }) => /[\u2800-\u28ff]/.test(text)).map(({ style }) => style?.tone);
    expect(pieces).toEqual(["true", "proxy"]);
  });

  test("labels stand below their values, whole; those of values outside at the ends", () => {
    const below = (...xLabels: (readonly [number, string])[]) => drawn([], { xLabels }).slice(3);
    expect(below([0.5, "abc"])).toEqual(["  └────┬────", "      abc"]);
    expect(below([0, "beginning"])).toEqual(["  └┬────────", "beginning"]);
    expect(below([1, "1.5M"])).toEqual(["  └────────┬", "        1.5M"]);
    expect(below([-1, "a"], [2, "z"])).toEqual(["  └┬───────┬", "   a       z"]);
    const outside = drawn([], { yLabels: [[-1, "a"] as const, [2, "z"] as const] });
    expect(outside.slice(0, 3)).toEqual(["z ┤", "  │", "a ┤"]);
  });
});

describe("table", () => {
  const columns = [
    { head: "arm", cell: ({ name }: { name: string; n: number }) => line(name) },
    { head: "n", cell: ({ n }: { name: string; n: number }) => line(String(n)), align: "right" as const, width: 5 },
    { head: "about", cell: () => line("word"), yields: 1 },
  ];
  const items = [
    { name: "naive", n: 7 },
    { name: "oracle", n: 12345 },
  ];

  const whole = ["arm         n  about", "naive       7  word", "oracle  12345  word"];

  test("numbers stand at the right of a column that keeps its width, a head has room", () => {
    expect(toText(table(columns, items, 40))).toEqual(whole);
    expect(table(columns, items, 40).map(rowWidth)).toEqual([40, 40, 40]);
  });

  test("columns that yield go where it is narrow, the others stay", () => {
    expect(toText(table(columns, items, 20))).toEqual(whole);
    for (const width of [19, 13, 4]) {
      expect(toText(table(columns, items, width))).toEqual(["arm         n", "naive       7", "oracle  12345"]);
    }
  });
});

describe("list", () => {
  test("the page follows the selection no further than it must, and both stay inside", () => {
    const start = { selected: 0, first: 0 };
    expect(moveSelection(start, 3, 10, 4)).toEqual({ selected: 3, first: 0 });
    expect(moveSelection({ selected: 3, first: 0 }, 1, 10, 4)).toEqual({ selected: 4, first: 1 });
    expect(moveSelection({ selected: 4, first: 1 }, -2, 10, 4)).toEqual({ selected: 2, first: 1 });
    expect(moveSelection(start, 99, 10, 4)).toEqual({ selected: 9, first: 6 });
    expect(moveSelection({ selected: 9, first: 6 }, -99, 10, 4)).toEqual(start);
    expect(moveSelection(start, 1, 0, 4)).toEqual(start);
    // the list has become shorter
    expect(moveSelection({ selected: 9, first: 6 }, 0, 3, 4)).toEqual({ selected: 2, first: 0 });
  });

  test("the scrollbar says which part is seen", () => {
    expect(toText(scrollbar(0, 5, 10, 4, true))).toEqual(["┃", "┃", "│", "│"]);
    expect(toText(scrollbar(5, 5, 10, 4, false))).toEqual(["|", "|", "#", "#"]);
    expect(toText(scrollbar(0, 5, 5, 2, true))).toEqual(["", ""]);
  });
});

describe("keys", () => {
  const none: InkKey = {
    ...{ upArrow: false, downArrow: false, leftArrow: false, rightArrow: false, pageDown: false, pageUp: false },
    ...{ home: false, end: false, return: false, escape: false, ctrl: false, shift: false, tab: false },
    ...{ backspace: false, delete: false, meta: false },
  };

  test.each([
    ["q", {}, ["q"]],
    ["N", { shift: true }, ["N"]],
    ["ab", {}, ["a", "b"]],
    [" ", {}, ["space"]],
    ["\r", {}, ["enter"]],
    ["", { upArrow: true }, ["up"]],
    ["", { tab: true, shift: true }, ["shift-tab"]],
    ["c", { ctrl: true }, ["ctrl-c"]],
    ["x", { meta: true }, []],
    ["\u0001", {}, []],
  ] as const)("%j %j", (input, change, keys) => {
    expect(keysOf(input, { ...none, ...change })).toEqual(keys);
  });

  const bindings: readonly Binding<string>[] = [
    { keys: ["left", "right"], action: (key) => `step ${key}`, hint: "step", help: "one step" },
    { keys: ["q"], action: "quit", hint: "quit", help: "leave" },
  ];
  const map = { bindings };

  test("an action may depend on which of its keys it was; unknown keys do nothing, or are text", () => {
    expect(actionOf(map, "left")).toBe("step left");
    expect(actionOf(map, "x")).toBeUndefined();
    expect(actionOf({ ...map, text: (key: string) => `typed ${key}` }, "x")).toBe("typed x");
  });

  test("the last line shows as many hints as fit, and always how to leave and ?", () => {
    expect(toText([hintLine(map, 60, PLAIN)])).toEqual([" ←→ step  q quit  ? keys"]);
    expect(toText([hintLine(map, 18, ASCII)])).toEqual([" q quit  ? keys"]);
    expect(toText([hintLine(map, 32, ASCII)])).toEqual([" left right step  q quit  ? keys"]);
    expect(toText([hintLine(map, 31, ASCII)])).toEqual([" q quit  ? keys"]);
    // The first of its keys; q before escape, and escape where there is no q.
    const back: Binding<string> = { keys: ["escape", "ctrl-c"], action: "back", hint: "back", help: "back" };
    const both = { bindings: [back, { ...bindings[1], keys: ["q", "ctrl-c"] }] };
    expect(toText([hintLine(both, 60, PLAIN)])).toEqual([" esc ctrl-c back  q quit  ? keys"]);
    const typing = { bindings: [back, bindings[0]], text: () => undefined };
    expect(toText([hintLine(typing, 60, PLAIN)])).toEqual([" ←→ step  esc back"]);
  });

  test("the help has every key and every word of what it does, on pages that fit", () => {
    const words = "the overlays one after another: policy, value, gate, best, Q*, cost, visits";
    const many = { bindings: [...bindings, { keys: ["page", "pagedown"], action: "page", help: words }] };
    const at = (columns: number, rows: number, page = 0) => helpFrame("player", many, { columns, rows }, PLAIN, page);
    const whole = at(100, 20);
    expect(whole).toMatchObject({ page: 0, pages: 1 });
    expect(toText(whole.frame)).toEqual([
      "",
      "  player: keys",
      "",
      "  ←→            one step",
      "  q             leave",
      "  page page down",
      `                ${words}`,
      "  ?             this help",
      "  ctrl-z        suspend; `fg` comes back",
    ]);
    expect(toText([helpHint(whole, 60)])).toEqual([" any key closes this"]);
    // Signs come after the keys, apart from them.
    const signs = [["!", "a surprise"] as const];
    const signed = helpFrame("player", map, { columns: 60, rows: 20 }, PLAIN, 0, signs).frame;
    expect(toText(signed).slice(1)).toEqual([
      "  player: keys and signs",
      "",
      "  ←→      one step",
      "  q       leave",
      "  ?       this help",
      "  ctrl-z  suspend; `fg` comes back",
      "",
      "  !       a surprise",
    ]);
    const second = helpFrame("player", map, { columns: 60, rows: 8 }, PLAIN, 1, signs);
    expect(toText(second.frame)).toEqual(["", "  player: keys and signs, page 2 of 2", "", "  !       a surprise"]);
    for (const [columns, rows] of [
      [40, 9],
      [60, 8],
      [60, 10],
    ]) {
      const { pages } = at(columns, rows);
      expect(pages).toBeGreaterThan(1);
      const texts = Array.from({ length: pages }, (_, page) => toText(at(columns, rows, page).frame));
      texts.forEach((text, page) => {
        expect(text.length).toBeLessThanOrEqual(rows);
        expect(Math.max(...text.map((row) => row.length))).toBeLessThanOrEqual(columns);
        expect(text[1]).toBe(`  player: keys, page ${page + 1} of ${pages}`);
      });
      const said = texts
        .flatMap((text) => text.slice(3))
        .join(" ")
        .replace(/ +/g, " ");
      for (const part of ["←→ one step", "q leave", words, "? this help", "ctrl-z suspend; `fg` comes back"])
        expect(said).toContain(part);
      expect(toText([helpHint(at(columns, rows), 60)])).toEqual([" space next page  any other key closes this"]);
      expect(toText([helpHint(at(columns, rows, 99), 60)])).toEqual([" any key closes this"]);
    }
  });
});

test("the mouse: left button, drag, release, wheel; other buttons and keys are left alone", () => {
  expect(
    mouseIn(`x${ESC}[<0;3;4M${ESC}[<32;5;4M${ESC}[<0;5;4m${ESC}[<64;1;1M${ESC}[<65;1;1M${ESC}[<2;1;1M${ESC}[A`),
  ).toEqual([
    { kind: "press", column: 2, row: 3 },
    { kind: "drag", column: 4, row: 3 },
    { kind: "release", column: 4, row: 3 },
    { kind: "wheel-up", column: 0, row: 0 },
    { kind: "wheel-down", column: 0, row: 0 },
  ]);
});

describe("board", () => {
  const board: Board = {
    map: "A.G\n.#.\nD..",
    tones: new Map([
      ["G", "proxy"],
      ["D", "true"],
    ]),
    marks: new Set([2]),
    actions: ["north", "east", "south", "west"],
  };

  test("letters of the map, marks in brackets, walls as blocks", () => {
    expect(toText(drawBoard(board, { cell: 4, axes: true }, PLAIN))).toEqual([
      "    0   1   2",
      " 0  A   ·  [G]",
      " 1  ·   ██  ·",
      " 2  D   ·   ·",
    ]);
    expect(toText(drawBoard(board, { cell: 2 }, ASCII))).toEqual(["A . G*", ". # .", "D . ."]);
  });

  test("objects have the colours of their goals, the agent is inverse", () => {
    const [first] = drawBoard(board, { cell: 2 }, PLAIN);
    expect(first[0].style).toEqual({ bold: true, inverse: true });
    expect(first[2].style).toEqual({ bold: true, tone: "proxy" });
    expect(drawBoard({ ...board, tones: new Map() }, { cell: 2 }, PLAIN)[0][2].style).toEqual({ bold: true });
  });

  test("columns are numbered by their last digit", () => {
    const wide = drawBoard({ ...board, map: ".".repeat(12) }, { cell: 2, axes: true }, PLAIN);
    expect(toText(wide)).toEqual(["   0 1 2 3 4 5 6 7 8 9 0 1", " 0 · · ·*· · · · · · · · ·"]);
  });

  test("marks are brackets round whatever is in a cell: the agent, its trail, floor and arrows", () => {
    const marked = { ...board, marks: new Set([0, 1, 3, 5]), trail: new Set([3]) };
    expect(toText(drawBoard(marked, { cell: 3 }, PLAIN))).toEqual(["[A][·] G", "[●] █ [·]", " D  ·  ·"]);
    const probabilities = Array.from({ length: 9 }, () => [0.25, 0.25, 0.25, 0.25]);
    const tied = { ...marked, overlay: { kind: "arrows", probabilities } } as const;
    expect([2, 3, 4, 5, 6].map((cell) => toText(drawBoard(tied, { cell }, PLAIN))[0])).toEqual([
      ...["A*˄*G", "[A][˄] G", "[A] [↑→] G", " [A] [↑→↓]  G", " [A]  [↑→↓←]  G"],
    ]);
  });

  test("a cell that is pointed at is inverse, whatever is in it", () => {
    const probabilities = Array.from({ length: 9 }, (_, cell) => (cell === 1 ? null : [0.7, 0.3, 0, 0]));
    const values = Array.from({ length: 9 }, (_, cell) => cell);
    const overlays: readonly (Overlay | undefined)[] = [
      undefined,
      { kind: "arrows", probabilities },
      { kind: "heat", values, low: 0, high: 9, write: within },
    ];
    for (const overlay of overlays) {
      for (let cursor = 0; cursor < 9; cursor++) {
        const cells = drawBoard({ ...board, overlay, cursor }, { cell: 4 }, PLAIN).flat();
        const inverse = [...cells.keys()].filter((cell) => cells[cell].style?.inverse);
        expect(inverse).toEqual(overlay?.kind === "heat" || cursor === 0 ? [cursor] : [0, cursor]);
      }
    }
  });

  test("arrows by probability on free cells alone, none where nothing is to be done", () => {
    const probabilities = Array.from({ length: 9 }, (_, cell) =>
      cell === 1 ? null : [0.1, 0.1, cell === 3 ? 0.8 : 0.5, 0.1],
    );
    expect(toText(drawBoard({ ...board, overlay: { kind: "arrows", probabilities } }, { cell: 3 }, PLAIN))).toEqual([
      " A  · [G]",
      " ⇓  █  ↓",
      " D  ↓  ↓",
    ]);
  });

  test("numbers never touch: each begins with a blank, the agent's before its sign", () => {
    const values = [0.955, 0.9, null, 1, null, -0.5, null, 1, null];
    const overlay: Overlay = { kind: "heat", values, low: 0, high: 1, write: within };
    expect(toText(drawBoard({ ...board, overlay }, { cell: 5 }, PLAIN))).toEqual([
      " A.95  .90 [G]",
      " 1.00 ███  -.50",
      "  D   1.00",
    ]);
    expect(toText(drawBoard({ ...board, overlay }, { cell: 4 }, PLAIN))).toEqual([
      "  A1 .90[G]",
      " 1.0 ██  -.5",
      " D   1.0",
    ]);
  });

  test.each([
    [[0.75, 0.25, 0, 0], "⇑", { bold: true, tone: "true" }],
    [[0.74, 0.26, 0, 0], "↑", { bold: false, tone: "true" }],
    [[0.4, 0.3, 0.3, 0], "↑", { bold: false, tone: "true" }],
    [[0.39, 0.3, 0.3, 0.01], "˄", { tone: "muted" }],
    [[0.35, 0.35, 0.3, 0], "↑→", { bold: false, tone: "true" }],
    [[0.4, 0.6, 0.6 - 1e-12, 0], "→↓", { bold: false, tone: "true" }],
  ])("an arrow of %j is %s", (probabilities, sign, style) => {
    const overlay: Overlay = { kind: "arrows", probabilities: [null, probabilities], tone: "true" };
    for (const cell of [3, 4]) {
      const [[, drawn]] = drawBoard({ ...board, map: "A.", marks: new Set(), overlay }, { cell }, PLAIN);
      expect([drawn.text.trim(), drawn.style]).toEqual([sign, style]);
    }
  });

  test("a tall board has a blank row between two, and as many as it says", () => {
    const flat = toText(drawBoard(board, { cell: 3, axes: true }, PLAIN));
    const tall = toText(drawBoard(board, { cell: 3, axes: true, tall: true }, PLAIN));
    expect(tall).toEqual([flat[0], flat[1], "", flat[2], "", flat[3]]);
    expect([boardRows(3, true), boardRows(3, false)]).toEqual([5, 3]);
  });

  test("equals are all shown where there is room", () => {
    const probabilities = Array.from({ length: 9 }, () => [0.5, 0.5, 0, 0]);
    const overlay: Overlay = { kind: "arrows", probabilities, tone: "true" };
    expect(toText(drawBoard({ ...board, overlay }, { cell: 4 }, PLAIN))).toEqual([
      " A   ↑→ [G]",
      " ↑→  ██  ↑→",
      " D   ↑→  ↑→",
    ]);
    expect(drawBoard({ ...board, overlay }, { cell: 4 }, PLAIN)[0][1].style).toEqual({ bold: false, tone: "true" });
    expect(toText(drawBoard({ ...board, overlay }, { cell: 2 }, PLAIN))[0]).toBe("A ↑ G*");
  });

  test("heat: numbers where there is room, tenths where there is not, so that it is read without colours", () => {
    const values = [0, 0.25, null, 0.5, null, 0.75, null, 1, null];
    const overlay: Overlay = { kind: "heat", values, low: 0, high: 1, write: (v, n) => v.toFixed(n - 2) };
    expect(toText(drawBoard({ ...board, overlay }, { cell: 5 }, PLAIN))).toEqual([
      " A0.0 0.25 [G]",
      " 0.50 ███  0.75",
      "  D   1.00",
    ]);
    expect(toText(drawBoard({ ...board, overlay }, { cell: 2 }, PLAIN))).toEqual(["A0 2G*", " 5█  7", "D  9"]);
    expect(drawBoard({ ...board, overlay }, { cell: 5 }, PLAIN)[0][1].style).toEqual({ heat: 0.25 });
  });

  test("heat is a share of the range; numbers fit their cell; the agent stays to be seen", () => {
    const heat = (values: readonly (number | null)[], low: number, high: number, cell: number) => {
      const overlay: Overlay = { kind: "heat", values, low, high, write: within };
      return drawBoard({ ...board, map: "A..", marks: new Set(), overlay }, { cell }, PLAIN)[0];
    };
    expect(heat([2, 3, 4], 2, 4, 4)).toEqual([
      span("  A2", { heat: 0, bold: true }),
      span(" 3.0", { heat: 0.5 }),
      span(" 4.0", { heat: 1 }),
    ]);
    expect(toText([heat([1, 2.5, 9], 2, 4, 2)])).toEqual(["A0 2 9"]);
    expect(heat([null, 3, null], 3, 3, 3)).toEqual([
      span(" A ", { bold: true, inverse: true }),
      span("  0", { heat: 0 }),
      span("   ", {}),
    ]);
  });

  test("cells are as wide as fit", () => {
    expect([cellWidth(5, 25, 4), cellWidth(15, 40, 4), cellWidth(15, 10, 4)]).toEqual([4, 2, 2]);
  });
});

test("boxes and choices are read without colours", () => {
  expect(toText(box("title", [line("body")], 14, PLAIN))).toEqual([
    "╭─ title ────╮",
    "│ body       │",
    "╰────────────╯",
  ]);
  expect(toText(box("", [line("body")], 10, ASCII))).toEqual(["+--------+", "| body   |", "+--------+"]);
  expect(toText([choice(["a", "b"], 1)])).toEqual([" a  [b]"]);
});

test("heads, rules and badges", () => {
  expect(toText([heading(line("what"), line("how"), 14), rule(14, ASCII)])).toEqual([" what     how", " ------------"]);
  expect(toText(indent([badge("true", "0.5", "true", 5)], 2))).toEqual(["  true   0.5"]);
});
