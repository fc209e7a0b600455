import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { drawPictures } from "../../scripts/draw.ts";
import { ROOT } from "../cli/halfwatch.ts";

test("the pictures in docs/figures are those that `npm run pictures` draws, byte for byte, each less than 60 kB", async () => {
  const pictures = await drawPictures();
  expect([...pictures.keys()]).toEqual([
    "demo-open.svg",
    "demo-maze.svg",
    "demo-hidden.svg",
    "player.svg",
    "dashboard.svg",
  ]);
  for (const [name, svg] of pictures) {
    expect(svg === readFileSync(join(ROOT, "docs/figures", name), "utf8"), `${name}: npm run pictures`).toBe(true);
    expect(svg.length).toBeLessThan(60_000);
  }
});
