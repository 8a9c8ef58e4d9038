import type { Clock } from '#core/clock';

/** One timer for one purpose: a sooner time takes the place of a later one, never the other way round. */
export class SoonestTimer {
  private readonly clock: Clock;
  private readonly fire: () => void;
  private current: { readonly dueAt: number; readonly cancel: AbortController } | undefined;
  private isStopped = false;

  constructor(clock: Clock, fire: () => void) {
    this.clock = clock;
    this.fire = fire;
  }

  schedule(waitMs: number): void {
    const dueAt = this.clock.now().getTime() + waitMs;
    if (this.isStopped || (this.current !== undefined && this.current.dueAt <= dueAt)) return;
    this.current?.cancel.abort();
    const timer = { dueAt, cancel: new AbortController() };
    this.current = timer;
    void this.clock.sleep(waitMs, timer.cancel.signal).then(() => {
      if (timer.cancel.signal.aborted) return;
      this.current = undefined;
      this.fire();
    });
  }

  stop(): void {
    this.isStopped = true;
    this.current?.cancel.abort();
    this.current = undefined;
  }
}
