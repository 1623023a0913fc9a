/** Functions of the caller's that the SDK calls, and that must not end a call or the process. */

import { farthest } from "./clock.js";
import { describeError } from "./describe.js";
import { EventIds } from "./ids.js";
import type { EkaClientOptions } from "./options.js";
import { monotonicMs } from "./timers.js";

type Given = Pick<EkaClientOptions, "clock" | "monotonicClock" | "newId">;

/** The clocks and the source of ids of a client, none of which throws. */
export interface Hooks {
  readonly clock: () => number;
  readonly monotonicClock: () => number;
  readonly newId: (() => string) | undefined;
}

/** Returns what the options give, guarded, or the SDK's own clocks; ids need no source. */
export function guardedHooks(given: Given, warn: (text: string) => void): Hooks {
  const ownIds = new EventIds();
  let minted = 0;
  const ownId = (): string => {
    minted += 1;
    return ownIds.mint(Date.now(), minted);
  };
  const { clock, monotonicClock, newId } = given;
  return {
    clock: guarded("the clock", clock, () => Date.now(), isTime, warn) ?? (() => Date.now()),
    monotonicClock:
      guarded("the monotonic clock", monotonicClock, monotonicMs, Number.isFinite, warn) ??
      monotonicMs,
    // What it returns is checked as any id of the caller's.
    newId: guarded("newId", newId, ownId, () => true, warn),
  };
}

/** Returns a function that calls `own` where that of the caller throws, or returns what is not valid. */
function guarded<T>(
  name: string,
  call: (() => T) | undefined,
  own: () => T,
  isValid: (value: unknown) => boolean,
  warn: (text: string) => void,
): (() => T) | undefined {
  return (
    call &&
    (() => {
      let how = "returned what it must not";
      try {
        const value = call();
        if (isValid(value)) {
          return value;
        }
      } catch (error) {
        how = `threw: ${describeError(error)}`;
      }
      warn(`${name} ${how}; the SDK's own is used in its place`);
      return own();
    })
  );
}

/** Reports whether these are milliseconds since 1970 that an event can have. */
function isTime(value: unknown): boolean {
  return typeof value === "number" && Math.abs(value) <= farthest;
}
