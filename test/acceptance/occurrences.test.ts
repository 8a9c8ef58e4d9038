import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { toAlarmRecord } from '#runner/alarm-record';
import type { toOccurrenceRecord } from '#runner/occurrence-record';
import type { toTaskDetailRecord, toTaskListRecord } from '#runner/task-record';
import { type CommandSite, openCommandSite } from '../support/command-site.ts';
import { eventually } from '../support/runner-world.ts';

interface OccurrenceList {
  readonly occurrences: readonly ReturnType<typeof toOccurrenceRecord>[];
  readonly tally: Readonly<Record<string, number>>;
}

interface AlarmList {
  readonly open: number;
  readonly alarms: readonly ReturnType<typeof toAlarmRecord>[];
}

const DAYS_AWAY = 3;

/** Half a day from now, so that none falls due while a test looks. */
const HOUR = (new Date().getUTCHours() + 12) % 24;
const CRON = `0 ${HOUR} * * *`;
const CLOCK = String(HOUR).padStart(2, '0');

describe('after days in which nothing was running', { timeout: 120_000 }, () => {
  let site: CommandSite;

  const query = <Row extends object>(sql: string, values: readonly unknown[] = []) =>
    site.ledger?.database.query<Row>(sql, values) ?? Promise.resolve([]);

  beforeEach(async () => {
    site = await openCommandSite('postgres');
    site.declare({
      caught: { cron: CRON, more: ['catch_up: all', 'catch_up_window: 7d'] },
      dropped: { cron: CRON, more: ['catch_up: none', 'catch_up_window: 7d'] },
      resting: { cron: CRON, more: ['enabled: false'] },
    });
    await site.run('registry', 'apply');
    await query(
      `UPDATE task_declarations SET valid_from = valid_from - interval '5 days',
         next_at = next_at - interval '${DAYS_AWAY} days'`,
    );
  });
  afterEach(() => site.close());

  const settle = async (): Promise<void> => {
    await site.start();
    await eventually(async () => {
      const rows = await query(
        `SELECT 1 FROM occurrences WHERE task_id = 'caught' AND state = 'caught_up'`,
      );
      return rows.length === DAYS_AWAY;
    });
    // What was late is caught up, and no alarm any more.
    await eventually(async () => {
      const open = await query<{ kind: string }>(
        'SELECT kind FROM task_alarms WHERE cleared_at IS NULL',
      );
      return open.length === 1 && open[0]?.kind === 'missed';
    });
  };

  it('lists every occurrence with its end, and the alarms that it raised', async () => {
    await settle();
    const range = ['--from', new Date(Date.now() - 10 * 86_400_000).toISOString()];
    const all = await site.json<OccurrenceList>('occurrences', ...range);
    expect(all.code).toBe(0);
    expect(all.body.tally).toEqual({ caught_up: DAYS_AWAY, missed: DAYS_AWAY, skipped: DAYS_AWAY });
    const [newest] = all.body.occurrences.filter(({ task_id }) => task_id === 'caught');
    expect(newest).toMatchObject({
      state: 'caught_up',
      reason: null,
      run_id: expect.stringMatching(/^run_/),
      scheduled_for: expect.stringMatching(`T${CLOCK}:00:00.000Z$`),
      due_at: newest?.scheduled_for,
      late_at: expect.stringMatching(`T${CLOCK}:10:00.000Z$`),
    });
    const instants = all.body.occurrences.map(({ scheduled_for }) => scheduled_for);
    expect(instants).toEqual([...instants].sort().reverse());

    const missed = await site.run('occurrences', ...range, '--task', 'dropped');
    expect(missed.code).toBe(0);
    expect(missed.stdout.match(/^dropped .* missed\(catch_up\) .*/gm)).toHaveLength(DAYS_AWAY);
    expect(missed.stdout).toContain(`\n${DAYS_AWAY} occurrences: ${DAYS_AWAY} missed, from `);
    const skipped = await site.run('occurrences', ...range, '--state', 'skipped');
    expect(skipped.stdout.match(/^resting .* skipped\(disabled\)/gm)).toHaveLength(DAYS_AWAY);
    expect(skipped.stdout).not.toMatch(/missed|caught_up/);
    const one = await site.run('occurrences', ...range, '--limit', '1');
    expect(one.stdout).toContain('\n1 occurrence: ');
    expect(one.stderr).toContain('the newest 1; --limit');
    // By default the last 24 hours.
    const day = await site.json<OccurrenceList>('occurrences', '--task', 'caught');
    expect(day.body.occurrences).toHaveLength(1);

    const alarms = await site.json<AlarmList>('alarms');
    expect(alarms.code).toBe(0);
    expect(alarms.body).toMatchObject({
      open: 1,
      alarms: [{ task_id: 'dropped', kind: 'missed', count: DAYS_AWAY, cleared_at: null }],
    });
    const text = await site.run('alarms', '--exit-code');
    expect(text.code).toBe(1);
    expect(text.stdout).toMatch(/^missed +dropped .* 3 occurrences missed, the last of /m);

    const tasks = await site.run('tasks');
    expect(tasks.stdout).toMatch(/^dropped +0 \d+ \* \* \* +missed /m);
    expect(tasks.stdout).toMatch(/^resting +0 \d+ \* \* \* +disabled /m);
    expect(tasks.stdout).toMatch(/^caught +0 \d+ \* \* \* +active /m);
    const shown = await site.run('tasks', 'show', 'dropped');
    expect(shown.stdout).toMatch(/^missed +dropped /m);

    await query('UPDATE task_alarms SET cleared_at = now()');
    expect(await site.run('alarms', '--exit-code')).toMatchObject({
      code: 0,
      stdout: 'no alarm is open\n',
    });
    const passed = await site.run('alarms', '--all');
    expect(passed.stdout).toMatch(/^alarm +task +since +last +times +cleared +message\n/);
    expect(passed.stdout).toMatch(/^missed +dropped /m);
  });

  it('shows what is late and has no run yet', async () => {
    await query(
      `INSERT INTO occurrences (task_id, scheduled_for, due_at, late_at)
       VALUES ('caught', now() - interval '2 hours', now() - interval '2 hours', now() - interval '1 hour'),
              ('dropped', now() - interval '3 hours', NULL, NULL)`,
    );
    const { stdout } = await site.run('occurrences');
    expect(stdout).toMatch(/^caught .* open +- +late since 20/m);
    expect(stdout).toMatch(/^dropped .* open +- +after others/m);
    expect(stdout).toContain('\n2 occurrences: 2 open, from ');
  });

  it('compares how often a task starts with how often it should', async () => {
    const minutes = [60, 50, 40, 30, 20, 10];
    for (const [index, minute] of minutes.entries()) {
      await query(
        `WITH slot AS (SELECT now() - make_interval(mins => $2) AS at),
         run AS (
           INSERT INTO task_runs (id, task_id, occurrence_at, trigger, actor, scheduled_for, inputs,
             inputs_hash, dry_run, state, started_at, finished_at)
           SELECT $1, 'caught', at, 'schedule', 'scheduler', at, '{}', '', false, 'succeeded',
             at + interval '3 seconds', at + interval '8 seconds' FROM slot)
         INSERT INTO occurrences (task_id, scheduled_for, state, run_id, closed_at)
         SELECT 'caught', at, 'ran', $1, now() FROM slot`,
        [`run_${index}`, minute],
      );
    }
    const { body } = await site.json<ReturnType<typeof toTaskDetailRecord>>(
      'tasks',
      'show',
      'caught',
    );
    expect(body).toMatchObject({
      task_id: 'caught',
      after: [],
      blackouts: [],
      alarms: [],
      cadence: { starts: 6, run_ms: { p50: 5_000, p95: 5_000 } },
    });
    const { stdout } = await site.run('tasks', 'show', 'caught');
    expect(stdout).toMatch(
      /^cadence: every (9 min 5|10 min 0).*, configured every .* \(last 6 starts\)$/m,
    );
    expect(stdout).toMatch(/^ {2}waits p50 3\.0 s, p95 3\.0 s; runs p50 5\.0 s, p95 5\.0 s$/m);
    const list = await site.json<ReturnType<typeof toTaskListRecord>>('tasks');
    expect(list.body.tasks.map(({ open_alarms }) => open_alarms)).toEqual([[], [], []]);
  });
});
