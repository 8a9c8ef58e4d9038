import { AppError } from '#core/errors';
import type { AuditEvent } from '../audit-event.ts';
import type { AuditReadQuery } from '../audit-store.ts';
import { parseEventTime, utcText } from '../event-time.ts';

const DEFAULT_LIMIT = 50_000;
/** What one answer may hold: a gigabyte of events at the very most. */
const MAX_LIMIT = 1_000_000;

/** An instant as something that compares exactly. */
export interface Instant {
  readonly ms: number;
  readonly micros: number;
}

/** A checked query with everything said. */
export interface ReadPlan {
  readonly from: Instant | undefined;
  readonly to: Instant | undefined;
  /** Fields that must be equal. */
  readonly equals: readonly (readonly [
    field: 'tool' | 'agent_id' | 'workspace_id',
    value: string,
  ])[];
  readonly limit: number;
  readonly order: 'asc' | 'desc';
}

export const compareInstants = (a: Instant, b: Instant): number =>
  a.ms - b.ms || a.micros - b.micros;

const toInstant = (name: string, value: Date | string | undefined): Instant | undefined => {
  if (value === undefined) return undefined;
  if (typeof value === 'string') {
    const time = parseEventTime(value);
    if (time !== null) return time;
  } else if (!Number.isNaN(value.getTime())) {
    return { ms: value.getTime(), micros: 0 };
  }
  throw new AppError(
    'invalid_input',
    `${name} must be an RFC 3339 time of the years 1970 to 9999, such as 2026-11-04T12:00:00Z.`,
  );
};

/** Throws `invalid_input` that names what is wrong and what is accepted. */
export const planRead = (query: AuditReadQuery): ReadPlan => {
  const from = toInstant('fromTs', query.fromTs);
  const to = toInstant('toTs', query.toTs);
  if (from !== undefined && to !== undefined && compareInstants(from, to) > 0) {
    throw new AppError(
      'invalid_input',
      `The range starts at ${utcText(from)}, after its end ${utcText(to)}; fromTs must not be after toTs.`,
    );
  }
  const limit = query.limit ?? DEFAULT_LIMIT;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new AppError('invalid_input', `limit must be a whole number from 1 to ${MAX_LIMIT}.`);
  }
  const order = query.order ?? 'asc';
  if (order !== 'asc' && order !== 'desc') {
    throw new AppError('invalid_input', 'order must be asc or desc.');
  }
  const filters = [
    ['tool', query.tool],
    ['agent_id', query.agentId],
    ['workspace_id', query.workspaceId],
  ] as const;
  return {
    from,
    to,
    equals: filters.flatMap(([field, value]) =>
      value === undefined ? [] : [[field, value] as const],
    ),
    limit,
    order,
  };
};

/** Whether an event at `at` is asked for. */
export const isAskedFor = (
  event: Pick<AuditEvent, 'tool' | 'agent_id' | 'workspace_id'>,
  at: Instant,
  plan: ReadPlan,
): boolean =>
  (plan.from === undefined || compareInstants(at, plan.from) >= 0) &&
  (plan.to === undefined || compareInstants(at, plan.to) <= 0) &&
  plan.equals.every(([field, value]) => event[field] === value);
