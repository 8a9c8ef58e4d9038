import type { AuditEvent } from '../audit-event.ts';
import type { AuditDataQuality, AuditReadQuery, AuditTrailReader } from '../audit-store.ts';

export interface EventPage {
  readonly events: readonly AuditEvent[];
  readonly quality: AuditDataQuality;
}

const PAGE_EVENTS = 20_000;
/** What one instant may hold; `read` answers no more at once. */
const MAX_EVENTS = 1_000_000;
const FIRST_SPAN_MS = 3_600_000;
const LONGEST_SPAN_MS = 86_400_000;

/**
 * All events of `[from, to)` in pages of bounded size, oldest first, however
 * many there are: a stretch of time that holds too many is halved, one that
 * holds few is followed by a longer one.
 */
export async function* pageEvents(
  store: Pick<AuditTrailReader, 'read'>,
  range: { readonly from: Date; readonly to: Date },
  options: {
    readonly filter?: Pick<AuditReadQuery, 'tool' | 'agentId' | 'workspaceId'>;
    readonly signal: AbortSignal;
    /** Default 20,000. */
    readonly maxPageEvents?: number;
  },
): AsyncGenerator<EventPage> {
  const { filter, signal, maxPageEvents = PAGE_EVENTS } = options;
  let at = range.from.getTime();
  let spanMs = FIRST_SPAN_MS;
  const endMs = range.to.getTime();
  while (at < endMs) {
    signal.throwIfAborted();
    const untilMs = Math.min(at + spanMs, endMs);
    const isInstant = untilMs - at === 1;
    const { events, quality } = await store.read({
      ...filter,
      fromTs: new Date(at),
      // Both ends are inclusive; events may lie between two milliseconds.
      toTs: `${new Date(untilMs - 1).toISOString().slice(0, -1)}999Z`,
      limit: isInstant ? MAX_EVENTS : maxPageEvents,
      order: 'asc',
    });
    if (events.length >= maxPageEvents && !isInstant) {
      spanMs = Math.max(1, Math.floor((untilMs - at) / 2));
      continue;
    }
    yield { events, quality };
    at = untilMs;
    spanMs = events.length < maxPageEvents / 4 ? Math.min(spanMs * 2, LONGEST_SPAN_MS) : spanMs;
  }
}
