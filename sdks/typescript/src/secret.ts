/** Secrets: shown as `***` by whatever prints or serializes them, until the Kafka client gets them. */

import { readFileSync } from "node:fs";
import { describeError } from "./describe.js";

const hidden = "***";

/** Reports whether a text can be an API key: what an HTTP header can have. */
export function isApiKey(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

/** A value that no log, inspection or serialization shows. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** Returns the value. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return hidden;
  }

  toJSON(): string {
    return hidden;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return hidden;
  }
}

/** A file that contains a password, and may be replaced by one with another. */
export class PasswordFile {
  readonly #path: string;
  readonly #warn: (text: string) => void;
  #last: Secret | undefined;

  /** `warn` receives why the file cannot be read while its former content is used. */
  constructor(path: string, warn: (text: string) => void = () => undefined) {
    this.#path = path;
    this.#warn = warn;
  }

  /** Returns the password that the file contains, without the end of its line; throws if it is empty. */
  read(): Secret {
    // Read at once, since it is small, and a connection waits for it.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(this.#path));
    const password = text.replace(/[\r\n]+$/, "");
    if (password === "") {
      throw new Error("it is empty");
    }
    this.#last = new Secret(password);
    return this.#last;
  }

  /** Returns the password, or the one before if the file cannot be read just now. */
  latest(): Secret {
    try {
      return this.read();
    } catch (error) {
      if (this.#last === undefined) {
        throw error;
      }
      this.#warn(`the password file cannot be read: ${describeError(error)}`);
      return this.#last;
    }
  }
}
