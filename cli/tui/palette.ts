import type { Tone } from "./span.ts";

/** One colour in the three ways that terminals know: an SGR number, an index of 256, and red, green, blue. */
interface Colour {
  readonly ansi16: number;
  readonly ansi256: number;
  readonly rgb: readonly [number, number, number];
}

/**
 * Blue for the true goal and orange for the proxy goal: told apart by every kind of colour blindness (after Okabe and Ito 2008), both
 * readable on black and on white (contrast 3 to 1 at least, tested).
 */
export const TONE_COLOURS: Readonly<Record<Tone, Colour>> = {
  true: { ansi16: 36, ansi256: 32, rgb: [36, 135, 213] },
  proxy: { ansi16: 33, ansi256: 166, rgb: [214, 101, 0] },
  muted: { ansi16: 90, ansi256: 243, rgb: [128, 128, 128] },
  note: { ansi16: 35, ansi256: 133, rgb: [184, 96, 176] },
  bad: { ansi16: 31, ansi256: 160, rgb: [215, 50, 50] },
};

/** Dark violet to yellow: five points of "cividis", which is even in lightness for every kind of colour vision (Nuñez et al. 2018). */
const RAMP: readonly (Pick<Colour, "ansi256" | "rgb"> & { readonly dark: boolean })[] = [
  { rgb: [0, 34, 78], ansi256: 17, dark: true },
  { rgb: [65, 77, 107], ansi256: 60, dark: true },
  { rgb: [111, 112, 115], ansi256: 242, dark: true },
  { rgb: [165, 155, 103], ansi256: 143, dark: false },
  { rgb: [254, 232, 56], ansi256: 227, dark: false },
];

/** The ground of a heat in [0, 1], and whether letters on it are white (`dark`) or black. */
export function heatColour(heat: number) {
  const place = Number.isFinite(heat) ? Math.min(1, Math.max(0, heat)) : 0;
  return RAMP[Math.min(RAMP.length - 1, Math.round(place * (RAMP.length - 1)))];
}
