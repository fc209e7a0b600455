import { fstatSync, writeSync } from "node:fs";
import { fileError } from "../src/runs/files.ts";
import { inAscii } from "./text/ascii.ts";
import { printedCapabilities } from "./text/capabilities.ts";

/** Data, on stdout. @throws UserError when it goes into a file that cannot be written. */
export function print(text: string): void {
  printWhole(`${shownOn(process.stdout, text)}\n`);
}

/** The one document of `--json`. @throws UserError as {@link print}. */
export function printJson(value: unknown): void {
  printWhole(`${JSON.stringify(value, null, 2)}\n`);
}

/** Text as it is, on stdout. @throws UserError as {@link print}. */
export function printWhole(text: string): void {
  try {
    write(process.stdout, text);
  } catch (error) {
    throw outputError(error);
  }
}

/** Talk, on stderr. What it cannot be told is told nowhere: there is no other place for it. */
export function say(text: string): void {
  try {
    write(process.stderr, `${shownOn(process.stderr, text)}\n`);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
  }
}

/** What standard output refuses, as an error to tell. */
const outputError = (error: unknown): unknown => fileError("write to", "standard output", error);

const shownOn = (stream: NodeJS.WriteStream, text: string): string =>
  printedCapabilities(stream).unicode ? text : inAscii(text);

/** Terminals and pipes as Node does it; a file byte by byte, since Node takes no notice of a disk that is full half way through a text. */
function write(stream: NodeJS.WriteStream, text: string): void {
  const file = fileOf(stream);
  if (file === undefined) {
    stream.write(text);
    return;
  }
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}

/** The file or device that a stream writes to; undefined for a terminal, a pipe, and what stands in for the stream. */
function fileOf(stream: NodeJS.WriteStream & { readonly fd?: number }): number | undefined {
  const { fd, isTTY } = stream;
  if (isTTY || fd === undefined) return undefined;
  const status = fstatSync(fd);
  return status.isFile() || status.isCharacterDevice() ? fd : undefined;
}

/**
 * While work goes on, that nobody hears of it ends nothing: a pipe that is closed, a disk that is full, a terminal that has gone. Until the
 * returned function is called.
 */
export function goOnUnheard(): () => void {
  const streams = [process.stdout, process.stderr];
  const ignore = () => {};
  for (const stream of streams) stream.on("error", ignore);
  return () => {
    for (const stream of streams) stream.off("error", ignore);
  };
}

/**
 * `halfwatch list | head -1`, or the terminal is gone (EIO): the reader has left, so there is nobody to tell, and the program ends. Of
 * anything else that standard output refuses, `tell` makes an exit code. Who has work to save listens to errors too, and decides.
 */
export function endWhenUnheard(tell: (error: unknown) => number): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (stream.listenerCount("error") > 1) return;
      const isLeft = error.code === "EPIPE" || error.code === "EIO";
      if (!isLeft && stream === process.stderr) return;
      if (!isLeft) process.exitCode = tell(outputError(error));
      process.exit();
    });
  }
}
