import { AUDIT_EVENT_FIELDS, type AuditEvent } from '../audit-event.ts';
import { isPlainEventTime } from '../event-time.ts';

/** The columns of a row in the order in which `copyLine` writes them. */
export const COPY_COLUMNS = [...AUDIT_EVENT_FIELDS, 'event_id'].join(', ');

/** An event as a line of COPY's text format, newline included. */
export interface CopyRow {
  readonly eventId: string;
  readonly line: string;
}

const SPECIAL = /[\\\t\n\r]/;
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
};

const escaped = (text: string): string =>
  SPECIAL.test(text) ? text.replace(/[\\\t\n\r]/g, (found) => ESCAPES[found] ?? found) : text;

const orNull = (text: string | null): string => (text === null ? '\\N' : escaped(text));

export const copyRow = (event: AuditEvent, eventId: string): CopyRow => ({
  eventId,
  line: `${event.ts}\t${escaped(event.req_id)}\t${escaped(event.workspace_id)}\t${escaped(event.user_id)}\t${escaped(event.agent_id)}\t${escaped(event.tool)}\t${escaped(event.action)}\t${escaped(event.status)}\t${event.duration_ms}\t${event.in_size}\t${event.out_size}\t${escaped(event.input_hash)}\t${orNull(event.graph_run_id)}\t${orNull(event.graph_node)}\t${orNull(event.job_id)}\t${eventId}\n`,
});

const TEXT = '"([^"\\\\\\u0000-\\u001f]*)"';
const OPTIONAL_TEXT = '(null|"[^"\\\\\\u0000-\\u001f]*")';
const NUMBER = '(\\d{1,10})';

/** A line as we write it, unless a text in it needs an escape. */
const OWN_LINE = new RegExp(
  `^\\{"ts":${TEXT},"req_id":${TEXT},"workspace_id":${TEXT},"user_id":${TEXT},"agent_id":${TEXT},"tool":${TEXT},"action":${TEXT},"status":${TEXT},"duration_ms":${NUMBER},"in_size":${NUMBER},"out_size":${NUMBER},"input_hash":${TEXT},"graph_run_id":${OPTIONAL_TEXT},"graph_node":${OPTIONAL_TEXT},"job_id":${OPTIONAL_TEXT}\\}$`,
);

const MAX_NUMBER = 2_147_483_647;

const unquotedOrNull = (json: string | undefined): string =>
  json === undefined || json === 'null' ? '\\N' : json.slice(1, -1);

/**
 * The row of a spooled line in the form in which we write nearly all, at a
 * quarter of the cost of parsing it; undefined for any other line, which is then
 * to be parsed and checked.
 */
export const copyRowOfLine = (text: string, eventId: string): CopyRow | undefined => {
  const m = OWN_LINE.exec(text);
  if (m === null || !isPlainEventTime(m[1] ?? '')) return undefined;
  if (Number(m[9]) > MAX_NUMBER || Number(m[10]) > MAX_NUMBER || Number(m[11]) > MAX_NUMBER) {
    return undefined;
  }
  return {
    eventId,
    line: `${m[1]}\t${m[2]}\t${m[3]}\t${m[4]}\t${m[5]}\t${m[6]}\t${m[7]}\t${m[8]}\t${m[9]}\t${m[10]}\t${m[11]}\t${m[12]}\t${unquotedOrNull(m[13])}\t${unquotedOrNull(m[14])}\t${unquotedOrNull(m[15])}\t${eventId}\n`,
  };
};
