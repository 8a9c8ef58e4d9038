import { AppError, messageOf } from '#core/errors';
import { damageLine } from '../chain/damage.ts';
import { dayFilesOf, readDay, sizeOf } from '../chain/day-content.ts';
import { coveredTo } from '../chain/day-ledger.ts';
import { digestSegments } from '../chain/digest-segments.ts';
import type { AuditFile } from '../files/audit-files.ts';
import { directoryLockFile } from '../write/spool-places.ts';
import { readSidecar } from '../write/spool-sidecar.ts';
import type { ChainAccess } from './chain-access.ts';
import type { FileDays } from './file-days.ts';
import { compareWithParquet, type ParquetCoverage, shortfallOf } from './parquet-coverage.ts';
import type { RetentionTally } from './retention-tally.ts';

export interface Ageing {
  readonly access: ChainAccess & { readonly tempDir: string };
  readonly days: FileDays;
  readonly tally: RetentionTally;
  readonly signal: AbortSignal;
}

export interface AgeingRule {
  readonly retentionDays: number;
  readonly parquetDays?: number;
}

const isLines = ({ form }: AuditFile): boolean => form !== 'parquet';

/** Removes files of a day as long as they are what was decided about; writers are kept out meanwhile. */
const removeFiles = async (
  { access, tally }: Ageing,
  files: readonly AuditFile[],
  expectedBytes: ReadonlyMap<string, number | undefined>,
): Promise<void> =>
  access.exclusively(directoryLockFile(access.directory), async () => {
    for (const file of files) {
      const bytes = await sizeOf(file.path);
      if (bytes === undefined) continue;
      if (bytes !== expectedBytes.get(file.path)) {
        tally.keep({ what: file.name, reason: 'it changed meanwhile' });
        continue;
      }
      await access.files.remove(file.path);
      tally.deleted(bytes);
    }
  });

const sizesOf = async (files: readonly AuditFile[]) => {
  const sizes = new Map<string, number | undefined>();
  for (const { path } of files) sizes.set(path, await sizeOf(path));
  return sizes;
};

/** Writes down that the day's lines go, then removes them. */
const removeLines = async (
  ageing: Ageing,
  day: string,
  lines: readonly AuditFile[],
  reason: string,
): Promise<void> => {
  const { days, signal } = ageing;
  const { chain } = days;
  const sizes = await sizesOf(lines);
  const state = chain.ledger.of(day);
  const to = coveredTo(state);
  // One digest that was just verified is that of all lines; several are added up by reading once more.
  const [only, ...others] = state.segments;
  const content = readDay(dayFilesOf(days.files, day), signal);
  const digest =
    only !== undefined && others.length === 0
      ? only
      : (await digestSegments(content, [to])).segments[0]?.digest();
  await chain.append({
    kind: 'removed',
    day,
    to_day: day,
    what: 'lines',
    count: digest?.count ?? 0,
    covers: { from_byte: 0, to_byte: to },
    sha256: digest?.sha256 ?? null,
    reason,
  });
  await removeFiles(ageing, lines, sizes);
};

const compress = async ({ access, tally }: Ageing, file: AuditFile): Promise<void> => {
  const archive = `${file.path}.gz`;
  const total = async (): Promise<number> =>
    ((await sizeOf(file.path)) ?? 0) + ((await sizeOf(archive)) ?? 0);
  const before = await total();
  // Only the moment in which the original goes keeps writers waiting.
  await access.files.compress(file.path, (remove) =>
    access.exclusively(directoryLockFile(access.directory), remove),
  );
  tally.compressed(before - (await total()));
};

