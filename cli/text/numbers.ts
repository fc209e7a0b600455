import { grouped } from "../../src/report/format.ts";

/** `.199`, `-.043`, `1.000`: three decimals without the leading zero, as in the tables. */
export function short(value: number, decimals = 3): string {
  const text = value.toFixed(decimals).replace(/^(-?)0\./, "$1.");
  return /^-[.0]*$/.test(text) ? text.slice(1) : text;
}

/** `[.171, .229]`; a dash where there is no interval. */
export function interval(low: number | null, high: number | null): string {
  return low === null || high === null ? "–" : `[${short(low)}, ${short(high)}]`;
}

/** `.97`, `1.0`, `-.5`: with as many decimals, two at most, as go into so many columns. */
export function within(value: number, columns: number): string {
  const forms = [2, 1, 0].map((decimals) => short(value, decimals));
  return forms.find((text) => text.length <= columns) ?? forms[2];
}

/** `1,204`, `12k`, `.6M`: a count in so many columns; nothing where they are too few. */
export function countWithin(value: number, columns: number): string {
  const units = [
    [1e3, "k"],
    [1e6, "M"],
  ] as const;
  const forms = units.flatMap(([unit, letter]) => [1, 0].map((d) => `${short(value / unit, d)}${letter}`));
  return [grouped(value), ...forms].find((text) => text.length <= columns && !/^[.0]+[kM]$/.test(text)) ?? "";
}

/** `00:07:41` from seconds. */
export function clock(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  return `${two(Math.floor(total / 3600))}:${two(Math.floor(total / 60) % 60)}:${two(total % 60)}`;
}

/** `~14 min`, `~40 s`: a rough time left. */
export function roughly(seconds: number): string {
  if (seconds < 90) return `~${Math.max(1, Math.round(seconds / 5) * 5)} s`;
  if (seconds < 5400) return `~${Math.round(seconds / 60)} min`;
  return `~${(seconds / 3600).toFixed(1)} h`;
}
