import { expect, it } from 'vitest';
import type { TaskId } from '#core/ids';
import { makeTask } from '#test/support/runner-world';
import { describeQueue } from './describe-queue.ts';

const described = (over: Parameters<typeof makeTask>[1]): string =>
  describeQueue({
    queueName: 'q',
    tasks: [makeTask('digest', { description: 'Counts.', ...over })],
  });

it('says in words when a task starts', () => {
  const schedule = { cron: '0 9 * * 1', timezone: 'Europe/Berlin' };
  expect(described({ schedule })).toBe('Counts. · At 09:00, only on Monday (Europe/Berlin)');
  expect(described({ schedule, enabled: false })).toBe('Counts. · Disabled');
  expect(described({ after: ['risk', 'cost'] as TaskId[] })).toBe('Counts. · After risk and cost');
  expect(described({})).toBe('Counts. · On request');
});
