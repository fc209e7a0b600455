/**
 * The input is wrong: shown as its message and hint without a stack, exit code 2.
 *
 * The message says where, what was found and what is allowed ("oversight.coverage is 1.5, expected a number in
 * [0, 1]"); the hint says what to do about it. Everything else that is thrown is a bug of ours.
 */
export class UserError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.name = "UserError";
    this.hint = hint;
  }
}
