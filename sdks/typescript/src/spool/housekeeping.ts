/** The periodic work of a spool: heartbeats, removal, and the search for orphans. */

import { clearInterval, setImmediate, setInterval } from "../timers.js";

/** Runs `work` at each heartbeat, and once soon after its creation. */
export class Housekeeper {
  readonly #work: () => void;
  readonly #onError: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  #isStopped = false;

  /** `onError` receives what `work` throws. The timer does not keep the process alive. */
  constructor(work: () => void, heartbeatMs: number, onError: (error: unknown) => void) {
    this.#work = work;
    this.#onError = onError;
    this.#timer = setInterval(this.#run, heartbeatMs).unref();
    setImmediate(this.#run).unref();
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  readonly #run = (): void => {
    if (this.#isStopped) {
      return;
    }
    try {
      this.#work();
    } catch (error) {
      this.#onError(error);
    }
  };
}

/** Does something for each of several parts, whichever of them fails; throws the first error. */
export function everyOf<T>(parts: readonly T[], act: (part: T) => void): void {
  const errors: unknown[] = [];
  for (const part of parts) {
    try {
      act(part);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) {
    throw errors[0];
  }
}
