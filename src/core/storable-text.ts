import type { Violation } from './errors.ts';

/** PostgreSQL stores neither NUL nor half of a surrogate pair. */
const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

/** Replaces what PostgreSQL cannot store by U+FFFD. */
export const storableText = (text: string): string =>
  text.toWellFormed().replaceAll('\0', '\uFFFD');

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
