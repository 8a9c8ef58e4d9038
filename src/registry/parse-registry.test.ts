import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TaskId } from '#core/ids';
import { packageRoot } from '#core/package-root';
import { describeSchedule } from './describe-schedule.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { parseRegistry } from './parse-registry.ts';
import type { TaskDefinition } from './task.ts';

const MINIMAL = `  nightly_report:
    title: Nightly report
    description: Sums up the day.
    job: nightly-report
    owner: platform
    permissions: { start: [tools.jobs.start], read: [tools.jobs.read] }
`;

const taskOf = (options: { readonly head?: string; readonly more?: string }): TaskDefinition => {
  const { head = '', more = '' } = options;
  const text = `version: 1\n${head}tasks:\n${MINIMAL}${more}`;
  const task = parseRegistry({ file: 'tasks.yml', text }).tasks.get('nightly_report' as TaskId);
  if (task === undefined) throw new Error('the task is missing');
  return task;
};

describe('parseRegistry', () => {
  it('fills in what a task leaves out', () => {
    expect(taskOf({})).toEqual({
      id: 'nightly_report',
      title: 'Nightly report',
      description: 'Sums up the day.',
      job: 'nightly-report',
      owner: 'platform',
      group: 'platform',
      schedule: null,
      after: [],
      blackouts: [],
      notify: null,
      timezone: 'UTC',
      permissions: { start: ['tools.jobs.start'], read: ['tools.jobs.read'] },
      inputs: { type: 'object', additionalProperties: false, properties: {} },
      outputs: [],
      dryRun: true,
      destructive: false,
      isolate: false,
      enabled: true,
      timeoutMs: 300_000,
      attempts: 3,
      backoff: { type: 'exponential', delayMs: 30_000, jitter: 0.2 },
      overlap: 'skip',
      catchUp: 'latest',
      catchUpWindowMs: 86_400_000,
      lateAfterMs: 'auto',
      keepRunsMs: 90 * 86_400_000,
      maxCrashes: 2,
      queue: null,
      position: { line: 3, column: 3 },
    });
  });

  it("takes the file's defaults over the built-in ones and the task's own over both", () => {
    const head =
      'defaults:\n  timezone: Europe/Berlin\n  timeout: 1m\n  backoff: { delay: 5s, jitter: 0 }\n  late_after: 15m\n';
    const more =
      '    schedule: { cron: "0  2 * * *" }\n    timeout: 90s\n    backoff: { type: fixed }\n    late_after: auto\n';
    expect(taskOf({ head, more })).toMatchObject({
      timezone: 'Europe/Berlin',
      schedule: { cron: '0 2 * * *', timezone: 'Europe/Berlin' },
      timeoutMs: 90_000,
      backoff: { type: 'fixed', delayMs: 5000, jitter: 0 },
      lateAfterMs: 'auto',
    });
  });

  it('takes six fields where the schedule says seconds', () => {
    const more = '    schedule: { cron: " */10 0  2 * * *", seconds: true }\n';
    expect(taskOf({ more })).toMatchObject({
      schedule: { cron: '*/10 0 2 * * *', timezone: 'UTC' },
    });
    const five = '    schedule: { cron: "0 2 * * *", seconds: false }\n';
    expect(taskOf({ more: five })).toMatchObject({ schedule: { cron: '0 2 * * *' } });
  });

  it("takes the schedule's zone for the outputs too", () => {
    const more = '    schedule: { cron: "0 2 * * *", timezone: Asia/Tokyo }\n';
    expect(taskOf({ more })).toMatchObject({ timezone: 'Asia/Tokyo' });
  });

  it('lets tasks share a block by an anchor', () => {
    const more =
      '    inputs: &none { type: object, additionalProperties: false, properties: {} }\n';
    const text = `version: 1\ntasks:\n${MINIMAL}${more}${MINIMAL.replace('nightly_report', 'other')}    inputs: *none\n`;
    expect(parseRegistry({ file: 'tasks.yml', text }).tasks.size).toBe(2);
  });

  it('lets a required input of a task without a schedule go without a default', () => {
    const more =
      '    inputs:\n      type: object\n      additionalProperties: false\n      required: [service]\n      properties: { service: { type: string } }\n';
    expect(taskOf({ more }).inputs['required']).toEqual(['service']);
  });

  it.each([
    ['0 6 * * 1', 'YYYY-WW'],
    ['0 5 1 * *', 'yyyy-MM'],
    ['0 5 1 1 *', 'yyyy'],
    ['0 5 * * *', 'yyyy-MM-dd'],
    ['*/5 * * * *', 'yyyyMMddTHHmmssZ'],
    ['0,30 0 5 * * *', 'yyyyMMddTHHmmssZ'],
    ['30 0 5 * * *', 'yyyy-MM-dd'],
  ])('accepts reports of %s by {scheduled_for:%s}', (cron, format) => {
    const base = `ops/reports/nightly/{scheduled_for:${format}}`;
    const seconds = cron.split(' ').length === 6;
    const more = `    schedule: { cron: "${cron}", seconds: ${seconds} }\n    outputs: ["${base}.json", "${base}.md"]\n`;
    expect(taskOf({ more }).outputs).toHaveLength(2);
  });

  it('accepts the registry that comes with the package', () => {
    const text = readFileSync(path.join(packageRoot(), 'registry/task_registry.yml'), 'utf8');
    const { tasks } = parseRegistry({ file: 'registry/task_registry.yml', text });
    expect([...tasks.keys()]).toEqual(
      expect.arrayContaining(['audit_cleanup', 'daily_cost_digest']),
    );
    expect(tasks.get('daily_cost_digest' as TaskId)).toMatchObject({
      schedule: { cron: '0 9 * * *', timezone: 'UTC' },
      catchUp: 'all',
      catchUpWindowMs: 7 * 86_400_000,
    });
    expect(tasks.get('audit_cleanup' as TaskId)).toMatchObject({
      schedule: { cron: '30 3 * * *', timezone: 'UTC' },
      destructive: true,
      dryRun: true,
      outputs: [],
    });
  });

  it('reads the place of a fault as line and column of the file', () => {
    const text = `version: 1\ntasks:\n${MINIMAL}    schedule: { cron: "0 0 2 * * *" }\n`;
    expect(() => parseRegistry({ file: 'registry/task_registry.yml', text })).toThrow(
      'registry/task_registry.yml:9:23 nightly_report: schedule.cron has 6 fields; accepted: five (minute hour day-of-month month day-of-week)',
    );
  });

  it('lists every fault of thousands of tasks', () => {
    const count = 2000;
    const tasks = Array.from({ length: count }, (_, index) =>
      MINIMAL.replace('nightly_report', `task_${index}`).replace('owner:', 'ownr:'),
    );
    const text = `version: 1\ntasks:\n${tasks.join('')}`;
    expect(() => parseRegistry({ file: 'tasks.yml', text })).toThrow(
      expect.objectContaining({ violations: expect.objectContaining({ length: 2 * count }) }),
    );
  });
});

describe('durations', () => {
  it.each([
    ['1500ms', 1500],
    ['90s', 90_000],
    ['5m', 300_000],
    ['24h', 86_400_000],
    ['90d', 7_776_000_000],
  ])('%s is %d milliseconds', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
    expect(parseDuration(formatDuration(ms))).toBe(ms);
  });

  it.each(['', '5', '0s', '1.5h', '-5m', '5 m', '5M', '1w', '9999999999d'])(
    '%j is none',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );
});

describe('describeSchedule', () => {
  it('says a schedule in words with its zone', () => {
    expect(describeSchedule({ cron: '0 9 * * *', timezone: 'UTC' })).toBe('At 09:00 (UTC)');
    expect(describeSchedule({ cron: '30 14 * * 1', timezone: 'Europe/Berlin' })).toBe(
      'At 14:30, only on Monday (Europe/Berlin)',
    );
    expect(describeSchedule(null)).toBe('on request');
  });

  it('says the seconds of six fields', () => {
    const timezone = 'UTC';
    expect(describeSchedule({ cron: '*/10 * * * * *', timezone })).toBe('Every 10 seconds (UTC)');
    expect(describeSchedule({ cron: '0 30 2 * * *', timezone })).toBe('At 02:30 (UTC)');
  });
});
