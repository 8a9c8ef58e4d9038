import { type TSchema, Type } from 'typebox';
import { DURATION_PATTERN, DURATION_WORDS } from './duration.ts';

/** A text by pattern; a fault shows `words` instead of it. */
export const named = (pattern: string, words: string, description: string) =>
  Type.String({ pattern, 'x-accepted': words, description });

export const duration = (description: string) =>
  named(DURATION_PATTERN, DURATION_WORDS, description);

export const line = (maxLength: number, description: string) =>
  Type.String({
    pattern: `^[^\\r\\n]{1,${maxLength}}$`,
    'x-accepted': `one line of up to ${maxLength} characters`,
    description,
  });

export const closed = <Properties extends Record<string, TSchema>>(
  properties: Properties,
  description: string,
) => Type.Object(properties, { additionalProperties: false, description });

/** A mapping from names of `pattern` to `value`. */
export const byName = <Value>(options: {
  readonly pattern: string;
  readonly words: string;
  readonly value: TSchema;
  readonly description: string;
}) =>
  Type.Unsafe<Record<string, Value>>({
    type: 'object',
    description: options.description,
    additionalProperties: options.value,
    propertyNames: { pattern: options.pattern, 'x-accepted': options.words },
  });

export const TASK_ID_PATTERN = '^[a-z][a-z0-9_]{0,63}$';
export const TASK_ID_WORDS =
  'an id of a-z, 0-9 and _ that starts with a letter, up to 64 characters';
export const NAME_PATTERN = '^[a-z][a-z0-9_-]{0,63}$';
const NAME_WORDS = 'a name of a-z, 0-9, _ and -';

export const name = (description: string) => named(NAME_PATTERN, NAME_WORDS, description);

export const timezone = () =>
  Type.String({ minLength: 1, description: 'IANA time zone, such as UTC or Europe/Berlin.' });
