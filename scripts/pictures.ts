import { writeFileSync } from "node:fs";
import { drawPictures } from "./draw.ts";

/* `npm run pictures`: draws the screens that README.md and docs/terminal.md show into docs/figures/. */
for (const [name, svg] of await drawPictures()) {
  writeFileSync(new URL(`../docs/figures/${name}`, import.meta.url), svg);
}
