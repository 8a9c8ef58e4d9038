import type { AuditEvent } from '../audit-event.ts';
import type { AuditAggregateQuery, AuditAggregateRow } from '../audit-store.ts';
import { statusClassOf } from '../call-status.ts';
import { parseEventTime } from '../event-time.ts';

const keyOf = (event: AuditEvent, query: AuditAggregateQuery): AuditAggregateRow['key'] => {
  const key: Record<string, string> = {};
  for (const dimension of query.groupBy) {
    if (dimension === 'status') key['status'] = statusClassOf(event.status);
    else if (dimension !== 'tool') key[dimension] = event[dimension];
    else if (query.toolsApart === undefined || query.toolsApart.includes(event.tool)) {
      key['tool'] = event.tool;
    }
  }
  return key;
};

const p95Of = (durations: readonly number[]): number => {
  const sorted = [...durations].sort((a, b) => a - b);
  const rank = 0.95 * (sorted.length - 1);
  const low = sorted[Math.floor(rank)] ?? 0;
  const high = sorted[Math.ceil(rank)] ?? 0;
  return Math.round((low + (high - low) * (rank % 1)) * 20) / 20;
};

const toRow = (
  calls: readonly AuditEvent[],
  key: AuditAggregateRow['key'],
  query: AuditAggregateQuery,
  bucketAt: number,
): AuditAggregateRow => {
  const classes = calls.map((call) => statusClassOf(call.status));
  return {
    key,
    ...(query.bucketMs === undefined ? {} : { bucketAt: new Date(bucketAt) }),
    calls: calls.length,
    durationMsSum: calls.reduce((sum, call) => sum + call.duration_ms, 0),
    failed: classes.filter((status) => status === 'error' || status === 'timeout').length,
    denied: classes.filter((status) => status === 'denied').length,
    ...(query.withP95 === true
      ? { p95DurationMs: p95Of(calls.map((call) => call.duration_ms)) }
      : {}),
  };
};

const compareKeys = (
  a: AuditAggregateRow['key'],
  b: AuditAggregateRow['key'],
  query: AuditAggregateQuery,
): number => {
  for (const dimension of query.groupBy) {
    const [left, right] = [a[dimension], b[dimension]];
    if (left === right) continue;
    if (left === undefined) return 1;
    return right === undefined || left < right ? -1 : 1;
  }
  return 0;
};

/** Counts events in memory in the plainest way; what every backend's figures must equal. */
export const aggregateEvents = (
  events: readonly AuditEvent[],
  query: AuditAggregateQuery,
): readonly AuditAggregateRow[] => {
  const groups = new Map<
    string,
    { key: AuditAggregateRow['key']; bucketAt: number; calls: AuditEvent[] }
  >();
  for (const event of events) {
    const at = parseEventTime(event.ts)?.ms;
    if (at === undefined || at < query.from.getTime() || at >= query.to.getTime()) continue;
    if (query.statuses?.includes(statusClassOf(event.status)) === false) continue;
    const size = query.bucketMs ?? Number.POSITIVE_INFINITY;
    const from = query.from.getTime();
    const bucketAt = Number.isFinite(size) ? from + Math.floor((at - from) / size) * size : from;
    const key = keyOf(event, query);
    const id = JSON.stringify([bucketAt, key]);
    const group = groups.get(id) ?? { key, bucketAt, calls: [] };
    group.calls.push(event);
    groups.set(id, group);
  }
  return [...groups.values()]
    .sort((a, b) => a.bucketAt - b.bucketAt || compareKeys(a.key, b.key, query))
    .map(({ key, bucketAt, calls }) => toRow(calls, key, query, bucketAt));
};
