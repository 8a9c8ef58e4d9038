const TIME =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2})(?::?(\d{2}))?)?$/;

/** PostgreSQL takes no larger offset. */
const MAX_OFFSET_HOURS = 15;
const MIN_MS = 0;
const MAX_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

export interface EventTime {
  /** RFC 3339 with `T`, `Z` or `±hh:mm` and at most six digits of fraction; otherwise as it was sent. */
  readonly text: string;
  /** Milliseconds since 1970, without what is finer. */
  readonly ms: number;
  /** What is finer than `ms`, 0 to 999. */
  readonly micros: number;
}

const DIGIT_0 = 0x30;
/** `YYYY-MM-DDThh:mm:ss.mmmZ`: where digits stand, and what stands elsewhere. */
const PLAIN_SHAPE = '0000-00-00T00:00:00.000Z';

const twoDigits = (text: string, at: number): number =>
  (text.charCodeAt(at) - DIGIT_0) * 10 + text.charCodeAt(at + 1) - DIGIT_0;

const hasPlainShape = (text: string): boolean => {
  if (text.length !== PLAIN_SHAPE.length) return false;
  for (let at = 0; at < PLAIN_SHAPE.length; at += 1) {
    const code = text.charCodeAt(at);
    const wanted = PLAIN_SHAPE.charCodeAt(at);
    if (wanted === DIGIT_0 ? code < DIGIT_0 || code > DIGIT_0 + 9 : code !== wanted) return false;
  }
  return true;
};

/**
 * Whether the text is what `Date.prototype.toISOString` writes of the years 1970
 * to 9999. Says so in a tenth of the time that the general reading takes, on days
 * that every month has.
 */
export const isPlainEventTime = (text: string): boolean =>
  hasPlainShape(text) &&
  twoDigits(text, 0) * 100 + twoDigits(text, 2) >= 1970 &&
  twoDigits(text, 5) >= 1 &&
  twoDigits(text, 5) <= 12 &&
  twoDigits(text, 8) >= 1 &&
  twoDigits(text, 8) <= 28 &&
  twoDigits(text, 11) <= 23 &&
  twoDigits(text, 14) <= 59 &&
  twoDigits(text, 17) <= 59;

const isCalendarDate = (year: number, month: number, day: number): boolean =>
  day >= 1 && month >= 1 && month <= 12 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();

interface Zone {
  readonly sign: string | undefined;
  readonly hours: string;
  readonly minutes: string;
}

const canonicalText = (sent: string, fraction: string | undefined, zone: Zone): string => {
  const digits = fraction === undefined ? '' : `.${fraction.slice(0, 6)}`;
  const offset = zone.sign === undefined ? 'Z' : `${zone.sign}${zone.hours}:${zone.minutes}`;
  return `${sent.slice(0, 10)}T${sent.slice(11, 19)}${digits}${offset}`;
};

/**
 * Reads an RFC 3339 time of the years 1970 to 9999; without an offset it is
 * UTC. Microseconds are kept, what is finer is cut off, because no backend keeps
 * it. Null for anything else, a date without a time of day and a leap second
 * included.
 */
export const parseEventTime = (sent: string): EventTime | null => {
  const match = TIME.exec(sent);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction, sign] = match;
  const zone: Zone = { sign, hours: match[9] ?? '00', minutes: match[10] ?? '00' };
  if (!isCalendarDate(Number(year), Number(month), Number(day))) return null;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  if (Number(zone.hours) > MAX_OFFSET_HOURS || Number(zone.minutes) > 59) return null;
  const fractionMicros = fraction === undefined ? 0 : Number(fraction.slice(0, 6).padEnd(6, '0'));
  const offsetMs = (Number(zone.hours) * 60 + Number(zone.minutes)) * 60_000;
  const localMs =
    Date.UTC(
      Number(year),
      Number(month) - 1,
      Number(day),
      Number(hour),
      Number(minute),
      Number(second),
    ) + Math.floor(fractionMicros / 1000);
  const ms = sign === '-' ? localMs + offsetMs : localMs - offsetMs;
  if (Number(year) < 1970 || ms < MIN_MS || ms > MAX_MS) return null;
  return { text: canonicalText(sent, fraction, zone), ms, micros: fractionMicros % 1000 };
};

/** UTC with milliseconds, and with microseconds where there are any. */
export const utcText = (time: { readonly ms: number; readonly micros: number }): string => {
  const text = new Date(time.ms).toISOString();
  return time.micros === 0 ? text : `${text.slice(0, -1)}${String(time.micros).padStart(3, '0')}Z`;
};
