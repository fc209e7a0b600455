import { UserError } from "../core/errors.ts";
import { readFrom, textOf } from "../runs/files.ts";

/** Bytes that one look reads at most; the rest is for the next. */
const CHUNK = 1 << 22;
/** The longest line that is waited for. */
const LONGEST = 1 << 20;

/**
 * Reads the lines that another process appends to a file, each once: from where it was last, never the whole file again. A line without its
 * end is waited for. A file that has become shorter (a cell that rolled back to its last save) is read again from its begin, which
 * `isAgain` says; one that has grown past this place again by then has the same bytes, since training repeats to the bit.
 */
export class LineFollower {
  private offset = 0;
  /** Lines before the offset. */
  private count = 0;
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Whole lines since the last look, without their ends; none while there is no file. `first` is the number of the first of them in the
   * file, from 1; `isMore`: another look now finds more.
   *
   * @throws UserError when a line is longer than a mebibyte or not UTF-8.
   */
  next(): {
    readonly lines: readonly string[];
    readonly first: number;
    readonly isAgain: boolean;
    readonly isMore: boolean;
  } {
    let found = readFrom(this.path, this.offset, CHUNK);
    const isAgain = this.offset > 0 && (found === undefined || found.size < this.offset);
    if (isAgain) {
      this.offset = 0;
      this.count = 0;
      found = readFrom(this.path, 0, CHUNK);
    }
    if (found === undefined) return { lines: [], first: this.count + 1, isAgain, isMore: false };
    const end = found.bytes.lastIndexOf(0x0a) + 1;
    if (found.bytes.length - end > LONGEST) {
      throw new UserError(`${this.path} has a line of more than ${LONGEST} bytes: it is no log of halfwatch`);
    }
    this.offset += end;
    const text = textOf(found.bytes.subarray(0, end), this.path);
    const lines = end === 0 ? [] : text.slice(0, -1).split("\n");
    const first = this.count + 1;
    this.count += lines.length;
    return {
      lines,
      first,
      isAgain,
      isMore: end > 0 && found.size > this.offset,
    };
  }
}
