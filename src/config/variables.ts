import { type Static, type TSchema, Type } from 'typebox';

export const SECTIONS = [
  'Database',
  'Queue',
  'Audit trail',
  'Paths',
  'Gateway',
  'Process',
] as const;

/** One environment variable. Validation, types, the reference and `.env.example` all come from here. */
export interface Variable<Schema extends TSchema = TSchema> {
  readonly section: (typeof SECTIONS)[number];
  readonly schema: Schema;
  /** What is accepted, in words: the end of the sentence "accepted: …". */
  readonly accepts: string;
  readonly description: string;
  /** What holds without the variable, in words. */
  readonly default: string;
  readonly example: string;
  /** Never shown in a message; also accepted as the content of the file that `<NAME>_FILE` names. */
  readonly secret: boolean;
  /** What a pattern cannot say; answers whether the text is acceptable. */
  readonly isValid?: (text: string) => boolean;
}

const variable = <Schema extends TSchema>(definition: Variable<Schema>): Variable<Schema> =>
  definition;

const text = (pattern: string) => Type.String({ pattern });

const POSTGRES_URL = {
  section: 'Database',
  schema: text('^postgres(ql)?://'),
  accepts:
    'a URL such as postgres://user:password@host:5432/name, with special characters percent-encoded',
  secret: true,
  isValid: URL.canParse,
} as const;

const PATH = { schema: text('^[^\\u0000]+$'), secret: false } as const;

const isPublicUrl = (value: string): boolean => {
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  return url.username === '' && url.password === '' && url.search === '' && url.hash === '';
};

