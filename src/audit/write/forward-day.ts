import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '#core/clock';
import type { Database } from '#storage/database';
import { jsonlName } from '../files/audit-files.ts';
import type { AuditLog } from './audit-log.ts';
import { withDeadline } from './deadline.ts';
import type { Rejection } from './rejected-events.ts';
import type { Spool } from './spool.ts';
import { readSpoolBatch, type SpoolBatch } from './spool-batch.ts';
import { lineAt } from './spool-line.ts';
import type { Sidecar } from './spool-sidecar.ts';
import { type RefusedRow, storeRows } from './store-rows.ts';

const ENOUGH_ROWS = 10_000;
/** A server that hangs is left after this long. */
const BATCH_DEADLINE_MS = 30_000;

// Under constant load a file is never empty of waiting events. Beyond this size
// appends wait for a moment, so that it can be cut.
const CUT_ABOVE_BYTES = 64 * 1024 * 1024;
const MAX_REST_BYTES = 4 * 1024 * 1024;
const REST_STATEMENT_MS = 2_000;
const REST_DEADLINE_MS = 3_000;

export interface ForwardDayOptions {
  readonly spool: Spool;
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: AuditLog;
  readonly signal: AbortSignal;
  readonly onRejected: (rejection: Rejection) => void;
  /** Told after each batch is in the table and noted as such. */
  readonly onForwarded: (lines: number, rows: number) => void;
}

/** Sets aside what PostgreSQL does not take: valid events, so they are kept whole, beside the day's file. */
const keepRefused = async (
  options: ForwardDayOptions,
  day: string,
  refused: readonly RefusedRow[],
): Promise<void> => {
  if (refused.length === 0) return;
  const { spool, onRejected, logger } = options;
  const target = path.join(spool.directory, `refused_by_postgres_${day}.jsonl`);
  for (const { row, state } of refused) {
    const byteOffset = Number.parseInt(row.eventId.slice(24), 16);
    await appendFile(target, await lineAt(spool.fileOf(day), byteOffset), { mode: 0o600 });
    onRejected({
      reason: `PostgreSQL refused the event (${state}); it is kept in ${path.basename(target)}`,
      fields: [],
      file: jsonlName(day),
      byteOffset,
    });
  }
  logger.warn(
    { events: refused.length, states: [...new Set(refused.map(({ state }) => state))] },
    'PostgreSQL refused audit events for what stands in them; they are kept in a file of their own',
  );
};

const noteBadLines = (options: ForwardDayOptions, day: string, batch: SpoolBatch): void => {
  for (const { offset, reason, field } of batch.bad) {
    options.onRejected({
      reason,
      fields: field === '' ? [] : [field],
      file: jsonlName(day),
      byteOffset: offset,
    });
  }
};

const storeBatch = async (
  options: ForwardDayOptions,
  day: string,
  batch: SpoolBatch,
  limits: { readonly deadlineMs: number; readonly statementTimeoutMs?: number },
): Promise<void> => {
  const { clock, database, signal } = options;
  const refused = await withDeadline({ clock, ms: limits.deadlineMs, parent: signal }, (deadline) =>
    storeRows({
      database,
      rows: batch.rows,
      signal: deadline,
      ...(limits.statementTimeoutMs === undefined
        ? {}
        : { statementTimeoutMs: limits.statementTimeoutMs }),
    }),
  );
  await keepRefused(options, day, refused);
  noteBadLines(options, day, batch);
};

const batchFrom = (
  { spool }: ForwardDayOptions,
  day: string,
  sidecar: Sidecar,
  range: { readonly from: number; readonly until: number },
): Promise<SpoolBatch> =>
  readSpoolBatch({ file: spool.fileOf(day), id: sidecar.id, ...range, enoughRows: ENOUGH_ROWS });

/** Forwards what little came meanwhile while nobody can append, and cuts the file. */
const forwardRestAndCut = (
  options: ForwardDayOptions,
  day: string,
  sidecar: Sidecar,
  from: number,
): Promise<void> =>
  options.spool.withoutAppends(day, async () => {
    const until = await options.spool.sizeOf(day);
    if (until - from > MAX_REST_BYTES) return undefined;
    let offset = from;
    while (offset < until) {
      const batch = await batchFrom(options, day, sidecar, { from: offset, until });
      if (batch.nextOffset === offset) break;
      await storeBatch(options, day, batch, {
        deadlineMs: REST_DEADLINE_MS,
        statementTimeoutMs: REST_STATEMENT_MS,
      });
      options.onForwarded(batch.lines, batch.rows.length);
      offset = batch.nextOffset;
    }
    return offset;
  });

/**
 * Forwards a day's events, in order, up to where its file ends now. The caller
 * holds the directory's forward lock. Rejects when the database cannot serve;
 * what was forwarded before is noted then.
 */
export const forwardDay = async (options: ForwardDayOptions, day: string): Promise<void> => {
  const { spool, signal } = options;
  const sidecar = await spool.find(day);
  if (sidecar === undefined) return;
  const until = await spool.sizeOf(day);
  let offset = sidecar.confirmedBytes;
  let next = batchFrom(options, day, sidecar, { from: offset, until });
  for (;;) {
    const batch = await next;
    if (batch.nextOffset === offset) break;
    // Read and parsed while PostgreSQL is at work with the one before.
    next = batchFrom(options, day, sidecar, { from: batch.nextOffset, until });
    next.catch(() => undefined);
    await storeBatch(options, day, batch, { deadlineMs: BATCH_DEADLINE_MS });
    await spool.confirm(day, sidecar.id, batch.nextOffset);
    options.onForwarded(batch.lines, batch.rows.length);
    offset = batch.nextOffset;
    if (signal.aborted) break;
  }
  await next.catch(() => undefined);
  if (offset - sidecar.baseBytes > CUT_ABOVE_BYTES) {
    await forwardRestAndCut(options, day, sidecar, offset);
  }
};
