import type { SettingFault } from './variable-sources.ts';
import type { VariableName, VariableValues } from './variables.ts';

export interface FoundDatabase {
  /** Null when none is configured. */
  readonly url: string | null;
  readonly faults: readonly SettingFault[];
}

const PARTS = ['DB_HOST', 'DB_PORT', 'DB_NAME', 'DB_USER', 'DB_PASSWORD'] as const;
const NEEDED = ['DB_HOST', 'DB_NAME', 'DB_USER'] as const satisfies readonly VariableName[];

const composeUrl = (values: VariableValues, host: string): string => {
  const user = encodeURIComponent(values.DB_USER ?? '');
  const password =
    values.DB_PASSWORD === undefined ? '' : `:${encodeURIComponent(values.DB_PASSWORD)}`;
  const name = encodeURIComponent(values.DB_NAME ?? '');
  const port = values.DB_PORT ?? 5432;
  // The port of a Unix socket is part of its file name; the driver takes both from the query.
  if (host.startsWith('/'))
    return `postgres://${user}${password}@localhost/${name}?host=${encodeURIComponent(host)}&port=${port}`;
  const authority = host.includes(':') ? `[${host}]` : host;
  return `postgres://${user}${password}@${authority}:${port}/${name}`;
};

/**
 * DATABASE_URL, then POSTGRES_DSN, then the DB_* parts, which must then be
 * complete. Variables in `faulty` have their fault already and count as neither set nor missing.
 */
export const findDatabaseUrl = (
  values: VariableValues,
  faulty: ReadonlySet<string>,
): FoundDatabase => {
  const url = values.DATABASE_URL ?? values.POSTGRES_DSN;
  if (url !== undefined) return { url, faults: [] };
  if (faulty.has('DATABASE_URL') || faulty.has('POSTGRES_DSN')) return { url: null, faults: [] };
  const set = PARTS.filter((name) => values[name] !== undefined);
  if (set.length === 0) return { url: null, faults: [] };
  const missing = NEEDED.filter((name) => values[name] === undefined && !faulty.has(name));
  if (missing.length === 0) return { url: composeUrl(values, values.DB_HOST ?? ''), faults: [] };
  return {
    url: null,
    faults: missing.map((name) => ({
      name,
      line: `${name} is not set, but ${set.join(', ')} is; accepted: DB_HOST, DB_NAME and DB_USER together, or none of DB_*`,
    })),
  };
};
