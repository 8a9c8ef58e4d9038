import type { JsonValue } from '#core/json';

const REPLACEMENT = '\ufffd';
const LONE_SURROGATE = /\p{Surrogate}/u;
const LONE_SURROGATES = /\p{Surrogate}/gu;

/** Whether PostgreSQL can keep `text`: no NUL and no half of a surrogate pair. */
const isStorableText = (text: string): boolean =>
  !text.includes('\0') && !LONE_SURROGATE.test(text);

/**
 * `text` with what PostgreSQL refuses (NUL, lone surrogates) replaced by
 * U+FFFD, cut to `maxChars`. A failure's reason must never be the reason why
 * the failure cannot be recorded.
 */
export const toStorableText = (text: string, maxChars = Number.POSITIVE_INFINITY): string => {
  const cut = text.length > maxChars ? `${text.slice(0, maxChars - 1)}…` : text;
  return cut.replaceAll('\0', REPLACEMENT).replace(LONE_SURROGATES, REPLACEMENT);
};

/** The same for every key and string of a JSON value. */
export const toStorableJson = (value: JsonValue): JsonValue => {
  if (typeof value === 'string') return toStorableText(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item: JsonValue) => toStorableJson(item));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [toStorableText(key), toStorableJson(inner)]),
  );
};

/** The JSON path of the first key or string that cannot be kept, null when all can. */
export const findUnstorable = (value: JsonValue, path = '$'): string | null => {
  if (typeof value === 'string') return isStorableText(value) ? null : path;
  if (value === null || typeof value !== 'object') return null;
  for (const [key, inner] of Object.entries(value) as [string, JsonValue][]) {
    if (!isStorableText(key)) return path;
    const found = findUnstorable(
      inner,
      Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`,
    );
    if (found !== null) return found;
  }
  return null;
};
