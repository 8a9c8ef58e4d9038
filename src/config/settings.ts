import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Type } from 'typebox';
import { AppError } from '#core/errors';
import type { JsonSchema } from '#core/json';
import { nearestNames } from '#core/nearest-names';
import { packageRoot } from '#core/package-root';
import { compileCoercingSchema } from '#core/schema';
import { findDatabaseUrl } from './database-url.ts';
import { resolvePaths } from './paths.ts';
import type { Environment } from './process-environment.ts';
import {
  type FoundText,
  readEnvironment,
  readSettingsFile,
  type SettingFault,
} from './variable-sources.ts';
import {
  VARIABLE_NAMES,
  VARIABLES,
  type VariableName,
  type VariableValues,
  variableNamed,
} from './variables.ts';

export type AuditBackend = 'auto' | 'postgres' | 'jsonl' | 'memory' | 'null';
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** What the environment, the settings file and the defaults add up to. Paths are absolute. */
export interface Settings {
  readonly database: {
    /** Null when only the embedded PostgreSQL, or none, is there. */
    readonly url: string | null;
    /** Of the role for migrations and retention; null means the service role. */
    readonly adminUrl: string | null;
    /** Whether the package's own PostgreSQL is to be used. */
    readonly embedded: boolean;
  };
  readonly redisUrl: string | null;
  readonly queuePrefix: string;
  readonly audit: {
    readonly backend: AuditBackend;
    readonly jsonlDir: string;
    readonly jsonlDirIsDefault: boolean;
    readonly fsync: 'always' | 'interval' | 'never';
    /** 1 to 3,600. */
    readonly recoverySeconds: number;
  };
  readonly repoRoot: string;
  readonly dataDir: string;
  readonly registryFile: string;
  readonly policyDir: string;
  /** Folder with one folder per job, compiled or not, beside the running code. */
  readonly jobsDir: string;
  readonly gateway: {
    readonly host: string;
    readonly port: number;
    readonly apiKey: string | null;
    /** Without a slash at its end. */
    readonly publicUrl: string | null;
  };
  readonly logLevel: LogLevel;
  readonly shutdownGraceMs: number;
  readonly workerConcurrency: number;
  /** What an operator should know although nothing is wrong enough to stop. No secrets. */
  readonly warnings: readonly string[];
}

const validateVariables = compileCoercingSchema<VariableValues>(
  Type.Object(
    Object.fromEntries(
      Object.entries(VARIABLES).map(([name, { schema }]) => [name, Type.Optional(schema)]),
    ),
  ) as unknown as JsonSchema,
);

const KNOWN_SCHEMES = ['postgres', 'postgresql', 'redis', 'rediss', 'mysql', 'http', 'https'];

/**
 * What kind of thing stands there; of a secret no more than the scheme of its
 * URL, from a closed list. A text with an @ may be a URL with a password,
 * whatever the variable.
 */
const describeFound = (name: VariableName, text: string): string => {
  if (!variableNamed(name).secret && !text.includes('@'))
    return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
  const scheme = KNOWN_SCHEMES.find((known) => text.startsWith(`${known}://`));
  return scheme === undefined ? 'a text that is not shown' : `a ${scheme}:// URL that is not shown`;
};

interface CheckedValues {
  /** Of the variables that are right; the others are among the faults. */
  readonly values: VariableValues;
  readonly faults: readonly SettingFault[];
}

const checkValues = (found: ReadonlyMap<VariableName, FoundText>): CheckedValues => {
  const check = (names: readonly VariableName[]) =>
    validateVariables.check(Object.fromEntries(names.map((name) => [name, found.get(name)?.text])));
  const names = [...found.keys()];
  const checked = check(names);
  const violated = new Set(checked.ok ? [] : checked.violations.map((violation) => violation.path));
  const faults = [...found].flatMap(([name, { text, place }]): SettingFault[] => {
    const { accepts, isValid } = variableNamed(name);
    if (!violated.has(`$.${name}`) && (isValid === undefined || isValid(text))) return [];
    const line = `${name} is ${describeFound(name, text)}; accepted: ${accepts}`;
    return [{ name, line: place === '' ? line : `${place} ${line}` }];
  });
  const right = check(names.filter((name) => !faults.some((fault) => fault.name === name)));
  return { values: right.ok ? right.value : {}, faults };
};

const PREFIXES = /^(OPSLOOP|GATEWAY|AUDIT|QUEUE|WORKER)_/;
/** Belongs to the audit event service, whose variables have a table of their own. */
const FOREIGN = /^AUDIT_MANAGER__/;

