/** `0.507`, `-0.043`: decimals as they stand in tables; never `-0.000`. */
export function fixed(value: number, decimals = 3): string {
  const text = value.toFixed(decimals);
  return /^-[0.]*$/.test(text) ? text.slice(1) : text;
}

/** `[0.48, 0.54]`; a dash where there is no interval. */
export function bounds({ low, high }: { readonly low: number | null; readonly high: number | null }): string {
  return low === null || high === null ? "–" : `[${fixed(low)}, ${fixed(high)}]`;
}

/** `21,480`. */
export function grouped(value: number): string {
  // Not toLocaleString: it loads a language's rules, 60 ms at its first call.
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A p-value: three decimals, or `<0.001`. */
export function probability(p: number): string {
  return p < 0.001 ? "<0.001" : fixed(p);
}

/** A fraction as per cent, with as many digits as it has: `1 %`, `0.1 %`, `100 %`. */
export function percent(fraction: number): string {
  return `${Number((fraction * 100).toPrecision(4))} %`;
}

/** `oversight.coverage 0.1 · agent.gateCoef 0.3`; empty for the one point of a run without a sweep. */
export function pointText(point: Readonly<Record<string, unknown>>): string {
  return Object.entries(point)
    .map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" · ");
}

/** `1 seed`, `20 seeds`. */
export function counted(n: number, word: string): string {
  return `${grouped(n)} ${word}${n === 1 ? "" : "s"}`;
}
