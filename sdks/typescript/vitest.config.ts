import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    globalSetup: "tests/support/build.ts",
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What a test keeps on disk, it keeps in a folder of its own.
    env: { EKA_SPOOL: "off" },
  },
});
