import { describe, expect, it } from 'vitest';
import { systemClock } from '#core/clock';
import { EngineAwayError, settleWithin, withoutPayload } from './engine-error.ts';
import { translateLostConnection } from './reconnecting-pool.ts';

describe('withoutPayload', () => {
  it('drops the command and the row that drivers hang on an error', () => {
    const error = Object.assign(new Error('OOM command not allowed'), {
      name: 'ReplyError',
      command: { name: 'evalsha', args: ['secret'] },
      where: 'secret',
    });
    const clean = withoutPayload(error);
    expect(clean).toMatchObject({ name: 'ReplyError', message: 'OOM command not allowed' });
    expect(JSON.stringify({ ...clean }) + clean.stack).not.toContain('secret');
  });

  it('does not quote the value of a data exception', () => {
    const error = Object.assign(new Error('invalid input syntax for type integer: "secret"'), {
      code: '22P02',
    });
    const clean = withoutPayload(error);
    expect(clean.message).toBe('The engine refused the data (22P02)');
    expect(clean.stack).not.toContain('"secret"');
  });
});

describe('translateLostConnection', () => {
  const fromServer = (code: string): Error =>
    Object.assign(new Error('told by the server'), { severity: 'FATAL', code });

  it.each([
    Object.assign(new Error('connect ENOENT /run/.s.PGSQL.5432'), { code: 'ENOENT' }),
    new Error('Connection terminated unexpectedly'),
    ...['08006', '53100', '53300', '57P01', '57P03', '25006'].map(fromServer),
  ])('takes %s for an engine that is away', (error) => {
    expect(translateLostConnection(error)).toBeInstanceOf(EngineAwayError);
  });

  it.each(['BM001', '22P02', '42883', '57014', '40001'])('leaves %s as it is', (code) => {
    const error = fromServer(code);
    expect(translateLostConnection(error)).toBe(error);
  });
});

describe('settleWithin', () => {
  it('settles as the work does', async () => {
    await expect(settleWithin(systemClock, 60_000, Promise.resolve(1))).resolves.toBe(1);
    const failure = Promise.reject(new Error('no'));
    await expect(settleWithin(systemClock, 60_000, failure)).rejects.toThrow('no');
  });

  it('gives up on work that does not settle', async () => {
    const never = new Promise<never>(() => undefined);
    await expect(settleWithin(systemClock, 1, never)).rejects.toBeInstanceOf(EngineAwayError);
  });
});
