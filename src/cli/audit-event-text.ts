import type { AuditEvent } from '#audit/audit-event';

/** In the documented order, which is that of the files. */
const FIELDS: readonly (keyof AuditEvent)[] = [
  'ts',
  'req_id',
  'workspace_id',
  'user_id',
  'agent_id',
  'tool',
  'action',
  'status',
  'duration_ms',
  'in_size',
  'out_size',
  'input_hash',
  'graph_run_id',
  'graph_node',
  'job_id',
];

export const jsonLine = (event: AuditEvent): string => `${JSON.stringify(event, [...FIELDS])}\n`;

export const csvHeader = `${FIELDS.join(',')}\r\n`;

/**
 * A cell of RFC 4180. A text that a spreadsheet would take for a formula gets
 * an apostrophe before it: names in the trail come from outside.
 */
const csvCell = (value: string | number | null): string => {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

export const csvLine = (event: AuditEvent): string =>
  `${FIELDS.map((field) => csvCell(event[field])).join(',')}\r\n`;
