import type { Clock } from '#core/clock';

interface Window {
  startedAt: number;
  calls: number;
  callsBefore: number;
}

/** Callers that are remembered at most; the longest unheard one is forgotten first. */
const MAX_CALLERS = 10_000;

/**
 * Counts calls by caller in a sliding window, approximated by two fixed ones:
 * the share of the former that still lies in the window counts as well. Holds
 * for one process; several gateways allow as many times the rate.
 */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #calls: number;
  readonly #windowMs: number;
  readonly #windows = new Map<string, Window>();

  constructor(options: {
    readonly clock: Clock;
    readonly calls: number;
    readonly windowMs: number;
  }) {
    this.#clock = options.clock;
    this.#calls = options.calls;
    this.#windowMs = options.windowMs;
  }

  /** Takes one call for `caller`: null when it is allowed, else after how many seconds (≥ 1) to come again. */
  take(caller: string): number | null {
    const now = this.#clock.now().getTime();
    const window = this.#current(caller, now);
    const elapsed = now - window.startedAt;
    const carried = window.callsBefore * (1 - elapsed / this.#windowMs);
    if (window.calls + carried >= this.#calls)
      return Math.max(1, Math.ceil((this.#windowMs - elapsed) / 1_000));
    window.calls += 1;
    return null;
  }

  /** Undoes a `take` that was allowed. */
  giveBack(caller: string): void {
    const window = this.#windows.get(caller);
    if (window !== undefined && window.calls > 0) window.calls -= 1;
  }

  #current(caller: string, now: number): Window {
    const known = this.#windows.get(caller);
    const age = known === undefined ? 0 : now - known.startedAt;
    let window: Window;
    if (known === undefined || age < 0 || age >= 2 * this.#windowMs)
      window = { startedAt: now, calls: 0, callsBefore: 0 };
    else if (age >= this.#windowMs)
      window = { startedAt: known.startedAt + this.#windowMs, calls: 0, callsBefore: known.calls };
    else window = known;
    // Deleted and set again, the caller moves to the end of the map's order.
    this.#windows.delete(caller);
    this.#windows.set(caller, window);
    if (this.#windows.size > MAX_CALLERS) {
      const oldest = this.#windows.keys().next().value;
      if (oldest !== undefined) this.#windows.delete(oldest);
    }
    return window;
  }
}
