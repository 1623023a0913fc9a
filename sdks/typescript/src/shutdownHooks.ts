/**
 * What clients do at the end of the process: when nothing is left to do, on SIGTERM, and when
 * something calls `process.exit()`.
 *
 * A client stays registered until its `shutdown()`, so that what it accepted is sent even if the
 * host drops its reference.
 */

/** What one client does at the end of the process. */
export interface ShutdownHooks {
  /** How long the end of the process may wait for this client, in milliseconds. */
  readonly timeoutMs: number;
  /** Returns how many events this process still has to deliver. */
  queued(): number;
  /** Sends what is queued while that makes progress; resolves to the number of events left. */
  drain(timeoutMs: number): Promise<number>;
  /** Sends what is queued for at most `timeoutMs` milliseconds, and spills or gives up the rest. */
  shutdown(timeoutMs: number): Promise<unknown>;
  /** Spills or gives up what is queued, at once. */
  abandon(): void;
  warn(text: string): void;
}

const clients = new Set<ShutdownHooks>();
let isTerminating = false;
let isHandlerReported = false;
// So many open clients are logged, once.
const manyClients = 32;
let isManyReported = false;

/** Registers a client, and with the first one the listeners of the process. */
export function register(hooks: ShutdownHooks, flushOnSigterm: boolean): void {
  if (clients.size === 0) {
    process.on("beforeExit", flushAll);
    process.on("exit", abandonAll);
  }
  clients.add(hooks);
  if (clients.size >= manyClients && !isManyReported) {
    isManyReported = true;
    hooks.warn(
      `${clients.size} clients are open in this process, each with connections and timers of its own: ` +
        "share one, and give what differs to bind()",
    );
  }
  if (flushOnSigterm && process.listenerCount("SIGTERM") === 0) {
    process.on("SIGTERM", onSigterm);
  } else if (flushOnSigterm) {
    reportHandler(hooks);
  }
}

/** Logs once which handler keeps the client from flushing at SIGTERM. */
function reportHandler(hooks: ShutdownHooks): void {
  const handlers = process.listeners("SIGTERM") as readonly unknown[];
  if (isHandlerReported || handlers.includes(onSigterm)) {
    return;
  }
  isHandlerReported = true;
  const names = handlers.map((handler) => (handler as { name: string }).name || "a function");
  hooks.warn(
    `SIGTERM is handled by ${names.join(", ")}, so the client does not flush on it: call shutdown() ` +
      "where the service ends; flushOnSigterm: false turns this line off",
  );
}

/** Unregisters a client that was shut down, and with the last one the listeners. */
export function unregister(hooks: ShutdownHooks): void {
  clients.delete(hooks);
  if (clients.size === 0) {
    process.off("beforeExit", flushAll);
    process.off("exit", abandonAll);
    process.off("SIGTERM", onSigterm);
  }
}

/** Runs on `beforeExit`, which Node emits again after anything asynchronous, until nothing is queued. */
async function flushAll(): Promise<void> {
  await undefined; // the host's own listeners run first, and may record
  const busy = [...clients].filter((hooks) => hooks.queued() > 0);
  await Promise.all(
    busy.map(async (hooks) => {
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
  // If the host has added a handler since, that decides when the process ends.
  if (isTerminating || process.listenerCount(signal) > 1) {
    return;
  }
  isTerminating = true;
  await Promise.all([...clients].map((hooks) => hooks.shutdown(hooks.timeoutMs)));
  process.off(signal, onSigterm);
  // The process still ends by the signal, as its parent expects.
  process.kill(process.pid, signal);
}
