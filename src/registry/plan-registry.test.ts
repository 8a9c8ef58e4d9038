import { describe, expect, it } from 'vitest';
import type { TaskId } from '#core/ids';
import { makeTask } from '#test/support/runner-world';
import { type Declaration, describeChanges, digestOf, registryDigest } from './declaration.ts';
import { compareSchedules, type LiveSchedule, planRegistry } from './plan-registry.ts';
import type { TaskDefinition } from './task.ts';

const schedule = { cron: '0 9 * * *', timezone: 'UTC' };

const declare = (id: string, over: Partial<TaskDefinition> = {}): Declaration => {
  const { position: _position, ...task } = makeTask(id, { schedule, ...over });
  return {
    task,
    queueName: id,
    expects: task.schedule,
    calendars: [],
    start: { inputs: { n: 1 }, inputsHash: 'hash' },
  };
};

const live = (id: string, over: Partial<LiveSchedule> = {}): LiveSchedule => ({
  queueName: id,
  schedulerId: id,
  cron: schedule.cron,
  everyMs: null,
  timezone: schedule.timezone,
  jobName: id,
  attempts: 3,
  data: {},
  hasNextJob: true,
  ...over,
});

describe('schedules of the engine', () => {
  it('are right when each declared one is there as it was declared, and no other', () => {
    const declarations = [
      declare('a'),
      declare('off', { enabled: false }),
      declare('on_request', { schedule: null }),
    ];
    expect(compareSchedules(declarations, [live('a')])).toEqual([]);
  });

  it.each<[string, Partial<LiveSchedule>, string, RegExp]>([
    ['another cron line', { cron: '0 10 * * *' }, 'edited', /cron is 0 10 \* \* \* instead of/],
    ['another zone', { timezone: 'Europe/Berlin' }, 'edited', /zone is Europe\/Berlin/],
    ['no zone', { timezone: null }, 'edited', /zone is none/],
    ['an interval', { everyMs: 1000, cron: null }, 'edited', /every 1000 ms/],
    ['another job name', { jobName: 'b' }, 'edited', /job name is b/],
    ['other attempts', { attempts: 1 }, 'edited', /attempts is 1/],
    ['job data', { data: { n: 2 } }, 'edited', /data of its own/],
    ['no job for the next slot', { hasNextJob: false }, 'broken', /never fire/],
  ])('with %s have drifted', (_what, over, kind, detail) => {
    const [difference] = compareSchedules([declare('a')], [live('a', over)]);
    expect(difference).toMatchObject({ kind, schedulerId: 'a' });
    expect(difference?.detail).toMatch(detail);
  });

  it('that nothing declares are ghosts, also those of disabled tasks and of queues left behind', () => {
    const declarations = [declare('a'), declare('off', { enabled: false })];
    const differences = compareSchedules(declarations, [
      live('a'),
      live('a', { queueName: 'before' }),
      live('off'),
    ]);
    expect(differences.map(({ kind, queueName }) => [kind, queueName])).toEqual([
      ['ghost', 'before'],
      ['ghost', 'off'],
    ]);
  });
});

describe('a plan', () => {
  const byId = (...declarations: readonly Declaration[]) =>
    new Map(declarations.map((each) => [String(each.task.id), each]));

  it('is empty when file, ledger and engine agree', () => {
    const all = byId(declare('a'));
    expect(planRegistry({ declared: all, applied: all, live: [live('a')] })).toEqual([]);
  });

  it('names what is added, changed, gone and drifted', () => {
    const items = planRegistry({
      declared: byId(
        declare('new'),
        declare('changed', { timeoutMs: 1000 }),
        declare('edited'),
        declare('lost'),
      ),
      applied: byId(declare('changed'), declare('edited'), declare('lost'), declare('gone')),
      live: [
        live('changed'),
        live('edited', { cron: '1 1 1 1 1' }),
        live('gone'),
        live('stranger'),
      ],
    });
    expect(items.map(({ kind, taskId, detail }) => `${kind} ${taskId}: ${detail}`)).toEqual([
      'added new: new in the registry',
      'changed changed: changed: timeout',
      'ghost gone: in force, but no longer in the registry',
      'drifted edited: cron is 1 1 1 1 1 instead of 0 9 * * *',
      'drifted lost: its scheduler is gone',
      'ghost stranger: a scheduler in queue stranger that nothing declares; the registry has no such task',
    ]);
  });
});

describe('a declaration', () => {
  it('changes by each of its fields, in the words of the file', () => {
    const before = declare('a');
    const after: Declaration = {
      ...declare('a', { catchUp: 'all', after: ['b' as TaskId] }),
      queueName: 'shared',
    };
    expect(describeChanges(before, after)).toEqual([
      { field: 'after', from: [], to: ['b'] },
      { field: 'catch_up', from: 'latest', to: 'all' },
      { field: 'queue', from: 'a', to: 'shared' },
    ]);
    expect(digestOf(before)).not.toBe(digestOf(after));
  });

  it('gives a registry the same digest in whatever order it stands', () => {
    const [a, b] = [declare('a'), declare('b')];
    expect(registryDigest([a, b], 'enforce')).toBe(registryDigest([b, a], 'enforce'));
    expect(registryDigest([a, b], 'enforce')).not.toBe(registryDigest([a, b], 'warn'));
  });
});
