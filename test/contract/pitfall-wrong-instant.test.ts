import { expect, it } from 'vitest';
import {
  type BareWorld,
  describeBareBullmq,
  nextSlotOf,
  outputOf,
  promoteNext,
} from './bare-bullmq.ts';
import { until } from './queue-world.ts';

const NEW_YORK = 'America/New_York';

/** The first slots of a schedule from `startDate` on, by running one after the other. */
const walk = async (
  world: BareWorld,
  schedule: { readonly pattern: string; readonly tz: string; readonly startDate: string },
  count: number,
): Promise<readonly string[]> => {
  await world.queue.upsertJobScheduler('task', schedule);
  const worker = await world.work(async () => undefined);
  const slots: number[] = [];
  for (let at = 1; at < count; at += 1) {
    slots.push(await promoteNext(world));
    await until(async () => (await nextSlotOf(world)) !== slots.at(-1));
  }
  slots.push(await nextSlotOf(world));
  await worker.close();
  return slots.map((slot) => new Date(slot).toISOString().replace(':00.000Z', 'Z'));
};

// The clocks of New York change on 8 March and 1 November 2037, as they did in 2026.
const CHANGES = [
  {
    symptom: 'a 02:30 job runs at 03:30 in the gap',
    pattern: '30 2 * * *',
    startDate: '2037-03-07T12:00Z',
    slots: ['2037-03-08T07:30Z', '2037-03-09T06:30Z'],
  },
  {
    symptom: 'every second hour is 00:00, 03:00 and 04:00 around the gap',
    pattern: '0 */2 * * *',
    startDate: '2037-03-08T04:30Z',
    slots: ['2037-03-08T05:00Z', '2037-03-08T07:00Z', '2037-03-08T08:00Z'],
  },
  {
    symptom: 'an hourly job runs in both of the repeated hours',
    pattern: '0 * * * *',
    startDate: '2037-11-01T04:30Z',
    slots: ['2037-11-01T05:00Z', '2037-11-01T06:00Z', '2037-11-01T07:00Z'],
  },
  {
    symptom: 'a job of every 20 minutes runs in both of the repeated hours',
    pattern: '*/20 * * * *',
    startDate: '2037-11-01T05:30Z',
    slots: ['2037-11-01T05:40Z', '2037-11-01T06:00Z', '2037-11-01T06:20Z'],
  },
  {
    symptom: 'a daily 01:30 job runs once in the repeated hour',
    pattern: '30 1 * * *',
    startDate: '2037-10-31T12:00Z',
    slots: ['2037-11-01T05:30Z', '2037-11-02T06:30Z'],
  },
] as const;

describeBareBullmq('slots at an instant that nobody meant', (inWorld) => {
  it.concurrent(
    'row 11: a schedule without a zone goes by that of the process',
    inWorld(async (world) => {
      const child = world.startChild(
        'schedule',
        { pattern: '0 9 * * *' },
        { TZ: 'America/Los_Angeles' },
      );
      const [, jobId = ''] = (await outputOf(child)).split(' ');
      const slot = await nextSlotOf(world);
      expect(jobId).toBe(`repeat:task:${slot}`);
      expect(new Date(slot).getUTCHours()).not.toBe(9);
      const inZone = new Intl.DateTimeFormat('en-GB', {
        timeZone: 'America/Los_Angeles',
        timeStyle: 'short',
      });
      expect(inZone.format(slot)).toBe('09:00');
      // Nothing tells afterwards which zone was meant.
      expect(await world.queue.getJobScheduler('task')).not.toHaveProperty('tz');
    }),
  );

  it.concurrent(
    'row 11: a zone or a line that nobody knows fails the write',
    inWorld(async (world) => {
      for (const repeat of [
        { pattern: '0 9 * * *', tz: 'Mars/Olympus' },
        { pattern: '0 0 31 2 *', tz: 'UTC' },
        { pattern: 'every morning', tz: 'UTC' },
      ])
        await expect(world.queue.upsertJobScheduler('task', repeat)).rejects.toThrow();
      expect(await world.queue.getJobSchedulers()).toEqual([]);
    }),
  );

  for (const { symptom, slots, ...schedule } of CHANGES)
    it.concurrent(
      `row 13: ${symptom}`,
      inWorld(async (world) => {
        expect(await walk(world, { ...schedule, tz: NEW_YORK }, slots.length)).toEqual(slots);
      }),
    );

  it.concurrent(
    'row 13: written inside the repeated hour, a daily job gets a second slot of that day',
    inWorld(async (world) => {
      const schedule = { pattern: '30 1 * * *', tz: NEW_YORK, startDate: '2037-11-01T06:00Z' };
      expect(await walk(world, schedule, 2)).toEqual(['2037-11-01T06:30Z', '2037-11-02T06:30Z']);
    }),
  );

  it.concurrent(
    'row 13: in a gap of half an hour a slot is left out',
    inWorld(async (world) => {
      const schedule = { pattern: '15 2 * * *', tz: 'Australia/Lord_Howe' };
      // The clock goes from 02:00 to 02:30 on 4 October 2037, at 15:30Z the day before.
      const slots = await walk(world, { ...schedule, startDate: '2037-10-02T12:00Z' }, 2);
      expect(slots).toEqual(['2037-10-02T15:45Z', '2037-10-04T15:15Z']);
    }),
  );
});
