import { statSync } from 'node:fs';
import path from 'node:path';
import type { AuditKeeping, KeepAuditTrailRequest } from '#app/keep-audit-trail';
import type { Kept } from '#audit/audit-keeping';
import { systemClock } from '#core/clock';
import type { Effect } from '#core/effects';
import { AppError } from '#core/errors';
import type { Invocation } from './invocation.ts';
import { openSettings } from './open-session.ts';
import { plainText, printJson, printLine, styled } from './terminal-text.ts';

interface CommonOptions {
  readonly auditDir?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export interface CompactOptions extends CommonOptions {
  readonly windowDays?: number;
  readonly output?: string;
}

export interface CleanupOptions extends CommonOptions {
  readonly retentionDays?: number;
}

/** Opens the trail for a command; a directory that is named is the only thing the command then looks at. */
export const openKeeping = async <T>(
  invocation: Invocation,
  options: CommonOptions & {
    readonly output?: string;
    readonly source?: string;
    readonly reach: KeepAuditTrailRequest['reach'];
  },
  work: (keeping: AuditKeeping) => Promise<T>,
): Promise<T> => {
  const { settings, logger } = await openSettings(invocation, 'command');
  const resolve = (given: string): string => path.resolve(invocation.directory, given);
  const { auditDir, output } = options;
  if (
    auditDir !== undefined &&
    statSync(resolve(auditDir), { throwIfNoEntry: false })?.isDirectory() !== true
  )
    throw new AppError('not_found', `--audit-dir: ${auditDir} is not an existing directory`);
  if (
    output !== undefined &&
    statSync(resolve(output), { throwIfNoEntry: false })?.isDirectory() === false
  )
    throw new AppError('invalid_input', `--output: ${output} is not a directory`);
  // Files are all there is to look at, unless somebody asks for rows of earlier times.
  const { backend } = settings.audit;
  const hasRows = backend === 'auto' || backend === 'postgres' || options.source === 'postgres';
  const { withAuditKeeping } = await import('#app/keep-audit-trail');
  return withAuditKeeping(
    {
      settings,
      logger,
      mode: options.dryRun === true ? 'dry' : 'real',
      reach: auditDir === undefined && hasRows ? options.reach : 'files',
      named: {
        ...(auditDir === undefined ? {} : { directory: resolve(auditDir) }),
        ...(output === undefined ? {} : { output: resolve(output) }),
      },
    },
    work,
  );
};

const printKept = ({ stdout }: Invocation, kept: readonly Kept[]): void => {
  for (const { what, reason } of kept) printLine(stdout, `kept ${plainText(`${what}: ${reason}`)}`);
};

const printEffects = ({ stdout }: Invocation, effects: readonly Effect[]): void => {
  for (const { effect, path: file, table, bytes, rows } of effects)
    printLine(
      stdout,
      plainText(
        table === undefined
          ? `would ${effect} ${file} (${bytes} bytes)`
          : `would ${effect} ${table} (${rows} rows)`,
      ),
    );
};

const bytesText = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;

export const compactTrail = (invocation: Invocation, options: CompactOptions): Promise<number> =>
  openKeeping(invocation, { ...options, reach: 'files' }, async ({ stores, recorded }) => {
    const { windowDays } = options;
    const done = await stores.auditCompaction.compact({
      now: systemClock.now(),
      signal: invocation.claimStopSignal(),
      ...(windowDays === undefined ? {} : { windowDays }),
    });
    if (options.json === true) {
      printJson(invocation.stdout, {
        dry_run: options.dryRun === true,
        closed_days: done.closed.days,
        late_digests: done.closed.lateDigests,
        compacted_days: done.compactedDays,
        events: done.events,
        lines_bytes: done.linesBytes,
        parquet_bytes: done.parquetBytes,
        up_to_date_days: done.upToDateDays,
        kept: done.kept,
        ...(options.dryRun === true ? { effects: recorded } : {}),
      });
      return 0;
    }
    printEffects(invocation, recorded);
    printKept(invocation, done.kept);
    const verb = options.dryRun === true ? 'would compact' : 'compacted';
    printLine(
      invocation.stdout,
      `${verb} ${done.compactedDays} days with ${done.events} events (${bytesText(done.linesBytes)} of lines, ${bytesText(done.parquetBytes)} of Parquet); ${done.upToDateDays} were up to date, ${done.kept.length} kept as they are`,
    );
    return 0;
  });

export const cleanUpTrail = (invocation: Invocation, options: CleanupOptions): Promise<number> =>
  openKeeping(invocation, { ...options, reach: 'files and rows' }, async (keeping) => {
    const { stores, recorded } = keeping;
    const policy = await keeping.retention();
    const now = systemClock.now();
    const signal = invocation.claimStopSignal();
    const retentionDays = options.retentionDays ?? policy.jsonlDays;
    const files = await stores.auditFiles.apply({
      now,
      retentionDays,
      parquetDays: policy.parquetDays,
      signal,
    });
    const rows = await stores.auditRows.apply({ now, retentionDays: policy.postgresDays, signal });
    const kept = [...files.kept, ...rows.kept];
    if (options.json === true) {
      printJson(invocation.stdout, {
        dry_run: options.dryRun === true,
        retention_days: retentionDays,
        closed_days: files.closed.days + rows.closed.days,
        deleted_files: files.deletedFiles,
        compressed_files: files.compressedFiles,
        freed_bytes: files.freedBytes,
        deleted_rows: rows.deletedRows,
        kept,
        ...(options.dryRun === true ? { effects: recorded } : {}),
      });
      return 0;
    }
    printEffects(invocation, recorded);
    printKept(invocation, kept);
    const would = options.dryRun === true ? 'would have ' : '';
    printLine(
      invocation.stdout,
      `${would}deleted ${files.deletedFiles} files, compressed ${files.compressedFiles}, freed ${bytesText(files.freedBytes)}; deleted ${rows.deletedRows} rows; kept ${kept.length}`,
    );
    if (options.dryRun === true)
      printLine(
        invocation.stderr,
        styled(invocation.stderr, 'bold', 'dry-run: nothing was changed'),
      );
    return 0;
  });
