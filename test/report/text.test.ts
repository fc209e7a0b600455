import { describe, expect, test } from "vitest";
import type { Block } from "../../src/report/document.ts";
import { bounds, fixed, grouped, percent, pointText, probability } from "../../src/report/format.ts";
import { toHtml } from "../../src/report/html.ts";
import { toMarkdown } from "../../src/report/markdown.ts";

const BLOCKS: readonly Block[] = [
  { kind: "heading", level: 2, text: "A | B" },
  { kind: "paragraph", text: "x_1 < y*\nnext <script>alert(1)</script>" },
  { kind: "list", items: ["one", "two & three"] },
  { kind: "figure", name: "coverage", alt: 'what "it" shows' },
  {
    kind: "table",
    columns: [
      { head: "arm", align: "left" },
      { head: "mean", align: "right" },
    ],
    rows: [
      ["route|x", "0.507"],
      ["[a](b)", "–"],
    ],
  },
  { kind: "code", text: "halfwatch run a & b" },
];

test("blocks as Markdown, literally", () => {
  expect(toMarkdown(BLOCKS)).toBe(`## A \\| B

x\\_1 \\< y\\* next \\<script\\>alert(1)\\</script\\>

- one
- two & three

![what "it" shows](coverage.svg)

| arm | mean |
| :-- | --: |
| route\\|x | 0.507 |
| [a]\\(b) | – |

\`\`\`sh
halfwatch run a & b
\`\`\`
`);
});

describe("blocks as HTML", () => {
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg"><defs><clipPath id="clip1"/></defs><g clip-path="url(#clip1)"/></svg>';
  const html = toHtml("A < B", BLOCKS, new Map([["coverage", svg]]));

  test("escape what is text", () => {
    expect(html).toContain("<title>A &lt; B</title>");
    expect(html).toContain("<p>x_1 &lt; y*\nnext &lt;script&gt;alert(1)&lt;/script&gt;</p>");
    expect(html).toContain("<li>two &amp; three</li>");
    expect(html).toContain('aria-label="what &quot;it&quot; shows"');
    expect(html).toContain('<tr><td>route|x</td><td class="right">0.507</td></tr>');
  });

  test("hold figures inline, their ids their own", () => {
    expect(html).toContain('<clipPath id="coverage-clip1"/></defs><g clip-path="url(#coverage-clip1)"/>');
    expect(() => toHtml("t", BLOCKS, new Map())).toThrow("toHtml: figure coverage has no SVG");
  });

  test("need no script and no network", () => {
    expect(html).not.toMatch(/<script|<link|<img|@import|url\((?!#)/);
    expect(html.match(/https?:\/\/[^"]*/g)).toEqual(["http://www.w3.org/2000/svg"]);
  });
});

test("numbers as they stand in tables", () => {
  expect([0.5074, -0.0001, -0.0436, 1].map((value) => fixed(value))).toEqual(["0.507", "0.000", "-0.044", "1.000"]);
  expect(bounds({ low: -0.1, high: 0.25 })).toBe("[-0.100, 0.250]");
  expect(bounds({ low: null, high: null })).toBe("–");
  expect([0, 999, 1234.5, 98304, 3_000_000].map(grouped)).toEqual(["0", "999", "1,235", "98,304", "3,000,000"]);
  expect([0.0625, 0.00005, 1].map(probability)).toEqual(["0.063", "<0.001", "1.000"]);
  expect([0.001, 0.01, 0.3, 1].map(percent)).toEqual(["0.1 %", "1 %", "30 %", "100 %"]);
  expect(pointText({ "oversight.coverage": 0.1, "agent.gate": "fixed" })).toBe(
    "oversight.coverage 0.1 · agent.gate fixed",
  );
});
