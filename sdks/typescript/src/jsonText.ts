/** Encodes any value as JSON text, where JSON.stringify would throw, drop it, or never return. */

import { createHash } from "node:crypto";
import { types } from "node:util";
import { className } from "./describe.js";
import { limits } from "./generated/limits.js";
import type { MetricRule } from "./metric.js";
import { numberText } from "./number.js";
import { isInstance, safely } from "./safely.js";

const { maxBytes, maxDepth, tooDeep } = limits.metadata;
const unreadable = "[unreadable]";
const maxReported = 3;
/** What is lost of metadata whose toJSON() returns anything else. */
export const noObject = "its toJSON() does not return an object";

type Path = readonly string[];

/** The text is longer than metadata may be. */
export class OversizeError extends Error {}

/** Reports whether this is an object of keys and values, of any class, as JSON has them. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  const isObject = typeof value === "object" && value !== null;
  // Array.isArray throws on a revoked proxy.
  return isObject && safely(() => !Array.isArray(value) && !isOpaque(value)) === true;
}

/** Reports whether an object's own properties do not include what it holds. */
function isOpaque(value: object): boolean {
  return (
    types.isMap(value) ||
    types.isSet(value) ||
    types.isDate(value) ||
    types.isNativeError(value) ||
    types.isRegExp(value) ||
    types.isPromise(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isAnyArrayBuffer(value) ||
    types.isArrayBufferView(value)
  );
}

/** Encodes one value, up to the size limit of metadata, and lists what it lost. */
export class JsonWriter {
  /** Describes what was lost; the first few values only. */
  readonly lost: string[] = [];
  readonly #pii: MetricRule["pii"];
  readonly #isSorted: boolean;
  #left: number = maxBytes;

  /** `pii` has what becomes of the keys about persons; `isSorted` is whether all keys are sorted. */
  constructor(pii?: MetricRule["pii"], isSorted = false) {
    this.#pii = pii;
    this.#isSorted = isSorted;
  }

  /** Encodes the outermost object. */
  top(value: object): string {
    const form = formOf(value, "");
    if (!isJsonObject(form)) {
      this.lost.push(noObject);
      return "{}";
    }
    return this.#object(form, [], []);
  }

  #object(value: object, path: Path, above: readonly object[]): string {
    const inside = [...above, value];
    const members: string[] = [];
    const taken = new Map<string, number>();
    const keys = Object.keys(value);
    const pii = path.length === 0 ? this.#pii : undefined;
    for (const key of this.#isSorted ? keys.sort(byCodePoint) : keys) {
      const text =
        pii !== undefined && Object.hasOwn(pii, key)
          ? this.#digest(value, key, pii[key] === "hash", above)
          : this.#member(value, key, [...path, key], inside);
      if (text !== undefined) {
        members.push(`${this.#string(this.#uniqueName(key, taken, path))}:${text}`);
      }
    }
    return `{${members.join()}}`;
  }

  /**
   * Returns what stands in place of a value about a person; undefined if nothing does.
   *
   * A value has a limit of its own, so that a long one does not cut what is beside its hash.
   */
  #digest(
    holder: object,
    key: string,
    isHashed: boolean,
    above: readonly object[],
  ): string | undefined {
    if (!isHashed) {
      return undefined;
    }
    const writer = new JsonWriter(undefined, true);
    let text: string | undefined;
    try {
      text = writer.#member(holder, key, [key], [...above, holder]);
    } catch (error) {
      if (!isInstance(error, OversizeError)) {
        throw error;
      }
      text = " ".repeat(maxBytes + 1);
    }
    if (text === undefined) {
      return undefined;
    }
    if (Buffer.byteLength(text) > maxBytes) {
      this.#lose([key], `was left out, being over ${maxBytes} bytes`);
      return undefined;
    }
    this.lost.push(...writer.lost.slice(0, maxReported - this.lost.length));
    return this.#string(`sha256:${createHash("sha256").update(text).digest("hex")}`);
  }

  /**
   * Returns a key as valid Unicode, renamed if that is the text of an earlier key.
   *
   * @param taken The names so far with the last number of each, so that many keys take linear time.
   */
  #uniqueName(key: string, taken: Map<string, number>, path: Path): string {
    const wanted = key.toWellFormed();
    let name = wanted;
    for (let number = taken.get(wanted) ?? 1; taken.has(name); name = `${wanted}~${number}`) {
      number += 1;
      taken.set(wanted, number);
    }
    taken.set(name, 1);
    if (name !== wanted) {
      this.#lose([...path, name], "was renamed, as another key has its name");
    }
    return name;
  }

  #array(value: readonly unknown[], path: Path, above: readonly object[]): string {
    const inside = [...above, value];
    const items: string[] = [];
    for (let index = 0; index < value.length; index++) {
      const key = String(index);
      items.push(this.#member(value, key, [...path, key], inside) ?? "null");
    }
    return `[${items.join()}]`;
  }

  /** Encodes a property, whose getter and toJSON() may throw anything. */
  #member(holder: object, key: string, path: Path, above: readonly object[]): string | undefined {
    this.#spend(2); // the shortest member, with its separator
    try {
      const value = (holder as Record<string, unknown>)[key];
      return this.#value(formOf(value, key), path, above);
    } catch (error) {
      if (isInstance(error, OversizeError)) {
        throw error;
      }
      this.#lose(path, "could not be read");
      return this.#string(unreadable);
    }
  }

  /** Encodes a value; undefined for what JSON omits. */
  #value(value: unknown, path: Path, above: readonly object[]): string | undefined {
    switch (typeof value) {
      case "undefined":
        return undefined;
      case "string":
        return this.#string(value);
      case "boolean":
        return String(value);
      case "number":
        return numberText(value) ?? this.#notFinite(value, path);
      case "bigint":
        return this.#integer(value);
      case "object":
        return value === null ? "null" : this.#container(value, path, above);
      default:
        return this.#form(value as symbol | (() => unknown), path);
    }
  }

  #container(value: object, path: Path, above: readonly object[]): string {
    const isArray = Array.isArray(value);
    if (!isArray && isOpaque(value)) {
      return this.#form(value, path);
    }
    if (above.includes(value) || above.length >= maxDepth) {
      this.#lose(path, above.includes(value) ? "holds itself" : "lies too deep");
      return this.#string(tooDeep);
    }
    return isArray ? this.#array(value, path, above) : this.#object(value, path, above);
  }

  #string(value: string): string {
    this.#spend(value.length);
    return JSON.stringify(value.toWellFormed());
  }

  #integer(value: bigint): string {
    this.#spend(value.toString(16).length / 2); // fast, unlike its decimal digits
    return numberText(value) ?? "null";
  }

  #notFinite(value: number, path: Path): string {
    this.#lose(path, "is not a finite number");
    return this.#string(String(value));
  }

  #form(value: object | symbol | (() => unknown), path: Path): string {
    if (typeof value === "function") {
      this.#lose(path, "of type function became a string");
      return this.#string(`[function ${value.name}]`); // its string form would be its source
    }
    const kind = typeof value === "symbol" ? "symbol" : className(value);
    this.#lose(path, `of type ${kind} became a string`);
    this.#spend(types.isArrayBufferView(value) ? value.byteLength : 0); // before it becomes a long text
    return this.#string(String(value));
  }

  #lose(path: Path, what: string): void {
    if (this.lost.length < maxReported) {
      this.lost.push(`'${path.join(".")}' ${what}`);
    }
  }

  #spend(size: number): void {
    this.#left -= size;
    if (this.#left < 0) {
      throw new OversizeError();
    }
  }
}

/** Compares keys by code point, as UTF-8 does; the default is by code unit of UTF-16. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a.toWellFormed()), Buffer.from(b.toWellFormed()));
}

/** Returns what JSON.stringify would encode in place of a value. */
export function formOf(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (types.isArrayBufferView(value)) {
    return value; // a Buffer's toJSON() returns a number for each byte
  }
  if (types.isDate(value) && Number.isNaN(Date.prototype.getTime.call(value))) {
    return value; // its toJSON() returns null, which would hide that there was a value
  }
  if (types.isBoxedPrimitive(value)) {
    return (value as { valueOf(): unknown }).valueOf();
  }
  const { toJSON } = value as { toJSON?: unknown };
  return typeof toJSON === "function" ? (toJSON.call(value, key) as unknown) : value;
}
