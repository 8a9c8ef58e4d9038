import type { Violation } from './errors.ts';
import type { JsonValue } from './json.ts';

const REPLACEMENT = '\uFFFD';

/** PostgreSQL stores neither NUL nor half of a surrogate pair. */
const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

/**
 * `text` with what PostgreSQL cannot store replaced by U+FFFD, cut to
 * `maxChars`. A failure's reason must never be the reason why the failure
 * cannot be recorded.
 */
export const storableText = (text: string, maxChars = Number.POSITIVE_INFINITY): string => {
  const cut = text.length > maxChars ? `${text.slice(0, maxChars - 1)}…` : text;
  return cut.toWellFormed().replaceAll('\0', REPLACEMENT);
};

/** The same for every key and string of a JSON value. */
export const storableJson = (value: JsonValue): JsonValue => {
  if (typeof value === 'string') return storableText(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item: JsonValue) => storableJson(item));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [storableText(key), storableJson(inner)]),
  );
};

/** Every string or key below `value` that no store could keep, by JSON path. */
export const findUnstorable = (value: unknown, path = '$'): readonly Violation[] => {
  if (typeof value === 'string')
    return isStorable(value)
      ? []
      : [{ path, message: 'must not contain NUL or an unpaired surrogate' }];
  if (Array.isArray(value))
    return value.flatMap((item, index) => findUnstorable(item, `${path}[${index}]`));
  if (value !== null && typeof value === 'object')
    return Object.entries(value).flatMap(([key, item]) =>
      isStorable(key)
        ? findUnstorable(item, `${path}.${key}`)
        : [{ path, message: 'must not have a key with NUL or an unpaired surrogate' }],
    );
  return [];
};
