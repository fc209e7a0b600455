import type { Block } from "./document.ts";

/** Blocks as Markdown (GitHub's tables); figures are files beside it. */
export function toMarkdown(blocks: readonly Block[]): string {
  return `${blocks.map(blockText).join("\n\n")}\n`;
}

function blockText(block: Block): string {
  switch (block.kind) {
    case "heading":
      return `${"#".repeat(block.level)} ${escapeMarkdown(block.text)}`;
    case "paragraph":
      return escapeMarkdown(block.text);
    case "list":
      return block.items.map((item) => `- ${escapeMarkdown(item)}`).join("\n");
    case "code":
      return `\`\`\`sh\n${block.text}\n\`\`\``;
    case "figure":
      return `![${escapeMarkdown(block.alt)}](${block.name}.svg)`;
    case "table": {
      const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
      return [
        line(block.columns.map(({ head }) => escapeMarkdown(head))),
        line(block.columns.map(({ align }) => (align === "right" ? "--:" : ":--"))),
        ...block.rows.map((row) => line(row.map(escapeMarkdown))),
      ].join("\n");
    }
    default:
      return block satisfies never;
  }
}

/** What Markdown would take for its own: a bar ends a cell, `*`, `_`, `<` and backticks vanish, `](` makes a link. */
function escapeMarkdown(text: string): string {
  return text
    .replace(/[\\`*_<>|]/g, "\\$&")
    .replace(/\]\(/g, "]\\(")
    .replace(/\s*\r?\n\s*/g, " ");
}
