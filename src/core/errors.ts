/** One thing that is wrong with the input. Line and column count from 1; null where it was not written in a text file. */
export interface InputProblem {
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
  readonly message: string;
  readonly hint: string | null;
}

/**
 * The input is wrong: shown as its message and hint without a stack, exit code 2.
 *
 * The message says where, what was found and what is allowed ("oversight.coverage is 1.5, expected a number in
 * [0, 1]"); the hint says what to do about it. Everything else that is thrown is a bug of ours.
 */
export class UserError extends Error {
  readonly hint: string | undefined;
  /** Each problem by itself, where the message holds several of them, or knows their places. */
  readonly problems: readonly InputProblem[] | undefined;

  constructor(message: string, hint?: string, problems?: readonly InputProblem[]) {
    super(message);
    this.name = "UserError";
    this.hint = hint;
    this.problems = problems;
  }
}
