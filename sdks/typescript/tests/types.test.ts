import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = fileURLToPath(new URL("wrong/", import.meta.url));

interface Mistake {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Reads the comments below wrong lines: a `^` below the column, and part of the message. */
function expected(file: string): Mistake[] {
  const lines = readFileSync(folder + file, "utf8").split("\n");
  return lines.flatMap((text, index) => {
    const match = /^(\/\/ *)\^ (.*)$/.exec(text);
    return match === null
      ? []
      : [{ file, line: index, column: (match[1]?.length ?? 0) + 1, message: match[2] ?? "" }];
  });
}

function reported(): Mistake[] {
  const args = ["--project", "tests/wrong/tsconfig.json", "--pretty", "false"];
  const { stdout } = spawnSync("node_modules/.bin/tsc", args, { cwd: root, encoding: "utf8" });
  const messages = stdout.matchAll(/^tests\/wrong\/(\S+)\((\d+),(\d+)\): (error .*(?:\n .*)*)/gm);
  return [...messages].map(([, file = "", line, column, message = ""]) => ({
    file,
    line: Number(line),
    column: Number(column),
    message,
  }));
}

describe("wrong code does not compile", () => {
  const found = reported();
  const files = readdirSync(folder).filter((name) => name.endsWith(".ts"));
  const mistakes = files.flatMap(expected);

  test.each(mistakes)("$file:$line $message", ({ file, line, column, message }) => {
    const here = found.filter((mistake) => mistake.file === file && mistake.line === line);
    expect(here.map((mistake) => mistake.column)).toEqual([column]);
    expect(here[0]?.message).toContain(message);
  });

  test("wrong code has no other errors", () => {
    expect(found).toHaveLength(mistakes.length);
    expect(mistakes.length).toBeGreaterThan(15);
  });
});
