import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { AppError } from '#core/errors';
import { createLogger } from '#telemetry/logger';
import { logRegistry, type RegistryObserver } from './log-registry.ts';

type Line = Readonly<Record<string, unknown>>;

const linesOf = async (work: (observer: RegistryObserver) => void): Promise<readonly Line[]> => {
  let written = '';
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written += chunk.toString();
      done();
    },
  });
  work(logRegistry(await createLogger({ level: 'info', destination })));
  return written
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);
};

const invalid = (faults: number): AppError =>
  new AppError('invalid_registry', 'all of them', {
    violations: Array.from({ length: faults }, (_, line) => ({
      path: `tasks.yml:${line + 1}:1`,
      message: 'is wrong',
    })),
  });

describe('the log of a changed registry', () => {
  it('has an error line for each fault, with its place, and one that says what is in force', async () => {
    expect(await linesOf((observer) => observer.refused(invalid(2)))).toMatchObject([
      { level: 'error', place: 'tasks.yml:1:1', msg: 'registry: tasks.yml:1:1 is wrong' },
      { level: 'error', place: 'tasks.yml:2:1', msg: 'registry: tasks.yml:2:1 is wrong' },
      {
        level: 'error',
        faults: 2,
        msg: 'the changed registry is refused; the registry in force stays',
      },
    ]);
  });

  it('ends after a hundred of them', async () => {
    const lines = await linesOf((observer) => observer.refused(invalid(5_000)));
    expect(lines).toHaveLength(102);
    expect(lines.at(-2)).toMatchObject({ faults: 4_900 });
    expect(lines.at(-1)).toMatchObject({ faults: 5_000 });
  });

  it('tells a fault that has no place', async () => {
    const lines = await linesOf((observer) => observer.refused(new SyntaxError('in job.js')));
    expect(lines).toMatchObject([
      { level: 'error', msg: 'registry: in job.js', err: expect.anything() },
      { faults: 1 },
    ]);
  });

  it('says what a reload changed, and what it does not', async () => {
    const changed = { kind: 'added', taskId: 'daily' } as never;
    const lines = await linesOf((observer) => observer.reloaded({ tasks: 2, changes: [changed] }));
    expect(lines).toMatchObject([
      { level: 'info', added: ['daily'], msg: 'registry applied' },
      { level: 'info', tasks: 2, msg: expect.stringContaining('until a restart') },
    ]);
    expect(
      await linesOf((observer) => observer.reloaded({ tasks: 2, changes: null })),
    ).toHaveLength(1);
  });

  it('warns of what passes by itself, and calls everything else an error', async () => {
    const away = new AppError('unavailable', 'PostgreSQL is not available');
    expect(
      await linesOf((observer) => {
        observer.delayed(away, 500);
        observer.delayed(new AppError('conflict', 'its job is running'), 500);
        observer.delayed(new Error('no such table'), 1_000);
      }),
    ).toMatchObject([
      { level: 'warn', retry_in_ms: 500, msg: expect.stringContaining('PostgreSQL') },
      { level: 'warn', retry_in_ms: 500, msg: expect.stringContaining('is running') },
      { level: 'error', retry_in_ms: 1_000, msg: expect.stringContaining('no such table') },
    ]);
  });

  it('names who applied another registry, and when', async () => {
    const revision = {
      revision: 7,
      digest: 'x',
      reconcile: 'enforce',
      appliedBy: 'start:other',
      appliedAt: new Date('2024-02-29T09:00:00Z'),
    } as const;
    expect(await linesOf((observer) => observer.anotherInForce(revision))).toMatchObject([
      {
        level: 'warn',
        msg: 'another registry is in force, applied by start:other at 2024-02-29T09:00:00.000Z; this host executes with its own file',
      },
    ]);
  });
});
