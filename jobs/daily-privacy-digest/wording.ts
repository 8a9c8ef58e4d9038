import type { Place } from '#privacy/finding';
import { escapeMarkdown, formatNumber } from '#reports/markdown';

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${formatNumber(count)} ${count === 1 ? one : many}`;

/** `1.2 MiB`; whole bytes below one KiB. */
export const bytes = (size: number): string => {
  const steps = [
    [1_073_741_824, 'GiB'],
    [1_048_576, 'MiB'],
    [1_024, 'KiB'],
  ] as const;
  for (const [unit, name] of steps)
    if (size >= unit) return `${formatNumber(size / unit, 1)} ${name}`;
  return `${formatNumber(size)} B`;
};

/** Where a finding is, as a reader looks it up. */
export const placeWords = (place: Place): string => {
  if ('file' in place) return `${escapeMarkdown(place.file)}:${place.line}`;
  if ('store' in place) return `store ${escapeMarkdown(place.store)}`;
  return `${escapeMarkdown(place.field)} of ${escapeMarkdown(place.tool)}, first ${place.event.ts}`;
};
