/** Drives a UsageClient for the driver, on a clock that does not wait. */

import type * as http from "../src/http.js";

// The built package; its types are available before it is built.
const built = "../dist/http.js";
const { UsageClient, UsageError } = (await import(built)) as typeof http;

type Values = Readonly<Record<string, unknown>>;
type Call = (token: unknown, given: unknown) => Promise<unknown>;

/** Makes one call, and returns what became of it. */
export async function usageClient({ client, method, token, given }: Values): Promise<Values> {
  const slept: number[] = [];
  const logged: string[] = [];
  const arguments_ = Array.isArray(given) ? given.map(camelKeys) : camelKeys(given as Values);
  const before = JSON.stringify(arguments_);
  let result: unknown;
  let thrown: Values | undefined;
  try {
    const usage = new UsageClient({
      ...camelKeys(client as Values),
      logger: { error: (text: string) => logged.push(text) },
      sleep: async (milliseconds: number) => slept.push(milliseconds),
    } as unknown as http.UsageClientOptions);
    const calls = usage as unknown as Record<string, Call>;
    result = await calls[camel(String(method))]?.call(usage, token, arguments_);
  } catch (error) {
    if (!(error instanceof UsageError)) {
      throw error;
    }
    const { status, code, details, message } = error;
    thrown = { status, code, details, message };
  }
  if (JSON.stringify(arguments_) !== before) {
    throw new Error("the caller's object is changed");
  }
  return { result: result ?? null, thrown: thrown ?? null, slept, logged };
}

function camelKeys(values: Values): Values {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [camel(name), value]));
}

function camel(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
