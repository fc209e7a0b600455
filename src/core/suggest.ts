/**
 * The candidate that `word` was probably meant to be: the closest one by edits, if at most a third of the letters
 * (and at least one) would have to change; a swap of neighbours is one edit. Else the first that contains the word, if the
 * word has three letters. Case does not count.
 *
 * Damerau 1964, restricted to edits that do not overlap ("optimal string alignment").
 */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  const lower = word.toLowerCase().slice(0, 100);
  const all = [...candidates];
  let best: string | undefined;
  let fewest = Math.max(1, Math.floor(lower.length / 3)) + 1;
  for (const candidate of all) {
    const edits = countEdits(lower, candidate.toLowerCase());
    if (edits < fewest) {
      fewest = edits;
      best = candidate;
    }
  }
  return best ?? (lower.length < 3 ? undefined : all.find((candidate) => candidate.toLowerCase().includes(lower)));
}

function countEdits(a: string, b: string): number {
  const columns = b.length + 1;
  const table = new Uint16Array((a.length + 1) * columns);
  for (let i = 0; i <= a.length; i++) table[i * columns] = i;
  for (let j = 0; j <= b.length; j++) table[j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const at = i * columns + j;
      const replaced = table[at - columns - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      table[at] = Math.min(replaced, table[at - 1] + 1, table[at - columns] + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        table[at] = Math.min(table[at], table[at - 2 * columns - 2] + 1);
      }
    }
  }
  return table[a.length * columns + b.length];
}
