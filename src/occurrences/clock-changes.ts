import { type CronFields, isEveryHour, parseCronFields } from './cron-fields.ts';
import type { CronSchedule } from './occurrence-times.ts';
import { firstWallTime } from './wall-search.ts';
import { changesBetween, type OffsetChange } from './zone-offsets.ts';
import { wallClockText, wallDateText } from './zone-time.ts';

/** What a change of the clocks does to a schedule, in one sentence. */
export interface ClockChangeNote {
  /** The instant of the change. */
  readonly at: Date;
  readonly text: string;
}

const HOUR_MS = 3_600_000;

/** More are named by their number, the first and the last. */
const MAX_NAMED = 3;

const wallTimesBetween = (
  fields: CronFields,
  { from, to }: { readonly from: number; readonly to: number },
): readonly number[] => {
  const found: number[] = [];
  let next = firstWallTime(fields, { from, to });
  while (next !== null) {
    found.push(next);
    next = firstWallTime(fields, { from: next + 1, to });
  }
  return found;
};

const listWords = (texts: readonly string[]): string =>
  texts.length < 2
    ? texts.join('')
    : `${texts.slice(0, -1).join(', ')} and ${texts.slice(-1).join('')}`;

/** Times of day, with their date where it is not the one that the sentence begins with. */
const timeWords = (wallTimes: readonly number[], date: string) => {
  const words = wallTimes.map((wallMs) => {
    const own = wallDateText(wallMs);
    return own === date ? wallClockText(wallMs) : `${own} ${wallClockText(wallMs)}`;
  });
  const list = listWords(words);
  const span = `from ${words[0]} to ${words.at(-1)}`;
  return words.length <= MAX_NAMED
    ? { subject: list, adverb: `at ${list}` }
    : { subject: `the ${words.length} times ${span}`, adverb: span };
};

const describeGap = (
  fields: CronFields,
  timezone: string,
  { at, before, after }: OffsetChange,
): string | null => {
  const gap = { from: at + before, to: at + after };
  const lost = wallTimesBetween(fields, gap);
  if (lost.length === 0) return null;
  const date = wallDateText(gap.from);
  const isOne = lost.length === 1;
  const subject = `on ${date} ${timeWords(lost, date).subject} ${isOne ? 'does' : 'do'} not exist in ${timezone}`;
  if (isEveryHour(fields)) return `${subject}: ${isOne ? 'it is' : 'they are'} left out`;
  const shifted = lost.map((wallMs) => wallMs + after - before);
  const met = shifted.filter(
    (wallMs) => firstWallTime(fields, { from: wallMs, to: wallMs + 1 }) !== null,
  );
  const share = met.length === lost.length ? '' : 'some ';
  const meeting = met.length === 0 ? '' : `, ${share}in one with what is due then anyway`;
  return `${subject}: ${isOne ? 'it runs' : 'they run'} ${timeWords(shifted, date).adverb}${meeting}`;
};

const stretchWords = ({ from, to }: { readonly from: number; readonly to: number }): string =>
  to - from === HOUR_MS && from % HOUR_MS === 0
    ? `the hour ${wallClockText(from)}`
    : `the time from ${wallClockText(from)} to ${wallClockText(to)}`;

const describeRepeat = (
  fields: CronFields,
  timezone: string,
  { at, before, after }: OffsetChange,
): string | null => {
  const repeated = { from: at + after, to: at + before };
  const twice = wallTimesBetween(fields, repeated);
  if (twice.length === 0) return null;
  const date = wallDateText(repeated.from);
  const isOne = twice.length === 1;
  const subject = `on ${date} ${stretchWords(repeated)} comes twice in ${timezone}: ${timeWords(twice, date).subject}`;
  if (isEveryHour(fields)) return `${subject} ${isOne ? 'runs' : 'run'} in both`;
  return `${subject} ${isOne ? 'runs once' : 'run once each'}, the first time`;
};

/**
 * Where changes of the clocks in `[from, to)` make the schedule surprising, one
 * sentence for each change that touches wall times of the schedule. For plans
 * and warnings; 400 days show every change of a year.
 */
export const describeClockChanges = (
  { cron, timezone }: CronSchedule,
  range: { readonly from: Date; readonly to: Date },
): readonly ClockChangeNote[] => {
  const fields = parseCronFields(cron);
  const bounds = { from: range.from.getTime(), to: range.to.getTime() };
  return changesBetween(timezone, bounds).flatMap((change) => {
    const describe = change.after > change.before ? describeGap : describeRepeat;
    const text = describe(fields, timezone, change);
    return text === null ? [] : [{ at: new Date(change.at), text }];
  });
};
