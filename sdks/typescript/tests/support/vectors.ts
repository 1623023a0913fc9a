/** Loads the conformance vectors that all SDKs share, with their calls as JavaScript values. */

import { readdirSync, readFileSync } from "node:fs";
import { catalogVersion, decimal, sdkVersion } from "../../src/index.js";

const folder = new URL("../../../../tests/conformance/vectors/", import.meta.url);

type Call = Readonly<Record<string, unknown>>;
type Texts = Readonly<Record<string, string>>;

/** What is injected into the client. */
export interface Given {
  readonly service_name: string;
  readonly hostname: string;
  readonly clock: string;
  readonly instance_id: string;
  readonly event_id: string;
}

/** One call and its outcome in every SDK. */
export interface Vector {
  readonly id: string;
  readonly given: Given;
  /** Arguments of the client. */
  readonly client: Texts;
  readonly arguments: Call;
  /** Why this call is not possible in TypeScript. */
  readonly cannot: string | undefined;
  readonly partition: number | undefined;
  readonly expect:
    | { readonly json: string; readonly degraded: boolean }
    | { readonly code: string; readonly field: string; readonly says: string };
}

/** Returns all cases of all files; throws if there are none, or if a key is unknown. */
export function loadVectors(): Vector[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  const found = names.sort().flatMap((name) => {
    const file: unknown = JSON.parse(readFileSync(new URL(name, folder), "utf8"));
    return cases(file, name);
  });
  if (found.length === 0) {
    throw new Error(`no vectors in ${folder.pathname}`);
  }
  return found;
}

function cases(file: unknown, name: string): Vector[] {
  const parts = strict(file, name, ["$schema", "given", "call", "event", "cases"], ["$comment"]);
  const keys = ["service_name", "hostname", "clock", "instance_id", "event_id"];
  const given = strict(parts["given"], name, keys) as unknown as Given;
  const all = parts["cases"];
  if (!Array.isArray(all) || all.length === 0) {
    throw new Error(`${name} has no cases`);
  }
  return all.map((value: unknown) => {
    const { id, call, client, expect, cannot } = strict(
      value,
      name,
      ["id", "call", "expect"],
      ["client", "cannot"],
    ) as { id: string; call: Call; client?: Texts; expect: unknown; cannot?: Texts };
    return {
      id,
      given,
      client: client ?? {},
      arguments: callValues({ ...(parts["call"] as Call), ...call }),
      cannot: cannot?.["typescript"],
      ...expected(expect, parts["event"] as Texts, id),
    };
  });
}

function expected(value: unknown, base: Texts, id: string): Pick<Vector, "expect" | "partition"> {
  if (Object.hasOwn(Object(value) as object, "code")) {
    const refused = strict(value, id, ["code", "field"], ["says"]) as Record<string, string>;
    const { code = "", field = "", says = "" } = refused;
    return { expect: { code, field, says }, partition: undefined };
  }
  const parts = strict(value, id, ["event"], ["partition", "degraded"]);
  const texts = Object.entries({ ...base, ...(parts["event"] as Texts) });
  const there = texts.filter(([, text]) => text !== "");
  const json = `{${there.map(([field, text]) => `"${field}":${text}`).join(",")}}`
    .replace("$sdk_language", "typescript")
    .replace("$sdk_version", sdkVersion)
    .replace("$catalog_version", catalogVersion);
  return {
    expect: { json, degraded: parts["degraded"] === true },
    partition: parts["partition"] as number | undefined,
  };
}

function strict(
  value: unknown,
  where: string,
  required: readonly string[],
  optional: readonly string[] = [],
): Readonly<Record<string, unknown>> {
  const keys = Object.keys(Object(value) as object);
  const unknown = keys.filter((key) => ![...required, ...optional].includes(key));
  const missing = required.filter((key) => !keys.includes(key));
  if (unknown.length > 0 || missing.length > 0) {
    throw new Error(`${where}: unknown keys [${unknown.join()}], missing keys [${missing.join()}]`);
  }
  return value as Record<string, unknown>;
}

function callValues(call: Call): Call {
  const given = Object.entries(call).filter(([, value]) => !isSpecial(value, "absent"));
  return Object.fromEntries(given.map(([name, value]) => [name, plain(value)]));
}

function isSpecial(value: unknown, kind: string): boolean {
  return (Object(value) as { $?: unknown }).$ === kind;
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (Object.hasOwn(value, "$")) {
    return special(value as Special);
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

/** A class of the caller's own. */
class Details {}

interface Special {
  readonly $: string;
  readonly text?: string;
  readonly fields?: Call;
  readonly times?: number;
  readonly levels?: number;
}

function special({ $: kind, text = "", fields = {}, times = 0, levels = 0 }: Special): unknown {
  switch (kind) {
    case "NaN":
    case "Infinity":
    case "-Infinity":
      return Number(kind);
    case "repeat":
      return text.repeat(times);
    case "nested":
      return Array.from({ length: levels - 1 }).reduce<object>((inner) => ({ a: inner }), {});
    case "cycle": {
      const cycle: Record<string, unknown> = {};
      cycle["self"] = cycle;
      return cycle;
    }
    case "unencodable":
      return Object.assign(new Map(), { toString: () => kind });
    case "integer":
      return BigInt(text);
    case "decimal":
      return decimal(text);
    case "object":
      return Object.assign(new Details(), plain(fields));
    default:
      return `no ${kind} in TypeScript`; // such a case must declare that it cannot be run
  }
}
