import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "eka-usage-package-"));
const project = join(folder, "project");
const installed = join(project, "node_modules", "@eka-care", "usage-sdk");
let tarball: string;

function run(program: string, args: readonly string[], cwd = root): string {
  return execFileSync(program, args, { cwd, encoding: "utf8" });
}

const tool = (name: string) => join(root, "node_modules", ".bin", name);

beforeAll(() => {
  run("npm", ["pack", "--silent", "--pack-destination", folder]);
  tarball = join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "");
  mkdirSync(installed, { recursive: true });
  run("tar", ["--extract", "--file", tarball, "--directory", installed, "--strip-components=1"]);
  // Its dependencies, linked as there may be no network.
  for (const name of ["@platformatic", "@types", "vitest"]) {
    symlinkSync(join(root, "node_modules", name), join(project, "node_modules", name));
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const client = `new EkaClient({ serviceName: "s", producer: new InMemoryProducer() })`;
const use = `const client = ${client}; console.log(typeof client.record("ws", "api", "api_call"));`;

describe("the packed tarball", () => {
  test("the tarball has the build and nothing else", () => {
    const names = run("tar", ["--list", "--file", tarball]).trim().split("\n");
    const others = names.filter((name) => !/^package\/dist\/.*\.(js|d\.ts)$/.test(name));
    expect(others.sort()).toEqual(["package/LICENSE", "package/README.md", "package/package.json"]);
  });

  test("the package can be used from ESM", () => {
    const program = `
      import { EkaClient } from "@eka-care/usage-sdk";
      import { InMemoryProducer } from "@eka-care/usage-sdk/testing";
      ${use}`;
    writeFileSync(join(project, "esm.mjs"), program);
    expect(run(process.execPath, ["esm.mjs"], project)).toBe("string\n");
  });

  test("the package can be used from CommonJS by import()", () => {
    const program = `
      (async () => {
        const { EkaClient } = await import("@eka-care/usage-sdk");
        const { InMemoryProducer } = await import("@eka-care/usage-sdk/testing");
        ${use}
      })();`;
    writeFileSync(join(project, "commonjs.cjs"), program);
    expect(run(process.execPath, ["commonjs.cjs"], project)).toBe("string\n");
  });

  test("the package can be used from CommonJS by require(), without a warning", () => {
    const program = `
      const { EkaClient } = require("@eka-care/usage-sdk");
      const { InMemoryProducer } = require("@eka-care/usage-sdk/testing");
      process.on("warning", ({ message }) => console.log(message));
      ${use}`;
    writeFileSync(join(project, "required.cjs"), program);
    expect(run(process.execPath, ["required.cjs"], project)).toBe("string\n");
  });

  test("the declarations compile without skipLibCheck", () => {
    const program = `
      import { EkaClient, type Stats } from "@eka-care/usage-sdk";
      import { InMemoryProducer, type UsageEvent } from "@eka-care/usage-sdk/testing";
      const producer = new InMemoryProducer();
      const client = new EkaClient({ serviceName: "s", producer, acks: "all", maxQueueSize: 5 });
      export const id: string | undefined = client.record("ws", "api", "api_call", 2n);
      export const stats: Stats = client.stats();
      export const event: UsageEvent | undefined = producer.events[0];`;
    writeFileSync(join(project, "typed.mts"), program);
    const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024"];
    run(tool("tsc"), [...options, "--lib", "esnext", "--types", "node", "typed.mts"], project);
  });

  test("publint finds nothing", () => {
    expect(run(tool("publint"), [tarball, "--strict"])).toContain("All good!");
  });

  test("are-the-types-wrong finds nothing", () => {
    // The package is ESM only, which CommonJS and old resolvers cannot require.
    expect(() => run(tool("attw"), [tarball, "--profile", "esm-only"])).not.toThrow();
  });
});
