/**
 * What happens to clients at the ends of a process: when there is nothing left to do, on SIGTERM,
 * and when something calls `process.exit()`.
 *
 * A client is kept here until its `shutdown()`, so that what it accepted is sent even if the host
 * has forgotten it.
 */

/** What a client does at the ends of a process. */
export interface ShutdownHooks {
  /** The milliseconds that the end of the process may wait for this client. */
  readonly timeoutMs: number;
  /** How many events this process still has to see to. */
  queued(): number;
  /** Sends what is queued as long as it makes sense, and says how many events are left. */
  drain(timeoutMs: number): Promise<number>;
  /** Sends what is queued in so many milliseconds, and gives up the rest. */
  shutdown(timeoutMs: number): Promise<unknown>;
  /** Keeps on disk what is queued, or gives it up, at once. */
  abandon(): void;
}

const clients = new Set<ShutdownHooks>();
let terminating = false;

/** Looks after a client from now on. */
export function register(hooks: ShutdownHooks, flushOnSigterm: boolean): void {
  if (clients.size === 0) {
    process.on("beforeExit", flushAll);
    process.on("exit", abandonAll);
  }
  clients.add(hooks);
  if (flushOnSigterm && process.listenerCount("SIGTERM") === 0) {
    process.on("SIGTERM", onSigterm);
  }
}

/** Forgets a client that was shut down. */
export function unregister(hooks: ShutdownHooks): void {
  clients.delete(hooks);
  if (clients.size === 0) {
    process.off("beforeExit", flushAll);
    process.off("exit", abandonAll);
    process.off("SIGTERM", onSigterm);
  }
}

/** Node asks again after whatever it had to wait for, until nothing is queued. */
async function flushAll(): Promise<void> {
  await undefined; // the host's own listeners come first, and may record
  const waiting = [...clients].filter((hooks) => hooks.queued() > 0);
  await Promise.all(
    waiting.map(async (hooks) => {
      if ((await hooks.drain(hooks.timeoutMs)) > 0) {
        await hooks.shutdown(0);
      }
    }),
  );
}

function abandonAll(): void {
  for (const hooks of clients) {
    hooks.abandon();
  }
}

async function onSigterm(signal: NodeJS.Signals): Promise<void> {
  // A handler that the host has added since decides when the process ends.
  if (terminating || process.listenerCount(signal) > 1) {
    return;
  }
  terminating = true;
  await Promise.all([...clients].map((hooks) => hooks.shutdown(hooks.timeoutMs)));
  process.off(signal, onSigterm);
  // The process still ends by the signal, as its parent expects.
  process.kill(process.pid, signal);
}