/** Why nothing of the day may be changed, or undefined. */
const obstacle = async (
  { access, days, signal }: Ageing,
  day: string,
): Promise<{ readonly reason?: string; readonly isRemovalUnfinished?: true }> => {
  const sidecar = await readSidecar(access.directory, day);
  if (sidecar.state !== 'missing')
    return { reason: 'its events are still being forwarded to PostgreSQL' };
  const { damages, uncovered } = await days.trail.checkDay(day, days.chain.ledger.of(day), signal);
  const [damage] = damages;
  if (damage !== undefined)
    return { reason: `the day is not as it was digested (${damageLine(damage)})` };
  return uncovered.some(({ why }) => why === 'removal not finished')
    ? { isRemovalUnfinished: true }
    : {};
};

const ageLines = async (
  ageing: Ageing,
  day: string,
  lines: readonly AuditFile[],
  coverage: ParquetCoverage,
): Promise<void> => {
  const shortfall = shortfallOf(coverage);
  if (shortfall === undefined) {
    await removeLines(ageing, day, lines, 'all events are in the Parquet file of the day');
    return;
  }
  for (const file of lines) {
    if (file.form === 'gzip') ageing.tally.keep({ what: file.name, reason: shortfall });
    else await compress(ageing, file);
  }
};

/** Removes a day's Parquet file, and with it lines that were kept for what is not an event in them. */
const ageParquet = async (
  ageing: Ageing,
  day: string,
  files: { readonly parquet: readonly AuditFile[]; readonly lines: readonly AuditFile[] },
  rule: AgeingRule,
): Promise<void> => {
  const { days, tally } = ageing;
  const reason = `older than ${rule.parquetDays} days`;
  const last = days.chain.ledger.of(day).compacted.at(-1);
  if (last === undefined) return;
  if (files.lines.length > 0) await removeLines(ageing, day, files.lines, reason);
  const sizes = await sizesOf(files.parquet);
  await days.chain.append({
    kind: 'removed',
    day,
    to_day: day,
    what: 'parquet',
    count: last.count,
    covers: null,
    sha256: last.sha256,
    reason,
  });
  for (const file of files.parquet) {
    await ageing.access.files.remove(file.path);
    tally.deleted(sizes.get(file.path) ?? 0);
  }
};

/** Everything that retention does about one day whose lines or Parquet file are old enough. */
export const ageDay = async (
  ageing: Ageing,
  day: string,
  rule: AgeingRule & { readonly isParquetExpired: boolean },
): Promise<void> => {
  const { days, access, tally, signal } = ageing;
  const all = days.files.filter((file) => file.day === day);
  const regular = all.filter(({ isRegularFile }) => isRegularFile);
  const parquet = regular.filter((file) => !isLines(file));
  const lines = regular.filter(isLines);
  for (const file of all.filter((each) => !each.isRegularFile))
    tally.keep({
      what: file.name,
      reason: file.isSymbolicLink ? 'is a symbolic link' : 'is not a file',
    });
  try {
    const { reason, isRemovalUnfinished } = await obstacle(ageing, day);
    if (reason !== undefined) {
      tally.keep(...regular.map(({ name }) => ({ what: name, reason })));
      return;
    }
    if (isRemovalUnfinished === true) await removeFiles(ageing, lines, await sizesOf(lines));
    const left = isRemovalUnfinished === true ? [] : lines;
    const coverage: ParquetCoverage =
      left.length === 0
        ? { problem: undefined, missingEvents: 0, rejectedLines: 0 }
        : await compareWithParquet({ files: regular, tempDir: access.tempDir, signal });
    const isWhole = coverage.problem === undefined && coverage.missingEvents === 0;
    if (rule.isParquetExpired && parquet.length > 0 && isWhole)
      await ageParquet(ageing, day, { parquet, lines: left }, rule);
    else if (left.length > 0) await ageLines(ageing, day, left, coverage);
  } catch (error) {
    signal.throwIfAborted();
    // Ours says something about the run as a whole, such as a lost lease; others are about this day.
    if (error instanceof AppError) throw error;
    tally.keep(...lines.map(({ name }) => ({ what: name, reason: messageOf(error) })));
  }
};
