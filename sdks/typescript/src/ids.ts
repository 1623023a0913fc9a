/** Event ids: UUIDv7, sortable by time, unique without coordination. */

import { freshBytes } from "./entropy.js";

// Decimal digits are hexadecimal digits too. So the last nine digits of an id are a decimal number,
// a random start plus seq, that V8 represents as a small integer: the fastest thing to format.
const lowest = 100_000_000;
const starts = 400_000_000;
const span = 400_000_000;

/**
 * Mints the ids of one client.
 *
 * 66 random bits, drawn once, distinguish clients; seq distinguishes the events of one client.
 */
export class EventIds {
  readonly #random: string;
  readonly #start: number;

  constructor() {
    const seed = freshBytes(10);
    const randA = (seed.readUInt16BE(0) & 0xfff).toString(16).padStart(3, "0");
    const randB = (0x8000 | (seed.readUInt16BE(2) & 0x3fff)).toString(16);
    const more = (seed.readUInt16BE(4) & 0xfff).toString(16).padStart(3, "0");
    this.#random = `7${randA}-${randB}-${more}`;
    this.#start = lowest + (seed.readUInt32BE(6) % starts);
  }

  /** Returns all but the last nine digits of an id minted at this time. */
  prefix(milliseconds: number): string {
    const time = Math.max(0, milliseconds).toString(16).padStart(12, "0").slice(-12);
    return `${time.slice(0, 8)}-${time.slice(8)}-${this.#random}`;
  }

  /** Returns the last nine digits of the id of event number seq. */
  suffix(seq: number): number {
    return this.#start + (seq % span);
  }

  /** Returns the id of event number seq. */
  mint(milliseconds: number, seq: number): string {
    return `${this.prefix(milliseconds)}${this.suffix(seq)}`;
  }
}
