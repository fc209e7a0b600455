import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { makeFolders } from "../../src/core/folders.ts";

const folder = mkdtempSync(join(tmpdir(), "halfwatch-folders-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("folders are made one in the other, with the mode asked for; one that is there stays as it is", () => {
  const path = join(folder, "a", "b", "c");
  makeFolders(path, 0o700);
  writeFileSync(join(path, "file"), "kept");
  makeFolders(path, 0o755);
  expect(existsSync(join(path, "file"))).toBe(true);
  for (const made of [path, join(path, "..")]) expect(statSync(made).mode & 0o777).toBe(0o700);
});

test("a file in the way is an error", () => {
  writeFileSync(join(folder, "file"), "");
  expect(() => makeFolders(join(folder, "file"))).toThrow("EEXIST");
  expect(() => makeFolders(join(folder, "file", "below"))).toThrow("EEXIST");
});

test.skipIf(process.platform !== "linux")("where the system refuses with ENOENT, the refusal comes", () => {
  // In a process of its own: what this guards against is a call that never returns, which no timeout of this process could end.
  const code = `import { makeFolders } from "./src/core/folders.ts"; makeFolders("/proc/nope/below");`;
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", code], {
    cwd: join(import.meta.dirname, "../.."),
    encoding: "utf8",
    timeout: 20_000,
  });
  expect(stderr).toContain("ENOENT: no such file or directory, mkdir '/proc/nope'");
  expect(status).toBe(1);
});