const warnOfNearMisses = (env: Environment): readonly string[] => {
  const known = VARIABLE_NAMES.flatMap((name) =>
    variableNamed(name).secret ? [name, `${name}_FILE`] : [name],
  );
  return Object.keys(env)
    .filter((name) => PREFIXES.test(name) && !FOREIGN.test(name))
    .filter((name) => !known.some((other) => other === name))
    .sort()
    .flatMap((name) => {
      const [nearest] = nearestNames(name, known);
      return nearest === undefined
        ? []
        : [`${name} is not a known variable and has no effect; did you mean ${nearest}?`];
    });
};

const chooseAuditBackend = (
  asked: AuditBackend | undefined,
  hasDatabase: boolean,
): { readonly backend: AuditBackend; readonly warnings: readonly string[] } => {
  if (hasDatabase) return { backend: asked ?? 'auto', warnings: [] };
  if (asked !== 'postgres' && asked !== 'auto') return { backend: asked ?? 'jsonl', warnings: [] };
  return {
    backend: 'jsonl',
    warnings: [
      `AUDIT_BACKEND is ${asked}, but no database is configured and OPSLOOP_EMBEDDED is off: audit events go to JSONL files`,
    ],
  };
};

const failWith = (faults: readonly SettingFault[]): never => {
  const lines = faults.map(({ line }) => line);
  const message =
    lines.length === 1
      ? lines.join('')
      : `${lines.length} settings are wrong:\n${lines.join('\n')}`;
  throw new AppError('invalid_configuration', message, {
    violations: faults.map(({ name, line }) => ({ path: name, message: line })),
  });
};

// src/config/ and dist/src/config/ are equally far from the jobs that belong to them.
const ownJobsDir = (): string =>
  path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..', 'jobs');

/**
 * Adds up environment, settings file (CONFIG_PATH) and defaults, in that order
 * of priority. Throws `invalid_configuration` with every fault at once, one line
 * each: the variable, what was found (never a secret) and what is accepted.
 */
export const loadSettings = (options: {
  readonly env: Environment;
  readonly cwd: string;
}): Settings => {
  const { env, cwd } = options;
  const fromEnv = readEnvironment(env, cwd);
  const configPath = fromEnv.values.get('CONFIG_PATH');
  const fromFile = configPath === undefined ? undefined : readSettingsFile(configPath.text, cwd);
  const found = new Map([...(fromFile?.values ?? []), ...fromEnv.values]);

  const { values, faults } = checkValues(found);
  const ownFaults = [...fromEnv.faults, ...(fromFile?.faults ?? []), ...faults];
  const database = findDatabaseUrl(values, new Set(ownFaults.map(({ name }) => name)));
  const paths = resolvePaths({ values, cwd, packageDir: packageRoot() });
  const all = [...ownFaults, ...database.faults, ...paths.faults];
  if (all.length > 0) return failWith(all);

  const embedded = database.url === null && (values.OPSLOOP_EMBEDDED ?? 'on') === 'on';
  const audit = chooseAuditBackend(values.AUDIT_BACKEND, embedded || database.url !== null);
  const adminIsIdle = values.ADMIN_DATABASE_URL !== undefined && database.url === null;
  return {
    database: {
      url: database.url,
      adminUrl: adminIsIdle ? null : (values.ADMIN_DATABASE_URL ?? null),
      embedded,
    },
    redisUrl: values.REDIS_URL ?? null,
    queuePrefix: values.QUEUE_PREFIX ?? 'opsloop',
    audit: {
      backend: audit.backend,
      ...paths.audit,
      fsync: values.AUDIT_FSYNC ?? 'interval',
      recoverySeconds: values.AUDIT_RECOVERY_SECONDS ?? 300,
    },
    repoRoot: paths.repoRoot,
    dataDir: paths.dataDir,
    registryFile: paths.registryFile,
    policyDir: paths.policyDir,
    jobsDir: paths.jobsDir ?? ownJobsDir(),
    gateway: {
      host: values.GATEWAY_HOST ?? '127.0.0.1',
      port: values.GATEWAY_PORT ?? 8080,
      apiKey: values.GATEWAY_API_KEY ?? null,
      publicUrl: values.PUBLIC_URL?.replace(/\/+$/, '') ?? null,
    },
    logLevel: values.LOG_LEVEL ?? 'info',
    shutdownGraceMs: (values.SHUTDOWN_GRACE_SECONDS ?? 30) * 1000,
    workerConcurrency: values.WORKER_CONCURRENCY ?? 8,
    warnings: [
      ...audit.warnings,
      ...(adminIsIdle
        ? [
            'ADMIN_DATABASE_URL has no effect: no other database is configured than the embedded one',
          ]
        : []),
      ...warnOfNearMisses(env),
    ],
  };
};
