import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '#core/errors';
import { packageRoot } from '#core/package-root';
import { loadSettings } from './settings.ts';
import { VARIABLE_NAMES, variableNamed } from './variables.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'opsloop-settings-'));
});
afterEach(() => {
  rmSync(cwd, { recursive: true, force: true });
});

const write = (name: string, text: string): string => {
  const file = path.join(cwd, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
};

const load = (env: Record<string, string>) => loadSettings({ env, cwd });

const failureOf = (env: Record<string, string>): AppError => {
  try {
    load(env);
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_configuration') return error;
    throw error;
  }
  throw new Error('the settings were accepted');
};

const linesOf = (env: Record<string, string>): readonly string[] =>
  failureOf(env).violations.map((violation) => violation.message);

describe('without any variable', () => {
  it('everything has its default', () => {
    expect(load({})).toEqual({
      database: { url: null, adminUrl: null, embedded: true },
      redisUrl: null,
      queuePrefix: 'opsloop',
      audit: {
        backend: 'auto',
        jsonlDir: path.join(cwd, 'ops/audit'),
        jsonlDirIsDefault: true,
        fsync: 'interval',
        recoverySeconds: 300,
      },
      repoRoot: cwd,
      dataDir: path.join(cwd, '.opsloop'),
      registryFile: path.join(packageRoot(), 'registry/task_registry.yml'),
      policyDir: path.join(packageRoot(), 'config'),
      jobsDir: path.join(packageRoot(), 'jobs'),
      gateway: { host: '127.0.0.1', port: 8080, apiKey: null, publicUrl: null },
      logLevel: 'info',
      shutdownGraceMs: 30_000,
      workerConcurrency: 8,
      warnings: [],
    });
  });

  it("a registry and policies below REPO_ROOT win over the package's own", () => {
    const registry = write('registry/task_registry.yml', 'version: 1\ntasks: {}\n');
    const policy = write('config/rbac_tools_matrix.yml', '');
    expect(load({})).toMatchObject({ registryFile: registry, policyDir: path.dirname(policy) });
  });
});

describe('faults', () => {
  it('are all listed at once, each with what was found and what is accepted', () => {
    const env = {
      GATEWAY_PORT: '80a0',
      LOG_LEVEL: 'loud',
      AUDIT_BACKEND: 'mysql',
      GATEWAY_API_KEY: 'too short',
      DATABASE_URL: 'mysql://root:hunter2@db/opsloop',
      WORKER_CONCURRENCY: '0',
      REPO_ROOT: 'nowhere',
      OPSLOOP_REGISTRY: '.',
    };
    expect(linesOf(env)).toEqual([
      'DATABASE_URL is a mysql:// URL that is not shown; accepted: a URL such as postgres://user:password@host:5432/name, with special characters percent-encoded',
      'AUDIT_BACKEND is "mysql"; accepted: auto, postgres, jsonl, memory, null',
      'GATEWAY_PORT is "80a0"; accepted: an integer from 0 to 65535; 0 takes any free port',
      'GATEWAY_API_KEY is a text that is not shown; accepted: at least 16 printable ASCII characters without spaces',
      'LOG_LEVEL is "loud"; accepted: trace, debug, info, warn, error, fatal, silent',
      'WORKER_CONCURRENCY is "0"; accepted: an integer from 1 to 256',
      'REPO_ROOT is "nowhere", which does not exist; accepted: a folder that exists; a relative one is below the working directory',
      'OPSLOOP_REGISTRY is ".", which does not exist; accepted: a file that exists; a relative one is below REPO_ROOT',
    ]);
    expect(failureOf(env).message).toContain('8 settings are wrong:\n');
  });

  it('of one variable are one line', () => {
    expect(failureOf({ GATEWAY_PORT: '65536' }).message).toBe(
      'GATEWAY_PORT is "65536"; accepted: an integer from 0 to 65535; 0 takes any free port',
    );
  });

  it('never show a secret', () => {
    const secrets = VARIABLE_NAMES.filter((name) => variableNamed(name).secret);
    const inputs = fc.record({
      name: fc.constantFrom(...secrets),
      form: fc.constantFrom(
        (secret: string) => secret,
        (secret: string) => `mysql://user:${secret}@host/name`,
        (secret: string) => `postgres://user:${secret}@host:port/name`,
        (secret: string) => `redis://:${secret}@host:port`,
      ),
      // Long enough not to occur in a message by chance; the space makes it a wrong API key.
      secret: fc.stringMatching(/^[A-Za-z0-9]{6} [A-Za-z0-9]{6}$/),
      place: fc.constantFrom('environment', 'file', 'secret file', 'name of the secret file'),
    });
    fc.assert(
      fc.property(inputs, ({ name, form, secret, place }) => {
        const value = form(secret);
        const env: Record<string, string> = { GATEWAY_PORT: 'x' };
        if (place === 'environment') env[name] = value;
        if (place === 'file')
          env['CONFIG_PATH'] = write('c.yml', `${name}: ${JSON.stringify(value)}\n`);
        if (place === 'secret file') env[`${name}_FILE`] = write('secret', `${value}\n`);
        if (place === 'name of the secret file') env[`${name}_FILE`] = value;
        const failure = failureOf(env);
        const told = JSON.stringify([failure.message, failure.violations, failure.details]);
        expect(told).not.toContain(secret.slice(0, 6));
        expect(told).not.toContain(secret.slice(7));
      }),
      { numRuns: 200 },
    );
  });

  it('of broken YAML do not quote it', () => {
    const file = write('c.yml', 'GATEWAY_API_KEY: "hunter2hunter2hunter2\nDB_PASSWORD: @hunter2\n');
    expect(failureOf({ CONFIG_PATH: file }).message).not.toContain('hunter2');
  });
});

describe('secrets in files', () => {
  const key = 'k'.repeat(16);

  it('are read without the line feed at their end', () => {
    write('key', `${key}\r\n`);
    expect(load({ GATEWAY_API_KEY_FILE: 'key' }).gateway.apiKey).toBe(key);
  });

  it('cannot be given twice', () => {
    write('key', key);
    expect(linesOf({ GATEWAY_API_KEY: key, GATEWAY_API_KEY_FILE: 'key' })).toEqual([
      'GATEWAY_API_KEY and GATEWAY_API_KEY_FILE are both set; accepted: one of them',
    ]);
  });

  it('must be readable and not empty', () => {
    write('empty', '\n');
    const [missing = '', empty = ''] = linesOf({
      DB_PASSWORD_FILE: 'gone',
      GATEWAY_API_KEY_FILE: 'empty',
      DATABASE_URL: 'postgres://db/opsloop',
    });
    expect(missing).toBe(
      'DB_PASSWORD_FILE names a file that cannot be read (ENOENT); accepted: a readable file that holds a password',
    );
    expect(empty).toMatch(/^GATEWAY_API_KEY_FILE names a file that is empty; accepted: /);
  });
});

describe('the file at CONFIG_PATH', () => {
  it('gives what the environment does not', () => {
    write('opsloop.yml', 'GATEWAY_PORT: 8081\nGATEWAY_HOST: 0.0.0.0\nOPSLOOP_EMBEDDED: off\n');
    const settings = load({ CONFIG_PATH: 'opsloop.yml', GATEWAY_PORT: '9000' });
    expect(settings.gateway).toMatchObject({ port: 9000, host: '0.0.0.0' });
    expect(settings.database.embedded).toBe(false);
  });

  it('keeps a value of digits as it is written', () => {
    write('opsloop.yml', 'GATEWAY_API_KEY: 00123456789012345678901234567890\n');
    expect(load({ CONFIG_PATH: 'opsloop.yml' }).gateway.apiKey).toBe(
      '00123456789012345678901234567890',
    );
  });

  it('is refused with the place of every fault', () => {
    write(
      'opsloop.yml',
      'GATEWAY_PORT: many\nGATEWAY_PROT: 1\nLOG_LEVEL: [debug]\nCONFIG_PATH: x\n',
    );
    expect(linesOf({ CONFIG_PATH: 'opsloop.yml' })).toEqual([
      'opsloop.yml:2:1 GATEWAY_PROT is not a known key; did you mean GATEWAY_PORT?',
      'opsloop.yml:3:1 LOG_LEVEL is a list or a map; accepted: trace, debug, info, warn, error, fatal, silent',
      'opsloop.yml:4:1 CONFIG_PATH is not a known key; accepted: the names of variables',
      'opsloop.yml:1:15 GATEWAY_PORT is "many"; accepted: an integer from 0 to 65535; 0 takes any free port',
    ]);
  });

  it('must exist and be a map', () => {
    expect(linesOf({ CONFIG_PATH: 'gone.yml' })).toEqual([
      'CONFIG_PATH is "gone.yml", which cannot be read (ENOENT); accepted: a YAML file that exists',
    ]);
    write('list.yml', '- GATEWAY_PORT\n');
    expect(linesOf({ CONFIG_PATH: 'list.yml' })).toEqual([
      'list.yml:1:1 the file is not a map; accepted: one NAME: value per line',
    ]);
  });

  it('may be empty', () => {
    write('empty.yml', '# nothing yet\n');
    expect(load({ CONFIG_PATH: 'empty.yml' }).gateway.port).toBe(8080);
  });
});

describe('the database', () => {
  const url = 'postgres://one@db/opsloop';

  it('is DATABASE_URL, then POSTGRES_DSN, then DB_*, then the embedded one', () => {
    const parts = { DB_HOST: 'db', DB_NAME: 'ops', DB_USER: 'us er', DB_PASSWORD: 'p@ss/w' };
    const two = 'postgresql://two@db/opsloop';
    expect(load({ DATABASE_URL: url, POSTGRES_DSN: two, ...parts }).database.url).toBe(url);
    expect(load({ POSTGRES_DSN: two, ...parts }).database.url).toBe(two);
    expect(load(parts).database).toEqual({
      url: 'postgres://us%20er:p%40ss%2Fw@db:5432/ops',
      adminUrl: null,
      embedded: false,
    });
  });

  it('can be behind IPv6 or a Unix socket', () => {
    const parts = { DB_NAME: 'ops', DB_USER: 'me', DB_PORT: '5433' };
    expect(load({ ...parts, DB_HOST: '::1' }).database.url).toBe('postgres://me@[::1]:5433/ops');
    expect(load({ ...parts, DB_HOST: '/run/pg' }).database.url).toBe(
      'postgres://me@localhost/ops?host=%2Frun%2Fpg&port=5433',
    );
  });

  it('in parts must be complete', () => {
    expect(linesOf({ DB_HOST: 'db', DB_PASSWORD: 'secret' })).toEqual([
      'DB_NAME is not set, but DB_HOST, DB_PASSWORD is; accepted: DB_HOST, DB_NAME and DB_USER together, or none of DB_*',
      'DB_USER is not set, but DB_HOST, DB_PASSWORD is; accepted: DB_HOST, DB_NAME and DB_USER together, or none of DB_*',
    ]);
  });

  it('has no say about a part that is wrong already', () => {
    expect(linesOf({ DB_HOST: 'a b', DB_NAME: 'ops', DB_USER: 'me' })).toHaveLength(1);
    expect(linesOf({ DATABASE_URL: 'db', DB_HOST: 'db' })).toHaveLength(1);
  });

  it.each([
    ['postgres:///ops?host=/run/pg'],
    ['postgres://me@%2Frun%2Fpg/ops'],
    ['postgresql://me:p%40ss@db.example.org:5432/ops?sslmode=require'],
  ])('takes %s', (dsn) => {
    expect(load({ DATABASE_URL: dsn }).database.url).toBe(dsn);
  });

  it.each(['redis://host', 'rediss://:p@host:6380/1', 'unix:///run/redis.sock'])(
    'and Redis %s',
    (dsn) => {
      expect(load({ REDIS_URL: dsn }).redisUrl).toBe(dsn);
    },
  );
});

describe('the audit backend', () => {
  const off = { OPSLOOP_EMBEDDED: 'off' };

  it('is auto with a database and jsonl without', () => {
    expect(load({}).audit.backend).toBe('auto');
    expect(load({ ...off, DATABASE_URL: 'postgres://db/o' }).audit.backend).toBe('auto');
    expect(load(off).audit.backend).toBe('jsonl');
    expect(load(off).warnings).toEqual([]);
  });

  it.each(['auto', 'postgres'])(
    '%s becomes jsonl without a database, with a warning',
    (backend) => {
      const settings = load({ ...off, AUDIT_BACKEND: backend });
      expect(settings.audit.backend).toBe('jsonl');
      expect(settings.warnings).toEqual([
        `AUDIT_BACKEND is ${backend}, but no database is configured and OPSLOOP_EMBEDDED is off: audit events go to JSONL files`,
      ]);
    },
  );

  it.each(['memory', 'null', 'jsonl'])('%s stays what it is', (backend) => {
    expect(load({ ...off, AUDIT_BACKEND: backend }).audit.backend).toBe(backend);
  });

  it('knows whether its folder was chosen', () => {
    expect(load({ AUDIT_JSONL_DIR: 'trail' }).audit).toMatchObject({
      jsonlDir: path.join(cwd, 'trail'),
      jsonlDirIsDefault: false,
    });
  });
});

describe('other variables', () => {
  it('count as unset when they are empty', () => {
    expect(load(Object.fromEntries(VARIABLE_NAMES.map((name) => [name, ''])))).toEqual(load({}));
  });

  it('are warned about when they look misspelt, and ignored otherwise', () => {
    expect(
      load({
        OPSLOOP_REGISTERY: 'x',
        AUDIT_MANAGER__PORT: '1',
        GATEWAY_UNHEARD_OF_THING: '1',
        PATH: '',
      }).warnings,
    ).toEqual([
      'OPSLOOP_REGISTERY is not a known variable and has no effect; did you mean OPSLOOP_REGISTRY?',
    ]);
  });

  it('without an effect are said to have none', () => {
    const settings = load({ ADMIN_DATABASE_URL: 'postgres://admin@db/o' });
    expect(settings.database.adminUrl).toBeNull();
    expect(settings.warnings).toHaveLength(1);
  });

  it('PUBLIC_URL loses the slash at its end and may not carry credentials', () => {
    expect(load({ PUBLIC_URL: 'https://ops.example.org/base/' }).gateway.publicUrl).toBe(
      'https://ops.example.org/base',
    );
    expect(linesOf({ PUBLIC_URL: 'https://user:hunter2@ops.example.org' })).toEqual([
      'PUBLIC_URL is a https:// URL that is not shown; accepted: an http:// or https:// URL without user, query or fragment',
    ]);
  });
});
