/** Any value as JSON text, where JSON.stringify would throw, drop it, or go on for ever. */

import { types } from "node:util";
import { className } from "./describe.js";
import { limits } from "./generated/limits.js";
import { numberText } from "./number.js";
import { safely } from "./safely.js";

const { maxBytes, maxDepth, tooDeep } = limits.metadata;
const unreadable = "[unreadable]";
const mentioned = 3;

type Path = readonly string[];

/** There is more to write than any metadata may hold. */
export class OversizeError extends Error {}

/** Whether JSON has a form for this: an object of keys and values, of whatever class. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  const isObject = typeof value === "object" && value !== null;
  // Array.isArray throws at a proxy that was revoked, which holds nothing any more.
  return isObject && safely(() => !Array.isArray(value) && !isOpaque(value)) === true;
}

/** Whether an object's own properties say nothing of what it holds. */
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

/** Writes one value, no more of it than metadata may hold, and notes what it lost. */
export class JsonWriter {
  /** What was lost, in words; the first few of it. */
  readonly lost: string[] = [];
  #left: number = maxBytes;

  /** The outermost object. */
  top(value: object): string {
    const form = formOf(value, "");
    if (!isJsonObject(form)) {
      this.lost.push("its toJSON() gives no object");
      return "{}";
    }
    return this.#object(form, [], []);
  }

  #object(value: object, path: Path, above: readonly object[]): string {
    const inside = [...above, value];
    const members: string[] = [];
    for (const key of Object.keys(value)) {
      const name = this.#string(key);
      const text = this.#member(value, key, [...path, key], inside);
      if (text !== undefined) {
        members.push(`${name}:${text}`);
      }
    }
    return `{${members.join()}}`;
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

  /** A property, whose getter and toJSON() may throw whatever they like. */
  #member(holder: object, key: string, path: Path, above: readonly object[]): string | undefined {
    this.#spend(2); // no member is shorter, with what separates it from the next
    try {
      const value = (holder as Record<string, unknown>)[key];
      return this.#value(formOf(value, key), path, above);
    } catch (error) {
      if (error instanceof OversizeError) {
        throw error;
      }
      this.#lose(path, "could not be read");
      return this.#string(unreadable);
    }
  }

  /** The value's JSON; undefined for what JSON leaves out. */
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
    this.#spend(value.toString(16).length / 2); // quick to say, unlike its decimal digits
    return numberText(value) ?? "null";
  }

  #notFinite(value: number, path: Path): string {
    this.#lose(path, "is no finite number");
    return this.#string(String(value));
  }

  #form(value: object | symbol | (() => unknown), path: Path): string {
    if (typeof value === "function") {
      this.#lose(path, "of type function became a string");
      return this.#string(`[function ${value.name}]`); // its string form is its source
    }
    const kind = typeof value === "symbol" ? "symbol" : className(value);
    this.#lose(path, `of type ${kind} became a string`);
    this.#spend(types.isArrayBufferView(value) ? value.byteLength : 0); // before it is a long text
    return this.#string(String(value));
  }

  #lose(path: Path, what: string): void {
    if (this.lost.length < mentioned) {
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

/** What JSON.stringify would write in place of a value. */
function formOf(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (types.isArrayBufferView(value)) {
    return value; // a Buffer's toJSON() makes a number of each byte
  }
  if (types.isDate(value) && Number.isNaN(Date.prototype.getTime.call(value))) {
    return value; // its toJSON() says null, and hides that there was something
  }
  if (types.isBoxedPrimitive(value)) {
    return (value as { valueOf(): unknown }).valueOf();
  }
  const { toJSON } = value as { toJSON?: unknown };
  return typeof toJSON === "function" ? (toJSON.call(value, key) as unknown) : value;
}
