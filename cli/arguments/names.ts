/** Names in a text, apart by commas or blanks; those before three digits, as in `step:1,000,000`, are in a number. "" where one is missing. */
export const wordsIn = (text: string): string[] => text.trim().split(/\s*,(?!\d{3}(?!\d))\s*|\s+/);
