import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { AppError } from '#core/errors';
import { createLogger } from './logger.ts';

const collect = async (): Promise<{
  readonly logger: Awaited<ReturnType<typeof createLogger>>;
  readonly lines: () => readonly Record<string, unknown>[];
  readonly text: () => string;
}> => {
  const chunks: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString('utf8'));
      done();
    },
  });
  const text = (): string => chunks.join('');
  return {
    logger: await createLogger({ level: 'info', destination }),
    text,
    lines: () =>
      text()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
};

describe('createLogger', () => {
  it('writes one JSON object a line with level in words and bindings of children', async () => {
    const { logger, lines } = await collect();
    logger.child({ run_id: 'run_1', task: 'daily_cost_digest' }).info({ attempts: 1 }, 'run ended');
    expect(lines()).toMatchObject([
      { level: 'info', run_id: 'run_1', task: 'daily_cost_digest', attempts: 1, msg: 'run ended' },
    ]);
    expect(String(lines()[0]?.time)).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it.each([
    ['a field named key', { key: 'hunter2-secret' }],
    ['a nested header', { headers: { authorization: 'Bearer hunter2-secret' } }],
    ['a header with dashes', { headers: { 'x-api-key': 'hunter2-secret' } }],
    ['a list of cookies', { headers: { 'set-cookie': ['sid=hunter2-secret'] } }],
    ['a camel-cased name', { adminToken: 'hunter2-secret' }],
    ['a DSN by name', { DATABASE_URL: 'hunter2-secret' }],
    ['a DSN inside text', { detail: 'cannot reach postgres://ops:hunter2-secret@db:5432/x' }],
    ['an error', { err: new Error('redis://:hunter2-secret@cache:6379 refused') }],
    [
      'a cause',
      {
        err: new AppError('unavailable', 'the database is away', {
          cause: new Error('postgres://u:hunter2-secret@db/x'),
        }),
      },
    ],
    [
      'properties of an error',
      { err: Object.assign(new Error('duplicate'), { detail: 'hunter2-secret' }) },
    ],
  ])('masks a secret in %s', async (_name, fields) => {
    const { logger, text } = await collect();
    logger.warn(fields, 'something');
    expect(text()).toContain('something');
    expect(text()).not.toContain('hunter2-secret');
  });

  it('masks a secret in the message', async () => {
    const { logger, text } = await collect();
    logger.warn('connecting to %s', 'postgres://ops:hunter2-secret@db/x');
    logger.warn('Authorization: Bearer hunter2-secret');
    expect(text()).not.toContain('hunter2-secret');
    expect(text()).toContain('postgres://[redacted]@db/x');
  });

  it('masks the secret half of an API key wherever it stands', async () => {
    const { logger, text } = await collect();
    logger.warn({ note: `sent opsl_0123456789ab_${'c0ffee00'.repeat(8)} twice` }, 'odd');
    logger.warn({ note: `sent opsl_gateway_${'c0ffee00'.repeat(8)} once` }, 'odd');
    expect(text()).toContain('opsl_0123456789ab_[redacted]');
    expect(text()).not.toContain('c0ffee00');
  });

  it('keeps the query string of a request out of the log', async () => {
    const { logger, lines } = await collect();
    logger.info({ req: { id: 'r1', method: 'GET', url: '/v1/runs?key=hunter2', ip: '::1' } }, 'in');
    expect(lines()[0]?.req).toEqual({
      req_id: 'r1',
      method: 'GET',
      path: '/v1/runs',
      remote: '::1',
    });
  });

  it('keeps numbers under a name that sounds like a secret', async () => {
    const { logger, lines } = await collect();
    logger.info({ fencing_token: 7 }, 'lease taken');
    expect(lines()[0]).toMatchObject({ fencing_token: 7 });
  });

  it('shows what an error says, also of one that a child is bound to', async () => {
    const { logger, lines } = await collect();
    const error = new AppError('internal', 'boom', { cause: new Error('below') });
    logger.error({ err: error }, 'unexpected');
    logger.child({ err: error }).error('bound');
    for (const line of lines())
      expect(line.err).toMatchObject({ message: 'boom', cause: { message: 'below' } });
  });
});
