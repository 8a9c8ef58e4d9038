import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { AppError } from '#core/errors';
import type { Database } from '#storage/database';
import {
  createTestDatabase,
  type DisposablePostgres,
  startDisposablePostgres,
  type TestDatabase,
} from '#test/support/postgres';
import { openBullPool, openDatabase, sqlState } from './postgres-database.ts';

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase({ template: 'empty' });
});
afterAll(() => test.drop());

const opened: Database[] = [];
const open = (options: Partial<Parameters<typeof openDatabase>[0]> = {}): Database => {
  const database = openDatabase({
    dsn: test.dsn,
    maxConnections: 4,
    applicationName: 'database-test',
    ...options,
  });
  opened.push(database);
  return database;
};
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close()));
});

const caught = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => {
      throw new Error('it did not reject');
    },
    (error: unknown) => error,
  );

describe('values', () => {
  it('gives bigint as a number while it is safe, and exact text beyond', async () => {
    const [row] = await open().query(
      `SELECT 9007199254740991::bigint AS safe, 9007199254740992::bigint AS beyond,
        count(*) AS counted, 0.1::numeric AS exact FROM generate_series(1, 3)`,
    );
    expect(row).toEqual({
      safe: Number.MAX_SAFE_INTEGER,
      beyond: '9007199254740992',
      counted: 3,
      exact: '0.1',
    });
  });

  it('reads dates and times the same in every time zone of the process', async () => {
    vi.stubEnv('TZ', 'America/New_York');
    try {
      const [row] = await open().query(
        `SELECT '2026-11-02'::date AS day, '2026-11-02 03:04:05.678'::timestamp AS local,
          '2026-11-02T03:04:05.678Z'::timestamptz AS instant, current_setting('timezone') AS zone,
          date_trunc('day', '2026-11-02T23:30:00Z'::timestamptz) AS truncated`,
      );
      const instant = new Date('2026-11-02T03:04:05.678Z');
      expect(row).toEqual({
        day: '2026-11-02',
        local: instant,
        instant,
        zone: 'UTC',
        truncated: new Date('2026-11-02T00:00:00Z'),
      });
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('answers how many rows a statement touched', async () => {
    const database = open();
    await database.execute('CREATE TABLE touched AS SELECT generate_series(1, 5) AS n');
    expect(await database.execute('DELETE FROM touched WHERE n > $1', [3])).toBe(2);
  });
});

describe('session settings', () => {
  it('take a search path and keep the options that the DSN has', async () => {
    const dsn = `${test.dsn}?options=${encodeURIComponent('-c statement_timeout=1234')}`;
    const [row] = await open({ dsn, searchPath: 'one, two' }).query(
      `SELECT current_setting('search_path') AS path, current_setting('statement_timeout') AS timeout,
        current_setting('application_name') AS name`,
    );
    expect(row).toEqual({ path: 'one, two', timeout: '1234ms', name: 'database-test' });
  });

  it('point the queue pool at the schema bullmq', async () => {
    const pool = openBullPool({ dsn: test.dsn, maxConnections: 1 });
    try {
      expect((await pool.query('SHOW search_path')).rows).toEqual([{ search_path: 'bullmq' }]);
    } finally {
      await pool.end();
    }
  });
});

describe('transaction', () => {
  it('commits, rolls back when the work rejects, and gives the connection back', async () => {
    const database = open({ maxConnections: 1 });
    await database.execute('CREATE TABLE moved (n int)');
    const pid = async () =>
      (await database.query<{ pid: number }>('SELECT pg_backend_pid() AS pid'))[0]?.pid;
    const before = await pid();
    const add = (n: number, failure?: Error) =>
      database.transaction(async (sql) => {
        await sql.execute('INSERT INTO moved VALUES ($1)', [n]);
        if (failure !== undefined) throw failure;
        return n;
      });
    expect(await add(1)).toBe(1);
    const conflict = new AppError('conflict', 'no');
    expect(await caught(add(2, conflict))).toBe(conflict);
    expect(await database.query('SELECT n FROM moved')).toEqual([{ n: 1 }]);
    expect(await pid()).toBe(before);
  });

  it('rejects when the work went on after a statement had failed', async () => {
    const database = open();
    await database.execute('CREATE TABLE swallowed (n int PRIMARY KEY)');
    const error = await caught(
      database.transaction(async (sql) => {
        await sql.execute('INSERT INTO swallowed VALUES (1)');
        await caught(sql.execute('INSERT INTO swallowed VALUES (1)'));
      }),
    );
    expect(error).toMatchObject({ code: 'internal' });
    expect(await database.query('SELECT n FROM swallowed')).toEqual([]);
  });

  it('rejects as unavailable when its connection is cut, and the next one works', async () => {
    const database = open({ maxConnections: 1 });
    const error = await caught(
      database.transaction((sql) => sql.query('SELECT pg_terminate_backend(pg_backend_pid())')),
    );
    expect(error).toMatchObject({ code: 'unavailable' });
    expect(sqlState(error)).toBe('57P01');
    expect(await database.transaction((sql) => sql.query('SELECT 1 AS one'))).toEqual([{ one: 1 }]);
  });
});

describe('errors', () => {
  it('keep the SQLSTATE when the statement is at fault', async () => {
    const error = await caught(open().query('SELECT 1 / 0'));
    expect(error).not.toBeInstanceOf(AppError);
    expect(sqlState(error)).toBe('22012');
    expect(sqlState(new Error('wrapped', { cause: error }))).toBe('22012');
    expect(sqlState(new Error('22012'))).toBeUndefined();
  });

  it.each([
    ['a port where nobody listens', 'postgresql://u:secret@127.0.0.1:1/d', 'unavailable'],
    [
      'a socket that is not there',
      'postgresql://u:secret@localhost/d?host=/nonexistent',
      'unavailable',
    ],
    ['a host that does not exist', 'postgresql://u:secret@host.invalid/d', 'unavailable'],
  ])('say unavailable, without the DSN, for %s', async (_what, dsn, code) => {
    const error = await caught(open({ dsn }).query('SELECT 1'));
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toMatch(/secret|127\.0\.0\.1|nonexistent|invalid\b/);
  });

  it('say invalid_configuration for a wrong password or database', async () => {
    const password = new URL(test.dsn);
    password.password = 'wrong';
    const database = new URL(test.dsn);
    database.pathname = '/nowhere';
    for (const dsn of [password.href, database.href])
      expect(await caught(open({ dsn }).query('SELECT 1'))).toMatchObject({
        code: 'invalid_configuration',
      });
  });

  it('say unavailable when no connection gets free in time', async () => {
    const database = open({ maxConnections: 1, connectTimeoutMs: 2_000 });
    await database.transaction(async () => {
      expect(await caught(database.query('SELECT 1'))).toMatchObject({ code: 'unavailable' });
    });
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('say unavailable when the server takes the connection and stays silent', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const dsn = `postgresql://u:p@127.0.0.1:${port}/d`;
    try {
      const database = open({ dsn, connectTimeoutMs: 100 });
      expect(await caught(database.query('SELECT 1'))).toMatchObject({ code: 'unavailable' });
    } finally {
      silent.close();
    }
  });

  it('say unavailable after close, which can be called twice', async () => {
    const database = open();
    await Promise.all([database.close(), database.close()]);
    expect(await caught(database.query('SELECT 1'))).toMatchObject({ code: 'unavailable' });
    expect(await caught(database.listen('x', () => {}))).toMatchObject({ code: 'unavailable' });
  });
});

describe('a server that goes away', () => {
  let server: DisposablePostgres;
  beforeAll(async () => {
    server = await startDisposablePostgres();
  });
  afterAll(() => server.dispose());

  // Resolves with the first payload that `accept` takes.
  const listening = async (database: Database, channel: string) => {
    const received: string[] = [];
    let wake = (): void => {};
    const subscription = await database.listen(channel, (payload) => {
      received.push(payload);
      wake();
    });
    const until = async (payload: string): Promise<void> => {
      while (!received.includes(payload))
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    };
    return { subscription, received, until };
  };

  const untilListening = async (database: Database, count: number): Promise<void> => {
    for (;;) {
      const [row] = await database.query<{ count: number }>(
        `SELECT count(*) AS count FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`,
      );
      if (row?.count === count) return;
    }
  };

  it('is listened to again after it was restarted and after it was killed', async () => {
    const database = open({ dsn: server.dsn });
    const { until, subscription, received } = await listening(database, 'News "of" today');
    const notify = (payload: string) =>
      database.query('SELECT pg_notify($1, $2)', ['News "of" today', payload]);
    await notify('before');
    await until('before');
    for (const end of [() => server.stop(), () => server.kill9()]) {
      await end();
      expect(await caught(database.query('SELECT 1'))).toMatchObject({ code: 'unavailable' });
      await server.start();
      await untilListening(database, 1);
    }
    await notify('after');
    await until('after');
    await subscription.close();
    await untilListening(database, 0);
    expect(received).toEqual(['before', 'after']);
  });

  it('does not keep close waiting for a listener that is trying to come back', async () => {
    const database = open({ dsn: server.dsn });
    await listening(database, 'x');
    await server.stop();
    await database.close();
    await server.start();
  });

  it('answers a ping with unavailable while it hangs, and recovers', async () => {
    const database = open({ dsn: server.dsn, maxConnections: 1 });
    await database.ping(5_000);
    server.freeze();
    try {
      expect(await caught(database.ping(100))).toMatchObject({ code: 'unavailable' });
    } finally {
      server.thaw();
    }
    await database.ping(5_000);
  });
});
