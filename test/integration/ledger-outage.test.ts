import { spawnSync } from 'node:child_process';
import { appendFileSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DisposablePostgres, startDisposablePostgres } from '../support/postgres.ts';
import {
  ADMIN,
  eventually,
  makeTask,
  openRunnerWorld,
  type RunnerWorld,
  SUCCEEDED,
} from '../support/runner-world.ts';

describe('while the database of the ledger is away', () => {
  let server: DisposablePostgres;
  let world: RunnerWorld;
  let finish = (): void => undefined;

  beforeEach(async () => {
    server = await startDisposablePostgres();
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    world = await openRunnerWorld(
      'redis',
      [
        {
          task: makeTask('long'),
          run: async ({ log }) => {
            await finished;
            log.info('done in spite of it all');
            return { kind: 'succeeded', summary: { rows: 3 } };
          },
        },
        { task: makeTask('other'), run: async () => SUCCEEDED },
      ],
      { ledgerDsn: server.dsn },
    );
  });
  afterEach(async () => {
    finish();
    await server.start().catch(() => undefined);
    await world.close();
    await server.dispose();
  });

  const journalled = (): string =>
    readdirSync(world.journalDirectory)
      .map((name) => readFileSync(path.join(world.journalDirectory, name), 'utf8'))
      .join('');

  it('an active run notes its end in the journal, which is merged when it is back', async () => {
    await world.startWorker();
    const runId = await world.start('long');
    await world.untilState(runId, 'running');
    await server.kill9();
    finish();
    await eventually(async () => journalled().includes(runId));
    await server.start();
    const run = await world.untilState(runId, 'succeeded');
    expect(run).toMatchObject({ attempts: 1, crashes: 0, result: { rows: 3 } });
    await eventually(async () => journalled() === '');
    const events = await world.runs.events(ADMIN, runId);
    expect(events.map(({ state }) => state)).toEqual(['queued', 'running', 'succeeded']);
    expect(world.unexpected).toEqual([]);
  });

  it('no run starts, starts are refused as unavailable, and queued ones run afterwards', async () => {
    const waiting = await world.start('other');
    const job = { queueName: 'other', jobId: waiting };
    await world.queue.remove(job);
    await world.startWorker();
    await server.kill9();
    await world.queue.enqueue({ ...job, name: 'other', data: { run_id: waiting }, attempts: 3 });
    await expect(world.start('other')).rejects.toMatchObject({ code: 'unavailable' });
    await eventually(async () => (await world.queue.countJobs('other')).delayed === 1);
    await server.start();
    expect(await world.untilState(waiting, 'succeeded')).toMatchObject({ attempts: 1 });
  });

  it('the journal of a dead process is merged by the next one on the host', async () => {
    const first = await world.startWorker();
    const runId = await world.start('long');
    await world.untilState(runId, 'running');
    await server.kill9();
    finish();
    await eventually(async () => journalled().includes(runId));
    await first.stop();
    const [name] = readdirSync(world.journalDirectory);
    if (name === undefined) throw new Error('no journal');
    // Both workers of this test are one process, so the first one's is given a dead one's number.
    const dead = spawnSync(process.execPath, ['--version']).pid;
    const abandoned = name.replace(String(process.pid), String(dead));
    renameSync(
      path.join(world.journalDirectory, name),
      path.join(world.journalDirectory, abandoned),
    );
    appendFileSync(path.join(world.journalDirectory, abandoned), '{"runId":"torn');
    await server.start();
    await world.startWorker();
    expect(await world.untilState(runId, 'succeeded')).toMatchObject({ attempts: 1 });
    expect(
      readdirSync(world.journalDirectory).filter((each) => each.includes(String(dead))),
    ).toEqual([]);
  });
});
