import { UserError } from "../src/core/errors.ts";
import { isOutOfMemory, LESS_MEMORY, OUT_OF_MEMORY } from "../src/core/memory.ts";

/** A person stopped the command (Ctrl-C) and the work is saved: exit code 130. */
export class Interrupted extends Error {
  constructor(message: string) {
    super(message);
    this.name = "Interrupted";
  }
}

/** The terminal that a screen stood on cannot be read or written any more: no fault of the screen, and nobody is there to be told. */
export class TerminalGone extends Error {
  constructor(cause: unknown) {
    super(`the terminal has gone: ${cause instanceof Error ? cause.message : String(cause)}`);
    this.name = "TerminalGone";
  }
}

/** Whether an error is for the person to mend: a mistake in the input, or memory that has run out. */
export const isTheirs = (error: unknown): boolean => error instanceof UserError || isOutOfMemory(error);

/** What went wrong, for a person: a mistake in the input as its message and hint, anything else with its stack as what it is, a bug. */
export function complaintOf(error: unknown): string {
  if (error instanceof UserError) {
    return printable(error.hint === undefined ? error.message : `${error.message}\n  ${error.hint}`);
  }
  if (isOutOfMemory(error)) return `${OUT_OF_MEMORY}: ${(error as Error).message}\n  ${LESS_MEMORY}`;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${text}\nthis is a bug in halfwatch: please report it together with the command that you ran`;
}

/**
 * What went wrong, as the one document of a command with `--json`. Several problems of a scenario are several `errors`; a place that is
 * not in a text file is null. `validate` says so in its own word.
 */
export function failureDocument(error: unknown, command: string | undefined): Readonly<Record<string, unknown>> {
  const kind = error instanceof Interrupted ? "interrupted" : isTheirs(error) ? "input" : "bug";
  const nowhere = { file: null, line: null, column: null };
  const one = (message: string, hint: string | null) => [{ ...nowhere, message, hint }];
  const message = error instanceof Error ? error.message : String(error);
  const errors =
    error instanceof UserError
      ? (error.problems ?? one(message, error.hint ?? null))
      : isOutOfMemory(error)
        ? one(`${OUT_OF_MEMORY}: ${message}`, LESS_MEMORY)
        : one(message, null);
  return command === "validate" && kind === "input" ? { valid: false, errors } : { error: kind, errors };
}

/** What a person typed may hold escape codes; a message shows them as text. */
function printable(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
    /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
