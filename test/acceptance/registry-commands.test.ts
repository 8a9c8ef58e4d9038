import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { AppliedRecord, PlanRecord } from '#runner/plan-record';
import { type CommandSite, openCommandSite, type SiteTask } from '../support/command-site.ts';
import { withDirectQueue } from '../support/direct-queue.ts';

type ChangeRecord = PlanRecord['changes'][number];

interface CronCheck {
  readonly in_sync: boolean;
  readonly differences: readonly Readonly<Record<string, unknown>>[];
}

const NIGHTLY: SiteTask = { cron: '30 2 * * *', timezone: 'Europe/Berlin' };

describe('the registry from the command line', { timeout: 120_000 }, () => {
  const sites: CommandSite[] = [];
  afterEach(async () => {
    for (const site of sites.splice(0)) await site.close();
  });

  const open = async (
    backend: 'redis' | 'postgres' | 'embedded',
    tasks: Readonly<Record<string, SiteTask>>,
  ): Promise<CommandSite> => {
    const site = await openCommandSite(backend);
    sites.push(site);
    site.declare(tasks);
    return site;
  };

  const plan = (site: CommandSite) => site.json<PlanRecord>('registry', 'plan');

  const kindsOf = ({ changes }: PlanRecord): Readonly<Record<string, string>> =>
    Object.fromEntries(changes.map(({ task_id, kind }) => [task_id, kind]));

  const changeOf = (record: PlanRecord, taskId: string): ChangeRecord => {
    const found = record.changes.find(({ task_id }) => task_id === taskId);
    if (found === undefined) throw new Error(`the plan does not name ${taskId}`);
    return found;
  };

  it('on a fresh machine names every task as added, applies them, and then finds nothing', async () => {
    const site = await open('embedded', { daily: {}, nightly: NIGHTLY, by_hand: { cron: null } });
    const first = await plan(site);
    expect(first.code).toBe(2);
    expect(first.body).toMatchObject({ in_force: false, revision: null, tasks: 3 });
    expect(kindsOf(first.body)).toEqual({ daily: 'added', nightly: 'added', by_hand: 'added' });

    const text = await site.run('registry', 'plan');
    expect(text.code).toBe(2);
    for (const task of ['daily', 'nightly', 'by_hand'])
      expect(text.stdout).toContain(`\n+ added ${task}: new in the registry\n`);
    expect(text.stdout).toContain('in force: nothing, no registry has been applied yet');
    expect(text.stdout).toMatch(/\n3 added: opsloop registry apply makes it so\n$/);

    const applied = await site.run('registry', 'apply');
    expect(applied).toMatchObject({ code: 0 });
    expect(applied.stdout).toContain('applied: 3 added\n');

    const second = await plan(site);
    expect(second.code).toBe(0);
    expect(second.body).toMatchObject({
      in_force: true,
      changes: [],
      revision: { revision: 1, applied_by: expect.stringMatching(/^cli:./), reconcile: 'enforce' },
    });
    expect((await site.run('registry', 'plan')).stdout).toMatch(
      /revision 1, applied 20\S+ \S+Z by cli:.*\n\nno differences: all 3 tasks are in force/,
    );
    const again = await site.json<AppliedRecord>('registry', 'apply');
    expect(again).toMatchObject({ code: 0, body: { changes: [], revision: { revision: 1 } } });
  });

  it.each(['redis', 'postgres'] as const)(
    'on %s names what was added, changed, removed, edited and deleted, and mends it all',
    async (backend) => {
      const site = await open(backend, {
        steady: {},
        edited: {},
        deleted: {},
        changed: {},
        gone: {},
      });
      expect((await site.run('registry', 'apply')).code).toBe(0);
      await withDirectQueue(site.env, 'edited', async (queue) => {
        await queue.upsertJobScheduler('edited', { pattern: '15 4 * * *', tz: 'Asia/Tokyo' });
      });
      await withDirectQueue(site.env, 'deleted', async (queue) => {
        expect(await queue.removeJobScheduler('deleted')).toBe(true);
      });
      await withDirectQueue(site.env, 'steady', async (queue) => {
        await queue.upsertJobScheduler('stranger', { pattern: '0 1 * * *', tz: 'UTC' });
      });
      site.declare({
        steady: {},
        edited: {},
        deleted: {},
        changed: { cron: '45 9 * * *', more: ['timeout: 10m'] },
        fresh: {},
      });

      const { code, body } = await plan(site);
      expect(code).toBe(2);
      expect(kindsOf(body)).toEqual({
        fresh: 'added',
        changed: 'changed',
        gone: 'ghost',
        stranger: 'ghost',
        edited: 'drifted',
        deleted: 'drifted',
      });
      expect(body.summary).toEqual({ added: 1, changed: 1, ghost: 2, drifted: 2 });
      expect(new Map(changeOf(body, 'changed').fields.map((each) => [each.field, each]))).toEqual(
        new Map([
          ['timeout', { field: 'timeout', from: '5m', to: '10m' }],
          [
            'schedule',
            {
              field: 'schedule',
              from: { cron: '0 9 * * *', timezone: 'UTC' },
              to: { cron: '45 9 * * *', timezone: 'UTC' },
            },
          ],
        ]),
      );
      expect(changeOf(body, 'edited').detail).toContain('cron is 15 4 * * * instead of 0 9 * * *');
      expect(changeOf(body, 'edited').detail).toContain('zone is Asia/Tokyo instead of UTC');
      expect(changeOf(body, 'deleted').detail).toBe('its scheduler is gone');

      const text = await site.run('registry', 'plan');
      expect(text.code).toBe(2);
      expect(text.stdout).toMatch(/^~ changed changed: (timeout, schedule|schedule, timeout)$/m);
      expect(text.stdout).toContain('    timeout: 5m → 10m\n');
      expect(text.stdout).toContain('- ghost gone: in force, but no longer in the registry\n');
      expect(text.stdout).toContain('! drifted deleted: its scheduler is gone\n');
      expect(text.stdout).toContain('1 added, 1 changed, 2 ghost, 2 drifted: ');

      const applied = await site.run('registry', 'apply');
      expect(applied).toMatchObject({ code: 0, stderr: '' });
      expect(applied.stdout).toContain('applied: 1 added, 1 changed, 2 ghost, 2 drifted\n');
      expect(applied.stdout).toContain('in force: revision 2,');
      expect(await plan(site)).toMatchObject({ code: 0, body: { in_force: true, changes: [] } });
      for (const name of ['steady', 'edited', 'deleted', 'changed', 'fresh', 'gone'])
        await withDirectQueue(site.env, name, async (queue) => {
          const schedulers = await queue.getJobSchedulers();
          expect(schedulers.map(({ key, pattern, tz }) => [key, pattern, tz])).toEqual(
            name === 'gone' ? [] : [[name, name === 'changed' ? '45 9 * * *' : '0 9 * * *', 'UTC']],
          );
        });
    },
  );

  it('shows the next five instants in local time and UTC, and what the clocks do to them', async () => {
    const site = await open('postgres', { nightly: NIGHTLY, daily: {} });
    const { body } = await plan(site);
    const { next, clock_changes: notes } = changeOf(body, 'nightly');
    expect(next).toHaveLength(5);
    for (const { at, local } of next) {
      const [date, time, offset] = local.split(' ');
      expect(new Date(`${date}T${time}:00${offset}`)).toEqual(new Date(at));
      // 03:30 on the day on which 02:30 does not exist.
      expect(local).toMatch(/ 0[23]:30 \+0[12]:00$/);
    }
    expect(next.map(({ at }) => at)).toEqual(next.map(({ at }) => at).sort());
    expect(notes).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/02:30 does not exist in Europe\/Berlin: it runs at 03:30/),
        expect.stringMatching(/comes twice in Europe\/Berlin: 02:30 runs once, the first time/),
      ]),
    );
    expect(changeOf(body, 'daily').clock_changes).toEqual([]);

    await site.run('registry', 'apply');
    const { stdout } = await site.run('registry', 'plan', '--all');
    expect(stdout).toContain('\n= unchanged nightly\n    queue: nightly\n');
    expect(stdout).toContain('next by 30 2 * * * in Europe/Berlin:\n      Europe/Berlin');
    expect(stdout.match(/^ {6}20\S+ \d\d:30 \+0\d:00 {2}20\S+ \d\d:30:00Z$/gm)).toHaveLength(5);
    expect(stdout.match(/warning: on 20/g)?.length).toBeGreaterThanOrEqual(2);
    expect((await site.run('registry', 'plan')).stdout).not.toContain('nightly');
  });

  it('names the overdue occurrences that applying concerns, and what becomes of them', async () => {
    // Half a day from now, so that none falls due meanwhile.
    const cron = `0 ${(new Date().getUTCHours() + 12) % 24} * * *`;
    const site = await open('postgres', {
      daily: { cron, more: ['catch_up: all'] },
      gone: { cron },
    });
    await site.run('registry', 'apply');
    // As if nothing had been running for three days.
    await site.ledger?.database.execute(
      `UPDATE task_declarations SET valid_from = valid_from - interval '4 days',
         next_at = next_at - interval '3 days'`,
    );
    site.declare({ daily: { cron, more: ['catch_up: all', 'timeout: 10m'] } });
    const { body } = await plan(site);
    expect(changeOf(body, 'daily').overdue).toHaveLength(3);
    expect(changeOf(body, 'gone').overdue).toHaveLength(3);
    const { stdout } = await site.run('registry', 'plan');
    expect(stdout).toMatch(
      /overdue: 3 occurrences without a run from .*, decided by catch_up: all\n/,
    );
    expect(stdout).toMatch(/overdue: 3 .*, recorded as missed, since the task is gone\n/);
  });

  it('says that only the reconcile policy changes', async () => {
    const site = await open('postgres', { daily: {} });
    await site.run('registry', 'apply');
    const file = site.env['OPSLOOP_REGISTRY'] ?? '';
    writeFileSync(file, `reconcile: warn\n${readFileSync(file, 'utf8')}`);
    const { code, stdout } = await site.run('registry', 'plan');
    expect(code).toBe(2);
    expect(stdout).toContain('reconcile becomes warn: opsloop registry apply');
    expect((await site.run('registry', 'apply')).stdout).toContain('applied: reconcile is warn\n');
    expect((await plan(site)).code).toBe(0);
  });

  it('refuses an invalid file with its places, and changes nothing', async () => {
    const site = await open('postgres', { daily: {} });
    await site.run('registry', 'apply');
    site.declare({ daily: { cron: '61 9 * * *' } });
    for (const command of ['plan', 'apply']) {
      const { code, stderr, stdout } = await site.run('registry', command);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/registry\.yml:\d+:\d+/);
    }
    site.declare({ daily: {} });
    expect((await plan(site)).code).toBe(0);
  });

  it('writes a crontab that it then finds in sync, and names the line that was changed', async () => {
    const site = await open('postgres', { daily: {}, nightly: NIGHTLY, by_hand: { cron: null } });
    const file = path.join(site.directory, 'opsloop.crontab');
    const { code, stdout } = await site.run('registry', 'cron', '--command', '/usr/bin/opsloop');
    expect(code).toBe(0);
    expect(stdout).toContain('CRON_TZ=Europe/Berlin\n30 2 * * * /usr/bin/opsloop run nightly');
    writeFileSync(file, stdout);
    const check = ['registry', 'cron', '--command', '/usr/bin/opsloop', '--check', file];
    expect(await site.run(...check)).toMatchObject({ code: 0, stderr: '' });

    const lines = stdout.split('\n');
    const at = lines.findIndex((line) => line.includes('run nightly'));
    writeFileSync(
      file,
      stdout.replace('30 2 * * *', '45 2 * * *').replace(/^.*run daily.*\n/m, ''),
    );
    const changed = await site.run(...check);
    expect(changed.code).toBe(2);
    // The line of the daily task, which stood above, is gone.
    expect(changed.stdout).toContain(`${file}:${at}: changed nightly\n`);
    expect(changed.stdout).toContain('expected 30 2 * * * /usr/bin/opsloop run nightly');
    expect(changed.stdout).toContain('found    45 2 * * * /usr/bin/opsloop run nightly');
    expect(changed.stdout).toContain(`${file}: missing daily\n`);
    expect(changed.stdout).toMatch(/\n2 differences\n$/);
    const record = await site.json<CronCheck>(...check);
    expect(record.code).toBe(2);
    expect(record.body).toMatchObject({
      in_sync: false,
      differences: [
        { kind: 'missing', task_id: 'daily', line: null },
        { kind: 'changed', task_id: 'nightly', line: at },
      ],
    });

    const absent = await site.run('registry', 'cron', '--check', 'no-such-file');
    expect(absent.code).toBe(2);
    expect(absent.stderr).toContain('cannot read the crontab no-such-file');
  });
});
