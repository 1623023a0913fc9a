/** Projects of users: the packed package, installed beside their tools, as there may be no network. */

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of this package. */
export const root = fileURLToPath(new URL("../..", import.meta.url));
/** The packages of this package, and those of the projects: the oldest Vitest, Jest and bundlers. */
export const own = join(root, "node_modules");
export const others = join(root, "tests", "projects", "node_modules");

export function run(program: string, args: readonly string[], cwd = root): string {
  return execFileSync(program, args, { cwd, encoding: "utf8" });
}

/** Packs the package as it is published; `dispose` removes it. */
export function pack(): { folder: string; tarball: string; dispose(): void } {
  const folder = mkdtempSync(join(tmpdir(), "eka-usage-package-"));
  run("npm", ["pack", "--silent", "--pack-destination", folder]);
  const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "");
  return { folder, tarball, dispose: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A project that depends on the package. */
export class Project {
  readonly folder: string;

  /** Installs the tarball, and links packages from the folders that have them. */
  constructor(folder: string, tarball: string, packages: Readonly<Record<string, string>>) {
    this.folder = folder;
    const installed = join(folder, "node_modules", "@eka-care", "usage-sdk");
    mkdirSync(installed, { recursive: true });
    run("tar", ["--extract", "--file", tarball, "--directory", installed, "--strip-components=1"]);
    for (const [name, from] of Object.entries({ "@platformatic": own, ...packages })) {
      const link = join(folder, "node_modules", name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(from, name), link);
    }
    const names = ["@eka-care/usage-sdk", ...Object.keys(packages)];
    const dependencies = Object.fromEntries(names.map((name) => [name, "*"]));
    this.write("package.json", JSON.stringify({ name: "service", type: "module", dependencies }));
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.folder, file), text);
  }

  /** Runs a program of Node, and returns its output. */
  node(...args: string[]): string {
    return run(process.execPath, args, this.folder);
  }
}
