const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** For schemas; the words beside it are shown instead of the pattern. */
export const DURATION_PATTERN = '^[1-9][0-9]{0,8}(ms|s|m|h|d)$';
export const DURATION_WORDS = 'a duration such as 1500ms, 30s, 5m, 24h or 90d';

/** `5m` in milliseconds; undefined for anything that is not a positive whole number with a unit. */
export const parseDuration = (text: string): number | undefined => {
  const [, count, unit] = /^([1-9][0-9]{0,8})(ms|s|m|h|d)$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) return undefined;
  return Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
};

/** The shortest text that `parseDuration` reads back as the same number. */
export const formatDuration = (ms: number): string => {
  const units = Object.entries(UNIT_MS).reverse();
  const [name, size] = units.find(([, unitMs]) => ms % unitMs === 0) ?? ['ms', 1];
  return `${ms / size}${name}`;
};
