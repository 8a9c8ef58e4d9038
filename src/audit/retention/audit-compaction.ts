import path from 'node:path';
import { AppError, messageOf } from '#core/errors';
import type { AuditCompaction, CompactionOutcome, Kept } from '../audit-keeping.ts';
import { damageLine } from '../chain/damage.ts';
import { dayFilesOf, hashFile } from '../chain/day-content.ts';
import { addDays } from '../chain/days.ts';
import type { DigestChain } from '../chain/digest-chain.ts';
import { type AuditFile, COMPACT_FOLDER, dayOf } from '../files/audit-files.ts';
import { readSidecar } from '../write/spool-sidecar.ts';
import { type ChainAccess, withChain } from './chain-access.ts';
import { closeFileDays, type FileDays, reasonToLeave, takeBackAnnouncement } from './file-days.ts';
import { type DayParquet, withDayParquet } from './write-day-parquet.ts';

export interface AuditCompactionOptions extends ChainAccess {
  readonly tempDir: string;
  /**
   * Where the Parquet files go instead of the directory's own `compact/`. What
   * is elsewhere is a copy: no reader sees it, the chain does not speak of it,
   * and the lines are never deleted for it.
   */
  readonly output?: string;
}

type Rule = Parameters<AuditCompaction['compact']>[0];
type DayEnd = { readonly kind: 'up to date' } | { readonly kind: 'kept'; readonly reason: string };

const NOTHING: CompactionOutcome = {
  closed: { days: 0, lateDigests: 0 },
  compactedDays: 0,
  events: 0,
  linesBytes: 0,
  parquetBytes: 0,
  upToDateDays: 0,
  kept: [],
};

export const createAuditCompaction = (options: AuditCompactionOptions): AuditCompaction => {
  const { directory, tempDir, files: effects } = options;
  const ownOutput = path.join(directory, COMPACT_FOLDER);
  const output = options.output ?? ownOutput;
  const isOwn = path.resolve(output) === path.resolve(ownOutput);

  /** Why the day need not or may not be compacted, or undefined. */
  const reasonToSkip = async (
    days: FileDays,
    day: string,
    parquet: AuditFile | undefined,
    signal: AbortSignal,
  ): Promise<DayEnd | undefined> => {
    const state = days.chain.ledger.of(day);
    if (isOwn && state.isParquetRemoved) return { kind: 'up to date' };
    if ((await readSidecar(directory, day)).state !== 'missing')
      return { kind: 'kept', reason: 'its events are still being forwarded to PostgreSQL' };
    const { damages } = await days.trail.checkDay(day, state, signal);
    const [damage] = damages;
    if (damage !== undefined)
      return { kind: 'kept', reason: `the day is not as it was digested (${damageLine(damage)})` };
    const isThere =
      isOwn &&
      state.isCompacted &&
      parquet !== undefined &&
      (await hashFile(parquet.path, signal)) === state.compacted.at(-1)?.sha256;
    return isThere ? { kind: 'up to date' } : undefined;
  };

  const compactDay = (
    days: FileDays,
    day: string,
    earlier: AuditFile | undefined,
    signal: AbortSignal,
  ): Promise<DayParquet> =>
    withDayParquet(
      { files: dayFilesOf(days.files, day), earlier: isOwn ? earlier : undefined, tempDir, signal },
      async (parquet) => {
        // Announced first: a crash leaves an announcement whose lines are all there, not a file nobody knows.
        if (isOwn)
          await days.chain.append({
            kind: 'compacted',
            origin: 'made',
            day,
            count: parquet.events,
            sha256: parquet.sha256,
          });
        const target = path.join(output, `tool_audit_${day}.parquet`);
        try {
          await effects.place(parquet.file, target, 'private');
        } catch (error) {
          if (isOwn) await takeBackAnnouncement(days.chain, days.trail, signal);
          throw error;
        }
        return parquet;
      },
    );

  const compactAll = async (
    days: FileDays,
    { now, windowDays, signal }: Rule,
  ): Promise<CompactionOutcome> => {
    const today = dayOf(now);
    const from = windowDays === undefined ? '' : addDays(today, -windowDays);
    const withLines = days.files.filter(
      ({ day, form, isRegularFile }) =>
        form !== 'parquet' && isRegularFile && day >= from && day < today,
    );
    const kept: Kept[] = [...days.kept];
    const made: DayParquet[] = [];
    let upToDateDays = 0;
    for (const day of new Set(withLines.map((file) => file.day))) {
      signal.throwIfAborted();
      const parquet = days.files.find(
        (file) => file.day === day && file.form === 'parquet' && file.isRegularFile,
      );
      try {
        const end = await reasonToSkip(days, day, parquet, signal);
        if (end === undefined) made.push(await compactDay(days, day, parquet, signal));
        else if (end.kind === 'kept') kept.push({ what: day, reason: end.reason });
        else upToDateDays += 1;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof AppError) throw error;
        kept.push({ what: day, reason: messageOf(error) });
      }
    }
    const sum = (of: (parquet: DayParquet) => number): number =>
      made.reduce((total, parquet) => total + of(parquet), 0);
    return {
      closed: days.closed,
      compactedDays: made.length,
      events: sum(({ events }) => events),
      linesBytes: sum(({ linesBytes }) => linesBytes),
      parquetBytes: sum(({ bytes }) => bytes),
      upToDateDays,
      kept,
    };
  };

  const compactWith = async (chain: DigestChain, rule: Rule): Promise<CompactionOutcome> => {
    const reason = await reasonToLeave(directory, chain);
    if (reason !== undefined)
      return { ...NOTHING, kept: [{ what: 'the audit directory', reason }] };
    return compactAll(await closeFileDays(options, chain, rule), rule);
  };

  return { compact: (rule) => withChain(options, 'jsonl', (chain) => compactWith(chain, rule)) };
};
