import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { toText } from "../../cli/tui/ansi.ts";
import { line, rowOf, span } from "../../cli/tui/span.ts";
import { toSvg } from "../../cli/tui/svg.ts";
import { ROOT } from "../cli/halfwatch.ts";

/*
 * Pictures of screens in a real browser: each letter stands in its column. Without Chromium (`apt-get install chromium`) it is skipped.
 */

const chromium = ["chromium", "chromium-browser", "google-chrome"].find(
  (name) => spawnSync(name, ["--version"]).status === 0,
);
if (chromium === undefined) console.warn("no Chromium is found: pictures are not looked at in a browser");

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "halfwatch-pictures-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Reads each letter's place, in columns, as the browser lays it out, and writes all of them into the page. */
const MEASURE = `
  const letters = [];
  for (const text of document.querySelectorAll("text")) {
    const content = text.textContent;
    for (let i = 0; i < text.getNumberOfChars(); i++) {
      const { x, width } = text.getExtentOfChar(i);
      letters.push([content[i], Number(text.getAttribute("y")), (x - 14) / 8.4, width / 8.4]);
    }
  }
  const size = [...document.querySelectorAll("text")].reduce((sum, text) => sum + text.textContent.length, 0);
  document.body.innerHTML = "<pre id=out></pre>";
  document.getElementById("out").textContent = JSON.stringify({ letters, size });`;

type Letter = readonly [letter: string, y: number, column: number, columns: number];

function layout(svg: string): readonly Letter[] {
  const page = join(folder, "page.html");
  writeFileSync(page, `<!doctype html><meta charset="utf-8"><body>${svg}<script>${MEASURE}</script>`);
  const { stdout, stderr, status } = spawnSync(
    chromium ?? "",
    [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      `--user-data-dir=${folder}/profile`,
      "--dump-dom",
      pathToFileURL(page).href,
    ],
    { encoding: "utf8", timeout: 120_000 },
  );
  expect(status, stderr).toBe(0);
  const text = /<pre id="out">(.*?)<\/pre>/s.exec(stdout)?.[1] ?? "";
  const found = JSON.parse(text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&"));
  // Every letter that the picture has is laid out: none was collapsed.
  expect(found.letters.length).toBe(found.size);
  return found.letters;
}

/** Lines of text as the letters stand. */
function linesOf(letters: readonly Letter[]): string[] {
  const rows = new Map<number, string[]>();
  for (const [letter, y, column] of letters) {
    const row = rows.get(y) ?? [];
    row[Math.round(column)] = letter;
    rows.set(y, row);
  }
  const last = Math.max(...rows.keys());
  return Array.from({ length: (last - 28) / 18 + 1 }, (_, r) =>
    Array.from(rows.get(28 + 18 * r) ?? [], (letter) => letter ?? " ").join(""),
  );
}

test.skipIf(chromium === undefined)("letters stand in their columns, whatever blanks there are", () => {
  const frame = [
    rowOf("  two  before", span("   three, bold   ", { bold: true }), span("x ", { inverse: true }), "end"),
    line("A . .   D   <&>  ─ │ • ·"),
    rowOf(span(" .5 ", { heat: 0.5 }), span("  ", { heat: 0.9 }), span("1", { tone: "proxy" })),
  ];
  const letters = layout(toSvg(frame, "blanks"));
  expect(linesOf(letters)).toEqual(toText(frame).map((text) => text.trimEnd()));
  for (const [letter, , column] of letters) expect(Math.abs(column - Math.round(column)), letter).toBeLessThan(0.1);
});

const FIGURES = join(ROOT, "docs/figures");
const screens = readdirSync(FIGURES).filter((name) => /^(demo-.*|player|dashboard)\.svg$/.test(name));

test.skipIf(chromium === undefined).each(screens)("%s: no letter is out of its column or over another", (name) => {
  const letters = layout(readFileSync(join(FIGURES, name), "utf8"));
  expect(letters.length).toBeGreaterThan(100);
  for (const [letter, , column, columns] of letters) {
    expect(Math.abs(column - Math.round(column)), `${letter} at ${column}`).toBeLessThan(0.3);
    // Dots of a curve are from another font where the first has none, and a little wider.
    expect(columns, letter).toBeLessThan(1.3);
  }
});
