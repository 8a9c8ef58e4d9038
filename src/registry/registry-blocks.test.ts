import { describe, expect, it } from 'vitest';
import type { TaskId } from '#core/ids';
import { followedSchedules } from './followed-schedule.ts';
import { parseRegistry } from './parse-registry.ts';
import type { BlackoutWindow, Registry, TaskDefinition } from './task.ts';

// The registry of the specification, word for word.
const EXAMPLE = `version: 1
defaults:                       # any task may override any of these
  timezone: UTC
  timeout: 5m
  attempts: 3
  backoff: { type: exponential, delay: 30s, jitter: 0.2 }
  overlap: skip                 # skip | queue | allow   (what a start does while a run of the task is active; caught-up runs always queue)
  catch_up: latest              # none | latest | all    (what happens to occurrences missed while nothing was running)
  catch_up_window: 24h          # older misses are recorded as missed, never run
  late_after: auto              # not started this long after scheduled_for: late alarm (auto: 10 min, at most half the interval)
  keep_runs: 90d
tasks:
  daily_cost_digest:
    title: Daily cost digest
    description: Calls, cost units, anomalies and top spenders of the last 24 hours.
    job: daily-cost-digest
    owner: finops
    schedule: { cron: "0 9 * * *" }
    permissions: { start: [tools.jobs.start, tools.cost.read], read: [tools.jobs.read] }
    inputs:                     # JSON Schema; defaults are applied, unknown keys refused
      type: object
      additionalProperties: false
      properties:
        window_hours: { type: integer, minimum: 1, maximum: 744, default: 24 }
    outputs:                    # placeholders in the task's zone; {scheduled_for:YYYY-WW} is the ISO year and week
      ["ops/reports/cost/{scheduled_for:yyyy-MM-dd}.json", "ops/reports/cost/{scheduled_for:yyyy-MM-dd}.md"]
    dry_run: true
    notify: { on: [failed, missed, late], to: [oncall] }
    enabled: true
`;

const task = (id: string, more = ''): string => `  ${id}:
    title: ${id}
    description: Sums up the day.
    job: ${id.replaceAll('_', '-')}
    owner: platform
    permissions: { start: [tools.jobs.start], read: [tools.jobs.read] }
${more}`;

const parse = (text: string): Registry => parseRegistry({ file: 'tasks.yml', text });

const parseTasks = (tasks: readonly string[], head = ''): Registry =>
  parse(`version: 1\n${head}tasks:\n${tasks.join('')}`);

const get = (registry: Registry, id: string): TaskDefinition => {
  const found = registry.tasks.get(id as TaskId);
  if (found === undefined) throw new Error(`${id} is missing`);
  return found;
};

describe('the example of the specification', () => {
  it('is accepted as it stands', () => {
    const registry = parse(EXAMPLE);
    expect(registry.reconcile).toBe('enforce');
    expect(registry.blackouts.size).toBe(0);
    expect(get(registry, 'daily_cost_digest')).toMatchObject({
      schedule: { cron: '0 9 * * *', timezone: 'UTC' },
      after: [],
      blackouts: [],
      notify: { on: ['failed', 'missed', 'late'], to: ['oncall'] },
      lateAfterMs: 'auto',
    });
  });
});

describe('after', () => {
  const WEEKLY = '    schedule: { cron: "0 6 * * 1", timezone: Europe/Berlin }\n';

  it('keeps the names in their order and leaves the schedule to the others', () => {
    const registry = parseTasks([
      task('risk', WEEKLY),
      task('cost', WEEKLY),
      task('summary', '    after: [risk, cost]\n'),
    ]);
    expect(get(registry, 'summary')).toMatchObject({ schedule: null, after: ['risk', 'cost'] });
  });

  it('follows the schedule through several tasks, in any order of the file', () => {
    const registry = parseTasks([
      task('last', '    after: [middle, first]\n'),
      task('middle', '    after: [first]\n'),
      task('first', WEEKLY),
      task('other'),
    ]);
    const weekly = { cron: '0 6 * * 1', timezone: 'Europe/Berlin' };
    expect([...followedSchedules(registry.tasks)]).toEqual([
      ['last', weekly],
      ['middle', weekly],
      ['first', weekly],
      ['other', null],
    ]);
  });

  it('takes two ways to write the same times for one schedule', () => {
    const registry = parseTasks([
      task('risk', '    schedule: { cron: "0,30 6 * * 1" }\n'),
      task('cost', '    schedule: { cron: "*/30 6 * * MON" }\n'),
      task('summary', '    after: [risk, cost]\n'),
    ]);
    expect(registry.tasks.size).toBe(3);
  });

  it('takes the zone of the schedule it follows over the default, for the days of its reports', () => {
    const outputs =
      '    outputs: ["ops/reports/s/{scheduled_for:YYYY-WW}.json", "ops/reports/s/{scheduled_for:YYYY-WW}.md"]\n';
    const registry = parseTasks(
      [task('risk', WEEKLY), task('summary', `    after: [risk]\n${outputs}`)],
      'defaults: { timezone: Asia/Tokyo }\n',
    );
    expect(get(registry, 'summary').timezone).toBe('Europe/Berlin');
  });

  it('answers no schedule for a circle, which only a registry made by hand has', () => {
    const waitingFor = (id: string) => ({ schedule: null, after: [id as TaskId] });
    const tasks = new Map([
      ['a', waitingFor('b')],
      ['b', waitingFor('a')],
      ['c', waitingFor('a')],
      ['d', waitingFor('gone')],
    ]);
    expect([...followedSchedules(tasks).values()]).toEqual([null, null, null, null]);
  });

  it('checks a chain of thousands and a hub of thousands', () => {
    const count = 1000;
    const chain = Array.from({ length: count }, (_, index) =>
      task(`c_${index}`, index === 0 ? WEEKLY : `    after: [c_${index - 1}]\n`),
    );
    const hub = Array.from({ length: count }, (_, index) =>
      task(`h_${index}`, '    after: [c_0]\n'),
    );
    const registry = parseTasks([...chain.reverse(), ...hub]);
    const followed = [...followedSchedules(registry.tasks).values()];
    expect(followed.filter((schedule) => schedule?.cron === '0 6 * * 1')).toHaveLength(2 * count);
  });
});

