/** Sentences and names hold such signs; those of screens have their own in tui/glyphs.ts. */
const FOR: ReadonlyMap<string, string> = new Map([
  ["·", "-"],
  ["–", "-"],
  ["…", "~"],
  ["×", "x"],
  ["•", "o"],
]);

/** A text for a terminal that knows no more than ASCII, letter for letter. */
export const inAscii = (text: string): string =>
  text.replace(/[^\n\t\u0020-\u007e]/gu, (letter) => FOR.get(letter) ?? "?");
