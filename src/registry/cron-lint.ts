interface FieldRule {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Three-letter names; the first stands for `min`. */
  readonly names: readonly string[];
}

const FIELD_RULES: readonly FieldRule[] = [
  { name: 'minute', min: 0, max: 59, names: [] },
  { name: 'hour', min: 0, max: 23, names: [] },
  { name: 'day-of-month', min: 1, max: 31, names: [] },
  {
    name: 'month',
    min: 1,
    max: 12,
    names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  },
  // 7 is Sunday too, at the end of a range such as 5-7.
  {
    name: 'day-of-week',
    min: 0,
    max: 7,
    names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'],
  },
];

const SECOND_RULE: FieldRule = { name: 'second', min: 0, max: 59, names: [] };

const nameFields = (rules: readonly FieldRule[]): string => rules.map(({ name }) => name).join(' ');

const FIVE = { count: 5, word: 'five', names: nameFields(FIELD_RULES) };
const SIX = { count: 6, word: 'six', names: nameFields([SECOND_RULE, ...FIELD_RULES]) };

const DAYS_IN_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** What other crons accept and read in different ways, with the reason to refuse it. */
const FOREIGN: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  { pattern: /^H/, reason: 'H stands for a number that differs each time the line is read' },
  { pattern: /L$/, reason: 'L (last) is not understood by every cron' },
  { pattern: /\d+W$/, reason: 'W (nearest weekday) is not understood by every cron' },
  { pattern: /#/, reason: '# (nth weekday) is not understood by every cron' },
  { pattern: /\?/, reason: '? is not understood by every cron; write *' },
];

const readNumber = (text: string, rule: FieldRule): number | undefined => {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const index = rule.names.indexOf(text.toLowerCase());
  return index === -1 ? undefined : rule.min + index;
};

type Values = { readonly values: readonly number[] } | { readonly fault: string };

const range = (from: number, to: number, step: number): readonly number[] =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);

const rangeOf = (rule: FieldRule): string => {
  const numbers = `${rule.min}-${rule.max}`;
  return rule.names.length === 0 ? numbers : `${numbers} or ${rule.names.join(', ')}`;
};

/** One part of a comma list: `*`, `n`, `a-b`, with `/step` after the first and the last. */
const readPart = (part: string, rule: FieldRule): Values => {
  const foreign = FOREIGN.find(({ pattern }) => pattern.test(part));
  if (foreign !== undefined) return { fault: foreign.reason };
  const [, base = '', stepText] = /^([^/]+)(?:\/(\d{1,2}))?$/.exec(part) ?? [];
  if (base === '') return { fault: `"${part}" is not a number, a range, a step or *` };
  const step = stepText === undefined ? 1 : Number(stepText);
  const highest = rule.name === 'day-of-week' ? 6 : rule.max;
  if (step < 1 || step > highest)
    return { fault: `the step ${step} is out of range; accepted: 1-${highest}` };
  if (base === '*') return { values: range(rule.min, highest, step) };
  const ends = base.split('-').map((end) => readNumber(end, rule));
  const [from, to = from] = ends;
  if (ends.length > 2 || from === undefined || to === undefined || ends.includes(undefined))
    return { fault: `"${base}" is not a number, a range or *; accepted: ${rangeOf(rule)}` };
  if (stepText !== undefined && ends.length === 1)
    return { fault: `"${part}" has a step without a range; accepted: */${step} or a-b/${step}` };
  if (from < rule.min || to > rule.max)
    return { fault: `${base} is out of range; accepted: ${rangeOf(rule)}` };
  if (from > to) return { fault: `the range ${base} runs backwards` };
  return { values: range(from, to, step) };
};

const readField = (
  text: string,
  rule: FieldRule,
): { readonly values: readonly number[]; readonly faults: readonly string[] } => {
  const parts = text.split(',').map((part) => readPart(part, rule));
  const values = parts
    .flatMap((part) => ('values' in part ? part.values : []))
    .map((value) => (rule.name === 'day-of-week' ? value % 7 : value));
  const faults = parts.flatMap((part) => ('fault' in part ? [part.fault] : []));
  // Most crons do not mind; the queue engine's refuses the line.
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) faults.push(`the list names ${twice} twice`);
  return { values, faults: faults.map((fault) => `${rule.name} field: ${fault}`) };
};

/** What a cron line matches, field by field; days of the week from 0 (Sunday) to 6. */
export interface CronValues {
  /** Only 0 for a line of five fields. */
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly daysOfMonth: readonly number[];
  readonly months: readonly number[];
  readonly daysOfWeek: readonly number[];
  readonly anyDayOfMonth: boolean;
  readonly anyDayOfWeek: boolean;
}

export type CronLint =
  | { readonly values: CronValues; readonly faults: readonly [] }
  | { readonly values: null; readonly faults: readonly string[] };

const ascending = (values: readonly number[]): readonly number[] =>
  [...values].sort((a, b) => a - b);

const neverComes = ({ daysOfMonth, months, anyDayOfWeek }: CronValues): boolean =>
  anyDayOfWeek &&
  !months.some((month) => daysOfMonth.some((day) => day <= (DAYS_IN_MONTH[month - 1] ?? 0)));

export interface CronForm {
  /** Whether the line has six fields, of which the first are seconds, or five. */
  readonly seconds: boolean;
  /** Whether the one who wrote it could have had the other form by a word. */
  readonly isChosen: boolean;
}

const ONLY_MINUTES: CronForm = { seconds: false, isChosen: false };

const lintForm = (fields: readonly string[], { seconds, isChosen }: CronForm): string | null => {
  const [first = ''] = fields;
  const [form, other] = seconds ? [SIX, FIVE] : [FIVE, SIX];
  if (first.startsWith('@'))
    return `has the nickname ${first}; accepted: ${form.word} fields (${form.names})`;
  if (fields.length === form.count) return null;
  const fault = `has ${fields.length} fields; accepted: ${form.word} (${form.names})`;
  return isChosen && fields.length === other.count
    ? `${fault}, or ${other.word} (${other.names}) ${seconds ? 'without' : 'with'} seconds: true`
    : fault;
};

/**
 * Reads a cron line the strict way: five fields, or six that begin with
 * seconds, of numbers, names, lists, ranges and steps, which every cron reads
 * alike. Answers every fault at once.
 */
export const lintCron = (cron: string, form: CronForm = ONLY_MINUTES): CronLint => {
  const found = cron.split(/\s+/).filter((field) => field !== '');
  const formFault = lintForm(found, form);
  if (formFault !== null) return { values: null, faults: [formFault] };
  const fields = form.seconds ? found : ['0', ...found];
  const read = [SECOND_RULE, ...FIELD_RULES].map((rule, index) =>
    readField(fields[index] ?? '', rule),
  );
  const faults = read.flatMap((field) => field.faults);
  if (faults.length > 0) return { values: null, faults };
  const [seconds = [], minutes = [], hours = [], daysOfMonth = [], months = [], daysOfWeek = []] =
    read.map((field) => ascending(field.values));
  const values: CronValues = {
    seconds,
    minutes,
    hours,
    daysOfMonth,
    months,
    daysOfWeek,
    anyDayOfMonth: fields[3] === '*',
    anyDayOfWeek: fields[5] === '*',
  };
  if (neverComes(values)) return { values: null, faults: ['names a date that never comes'] };
  return { values, faults: [] };
};
