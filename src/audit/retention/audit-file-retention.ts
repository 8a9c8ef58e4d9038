import type { AuditFileRetention, FileRetentionOutcome } from '../audit-keeping.ts';
import type { DigestChain } from '../chain/digest-chain.ts';
import { type AuditFile, dayOf } from '../files/audit-files.ts';
import { type AgeingRule, ageDay } from './age-day.ts';
import { type ChainAccess, withChain } from './chain-access.ts';
import { closeFileDays, listOwn, reasonToLeave } from './file-days.ts';
import { RetentionTally } from './retention-tally.ts';

export interface AuditFileRetentionOptions extends ChainAccess {
  readonly tempDir: string;
}

type Rule = AgeingRule & { readonly now: Date; readonly signal: AbortSignal };

const DAY_MS = 86_400_000;

/**
 * Days on which a writer may still append, whatever the retention says: today
 * and yesterday, and tomorrow's for events whose offset is ahead of UTC.
 */
const firstOpenDay = (now: Date): string => dayOf(new Date(now.getTime() - DAY_MS));

const expiry = ({ now, retentionDays, parquetDays }: Rule) => {
  const before = (days: number): string => dayOf(new Date(now.getTime() - days * DAY_MS));
  const openFrom = firstOpenDay(now);
  const isOver = (day: string, limit: string): boolean => day < limit && day < openFrom;
  return {
    lines: (day: string) => isOver(day, before(retentionDays)),
    parquet: (day: string) =>
      parquetDays !== undefined && isOver(day, before(Math.max(parquetDays, retentionDays))),
  };
};

const isExpired = (file: AuditFile, over: ReturnType<typeof expiry>): boolean =>
  file.form === 'parquet' ? over.parquet(file.day) : over.lines(file.day);

/**
 * Ages the daily files of a directory that carries our marker. A file that
 * cannot be dealt with is kept with the reason and does not keep the others
 * from their turn. In a dry-run `freedBytes` counts deletions only: what
 * compressing saves is not known before.
 */
export const createAuditFileRetention = (
  options: AuditFileRetentionOptions,
): AuditFileRetention => {
  const leaveAll = async (rule: Rule, reason: string): Promise<FileRetentionOutcome> => {
    const tally = new RetentionTally();
    const over = expiry(rule);
    const expired = (await listOwn(options.directory)).filter((file) => isExpired(file, over));
    tally.keep(...expired.map(({ name }) => ({ what: name, reason })));
    return tally.outcome({ days: 0, lateDigests: 0 });
  };

  const applyTo = async (chain: DigestChain, rule: Rule): Promise<FileRetentionOutcome> => {
    const { signal } = rule;
    const reason = await reasonToLeave(options.directory, chain);
    if (reason !== undefined) return leaveAll(rule, reason);
    const tally = new RetentionTally();
    const days = await closeFileDays(options, chain, rule);
    tally.keep(...days.kept);
    const over = expiry(rule);
    const expired = days.files.filter((file) => isExpired(file, over));
    for (const day of new Set(expired.map((file) => file.day))) {
      signal.throwIfAborted();
      await ageDay({ access: options, days, tally, signal }, day, {
        ...rule,
        isParquetExpired: over.parquet(day),
      });
    }
    return tally.outcome(days.closed);
  };

  return { apply: (rule) => withChain(options, 'jsonl', (chain) => applyTo(chain, rule)) };
};
