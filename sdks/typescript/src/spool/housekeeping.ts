/** The periodic work of a spool: heartbeats, removal, and the search for orphans. */

/** Runs at each heartbeat, and soon after it was made. */
export class Housekeeper {
  readonly #work: () => void;
  readonly #onError: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  #isStopped = false;

  /** Keeps no process alive. What `work` throws is passed to `onError`. */
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
