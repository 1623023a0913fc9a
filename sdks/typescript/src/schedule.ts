/** When lanes send: at once if they are full or a flush waits, otherwise after the linger time. */

import type { Lane } from "./lane.js";
import { clearTimeout, setImmediate, setTimeout } from "./timers.js";

/** Sends the batches of lanes, one batch per turn of the event loop. */
export class Schedule {
  readonly #lanes: readonly Lane[];
  readonly #lingerMs: number;
  readonly #isFlushing: () => boolean;
  readonly #due: Lane[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Lets events wait `lingerMs` milliseconds for others, unless `isFlushing()`. */
  constructor(lanes: readonly Lane[], lingerMs: number, isFlushing: () => boolean) {
    this.#lanes = lanes;
    this.#lingerMs = lingerMs;
    this.#isFlushing = isFlushing;
  }

  /** Schedules a lane that has one event more, or is idle again. */
  plan(lane: Lane): void {
    if (lane.isFull || this.#isFlushing()) {
      this.#add(lane);
    } else if (!lane.isEmpty) {
      this.#timer ??= setTimeout(this.now, this.#lingerMs).unref();
    }
  }

  /** Schedules every lane at once. */
  readonly now = (): void => {
    this.stop();
    this.#lanes.forEach(this.#add);
  };

  /** Cancels the linger timer. */
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
