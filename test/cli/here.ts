import { Readable, Writable } from "node:stream";
import { runCommand } from "../../cli/program.ts";
import { type Outcome, ROOT } from "./halfwatch.ts";

/**
 * Run a command line in this process, as if without a terminal: for tests whose subject is what a command says, not its process. One at a
 * time, since a process has one standard output and one working directory.
 */
export async function halfwatchHere(args: readonly string[], cwd: string = ROOT, input = ""): Promise<Outcome> {
  const [stdout, stderr] = [listen(), listen()];
  const streams = { stdin: Readable.from([Buffer.from(input)]), stdout: stdout.stream, stderr: stderr.stream };
  const own = Object.keys(streams).map((name) => [name, Object.getOwnPropertyDescriptor(process, name)] as const);
  const before = { cwd: process.cwd(), exitCode: process.exitCode };
  for (const [name, stream] of Object.entries(streams)) {
    Object.defineProperty(process, name, { value: stream, configurable: true });
  }
  process.chdir(cwd);
  process.exitCode = undefined;
  try {
    const code = await runCommand(args);
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    for (const [name, descriptor] of own) if (descriptor) Object.defineProperty(process, name, descriptor);
    process.exitCode = before.exitCode;
    process.chdir(before.cwd);
  }
}

function listen(): { stream: Writable; text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString("utf8") };
}
