/** Programs that use the built package, as processes of their own. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

const built = new URL("../../dist/index.js", import.meta.url).href;

/** How a process ended, and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
  /** Since there was a client. */
  readonly milliseconds: number;
}

/** A running program. */
export interface Running {
  /** Resolves when it has said so. */
  said(words: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Writes to its standard input. */
  say(words: string): void;
  readonly ended: Promise<Ended>;
}

/** Starts a program that has the package as `sdk`, and a client named `client`. */
export function start(kafkaBrokers: string, program: string, options = "{}"): Running {
  const source = `
    import * as sdk from ${JSON.stringify(built)};
    const client = new sdk.EkaClient({
      serviceName: "tests",
      kafkaBrokers: ${JSON.stringify(kafkaBrokers)},
      onError: (error, { eventId }) => console.log(error.code, eventId),
      ...${options},
    });
    console.log("instance", client.instanceId);
    const record = (times) => {
      for (let i = 0; i < times; i += 1) client.record("ws-" + i, "api", "api_call");
    };
    ${program}
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", source]);
  let started = Number.NaN;
  let heard = "";
  child.stdout.on("data", (chunk: Buffer) => {
    started = heard === "" ? performance.now() : started;
    heard += chunk.toString();
  });
  const output = text(child.stdout);
  const errors = text(child.stderr);
  const ended = once(child, "close").then(async ([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    output: await output,
    errors: await errors,
    milliseconds: performance.now() - started,
  }));
  return {
    async said(words) {
      while (!heard.includes(words)) {
        await Promise.race([once(child.stdout, "data"), ended.then(() => undefined)]);
        if ((child.exitCode ?? child.signalCode) !== null && !heard.includes(words)) {
          throw new Error(`it ended without saying ${words}: ${await errors}`);
        }
      }
    },
    kill: (signal) => void child.kill(signal),
    say: (words) => void child.stdin.write(words),
    ended,
  };
}

/** Runs such a program to its end. */
export async function run(kafkaBrokers: string, program: string, options?: string): Promise<Ended> {
  return await start(kafkaBrokers, program, options).ended;
}

/** The id of the client of a program that has ended. */
export function instanceOf({ output }: Ended): string {
  return /^instance (\S+)$/m.exec(output)?.[1] ?? "";
}
