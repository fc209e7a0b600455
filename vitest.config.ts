import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // Kinds of a user's own import the package by its name.
  resolve: { alias: { halfwatch: fileURLToPath(new URL("src/index.ts", import.meta.url)) } },
  test: {
    include: ["test/**/*.test.{ts,tsx}"],
    exclude: ["test/slow/**"],
    globalSetup: ["test/build.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    // All cores: unless told so, vitest leaves one to itself, which of two is half.
    maxWorkers: "100%",
  },
});
