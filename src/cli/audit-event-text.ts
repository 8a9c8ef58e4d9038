import { AUDIT_EVENT_FIELDS, type AuditEvent } from '#audit/audit-event';

export const jsonLine = (event: AuditEvent): string =>
  `${JSON.stringify(event, [...AUDIT_EVENT_FIELDS])}\n`;

export const csvHeader = `${AUDIT_EVENT_FIELDS.join(',')}\r\n`;

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
  `${AUDIT_EVENT_FIELDS.map((field) => csvCell(event[field])).join(',')}\r\n`;
