import type { Clock } from '#core/clock';

interface Sleeper {
  readonly dueAt: number;
  readonly wake: () => void;
}

/** A clock that stands still until it is advanced. Timers fire in order of their time. */
export class FakeClock implements Clock {
  #nowMs: number;
  #sleepers: Sleeper[] = [];

  constructor(start: string) {
    this.#nowMs = Date.parse(start);
  }

  now(): Date {
    return new Date(this.#nowMs);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const sleeper = { dueAt: this.#nowMs + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener(
        'abort',
        () => {
          this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
          resolve();
        },
        { once: true },
      );
    });
  }

  every(ms: number, tick: () => void): () => void {
    const stop = new AbortController();
    const next = (): void => {
      void this.sleep(ms, stop.signal).then(() => {
        if (stop.signal.aborted) return;
        tick();
        next();
      });
    };
    next();
    return () => stop.abort();
  }

  /** Moves time on and lets everything that is due happen, in its order. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      await this.#settle();
      const due = this.#sleepers
        .filter(({ dueAt }) => dueAt <= untilMs)
        .sort((a, b) => a.dueAt - b.dueAt)[0];
      if (due === undefined) break;
      this.#sleepers = this.#sleepers.filter((other) => other !== due);
      this.#nowMs = Math.max(this.#nowMs, due.dueAt);
      due.wake();
    }
    this.#nowMs = untilMs;
  }

  /** Lets promise callbacks run; a turn of the event loop drains them all. */
  #settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }
}
