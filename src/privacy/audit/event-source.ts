import type { AuditEvent } from '#audit/audit-event';
import type { AuditDataQuality, AuditReading, AuditReadQuery } from '#audit/audit-store';
import { nextTurn } from '#core/clock';

/** What scans need of the audit trail: events by time, both ends inclusive. */
export interface AuditEventSource {
  read(query: AuditReadQuery): Promise<AuditReading>;
}

/** `[from, to)`. */
export interface ScanWindow {
  readonly from: Date;
  readonly to: Date;
}

export interface EventPageRequest {
  readonly window: ScanWindow;
  /** Events handed out at most. */
  readonly maxEvents: number;
  readonly signal: AbortSignal;
  /** Called with at most a thousand events at a time, in order. */
  readonly onPage: (events: readonly AuditEvent[]) => Promise<void>;
}

export interface EventPageAnswer {
  readonly quality: AuditDataQuality;
  readonly events: number;
  /** Events of the window were left unread because there are more than `maxEvents`. */
  readonly isTruncated: boolean;
}

const PAGE_SIZE = 20_000;
/** Judged at a stretch; the gateway answers others in between. */
const CHUNK_SIZE = 1_000;

const startOf = (event: AuditEvent): number => Date.parse(event.ts);

/** How many events at the end of the page are of its last millisecond. */
const countLast = (events: readonly AuditEvent[], instantMs: number): number => {
  let count = 0;
  for (let index = events.length - 1; index >= 0; index -= 1) {
    const event = events[index];
    if (event === undefined || startOf(event) !== instantMs) break;
    count += 1;
  }
  return count;
};

const worse = (a: AuditDataQuality | null, b: AuditDataQuality): AuditDataQuality =>
  a === null || (!a.partial && b.partial) ? b : a;

/**
 * Goes through the events of a window a page at a time, so that a day of a
 * million calls is never in memory at once. A page begins at the last
 * millisecond of the one before; its events seen already are passed over.
 */
export const readEventPages = async (
  source: AuditEventSource,
  request: EventPageRequest,
): Promise<EventPageAnswer> => {
  const { window, maxEvents, signal } = request;
  let fromMs = window.from.getTime();
  let seenAtFrom = 0;
  let limit = PAGE_SIZE;
  let total = 0;
  let quality: AuditDataQuality | null = null;
  for (;;) {
    signal.throwIfAborted();
    const reading = await source.read({
      fromTs: new Date(fromMs),
      toTs: window.to,
      limit,
      order: 'asc',
    });
    quality = worse(quality, reading.quality);
    const fresh = reading.events
      .slice(seenAtFrom)
      .filter((event) => startOf(event) < window.to.getTime());
    const taken = fresh.slice(0, maxEvents - total);
    total += taken.length;
    for (let at = 0; at < taken.length; at += CHUNK_SIZE) {
      await request.onPage(taken.slice(at, at + CHUNK_SIZE));
      await nextTurn();
      signal.throwIfAborted();
    }
    const last = reading.events.at(-1);
    const isLastPage = reading.events.length < limit || last === undefined;
    if (taken.length < fresh.length) return { quality, events: total, isTruncated: true };
    if (isLastPage) return { quality, events: total, isTruncated: false };
    const lastMs = startOf(last);
    seenAtFrom = countLast(reading.events, lastMs);
    // One millisecond that fills a page would be read again for ever.
    if (lastMs === fromMs) limit *= 2;
    fromMs = lastMs;
  }
};
