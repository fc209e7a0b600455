#!/usr/bin/env node
/*
 * Starts the program. Nothing is imported here that an old Node could not read, so that it is told what it lacks.
 */
const major = Number(process.versions.node.split(".")[0]);
if (major < 22) {
  const message = `halfwatch needs Node 22 or newer, this is Node ${process.versions.node}`;
  const hint =
    "in a clone use `npx halfwatch` or `npm start`, which bring their own Node 22; elsewhere install Node 22 or newer";
  const errors = [{ file: null, line: null, column: null, message, hint }];
  const failure = process.argv[2] === "validate" ? { valid: false, errors } : { error: "input", errors };
  if (process.argv.includes("--json")) process.stdout.write(`${JSON.stringify(failure, null, 2)}\n`);
  else process.stderr.write(`${message}\n  ${hint}\n`);
  process.exitCode = 2;
} else {
  const { main } = await import("./program.ts");
  await main(process.argv.slice(2));
}

export {};
