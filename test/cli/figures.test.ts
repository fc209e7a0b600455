import { describe, expect, test } from "vitest";
import { draw } from "../../cli/figures.ts";
import { armsFigure } from "../../src/report/arms.ts";
import { coverageFigure } from "../../src/report/coverage.ts";
import { curvesFigure } from "../../src/report/curves.ts";
import { SWEEP, tableOf } from "../report/tables.ts";

const CAPTION = {
  title: "A title & more",
  lines: ["first <line>"],
  published: [
    ...["route", "naive"].flatMap((arm) => [0.1, 0.3, 0.8, 1].map((coverage) => ({ arm, coverage, value: 0.5 }))),
  ],
};

describe("a drawn figure", () => {
  test("is an SVG that closes what it opens, with every mark and word", async () => {
    const { svg } = await draw(coverageFigure(SWEEP, CAPTION));
    expect(unclosed(svg)).toEqual([]);
    const marks = (kind: string) =>
      svg
        .split(`<g class="mark-${kind} `)
        .slice(1)
        .map((part) => part.split("</g>")[0]);
    const count = (kind: string) => marks(kind).map((part) => part.match(/<path|<line|<text/g)?.length ?? 0);
    // seeds, means, published points of naive and route; then the legend's three
    expect(count("symbol").filter((n) => n > 1)).toEqual([18, 6, 8]);
    for (const word of [
      "A title &amp; more",
      "first &lt;line&gt;",
      "1 %",
      "10 %",
      "100 %",
      "theory: naive",
      "optimum",
    ]) {
      expect(svg).toContain(`>${word}</text>`);
    }
    // Optimum, and theory of naive and oracle, a bar at each coverage.
    expect(count("rect").filter((n) => n > 0)).toEqual([2, 2, 2]);
    for (const arm of ["naive", "oracle", "route"]) expect(svg).toContain(`>${arm}</text>`);
  });

  test("is a PNG, two pixels for one", async () => {
    const { svg, png } = await draw(armsFigure([tableOf({}, SWEEP[0].rows)], CAPTION));
    expect([...png.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    const header = new DataView(png.buffer, png.byteOffset + 16, 8);
    const [, width, height] = /<svg[^>]* width="([\d.]+)" height="([\d.]+)"/.exec(svg) ?? [];
    expect([header.getUint32(0), header.getUint32(4)]).toEqual([2 * Number(width), 2 * Number(height)]);
    expect(Number(width)).toBeGreaterThan(560);
    expect(png.byteLength).toBeGreaterThan(5000);
  });

  test("has letters in its PNG: the font is found without any on the machine", async () => {
    const spec = { mark: { type: "text", text: "MMMM", fontSize: 40 }, data: { values: [{}] }, background: "white" };
    const empty = { ...spec, mark: { ...spec.mark, text: "    " } };
    const [letters, blanks] = [await draw(spec), await draw(empty)];
    expect(letters.png.byteLength).toBeGreaterThan(blanks.png.byteLength + 200);
  });

  test("is the same bytes twice, also after another was drawn", async () => {
    const spec = coverageFigure(SWEEP, CAPTION);
    const first = await draw(spec);
    await draw(curvesFigure(SWEEP, [], { title: "t", lines: [] }));
    const second = await draw(spec);
    expect(second.svg).toBe(first.svg);
    expect(Buffer.compare(second.png, first.png)).toBe(0);
  });

  test("that Vega-Lite would draw otherwise than it is written is refused", async () => {
    const broken = { data: { values: [{ a: 1 }] }, mark: "bar", encoding: { shape: { field: "a", type: "nominal" } } };
    await expect(draw(broken)).rejects.toThrow("draw: the figure is not drawn as it is meant: ");
  });
});

test("unclosed finds what a broken SVG leaves open", () => {
  expect(unclosed('<svg><g a="1"><path d="M0"/></g></svg>')).toEqual([]);
  expect(unclosed("<svg><g></svg>")).toEqual(["g", "svg"]);
});

/** Names of elements that are not closed in their order; an XML parser's first duty. */
function unclosed(xml: string): string[] {
  const open: string[] = [];
  for (const [, slash, name, , self] of xml.matchAll(/<(\/?)([a-zA-Z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g)) {
    if (slash === "" && self === "") open.push(name);
    else if (slash === "/" && open.at(-1) === name) open.pop();
    else if (slash === "/") return [...open.reverse()];
  }
  return open;
}
