/** `{name:format}` and whatever else stands in braces. */
const PLACEHOLDER = /\{([^{}]*)\}/g;

const two = (value: number): string => String(value).padStart(2, '0');
const four = (value: number): string => String(value).padStart(4, '0');

/** A date of the proleptic Gregorian calendar, months from 1. */
interface CalendarDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

const dateIn = (timezone: string, instant: Date): CalendarDate => {
  const parts: Record<string, number> = {};
  const formatter = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
    timeZone: timezone,
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
  });
  for (const { type, value } of formatter.formatToParts(instant)) parts[type] = Number(value);
  const { year = 0, month = 0, day = 0 } = parts;
  return { year, month, day };
};

const DAY_MS = 86_400_000;

/** Year and number of the ISO week: it belongs to the year in which its Thursday lies. */
const isoWeekOf = ({ year, month, day }: CalendarDate): { year: number; week: number } => {
  const date = new Date(Date.UTC(year, month - 1, day));
  const thursday = new Date(date.getTime() + (3 - ((date.getUTCDay() + 6) % 7)) * DAY_MS);
  const firstOfYear = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  const week = Math.floor((thursday.getTime() - firstOfYear) / (7 * DAY_MS)) + 1;
  return { year: thursday.getUTCFullYear(), week };
};

/** `yyyyMMddTHHmmssZ`, in UTC. */
export const compactInstant = (instant: Date): string =>
  instant.toISOString().replaceAll(/[-:]|\.\d+/g, '');

/** How often a format's text changes; a schedule that runs more often would overwrite its own reports. */
export type Granularity = 'second' | 'day' | 'week' | 'month' | 'year';

interface Format {
  readonly granularity: Granularity;
  readonly render: (instant: Date, date: CalendarDate) => string;
}

const FORMATS = new Map<string, Format>([
  [
    'yyyy-MM-dd',
    {
      granularity: 'day',
      render: (_, { year, month, day }) => `${four(year)}-${two(month)}-${two(day)}`,
    },
  ],
  [
    'YYYY-WW',
    {
      granularity: 'week',
      render: (_, date) => {
        const { year, week } = isoWeekOf(date);
        return `${four(year)}-${two(week)}`;
      },
    },
  ],
  [
    'yyyy-MM',
    { granularity: 'month', render: (_, { year, month }) => `${four(year)}-${two(month)}` },
  ],
  ['yyyy', { granularity: 'year', render: (_, { year }) => four(year) }],
  ['yyyyMMddTHHmmssZ', { granularity: 'second', render: (instant) => compactInstant(instant) }],
]);

/** Every placeholder that an output may contain. */
export const PLACEHOLDERS: readonly string[] = [...FORMATS.keys()].map(
  (format) => `{scheduled_for:${format}}`,
);

const formatOf = (content: string): Format | undefined =>
  content.startsWith('scheduled_for:')
    ? FORMATS.get(content.slice('scheduled_for:'.length))
    : undefined;

/** The placeholders of a template that nobody knows, as they are written. */
export const unknownPlaceholders = (template: string): readonly string[] =>
  [...template.matchAll(PLACEHOLDER)]
    .filter(([, content = '']) => formatOf(content) === undefined)
    .map(([whole]) => whole);

/** The template without its placeholders, for rules about the rest of the path. */
export const withoutPlaceholders = (template: string): string =>
  template.replaceAll(PLACEHOLDER, '0');

export const granularitiesOf = (template: string): readonly Granularity[] =>
  [...template.matchAll(PLACEHOLDER)].flatMap(([, content = '']) => {
    const format = formatOf(content);
    return format === undefined ? [] : [format.granularity];
  });

/** Fills in the placeholders in the zone; a template that passed the registry's check has no unknown ones. */
export const fillTemplate = (template: string, instant: Date, timezone: string): string => {
  const date = dateIn(timezone, instant);
  return template.replaceAll(
    PLACEHOLDER,
    (whole, content: string) => formatOf(content)?.render(instant, date) ?? whole,
  );
};