/** In the order in which the reference shows them. */
export const VARIABLES = {
  DATABASE_URL: variable({
    ...POSTGRES_URL,
    description: 'PostgreSQL of the run ledger, the stores and, without REDIS_URL, the queues.',
    default: 'POSTGRES_DSN, then DB_*, then the embedded PostgreSQL',
    example: 'postgres://opsloop:secret@db.example.org:5432/opsloop',
  }),
  POSTGRES_DSN: variable({
    ...POSTGRES_URL,
    description: 'The same as DATABASE_URL, for set-ups that use this name. DATABASE_URL wins.',
    default: 'DB_*, then the embedded PostgreSQL',
    example: 'postgres://opsloop:secret@db.example.org:5432/opsloop',
  }),
  DB_HOST: variable({
    section: 'Database',
    schema: text('^(/[^\\s]*|[A-Za-z0-9._:%-]+)$'),
    accepts: 'a host name, an IP address or the folder of a Unix socket',
    description:
      'Host of PostgreSQL when it is given in parts. Needs DB_NAME and DB_USER; used only without DATABASE_URL and POSTGRES_DSN.',
    default: 'none',
    example: 'db.example.org',
    secret: false,
  }),
  DB_PORT: variable({
    section: 'Database',
    schema: Type.Integer({ minimum: 1, maximum: 65_535 }),
    accepts: 'an integer from 1 to 65535',
    description: 'Port that belongs to DB_HOST.',
    default: '5432',
    example: '5432',
    secret: false,
  }),
  DB_NAME: variable({
    section: 'Database',
    schema: text('^[^\\u0000]{1,63}$'),
    accepts: 'the name of a database, up to 63 characters',
    description: 'Database that belongs to DB_HOST.',
    default: 'none',
    example: 'opsloop',
    secret: false,
  }),
  DB_USER: variable({
    section: 'Database',
    schema: text('^[^\\u0000]{1,63}$'),
    accepts: 'the name of a role, up to 63 characters',
    description: 'Role that belongs to DB_HOST.',
    default: 'none',
    example: 'opsloop',
    secret: false,
  }),
  DB_PASSWORD: variable({
    section: 'Database',
    schema: text('^[^\\u0000]+$'),
    accepts: 'a password',
    description: 'Password of DB_USER.',
    default: 'none',
    example: 'secret',
    secret: true,
  }),
  ADMIN_DATABASE_URL: variable({
    ...POSTGRES_URL,
    description:
      'Role for migrations and retention in the same database, when the service role may only append.',
    default: 'the service role',
    example: 'postgres://opsloop_admin:secret@db.example.org:5432/opsloop',
  }),
  OPSLOOP_EMBEDDED: variable({
    section: 'Database',
    schema: Type.Enum(['on', 'off']),
    accepts: 'on, off',
    description:
      'Whether the PostgreSQL that the package brings is started when no other database is configured.',
    default: 'on',
    example: 'off',
    secret: false,
  }),
  REDIS_URL: variable({
    section: 'Queue',
    schema: text('^(rediss?://|unix:///)'),
    accepts: 'a URL such as redis://:password@host:6379/0, rediss://… or unix:///path/to/socket',
    description: 'Redis or Valkey of the queues.',
    default: 'queues in PostgreSQL',
    example: 'redis://:secret@redis.example.org:6379/0',
    secret: true,
    isValid: URL.canParse,
  }),
  QUEUE_PREFIX: variable({
    section: 'Queue',
    schema: text('^[a-z0-9_-]{1,32}$'),
    accepts: 'up to 32 characters of a-z, 0-9, _ and -',
    description: 'First part of every queue key. Systems that share one Redis need different ones.',
    default: 'opsloop',
    example: 'opsloop',
    secret: false,
  }),
  AUDIT_BACKEND: variable({
    section: 'Audit trail',
    schema: Type.Enum(['auto', 'postgres', 'jsonl', 'memory', 'null']),
    accepts: 'auto, postgres, jsonl, memory, null',
    description:
      'Where audit events are kept. auto is PostgreSQL with the JSONL files as its fallback; auto and postgres become jsonl, with a warning, when there is no database.',
    default: 'auto when there is a database (the embedded one counts), else jsonl',
    example: 'auto',
    secret: false,
  }),
  AUDIT_JSONL_DIR: variable({
    ...PATH,
    section: 'Audit trail',
    accepts: 'a folder; a relative one is below REPO_ROOT',
    description: 'Folder of the daily JSONL files of the audit trail.',
    default: 'ops/audit below REPO_ROOT',
    example: '/var/lib/opsloop/audit',
  }),
  AUDIT_FSYNC: variable({
    section: 'Audit trail',
    schema: Type.Enum(['always', 'interval', 'never']),
    accepts: 'always, interval, never',
    description:
      'When audit events are forced onto the disk: with each append, each second, or when the operating system likes. Only a power cut makes a difference.',
    default: 'interval',
    example: 'always',
    secret: false,
  }),
  AUDIT_RECOVERY_SECONDS: variable({
    section: 'Audit trail',
    schema: Type.Integer({ minimum: 1, maximum: 3600 }),
    accepts: 'an integer from 1 to 3600',
    description:
      'The longest pause between two attempts to reach PostgreSQL while AUDIT_BACKEND=auto keeps events in local files. The first attempts follow each other faster.',
    default: '300',
    example: '60',
    secret: false,
  }),
  REPO_ROOT: variable({
    ...PATH,
    section: 'Paths',
    accepts: 'a folder that exists; a relative one is below the working directory',
    description: 'Folder to which ops/… and every other relative path belong.',
    default: 'the working directory',
    example: '/srv/opsloop',
  }),
  OPSLOOP_DATA_DIR: variable({
    ...PATH,
    section: 'Paths',
    accepts: 'a folder; a relative one is below REPO_ROOT',
    description: 'What the process needs for itself: the embedded database, locks, journals.',
    default: '.opsloop below REPO_ROOT',
    example: '/var/lib/opsloop',
  }),
  OPSLOOP_REGISTRY: variable({
    ...PATH,
    section: 'Paths',
    accepts: 'a file that exists; a relative one is below REPO_ROOT',
    description: 'The registry of tasks.',
    default: "registry/task_registry.yml below REPO_ROOT if it exists, else the package's own",
    example: 'registry/task_registry.yml',
  }),
  OPSLOOP_POLICY_DIR: variable({
    ...PATH,
    section: 'Paths',
    accepts: 'a folder that exists; a relative one is below REPO_ROOT',
    description: 'Folder of the policy files.',
    default: "config below REPO_ROOT if it holds rbac_tools_matrix.yml, else the package's own",
    example: 'config',
  }),
  OPSLOOP_JOBS_DIR: variable({
    ...PATH,
    section: 'Paths',
    accepts: 'a folder that exists; a relative one is below REPO_ROOT',
    description:
      'Folder with one folder per job, each with a job.js that exports `job`. The registry must name all of them and no others.',
    default: "the package's own",
    example: 'jobs',
  }),
  CONFIG_PATH: variable({
    ...PATH,
    section: 'Paths',
    accepts: 'a YAML file that exists; a relative one is below the working directory',
    description:
      'File with the same variables as keys, one per line (`GATEWAY_PORT: 8081`). The environment wins over it. Its unknown keys are errors.',
    default: 'none',
    example: '/etc/opsloop/opsloop.yml',
  }),
  GATEWAY_HOST: variable({
    section: 'Gateway',
    schema: text('^[A-Za-z0-9._:%-]+$'),
    accepts: 'a host name or an IP address of this machine',
    description: 'Address on which the HTTP gateway listens.',
    default: '127.0.0.1',
    example: '0.0.0.0',
    secret: false,
  }),
  GATEWAY_PORT: variable({
    section: 'Gateway',
    schema: Type.Integer({ minimum: 0, maximum: 65_535 }),
    accepts: 'an integer from 0 to 65535; 0 takes any free port',
    description: 'Port on which the HTTP gateway listens.',
    default: '8080',
    example: '8080',
    secret: false,
  }),
  GATEWAY_API_KEY: variable({
    section: 'Gateway',
    schema: text('^[\\u0021-\\u007e]{16,}$'),
    accepts: 'at least 16 printable ASCII characters without spaces',
    description: 'Key that callers send as X-API-Key.',
    default: 'none',
    example: 'a-long-random-text-of-your-own',
    secret: true,
  }),
  PUBLIC_URL: variable({
    section: 'Gateway',
    schema: text('^https?://'),
    accepts: 'an http:// or https:// URL without user, query or fragment',
    description: 'Address under which browsers and agents reach the gateway, for links in answers.',
    default: 'none',
    example: 'https://ops.example.org',
    secret: false,
    isValid: isPublicUrl,
  }),
  LOG_LEVEL: variable({
    section: 'Process',
    schema: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    accepts: 'trace, debug, info, warn, error, fatal, silent',
    description: 'Least severe level that is logged.',
    default: 'info',
    example: 'debug',
    secret: false,
  }),
  SHUTDOWN_GRACE_SECONDS: variable({
    section: 'Process',
    schema: Type.Integer({ minimum: 0, maximum: 3600 }),
    accepts: 'an integer from 0 to 3600',
    description: 'How long active runs may go on after SIGTERM before they are put back.',
    default: '30',
    example: '30',
    secret: false,
  }),
  WORKER_CONCURRENCY: variable({
    section: 'Process',
    schema: Type.Integer({ minimum: 1, maximum: 256 }),
    accepts: 'an integer from 1 to 256',
    description: 'Runs that one process executes at once, over all tasks.',
    default: '8',
    example: '8',
    secret: false,
  }),
} as const;

export type VariableName = keyof typeof VARIABLES;

export const VARIABLE_NAMES = Object.keys(VARIABLES) as readonly VariableName[];

/** The variables that were set, typed. */
export type VariableValues = {
  readonly [Name in VariableName]?: Static<(typeof VARIABLES)[Name]['schema']>;
};

export const variableNamed = (name: VariableName): Variable => VARIABLES[name];