describe('a circle of many tasks', () => {
  it('is named by its ends', () => {
    const count = 500;
    const ring = Array.from({ length: count }, (_, index) =>
      task(`t_${index}`, `    after: [t_${(index + 1) % count}]\n`),
    );
    expect(() => parseTasks(ring)).toThrow(
      /^tasks\.yml:\d+:13 t_499: after\[0\] closes a circle: t_0 after t_1 after [^…]* after t_9 after … after t_499 after t_0; accepted/,
    );
  });
});

describe('blackouts', () => {
  const windowsOf = (windows: string): readonly BlackoutWindow[] | undefined =>
    parseTasks([task('nightly')], `blackouts:\n  freeze:\n    windows:\n${windows}`).blackouts.get(
      'freeze',
    )?.windows;

  it('are calendars of both kinds of windows', () => {
    const head = `blackouts:
  year_end:
    title: Year's end
    timezone: Europe/Berlin
    action: delay
    windows:
      - { from: "2026-12-24T00:00", to: "2027-01-02T00:00" }
      - { cron: "0  22 * * 5", duration: 8h }
`;
    expect(parseTasks([task('nightly')], head).blackouts.get('year_end')).toEqual({
      name: 'year_end',
      title: "Year's end",
      timezone: 'Europe/Berlin',
      action: 'delay',
      windows: [
        { kind: 'once', from: '2026-12-24T00:00', to: '2027-01-02T00:00' },
        { kind: 'recurring', cron: '0 22 * * 5', durationMs: 8 * 3_600_000 },
      ],
    });
  });

  it('skip in UTC under their own name unless they say otherwise', () => {
    const head = `defaults: { timezone: Europe/Berlin }
blackouts: { weekend: { windows: [{ cron: "0 0 * * 6", duration: 2d }] } }
`;
    expect(parseTasks([task('nightly')], head).blackouts.get('weekend')).toMatchObject({
      title: 'weekend',
      timezone: 'UTC',
      action: 'skip',
    });
  });

  // YAML 1.1 reads the unquoted ones as timestamps; 1.2, which this is, does not.
  it.each([
    '      - { from: 2026-12-24T00:00, to: 2027-01-02T00:00 }\n',
    '      - from: 2026-12-24T00:00\n        to: 2027-01-02T00:00\n',
    "      - { from: '2026-12-24T00:00', to: !!str 2027-01-02T00:00 }\n",
  ])('may have times without quotes: %j', (windows) => {
    expect(windowsOf(windows)).toEqual([
      { kind: 'once', from: '2026-12-24T00:00', to: '2027-01-02T00:00' },
    ]);
  });

  it.each(['1m', '31d'])('may last %s', (duration) => {
    expect(windowsOf(`      - { cron: "0 0 * * *", duration: ${duration} }\n`)).toHaveLength(1);
  });

  it('may begin on 29 February of a leap year', () => {
    const window = '      - { from: 2028-02-29T23:59, to: 2028-03-01T00:00 }\n';
    expect(windowsOf(window)).toHaveLength(1);
  });

  it('of a task replace those of the defaults, an empty list with none', () => {
    const head = `defaults: { blackouts: [weekend] }
blackouts:
  weekend: { windows: [{ cron: "0 0 * * 6", duration: 2d }] }
  nights: { windows: [{ cron: "0 22 * * *", duration: 8h }] }
`;
    const registry = parseTasks(
      [
        task('as_all'),
        task('as_said', '    blackouts: [nights]\n'),
        task('never', '    blackouts: []\n'),
      ],
      head,
    );
    expect([...registry.tasks.values()].map(({ blackouts }) => blackouts)).toEqual([
      ['weekend'],
      ['nights'],
      [],
    ]);
  });
});

describe('notify', () => {
  it('of a task replaces that of the defaults, empty lists with nobody', () => {
    const registry = parseTasks(
      [
        task('as_all'),
        task('as_said', '    notify: { on: [slow, recovered], to: [finops] }\n'),
        task('never', '    notify: { on: [], to: [] }\n'),
      ],
      'defaults: { notify: { on: [failed, missed, late], to: [oncall, team-2] } }\n',
    );
    expect([...registry.tasks.values()].map(({ notify }) => notify)).toEqual([
      { on: ['failed', 'missed', 'late'], to: ['oncall', 'team-2'] },
      { on: ['slow', 'recovered'], to: ['finops'] },
      null,
    ]);
  });
});

describe('reconcile', () => {
  it.each([
    ['', 'enforce'],
    ['reconcile: enforce\n', 'enforce'],
    ['reconcile: warn\n', 'warn'],
  ])('after %j is %s', (head, expected) => {
    expect(parseTasks([task('nightly')], head).reconcile).toBe(expected);
  });
});
