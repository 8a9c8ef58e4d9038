import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '#core/package-root';
import type { toBackfillRecord } from '#runner/backfill-record';
import type { toRunRecord } from '#runner/run-record';
import { type CommandSite, openCommandSite } from '../support/command-site.ts';
import { eventually } from '../support/runner-world.ts';

interface BackfillAnswer extends ReturnType<typeof toBackfillRecord> {
  readonly runs: readonly ReturnType<typeof toRunRecord>[];
}

const WEEK = ['--from', '2024-03-04', '--to', '2024-03-10'];
const DAYS = ['04', '05', '06', '07', '08', '09', '10'].map((day) => `2024-03-${day}`);

describe('backfill', { timeout: 120_000 }, () => {
  let site: CommandSite;
  const children = new Set<ChildProcess>();

  beforeEach(async () => {
    site = await openCommandSite('postgres');
    site.declare({
      daily: {},
      eastern: { cron: '30 0 * * *', timezone: 'Asia/Tokyo' },
      by_hand: { cron: null },
      now: { job: 'live' },
      patient: { job: 'patient' },
    });
  });
  afterEach(async () => {
    for (const child of children) {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
    children.clear();
    await site.close();
  });

  const backfill = (...args: readonly string[]) => site.json<BackfillAnswer>('backfill', ...args);

  const reportsOf = (taskId: string): readonly string[] => {
    const folder = path.join(site.directory, 'ops', 'reports', taskId);
    return existsSync(folder) ? readdirSync(folder).sort() : [];
  };

  const instantsOf = ({ runs }: BackfillAnswer) => runs.map((run) => run.scheduled_for);

  describe('without a running system', () => {
    it('runs each occurrence of the days once, oldest first, and writes their reports', async () => {
      const { code, body } = await backfill('daily', ...WEEK);
      expect(code).toBe(0);
      expect(body).toMatchObject({
        state: 'succeeded',
        total: 7,
        remaining: 0,
        runs_by_state: { succeeded: 7 },
        from: '2024-03-04T00:00:00.000Z',
        to: '2024-03-11T00:00:00.000Z',
      });
      expect(instantsOf(body)).toEqual(DAYS.map((day) => `${day}T09:00:00.000Z`));
      for (const run of body.runs)
        expect(run).toMatchObject({
          trigger: 'backfill',
          stands_for_occurrence: true,
          attempts: 1,
        });
      const started = body.runs.map(({ started_at }) => started_at);
      expect(started).toEqual([...started].sort());
      expect(reportsOf('daily')).toEqual(DAYS.flatMap((day) => [`${day}.json`, `${day}.md`]));
      const report = path.join(site.directory, 'ops/reports/daily/2024-03-07.json');
      expect(JSON.parse(readFileSync(report, 'utf8'))).toMatchObject({
        at: '2024-03-07T09:00:00.000Z',
      });

      const shown = await site.json<BackfillAnswer>('backfill', 'show', body.backfill_id);
      expect(shown).toEqual({ code: 0, body });
      const list = await site.run('backfill', 'list');
      expect(list.stdout).toMatch(new RegExp(`${body.backfill_id}  daily  succeeded  7/7`));
    });

    it('says how far it is, and what became of it', async () => {
      const { code, stdout, stderr } = await site.run('backfill', 'daily', ...WEEK);
      expect(code).toBe(0);
      expect(stderr).toContain('no system is running on this ledger: running in this process\n');
      expect(stderr).toContain('\n1 of 7 done\n');
      expect(stderr).toContain('\n7 of 7 done\n');
      expect(stdout).toMatch(/^succeeded {2}backfill of daily from 2024-03-04 00:00:00Z to before/);
      expect(stdout).toContain('occurrences: 7; runs: 7 succeeded\n');
    });

    it('leaves out what was done, when only the missing are asked for', async () => {
      await backfill('daily', '--from', '2024-03-05', '--to', '2024-03-06');
      const rest = await backfill('daily', ...WEEK, '--only-missing');
      expect(rest.body.total).toBe(5);
      expect(instantsOf(rest.body)[1]).toBe('2024-03-07T09:00:00.000Z');
      const nothing = await site.run('backfill', 'daily', ...WEEK, '--only-missing');
      expect(nothing).toMatchObject({ code: 0, stderr: '' });
      expect(nothing.stdout).toContain('occurrences: 0; runs: none');
    });

    it('takes days as those of the zone of the task, and instants as they are', async () => {
      const days = await backfill('eastern', '--from', '2024-03-05', '--to', '2024-03-06');
      expect(instantsOf(days.body)).toEqual([
        '2024-03-04T15:30:00.000Z',
        '2024-03-05T15:30:00.000Z',
      ]);
      expect(reportsOf('eastern')).toEqual(
        expect.arrayContaining(['2024-03-05.json', '2024-03-06.json']),
      );
      // The end is the first instant that is left out.
      const range = ['--from', '2024-03-05T09:00:00Z', '--to', '2024-03-06T09:00:00Z'];
      const instants = await backfill('daily', ...range);
      expect(instantsOf(instants.body)).toEqual(['2024-03-05T09:00:00.000Z']);
    });

    it('ends with 1 when a run failed, names it, and goes on with the others', async () => {
      const args = ['daily', ...WEEK, '--input', 'bad_day=2024-03-06'];
      const { code, stdout, stderr } = await site.run('backfill', ...args);
      expect(code).toBe(1);
      expect(stderr).toContain('7 of 7 done, 1 of them without success');
      expect(stdout).toMatch(/^failed {2}daily for 2024-03-06 09:00:00Z/);
      expect(stdout).toContain('a bad day');
      expect(stdout).toMatch(/\nfailed {2}backfill of daily .*\n.*runs: 6 succeeded, 1 failed\n$/);
      // With inputs of its own a run never takes the place of the report of the day.
      expect(reportsOf('daily').filter((name) => /^\d{4}-\d\d-\d\d\.json$/.test(name))).toEqual([]);
    });

    it('lists the effects of each run when it is dry, and has none', async () => {
      const dry = ['daily', '--from', '2024-03-05', '--to', '2024-03-06', '--dry-run'];
      const { code, stdout } = await site.run('backfill', ...dry);
      expect(code).toBe(0);
      for (const day of ['2024-03-05', '2024-03-06']) {
        expect(stdout).toContain(`dry-run of daily for ${day} 09:00:00Z`);
        expect(stdout).toContain(`ops/reports/daily/${day}.json`);
      }
      expect(stdout).toContain('succeeded  dry-run backfill of daily');
      expect(reportsOf('daily')).toEqual([]);
    });

    it('is cancelled by Ctrl-C, with the run under way', async () => {
      const child = spawn(
        process.execPath,
        [path.join(packageRoot(), 'bin/opsloop.mjs'), 'backfill', 'patient', ...WEEK, '--json'],
        {
          cwd: site.directory,
          env: { PATH: process.env['PATH'], ...site.env },
          stdio: ['ignore', 'pipe', 'ignore'],
        },
      );
      children.add(child);
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      const closed = once(child, 'close');
      await eventually(async () => existsSync(path.join(site.directory, 'begun')));
      child.kill('SIGINT');
      await closed;
      children.delete(child);
      expect(child.exitCode).toBe(130);
      expect(JSON.parse(output)).toMatchObject({
        state: 'cancelled',
        total: 7,
        remaining: 0,
        runs_by_state: { cancelled: 1 },
        cancelled_by: expect.stringMatching(/^cli:/),
      });
    });

    it('is refused while the task is paused', async () => {
      await site.run('tasks', 'pause', 'daily', '--reason', 'being mended');
      const { code, stderr } = await site.run('backfill', 'daily', ...WEEK);
      expect(code).toBe(4);
      expect(stderr).toMatch(/task daily is paused by cli:\S+: being mended/);
      expect((await site.run('backfill', 'daily', ...WEEK, '--dry-run')).code).toBe(0);
    });
  });

  it.each([
    [['now', ...WEEK], /now, which looks at what is there now and cannot be run for the past/],
    [['by_hand', ...WEEK], /by_hand, which has no schedule/],
    [['dialy', ...WEEK], /there is no task "dialy"\nDid you mean daily\?/],
    [['daily', '--from', '2024-03-10', '--to', '2024-03-04'], /from: must lie before to/],
    [['daily', '--from', '2999-01-01', '--to', '2999-01-02'], /from: must not lie in the future/],
    [['daily', '--from', '1980-01-01', '--to', '2024-01-01'], /more than 1000 occurrences/],
    [['daily', ...WEEK, '--input', 'nte=x'], /inputs\.nte/],
  ])('refuses %j and says what is wrong', async (args, expected) => {
    const { code, stderr, stdout } = await site.run('backfill', ...args);
    expect(stderr).toMatch(expected);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  describe('with a running system', () => {
    it('is recorded, run there, and followed when that is asked for', async () => {
      await site.start();
      const recorded = await backfill('daily', '--from', '2024-03-04', '--to', '2024-03-04');
      expect(recorded).toMatchObject({ code: 0, body: { total: 1 } });
      const followed = await site.run('backfill', 'daily', ...WEEK, '--wait');
      expect(followed.code).toBe(0);
      expect(followed.stdout).toContain('occurrences: 7; runs: 7 succeeded');
      expect(followed.stderr).toContain('Ctrl-C stops following it');
      expect(reportsOf('daily')).toHaveLength(14);
      const first = await site.json<BackfillAnswer>('backfill', 'show', recorded.body.backfill_id);
      expect(first.body).toMatchObject({
        state: 'succeeded',
        actor: expect.stringMatching(/^cli:/),
      });

      const failing = ['daily', ...WEEK, '--wait', '--input', 'bad_day=2024-03-06'];
      expect((await site.run('backfill', ...failing)).code).toBe(1);
    });

    it('is cancelled by its id, and once only', async () => {
      await site.start();
      const { body } = await backfill('patient', ...WEEK);
      await eventually(async () => existsSync(path.join(site.directory, 'begun')));
      const cancelled = await site.run('backfill', 'cancel', body.backfill_id);
      expect(cancelled).toMatchObject({ code: 0 });
      expect(cancelled.stderr).toContain('the one under way goes on');
      const again = await site.run('backfill', 'cancel', body.backfill_id);
      expect(again.code).toBe(4);
      expect(again.stderr).toContain('the backfill has ended already');
      expect((await site.run('backfill', 'show', 'backfill_none')).code).toBe(2);
      rmSync(path.join(site.directory, 'begun'));
    });
  });
});
