import { AppError, hasCode } from '#core/errors';
import { sqlState } from '#storage/postgres/postgres-database';

/** Why PostgreSQL does not take events, in a few words without address or name. */
export const postgresFaultText = (error: unknown): string => {
  const state = sqlState(error);
  switch (state) {
    case '42P01':
    case '42703':
      return `${state}: the table tool_audit_events or its column event_id is missing; run "opsloop migrate"`;
    case '42501':
      return `${state}: the role may not read and insert into tool_audit_events; see "opsloop migrate --grants"`;
    default:
      if (error instanceof AppError) return error.message;
      return state === undefined ? 'unexpected fault' : `SQLSTATE ${state}`;
  }
};

/** Whether the fault is of local files and their lock, and not of the database or the way to it. */
export const isFileFault = (error: unknown): boolean =>
  hasCode(error, 'in_use') || (error instanceof Error && 'syscall' in error);
