import type { Block, Column } from "./document.ts";

/**
 * Blocks as one page that needs nothing beside it: figures inline as SVG, no script, nothing from the network (a policy in the page
 * forbids it).
 *
 * @throws RangeError when a figure has no SVG.
 */
export function toHtml(title: string, blocks: readonly Block[], svgs: ReadonlyMap<string, string>): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>
body { font: 15px/1.5 Arial, Helvetica, sans-serif; color: #222; background: #fff; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid #ccc; } h3 { font-size: 1rem; }
figure { margin: 1.5rem 0; overflow-x: auto; } figure svg { max-width: 100%; height: auto; }
.table { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; margin: .6rem 0; }
th, td { padding: .2rem .6rem; text-align: left; white-space: nowrap; } th { border-bottom: 1px solid #888; } td { border-bottom: 1px solid #e6e6e6; }
.right { text-align: right; } pre { background: #f4f4f4; padding: .6rem; overflow-x: auto; } li { margin: .2rem 0; }
@media print { body { max-width: none; margin: 0; } figure, tr { break-inside: avoid; } }
</style>
</head>
<body>
${blocks.map((block) => blockHtml(block, svgs)).join("\n")}
</body>
</html>
`;
}

function blockHtml(block: Block, svgs: ReadonlyMap<string, string>): string {
  switch (block.kind) {
    case "heading":
      return `<h${block.level}>${escapeHtml(block.text)}</h${block.level}>`;
    case "paragraph":
      return `<p>${escapeHtml(block.text)}</p>`;
    case "list":
      return `<ul>\n${block.items.map((item) => `<li>${escapeHtml(item)}</li>`).join("\n")}\n</ul>`;
    case "code":
      return `<pre><code>${escapeHtml(block.text)}</code></pre>`;
    case "figure": {
      const svg = svgs.get(block.name);
      if (svg === undefined) throw new RangeError(`toHtml: figure ${block.name} has no SVG`);
      return `<figure role="img" aria-label="${escapeHtml(block.alt)}">\n${inline(svg, block.name)}\n</figure>`;
    }
    case "table":
      return [
        '<div class="table"><table>',
        `<thead>${rowHtml(
          "th",
          block.columns,
          block.columns.map(({ head }) => head),
        )}</thead>`,
        "<tbody>",
        ...block.rows.map((row) => rowHtml("td", block.columns, row)),
        "</tbody>",
        "</table></div>",
      ].join("\n");
    default:
      return block satisfies never;
  }
}

function rowHtml(tag: "th" | "td", columns: readonly Column[], cells: readonly string[]): string {
  const html = cells.map(
    (cell, c) => `<${tag}${columns[c].align === "right" ? ' class="right"' : ""}>${escapeHtml(cell)}</${tag}>`,
  );
  return `<tr>${html.join("")}</tr>`;
}

/** An SVG to stand in a page with others: its ids are its own there, and it has a height from its width. */
function inline(svg: string, name: string): string {
  return svg
    .replace(/^<\?xml[^>]*\?>\s*/, "")
    .replace(/\bid="([^"]+)"/g, `id="${name}-$1"`)
    .replace(/url\(#([^)]+)\)/g, `url(#${name}-$1)`);
}

function escapeHtml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}
