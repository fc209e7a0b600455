import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { MAIN, ROOT } from "./halfwatch.ts";

/** Run the program in a shell that sets limits or redirects. */
function inShell(command: string): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(
    "bash",
    ["-c", command.replace("halfwatch", `"${process.execPath}" "${MAIN}"`)],
    {
      ...{ cwd: ROOT, encoding: "utf8" },
    },
  );
  return { code: status, stdout, stderr };
}

test.skipIf(!existsSync("/dev/full")).each(["list", "list --json", "validate scenarios/quickstart.yaml", "--help"])(
  "%s says that what it writes to is full, and that is no bug",
  (command) => {
    expect(inShell(`halfwatch ${command} > /dev/full`)).toEqual({
      code: 2,
      stdout: "",
      stderr: "cannot write to standard output: the disk is full (ENOSPC)\n",
    });
  },
);

test.skipIf(process.platform !== "linux")("memory that cannot be had is told with what to lower, and is no bug", () => {
  const { code, stdout, stderr } = inShell(
    "ulimit -v 3000000; halfwatch run scenarios/quickstart.yaml --engine wasm --out /nonexistent/runs",
  );
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(
    /^memory ran out: .*\n {2}lower --jobs, train\.worlds, train\.rollout or the widths in agent\n$/,
  );
});
