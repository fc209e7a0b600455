/** A person stopped the command (Ctrl-C) and the work is saved: exit code 130. */
export class Interrupted extends Error {
  constructor(message: string) {
    super(message);
    this.name = "Interrupted";
  }
}
