import type { AuditEvent } from '../audit-event.ts';
import { utcText } from '../event-time.ts';
import { compareInstants, type Instant, type ReadPlan } from './read-query.ts';

interface Entry {
  readonly event: AuditEvent;
  readonly at: Instant;
  /** Ascends in the order in which events were stored. */
  readonly ordinal: number;
}

/** Sorting now and then costs less than keeping the order with each event. */
const SLACK = 2;

/** The first events of an order out of any number, holding twice as many at most. */
export class OrderedEvents {
  private readonly plan: Pick<ReadPlan, 'limit' | 'order'>;
  private entries: Entry[] = [];

  constructor(plan: Pick<ReadPlan, 'limit' | 'order'>) {
    this.plan = plan;
  }

  add(event: AuditEvent, at: Instant, ordinal: number): void {
    this.entries.push({ event, at, ordinal });
    if (this.entries.length >= SLACK * this.plan.limit + 1_000) this.keepFirst();
  }

  /** Whether as many as are asked for come before every event from `from` to `to`. */
  isCompleteBefore(from: Instant, to: Instant): boolean {
    if (this.entries.length < this.plan.limit) return false;
    this.keepFirst();
    const last = this.entries.at(-1);
    if (last === undefined) return false;
    return this.plan.order === 'asc'
      ? compareInstants(last.at, from) < 0
      : compareInstants(last.at, to) > 0;
  }

  /** With `ts` in UTC, the same on every backend. */
  take(): readonly AuditEvent[] {
    this.keepFirst();
    return this.entries.map(({ event, at }) => ({ ...event, ts: utcText(at) }));
  }

  private keepFirst(): void {
    const sign = this.plan.order === 'asc' ? 1 : -1;
    this.entries.sort((a, b) => sign * (compareInstants(a.at, b.at) || a.ordinal - b.ordinal));
    if (this.entries.length > this.plan.limit) this.entries.length = this.plan.limit;
  }
}
