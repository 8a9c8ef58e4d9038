import { type Comparison, describeDifference, isSame } from './compare-digests.ts';
import type { Damage, Uncovered } from './damage.ts';
import { archiveFault, type DayFiles, hashFile, readDay, readUndamaged } from './day-content.ts';
import { coveredTo, type DayState } from './day-ledger.ts';
import { digestSegments } from './digest-segments.ts';
import { LineDigester, timeOfJsonLine } from './line-digester.ts';
import type { DayCheck } from './trail.ts';

export interface FileDay {
  readonly day: string;
  readonly state: DayState;
  readonly files: DayFiles;
  /** Of the file that is or would be there. */
  readonly place: string;
  readonly signal: AbortSignal;
}

const bytesOf = ({ covers }: DayState['segments'][number]): number =>
  'to_byte' in covers ? covers.to_byte : 0;

/** Where nothing but what was to be removed stands, its removal was stopped half-way. */
export const isRemovalUnfinished = async ({ state, files, signal }: FileDay): Promise<boolean> => {
  const { removedLines } = state;
  const covers = removedLines?.covers;
  if (removedLines === null || covers === undefined || covers === null || !('to_byte' in covers))
    return false;
  const digested = await digestSegments(readUndamaged(readDay(files, signal)), [covers.to_byte]);
  return digested.segments[0]?.digest().sha256 === removedLines.sha256 && digested.rest.count === 0;
};

const ARCHIVE_DAMAGE = {
  cut: { kind: 'truncated', detail: 'its compressed data ends early' },
  damaged: { kind: 'altered', detail: 'its compressed data or its checksum is wrong' },
} as const;

const compareLines = async (file: FileDay): Promise<DayCheck> => {
  const { day, state, files, place, signal } = file;
  const { segments } = state;
  const digested = await digestSegments(readDay(files, signal), segments.map(bytesOf));
  const found = digested.segments.map((digester) => ({
    torn: digester.tornBytes > 0,
    digest: digester.digest(),
  }));
  const differing = segments.findIndex((segment, index) => {
    const at = found[index];
    return at === undefined || at.torn || !isSame(segment, at.digest);
  });
  const expected = segments[differing];
  if (expected === undefined) {
    const events = digested.rest.count;
    const why = state.segments.length === 0 ? 'not closed yet' : 'stored after its day was closed';
    return { damages: [], uncovered: events === 0 ? [] : [{ day, events, why }] };
  }
  const whole = new LineDigester(timeOfJsonLine);
  for await (const chunk of readDay(files, signal)) whole.add(chunk);
  const sum = (upTo: number): number =>
    segments.slice(0, upTo).reduce((total, { count }) => total + count, 0);
  const comparison: Comparison = {
    day,
    place,
    noun: 'lines',
    expected,
    found: found[differing]?.digest ?? whole.digest(),
    eventsBefore: sum(differing),
    expectedTotal: sum(segments.length),
    foundTotal: whole.digest(),
    expectedEnd: segments.at(-1)?.last_line ?? null,
  };
  return { damages: [describeDifference(comparison)], uncovered: [] };
};

/** Whether the lines of a day are those that were digested. */
export const checkLines = async (file: FileDay): Promise<DayCheck> => {
  const { day, files, place, state } = file;
  if (files.gzip === undefined && files.jsonl === undefined && coveredTo(state) === 0)
    return { damages: [], uncovered: [] };
  try {
    if (await isRemovalUnfinished(file)) {
      const left: Uncovered = {
        day,
        events: state.removedLines?.count ?? 0,
        why: 'removal not finished',
      };
      return { damages: [], uncovered: [left] };
    }
    return await compareLines(file);
  } catch (error) {
    const fault = archiveFault(error);
    if (fault === undefined) throw error;
    const archive = files.gzip?.name ?? place;
    const damage: Damage = { day, place: archive, range: null, ...ARCHIVE_DAMAGE[fault] };
    return { damages: [damage], uncovered: [] };
  }
};

export interface ParquetDay {
  readonly day: string;
  readonly state: DayState;
  /** Its path; there may be no such file. */
  readonly file: string;
  readonly place: string;
  readonly signal: AbortSignal;
}

/** Whether the day's newest Parquet file was announced and not put in place, and nothing is lost by that. */
const isStillPending = (state: DayState, found: string | undefined): boolean =>
  state.isParquetPending &&
  (found === undefined ? !state.hasOnlyParquet : found === state.compacted.at(-2)?.sha256);

export const isParquetUnplaced = async ({ state, file, signal }: ParquetDay): Promise<boolean> => {
  const found = await hashFile(file, signal);
  return found !== state.compacted.at(-1)?.sha256 && isStillPending(state, found);
};

/** Whether a day's Parquet file is the one that was announced. */
export const checkParquet = async (parquet: ParquetDay): Promise<readonly Damage[]> => {
  const { day, state, file, place, signal } = parquet;
  const last = state.compacted.at(-1);
  if (last === undefined) return [];
  const found = await hashFile(file, signal);
  if (found === last.sha256 || isStillPending(state, found)) return [];
  const detail =
    found === undefined
      ? `the Parquet file with ${last.count} events is gone`
      : 'the Parquet file is not the one that was written';
  return [{ day, kind: found === undefined ? 'lost' : 'altered', place, range: null, detail }];
};
