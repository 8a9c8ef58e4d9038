import type { AuditEvent } from '../audit-event.ts';
import { isPlainEventTime, parseEventTime } from '../event-time.ts';

/** Longest text of an event's field, in UTF-16 code units. */
const MAX_FIELD_CHARS = 512;

/** The largest number that the table's `integer` columns take. */
const MAX_NUMBER = 2_147_483_647;

export type CheckedEvent =
  | { readonly ok: true; readonly event: AuditEvent }
  | {
      readonly ok: false;
      /** Out of a closed set: names the field and what is wrong with it, never a value. */
      readonly reason: string;
      /** The field at fault; empty when the whole is. */
      readonly field: string;
    };

class Fault extends Error {
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

/** What is asked of an event by where it comes from. */
interface Rules {
  readonly maxChars: number;
  /** Other writers of the file format leave out what no figure needs. */
  readonly mayLack: ReadonlySet<string>;
}

const WRITTEN: Rules = { maxChars: MAX_FIELD_CHARS, mayLack: new Set() };
const STORED: Rules = {
  maxChars: Number.POSITIVE_INFINITY,
  mayLack: new Set(['req_id', 'action']),
};

const checkText = (field: string, value: unknown, rules: Rules): string => {
  if (typeof value === 'string') {
    if (value.length > rules.maxChars) {
      throw new Fault(field, `${field} is longer than ${rules.maxChars} characters`);
    }
    if (value.includes('\0') || !value.isWellFormed()) {
      throw new Fault(field, `${field} holds NUL or half of a surrogate pair`);
    }
    return value;
  }
  if (value !== undefined && value !== null) throw new Fault(field, `${field} is not a string`);
  if (rules.mayLack.has(field)) return '';
  throw new Fault(field, `${field} is missing`);
};

const checkOptionalText = (field: string, value: unknown, rules: Rules): string | null =>
  value === undefined || value === null ? null : checkText(field, value, rules);

const checkNumber = (field: string, value: unknown): number => {
  if (value === undefined || value === null) throw new Fault(field, `${field} is missing`);
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new Fault(field, `${field} is not a number`);
  }
  const whole = Math.round(value);
  if (value < 0 || whole > MAX_NUMBER) {
    throw new Fault(field, `${field} is out of range; accepted: 0 to ${MAX_NUMBER}`);
  }
  return whole === 0 ? 0 : whole;
};

/** `null` and absence both mean that nothing was counted. */
const checkSize = (field: string, own: unknown, governance: unknown): number =>
  checkNumber(field, own ?? governance ?? 0);

const checkTime = (value: unknown, rules: Rules): string => {
  const text = checkText('ts', value, rules);
  if (isPlainEventTime(text)) return text;
  const time = parseEventTime(text);
  if (time !== null) return time.text;
  throw new Fault(
    'ts',
    'ts is not a time; accepted: RFC 3339 of the years 1970 to 9999, such as 2026-11-04T12:00:00.000Z',
  );
};

const eventOf = (given: Readonly<Record<string, unknown>>, rules: Rules): AuditEvent => ({
  ts: checkTime(given['ts'], rules),
  req_id: checkText('req_id', given['req_id'], rules),
  workspace_id: checkText('workspace_id', given['workspace_id'], rules),
  user_id: checkText('user_id', given['user_id'], rules),
  agent_id: checkText('agent_id', given['agent_id'], rules),
  tool: checkText('tool', given['tool'], rules),
  action: checkText('action', given['action'], rules),
  status: checkText('status', given['status'], rules),
  duration_ms: checkNumber('duration_ms', given['duration_ms']),
  in_size: checkSize('in_size', given['in_size'], given['input_chars']),
  out_size: checkSize('out_size', given['out_size'], given['output_size_bytes']),
  input_hash: checkOptionalText('input_hash', given['input_hash'], rules) ?? '',
  graph_run_id: checkOptionalText('graph_run_id', given['graph_run_id'], rules),
  graph_node: checkOptionalText('graph_node', given['graph_node'], rules),
  job_id: checkOptionalText('job_id', given['job_id'], rules),
});

const check = (value: unknown, rules: Rules): CheckedEvent => {
  try {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      return { ok: false, reason: 'is not a JSON object', field: '' };
    }
    return { ok: true, event: eventOf(value as Readonly<Record<string, unknown>>, rules) };
  } catch (error) {
    return error instanceof Fault
      ? { ok: false, reason: error.message, field: error.field }
      : { ok: false, reason: 'is an object whose fields cannot be read', field: '' };
  }
};

/**
 * Makes an event of what somebody handed over: exactly the documented keys in
 * their order, governance names translated, numbers rounded, everything else
 * dropped. Texts are at most 512 UTF-16 code units. Never throws, whatever the
 * value does when it is read.
 */
export const checkAuditEvent = (value: unknown): CheckedEvent => check(value, WRITTEN);

/** The same of a line that stands in a file: texts of any length, `req_id` and `action` may be absent. */
export const checkStoredEvent = (value: unknown): CheckedEvent => check(value, STORED);
