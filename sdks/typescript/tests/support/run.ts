/** Programs that use the built package, each in a process of its own. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

const built = new URL("../../dist/index.js", import.meta.url).href;

/** How a process ended, and what it printed. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
  /** From the creation of the client to the end. */
  readonly milliseconds: number;
}

/** A running program. */
export interface Running {
  /** Resolves once it has printed this text. */
  printed(expected: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Writes to its standard input. */
  write(input: string): void;
  readonly ended: Promise<Ended>;
}

/** Starts a program that has the package as `sdk` and a client as `client`. */
export function start(kafkaBrokers: string, program: string, options = "{}"): Running {
  const source = `
    import "@platformatic/kafka"; // loaded here, so that durations do not include it
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
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => {
    started = stdout === "" ? performance.now() : started;
    stdout += chunk.toString();
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
    async printed(expected) {
      while (!stdout.includes(expected)) {
        await Promise.race([once(child.stdout, "data"), ended.then(() => undefined)]);
        if ((child.exitCode ?? child.signalCode) !== null && !stdout.includes(expected)) {
          throw new Error(`Expected the program to print ${expected}: ${await errors}`);
        }
      }
    },
    kill: (signal) => void child.kill(signal),
    write: (input) => void child.stdin.write(input),
    ended,
  };
}

/** Runs such a program to its end. */
export async function run(kafkaBrokers: string, program: string, options?: string): Promise<Ended> {
  return await start(kafkaBrokers, program, options).ended;
}

/** Returns the instance id of the client of a program that has ended. */
export function instanceOf({ output }: Ended): string {
  return /^instance (\S+)$/m.exec(output)?.[1] ?? "";
}
