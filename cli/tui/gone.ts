/** The terminal that a screen stood on cannot be read or written any more: no fault of the screen, and nobody is there to be told. */
export class TerminalGone extends Error {
  constructor(cause: unknown) {
    super(`the terminal has gone: ${cause instanceof Error ? cause.message : String(cause)}`);
    this.name = "TerminalGone";
  }
}
