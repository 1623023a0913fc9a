/** Builds the package, for the tests that use it as it is published. */

import { execFileSync } from "node:child_process";
import { readdirSync, rmSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Does nothing if no source is newer than the package: other suites may be using it. */
export default function build(): void {
  const made = modified("dist/index.js");
  if (made !== undefined && sources().every((path) => (modified(path) ?? 0) <= made)) {
    return;
  }
  rmSync(`${root}/dist`, { recursive: true, force: true });
  execFileSync("node_modules/.bin/tsc", ["--project", "tsconfig.build.json"], {
    cwd: root,
    stdio: "inherit",
  });
}

function sources(): string[] {
  const names = readdirSync(`${root}/src`, { encoding: "utf8", recursive: true });
  return [
    "src",
    "package.json",
    "tsconfig.json",
    "tsconfig.build.json",
    ...names.map((name) => `src/${name}`),
  ];
}

function modified(path: string): number | undefined {
  return statSync(`${root}/${path}`, { throwIfNoEntry: false })?.mtimeMs;
}
