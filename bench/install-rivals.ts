import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { say } from "../cli/output.ts";
import { PYTHON, RIVALS } from "./programs.ts";

/*
 * `npm run bench:rivals` runs this first: the Python environment of the rivals, made if it is missing, with exactly the pinned versions.
 */

const VENV = join(RIVALS, ".venv");
const REQUIREMENTS = join(RIVALS, "requirements.txt");

/** Run a program and show what it says. Returns whether it ended well. */
function run(command: string, args: readonly string[]): boolean {
  const { status } = spawnSync(command, args, { stdio: ["ignore", process.stderr.fd, "inherit"] });
  return status === 0;
}

/** What is pinned, by name. */
function pinned(): Map<string, string> {
  const lines = readFileSync(REQUIREMENTS, "utf8").split("\n");
  return new Map(lines.flatMap((line) => (line.includes("==") ? [line.trim().split("==") as [string, string]] : [])));
}

/** The pinned packages that are not there in their version; a build's suffix, as in 2.15.0+cpu, does not count. */
function wrong(): string[] {
  const ask =
    "import importlib.metadata as m; print(*[f'{d.name.lower()}=={d.version}' for d in m.distributions()], sep='\\n')";
  const { stdout } = spawnSync(PYTHON, ["-c", ask], { encoding: "utf8" });
  const found = new Set((stdout ?? "").split("\n").map((line) => line.replace(/\+.*$/, "").replaceAll("-", "_")));
  return [...pinned()]
    .filter(([name, version]) => !found.has(`${name.toLowerCase().replaceAll("-", "_")}==${version}`))
    .map(([name, version]) => `${name} ${version}`);
}

function fail(message: string): never {
  say(message);
  process.exit(2);
}

if (!existsSync(PYTHON)) {
  const { error, stdout } = spawnSync("python3", ["-c", "import sys; print(*sys.version_info[:2])"], {
    encoding: "utf8",
  });
  if (error !== undefined) fail("the rivals need python3 (3.11 or later) in PATH; found none");
  const [major, minor] = stdout.split(" ").map(Number);
  if (!(major === 3 && minor >= 11)) fail(`the rivals need python3 3.11 or later; found ${major}.${minor}`);
  say(`making ${VENV}`);
  if (!run("python3", ["-m", "venv", VENV])) {
    // What is half made would pass for whole next time.
    rmSync(VENV, { recursive: true, force: true });
    fail("python3 could not make a virtual environment; on Debian and Ubuntu that is the package python3-venv");
  }
}
if (!run(PYTHON, ["-m", "pip", "--version"])) fail(`${VENV} has no pip; remove it, and it is made again`);
if (wrong().length > 0) {
  say(`installing ${[...pinned()].map(([name, version]) => `${name} ${version}`).join(", ")}`);
  if (!run(PYTHON, ["-m", "pip", "install", "--no-input", "-r", REQUIREMENTS]))
    fail("pip could not install the rivals; it needs a package index and, with CUDA's libraries, 6 GB of disk");
  const missing = wrong();
  if (missing.length > 0) fail(`not as pinned after installing: ${missing.join(", ")}`);
}
