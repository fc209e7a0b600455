import { fileURLToPath } from "node:url";
import { Resvg } from "@resvg/resvg-js";
import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import type { Spec } from "../src/report/figure.ts";

/*
 * Draws figures. Imported only by what draws (vega costs 0.4 s). Text is drawn in Arimo, a free font with the widths of Arial, which
 * comes with the program: a bare machine has no fonts, and the same figure is to be the same bytes on any.
 */

/** Pixels of a PNG for each of the figure's own. */
const SCALE = 2;
const FONTS = [
  import.meta.resolve("@expo-google-fonts/arimo/400Regular/Arimo_400Regular.ttf"),
  import.meta.resolve("@expo-google-fonts/arimo/700Bold/Arimo_700Bold.ttf"),
];

/** A figure as an SVG text and as PNG bytes. */
export interface Drawing {
  readonly svg: string;
  readonly png: Uint8Array;
}

export async function draw(spec: Spec): Promise<Drawing> {
  const warnings: string[] = [];
  const logger = silentLogger(warnings);
  const compiled = compile(spec as unknown as TopLevelSpec, { logger }).spec;
  measureText();
  vega.resetSVGDefIds();
  const view = new vega.View(vega.parse(compiled), { renderer: "none", logger });
  try {
    const svg = await view.toSVG();
    if (warnings.length > 0) throw new Error(`draw: the figure is not drawn as it is meant: ${warnings.join("; ")}`);
    return { svg, png: toPng(svg) };
  } finally {
    view.finalize();
  }
}

function toPng(svg: string): Uint8Array {
  const font = {
    loadSystemFonts: false,
    fontFiles: FONTS.map((url) => fileURLToPath(url)),
    defaultFontFamily: "Arimo",
  };
  return new Resvg(svg, { font, background: "white", fitTo: { mode: "zoom", value: SCALE } }).render().asPng();
}

/**
 * Widths of the characters 32 to 126 of Arimo Regular (and of Arial), thousandths of an em. Without a canvas vega takes every letter
 * to be 0.8 em wide, and with one (a package that may be installed or not) it measures by fonts that may be there or not.
 */
const WIDTHS = [
  278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
  556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
  722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
  556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
  260, 334, 584,
];
const BOLD = 1.06;

/** The room that vega leaves for a text, pixels. */
function measureText(): void {
  type TextItem = { readonly fontSize?: number; readonly fontWeight?: string | number };
  const { textMetrics } = vega as unknown as { textMetrics: { width(item: TextItem, text: unknown): number } };
  textMetrics.width = ({ fontSize = 11, fontWeight }, text) => {
    const ems = [...String(text ?? "")].reduce((sum, c) => sum + (WIDTHS[c.charCodeAt(0) - 32] ?? 600) / 1000, 0);
    return Math.ceil(ems * fontSize * (fontWeight === "bold" ? BOLD : 1));
  };
}

/** Gathers warnings; the specification is ours, so a warning is a bug. */
function silentLogger(warnings: string[]) {
  const logger = {
    level: () => logger,
    error: (...args: unknown[]) => {
      warnings.push(args.join(" "));
      return logger;
    },
    warn: (...args: unknown[]) => {
      warnings.push(args.join(" "));
      return logger;
    },
    info: () => logger,
    debug: () => logger,
  };
  return logger as never;
}
