import type { Glyphs } from "./glyphs.ts";

const clamp = (fraction: number): number => (Number.isFinite(fraction) ? Math.min(1, Math.max(0, fraction)) : 0);

/** A fraction as a bar of at most `width` columns, to an eighth of a column; not filled up. Any fraction above 0 shows. */
export function bar(fraction: number, width: number, { full, parts }: Glyphs): string {
  const steps = parts.length + 1;
  const share = clamp(fraction);
  const filled = share === 0 ? 0 : Math.max(1, Math.round(share * width * steps));
  const rest = filled % steps;
  return full.repeat(Math.floor(filled / steps)) + (rest > 0 ? parts[rest - 1] : "");
}

/** {@link bar} followed by the sign of an empty place. */
export function track(fraction: number, width: number, glyphs: Glyphs): string {
  const filled = bar(fraction, width, glyphs);
  return filled + glyphs.floor.repeat(Math.max(0, width - filled.length));
}

/**
 * The last `width` values as columns between `low` and `high`; null is a gap.
 *
 * Where there are more values than columns the latest are shown: a sparkline moves, it does not shrink.
 */
export function sparkline(
  values: readonly (number | null)[],
  width: number,
  [low, high]: readonly [number, number],
  { levels }: Glyphs,
): string {
  return values
    .slice(-width)
    .map((value) => {
      if (value === null || !Number.isFinite(value)) return " ";
      const place = high > low ? clamp((value - low) / (high - low)) : 0;
      return levels[Math.min(levels.length - 1, Math.floor(place * levels.length))];
    })
    .join("");
}
