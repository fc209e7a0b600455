#!/usr/bin/env node
/*
 * Starts the program. Nothing is imported here that an old Node could not read, so that it is told what it lacks.
 */
const major = Number(process.versions.node.split(".")[0]);
if (major < 22) {
  process.stderr.write(`halfwatch needs Node 22 or newer, this is ${process.versions.node}\n`);
  process.exitCode = 2;
} else {
  const { main } = await import("./program.ts");
  await main(process.argv.slice(2));
}

export {};
