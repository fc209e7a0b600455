import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/slow/**/*.test.ts"],
    globalSetup: ["test/build.ts"],
    testTimeout: 4 * 3600_000,
    hookTimeout: 600_000,
    pool: "forks",
    fileParallelism: false,
  },
});
