/** When lanes send: at once where they are full or somebody waits, otherwise after a while. */

import type { Lane } from "./lane.js";

/** Has lanes send their batches, one batch in each turn of the event loop. */
export class Schedule {
  readonly #lanes: readonly Lane[];
  readonly #lingerMs: number;
  readonly #isHurried: () => boolean;
  readonly #due: Lane[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Lets events wait so many milliseconds for others, but not while it is hurried. */
  constructor(lanes: readonly Lane[], lingerMs: number, isHurried: () => boolean) {
    this.#lanes = lanes;
    this.#lingerMs = lingerMs;
    this.#isHurried = isHurried;
  }

  /** A lane has one event more, or can send again. */
  plan(lane: Lane): void {
    if (lane.isFull || this.#isHurried()) {
      this.#add(lane);
    } else if (!lane.isEmpty) {
      this.#timer ??= setTimeout(this.now, this.#lingerMs).unref();
    }
  }

  /** Has every lane send what it has. */
  readonly now = (): void => {
    this.stop();
    this.#lanes.forEach(this.#add);
  };

  /** Lets nothing linger any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #add = (lane: Lane): void => {
    if (lane.isReady && !this.#due.includes(lane) && this.#due.push(lane) === 1) {
      setImmediate(this.#sendNext);
    }
  };

  readonly #sendNext = (): void => {
    const lane = this.#due.shift();
    if (lane?.isReady) {
      void lane.sendNext();
    }
    if (this.#due.length > 0) {
      setImmediate(this.#sendNext);
    }
  };
}
