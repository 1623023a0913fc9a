/** Builds the package once, for the tests that use it as it is published. */

import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

export default function build(): void {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  rmSync(`${root}/dist`, { recursive: true, force: true });
  execFileSync("node_modules/.bin/tsc", ["--project", "tsconfig.build.json"], {
    cwd: root,
    stdio: "inherit",
  });
}
