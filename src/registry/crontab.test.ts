import { CronExpressionParser } from 'cron-parser';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lintCron } from './cron-lint.ts';
import { type CrontabDifference, checkCrontab, renderCrontab } from './crontab.ts';
import { parseRegistry } from './parse-registry.ts';
import type { Registry } from './task.ts';

const task = (id: string, more: string, title = `The ${id}`): string => `  ${id}:
    title: "${title}"
    description: Sums up the day.
    job: ${id.replaceAll('_', '-')}
    owner: platform
    permissions: { start: [tools.jobs.start], read: [tools.jobs.read] }
${more}`;

const scheduled = (cron: string, timezone = 'UTC'): string =>
  `    schedule: { cron: "${cron}", timezone: ${timezone} }\n`;

const registryOf = (...tasks: readonly string[]): Registry =>
  parseRegistry({ file: 'tasks.yml', text: `version: 1\ntasks:\n${tasks.join('')}` });

const OPSLOOP = { command: 'opsloop' };

const bodyOf = (registry: Registry, options = OPSLOOP): readonly string[] => {
  const lines = renderCrontab(registry, options).split('\n');
  return lines.slice(lines.indexOf(''));
};

describe('renderCrontab', () => {
  it('says how it was made and who honours CRON_TZ', () => {
    const text = renderCrontab(registryOf(task('nightly', scheduled('0 2 * * *'))), OPSLOOP);
    expect(text).toMatch(/^# The tasks of tasks\.yml .*`opsloop registry cron`/);
    expect(text).toMatch(/^# .*cronie honours it\. Debian's cron does not/m);
    expect(text).not.toMatch(/blackout/i);
    expect(text.endsWith('\n')).toBe(true);
  });

  it('says that calendars do not hold the lines back, where there are any', () => {
    const text = `version: 1
blackouts: { weekend: { windows: [{ cron: "0 22 * * 5", duration: 8h }] } }
tasks:
${task('nightly', `${scheduled('0 2 * * *')}    blackouts: [weekend]\n`)}`;
    expect(renderCrontab(parseRegistry({ file: 'tasks.yml', text }), OPSLOOP)).toContain(
      '# Blackout calendars hold back the daemon alone, not these lines.\n',
    );
  });

  it('groups the lines by zone, UTC first', () => {
    const registry = registryOf(
      task('tokyo', scheduled('0 9 * * *', 'Asia/Tokyo')),
      task('nightly', scheduled('30 3 * * *')),
      task('berlin', scheduled('0 9 * * 1-5', 'Europe/Berlin')),
      task('hourly', scheduled('0 * * * *')),
    );
    expect(bodyOf(registry, { command: '/usr/bin/opsloop ' })).toEqual([
      '',
      'CRON_TZ=UTC',
      '30 3 * * * /usr/bin/opsloop run nightly  # The nightly',
      '0 * * * * /usr/bin/opsloop run hourly  # The hourly',
      '',
      'CRON_TZ=Asia/Tokyo',
      '0 9 * * * /usr/bin/opsloop run tokyo  # The tokyo',
      '',
      'CRON_TZ=Europe/Berlin',
      '0 9 * * 1-5 /usr/bin/opsloop run berlin  # The berlin',
      '',
    ]);
  });

  it('says of each task without a line why it has none', () => {
    const registry = registryOf(
      task('beat', '    schedule: { cron: "*/10 * * * * *", seconds: true }\n'),
      task('draft', ''),
      task('summary', '    after: [nightly]\n'),
      task('nightly', scheduled('30 3 * * *')),
      task('resting', `${scheduled('0 9 * * *', 'Asia/Tokyo')}    enabled: false\n`),
    );
    expect(bodyOf(registry)).toEqual([
      '',
      'CRON_TZ=UTC',
      '30 3 * * * opsloop run nightly  # The nightly',
      '',
      '# Without a line here:',
      '# beat runs by seconds, which a crontab cannot say: */10 * * * * *',
      '# draft runs on request only',
      '# summary is started by what it comes after: nightly',
      '# resting is not enabled: 0 9 * * * opsloop run resting (Asia/Tokyo)',
      '',
    ]);
  });

  it('escapes percent signs, which cron takes for line breaks', () => {
    const registry = registryOf(task('nightly', scheduled('0 2 * * *'), '90 % of it, \\\\% too'));
    expect(bodyOf(registry, { command: 'LOG=$(date +%F).log opsloop' })[2]).toBe(
      '0 2 * * * LOG=$(date +\\%F).log opsloop run nightly  # 90 \\% of it, \\% too',
    );
  });

  it('refuses a command of several lines', () => {
    const registry = registryOf(task('nightly', scheduled('0 2 * * *')));
    expect(() => renderCrontab(registry, { command: 'opsloop\nreboot' })).toThrow(
      'the command of a crontab must be one line',
    );
  });

  // A day field that begins with * makes cron want both days, where we take either.
  it.each([
    ['0 0 */2 * 1', '0 0 1-31/2 * 1'],
    ['0 0 1 * */2', '0 0 1 * 0-6/2'],
    ['0 0 */10 * */3', '0 0 1-31/10 * 0-6/3'],
    ['0 0 */2 * *', '0 0 */2 * *'],
    ['0 0 * * */2', '0 0 * * */2'],
    ['*/5 */2 13 */3 5', '*/5 */2 13 */3 5'],
  ])('writes %s as %s', (cron, expected) => {
    const [, , line = ''] = bodyOf(registryOf(task('nightly', scheduled(cron))));
    expect(line.startsWith(`${expected} opsloop run nightly`)).toBe(true);
  });
});

const differences = (
  registry: Registry,
  text: string,
  options = OPSLOOP,
): readonly CrontabDifference[] => checkCrontab(registry, text, options);

describe('checkCrontab', () => {
  const registry = registryOf(
    task('nightly', scheduled('30 3 * * *')),
    task('berlin', scheduled('0 9 * * 1-5', 'Europe/Berlin')),
    task('resting', `${scheduled('0 4 * * *')}    enabled: false\n`),
  );

  it('finds nothing in what was rendered', () => {
    expect(differences(registry, renderCrontab(registry, OPSLOOP))).toEqual([]);
  });

  it('lets order, spaces, comments, line ends and what is not ours pass', () => {
    const text = [
      'MAILTO=ops@example.org',
      ' CRON_TZ = "Europe/Berlin" ',
      '0\t9 *  * mon-fri   opsloop  run   berlin\t# by hand',
      '5 4 * * * /usr/local/bin/backup run nightly',
      '0 1 * * * certbot renew -q',
      '# 30 4 * * * opsloop run nightly',
      'CRON_TZ=Etc/UTC',
      '30 3 * * * opsloop run nightly',
      '@reboot opsloop start',
    ].join('\r\n');
    expect(differences(registry, text)).toEqual([]);
  });

  it('names what is missing, with its zone', () => {
    expect(differences(registry, '# nothing yet\n')).toEqual([
      {
        kind: 'missing',
        task: 'nightly',
        line: null,
        expected: '30 3 * * * opsloop run nightly (CRON_TZ=UTC)',
        found: null,
      },
      {
        kind: 'missing',
        task: 'berlin',
        line: null,
        expected: '0 9 * * 1-5 opsloop run berlin (CRON_TZ=Europe/Berlin)',
        found: null,
      },
    ]);
  });

  it('names what is changed: the times, the command, the zone', () => {
    const text = [
      '30 4 * * * opsloop run nightly --dry-run # by hand',
      'CRON_TZ=Europe/Paris',
      '0 9 * * 1-5 opsloop run berlin',
    ].join('\n');
    expect(differences(registry, text)).toEqual([
      {
        kind: 'changed',
        task: 'nightly',
        line: 1,
        expected: '30 3 * * * opsloop run nightly (CRON_TZ=UTC)',
        found: '30 4 * * * opsloop run nightly --dry-run (no CRON_TZ)',
      },
      {
        kind: 'changed',
        task: 'berlin',
        line: 3,
        expected: '0 9 * * 1-5 opsloop run berlin (CRON_TZ=Europe/Berlin)',
        found: '0 9 * * 1-5 opsloop run berlin (CRON_TZ=Europe/Paris)',
      },
    ]);
  });

  it('names what is extra: a second line, a task without one, a task that is gone', () => {
    const text = [
      '30 4 * * * opsloop run nightly',
      '30 3 * * * opsloop run nightly',
      '0 4 * * * opsloop run resting',
      '@daily opsloop run gone',
      'CRON_TZ=Europe/Berlin',
      '0 9 * * 1-5 opsloop run berlin',
    ].join('\n');
    expect(
      differences(registry, text).map(({ kind, task: id, line }) => `${kind} ${id} ${line}`),
    ).toEqual(['extra nightly 1', 'extra resting 3', 'extra gone 4']);
  });

  it('sees the program under another path as a change, not as a stranger', () => {
    const text = '30 3 * * * root cd /srv && /opt/opsloop/bin/opsloop.mjs run nightly\n';
    expect(differences(registry, text)[0]).toMatchObject({
      kind: 'changed',
      found: '30 3 * * * root cd /srv && /opt/opsloop/bin/opsloop.mjs run nightly (no CRON_TZ)',
    });
    expect(
      differences(registry, text, { command: 'root cd /srv && /opt/opsloop/bin/opsloop.mjs' }).map(
        ({ kind, task: id }) => `${kind} ${id}`,
      ),
    ).toEqual(['missing berlin']);
  });

  it.each([
    ['without a zone, the host is taken to be on UTC', '', 'nightly'],
    ['TZ counts where CRON_TZ is not set', 'TZ=Europe/Berlin', 'berlin'],
    ['CRON_TZ counts before TZ', 'TZ=Europe/Berlin\nCRON_TZ=UTC', 'nightly'],
    ['an empty CRON_TZ sets none', 'CRON_TZ=Europe/Berlin\nCRON_TZ=\nTZ=UTC', 'nightly'],
    ['a zone may have a colon and quotes', "CRON_TZ=':Europe/Berlin'", 'berlin'],
  ])('%s', (_name, head, right) => {
    const text = `${head}\n30 3 * * * opsloop run nightly\n0 9 * * 1-5 opsloop run berlin\n`;
    const changed = differences(registry, text).map(({ task: id }) => id);
    expect(changed).toEqual(['nightly', 'berlin'].filter((id) => id !== right));
  });

  it.each([
    ['0 0 * * *', '@daily', true],
    ['0 0 * * 0', '0 0 * * sun', true],
    ['0 0 * * 0', '0 0 * * 7', true],
    ['*/30 0 * * *', '0,30 0 * * *', true],
    ['0 0 * * *', '@reboot', false],
    ['0 0 */2 * 1', '0 0 */2 * 1', false],
    ['0 0 * * 1', '0 0 1-31 * 1', false],
  ])('takes %s for %s: %s', (cron, deployed, isTaken) => {
    const found = differences(
      registryOf(task('nightly', scheduled(cron))),
      `${deployed} opsloop run nightly\n`,
    );
    expect(found.map(({ kind }) => kind)).toEqual(isTaken ? [] : ['changed']);
  });
});

const field = (min: number, max: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constant('*'),
    fc.integer({ min, max }).map(String),
    fc.integer({ min: 2, max: Math.max(2, Math.floor(max / 2)) }).map((step) => `*/${step}`),
    fc
      .uniqueArray(fc.integer({ min, max }), { minLength: 2, maxLength: 4 })
      .map((values) => values.join(',')),
  );

const registries = fc
  .array(
    fc.record({
      fields: fc.tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)),
      timezone: fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kolkata'),
      isEnabled: fc.boolean(),
      title: fc.constantFrom('Plain', '50 % of it', 'a # in it'),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((tasks) =>
    registryOf(
      ...tasks.map(({ fields, timezone, isEnabled, title }, index) =>
        task(
          `task_${index}`,
          `${scheduled(fields.join(' '), timezone)}    enabled: ${isEnabled}\n`,
          title,
        ),
      ),
    ),
  );

describe('what is rendered', () => {
  it('holds each enabled task once, at its own times in its own zone', () => {
    fc.assert(
      fc.property(registries, (registry) => {
        let zone = '';
        const found = new Map<string, { zone: string; cron: string }>();
        for (const line of renderCrontab(registry, OPSLOOP).split('\n')) {
          if (line === '' || line.startsWith('#')) continue;
          const [, name] = /^CRON_TZ=(\S+)$/.exec(line) ?? [];
          if (name !== undefined) {
            zone = name;
            continue;
          }
          const [, cron = '', id = ''] =
            /^((?:\S+ ){4}\S+) opsloop run (\w+) {2}# (?:[^%]|\\%)+$/.exec(line) ?? [];
          expect(found.has(id)).toBe(false);
          found.set(id, { zone, cron });
        }
        const enabled = [...registry.tasks.values()].filter((each) => each.enabled);
        expect([...found.keys()].sort()).toEqual(enabled.map(({ id }) => id).sort());
        for (const { id, schedule } of enabled) {
          const line = found.get(id);
          expect(line?.zone).toBe(schedule?.timezone);
          const [ours, theirs] = [schedule?.cron ?? '', line?.cron ?? ''].map((cron) => {
            expect(lintCron(cron).faults).toEqual([]);
            const { minute, hour, dayOfMonth, month, dayOfWeek } =
              CronExpressionParser.parse(cron).fields;
            const values = [minute, hour, dayOfMonth, month, dayOfWeek].map((each) => each.values);
            return [...values, dayOfMonth.isWildcard, dayOfWeek.isWildcard];
          });
          expect(theirs).toEqual(ours);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('is found in sync, and out of sync once a line is gone', () => {
    fc.assert(
      fc.property(registries, fc.nat(), (registry, pick) => {
        const text = renderCrontab(registry, OPSLOOP);
        expect(differences(registry, text)).toEqual([]);
        const lines = text.split('\n');
        const jobs = lines.filter((line) => /^[^#]*opsloop run/.test(line));
        fc.pre(jobs.length > 0);
        const gone = jobs[pick % jobs.length];
        const rest = lines.filter((line) => line !== gone).join('\n');
        expect(differences(registry, rest).map(({ kind }) => kind)).toEqual(['missing']);
      }),
      { numRuns: 100 },
    );
  });
});
