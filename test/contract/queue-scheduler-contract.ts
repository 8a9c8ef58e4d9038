import { expect } from 'vitest';
import type { Delivery, QueueJobState } from '#queue/queue-port';
import { slotJobId } from '#queue/scheduled-slot';
import {
  COMPLETE,
  type ContractCheck,
  chainOf,
  onlyScheduler,
  promote,
  refOf,
  schedulerFor,
  scripted,
  stateOf,
  until,
} from './queue-world.ts';

const EVERY_SECOND = { schedulerId: 'every_second', cron: '* * * * * *' };

/** Instants that no arithmetic on the cron line would give. */
const ODD_SLOTS = [15, 16, 20].map((day) => new Date(Date.UTC(2091, 9, day, 3, 45, 0, day)));

/** Schedulers: the clock, and what the supervisor reads of it. */
export const QUEUE_SCHEDULER_CONTRACT: readonly ContractCheck[] = [
  {
    name: 'fires a scheduler with its slot, the same on the retry',
    check: async (world) => {
      await world.engine.upsertScheduler(
        schedulerFor(world, { ...EVERY_SECOND, data: { from: 'template' }, attempts: 3 }),
      );
      const seen: Delivery[] = [];
      await world.consume(async (delivery) => {
        seen.push(delivery);
        const again = seen.filter(({ jobId }) => jobId === delivery.jobId).length > 1;
        return again ? COMPLETE : { kind: 'retry', reason: 'once', delayMs: 1 };
      });
      await until(() => seen.length >= 6);
      expect(await world.engine.removeScheduler(refOf(world, 'every_second'))).toBe(true);
      const slots = new Map<string, Set<number>>();
      for (const { jobId, scheduledSlot, name, data } of seen) {
        expect(scheduledSlot).not.toBeNull();
        expect({ name, data }).toEqual({ name: 'sample_task', data: { from: 'template' } });
        expect((scheduledSlot?.getTime() ?? 1) % 1_000).toBe(0);
        slots.set(jobId, (slots.get(jobId) ?? new Set()).add(scheduledSlot?.getTime() ?? 0));
      }
      expect([...slots.values()].every((of) => of.size === 1)).toBe(true);
      const ordered = [...slots.values()].flatMap((of) => [...of]);
      expect(new Set(ordered).size).toBe(slots.size);
    },
  },
  {
    name: 'lists, replaces and removes schedulers',
    check: async (world) => {
      const scheduler = schedulerFor(world, {
        schedulerId: 'daily_sample',
        cron: '30 2 * * *',
        timezone: 'Europe/Berlin',
        data: { v: 1 },
        attempts: 3,
      });
      expect(await world.engine.listSchedulers(world.queueName)).toEqual([]);
      await world.engine.upsertScheduler(scheduler);
      await world.engine.upsertScheduler({
        ...scheduler,
        cron: '0 3 * * *',
        data: { v: 2 },
        attempts: 5,
      });
      const live = await onlyScheduler(world);
      expect(live).toEqual({
        queueName: world.queueName,
        schedulerId: 'daily_sample',
        cron: '0 3 * * *',
        everyMs: null,
        timezone: 'Europe/Berlin',
        nextAt: live.nextAt,
        jobName: 'sample_task',
        data: { v: 2 },
        attempts: 5,
        slotState: 'delayed',
      });
      expect(live.nextAt.getTime()).toBeGreaterThan(Date.now());
      expect((await world.engine.countJobs(world.queueName)).delayed).toBe(1);
      const ref = refOf(world, 'daily_sample');
      expect(await world.engine.removeScheduler(ref)).toBe(true);
      expect(await world.engine.removeScheduler(ref)).toBe(false);
      expect((await world.engine.countJobs(world.queueName)).delayed).toBe(0);
    },
  },
  {
    name: 'refuses a schedule that it cannot read or that never comes',
    check: async (world) => {
      const never = world.newEngine({ nextSlot: () => null });
      const writes = [
        world.engine.upsertScheduler(schedulerFor(world, { cron: 'not a cron line' })),
        world.engine.upsertScheduler(schedulerFor(world, { cron: '0 0 31 2 *' })),
        world.engine.upsertScheduler(schedulerFor(world, { timezone: 'Mars/Olympus' })),
        world.engine.upsertScheduler(schedulerFor(world, { data: { text: 'a\0b' } })),
        never.upsertScheduler(schedulerFor(world)),
      ];
      for (const write of await Promise.allSettled(writes))
        expect(write).toMatchObject({ status: 'rejected', reason: { code: 'invalid_input' } });
      expect(await world.engine.listSchedulers(world.queueName)).toEqual([]);
    },
  },
  {
    name: 'takes every slot from the function that it was given',
    check: async (world) => {
      const asked: unknown[] = [];
      const engine = world.newEngine({
        nextSlot: (schedule, after) => {
          asked.push(schedule);
          return ODD_SLOTS.find((slot) => slot > after) ?? null;
        },
      });
      const schedule = { cron: '15 2 * * *', timezone: 'Australia/Lord_Howe' };
      await engine.upsertScheduler(schedulerFor(world, schedule));
      const { seen, handle } = scripted(COMPLETE);
      await world.consume(handle, { engine });
      for (const [at, slot] of ODD_SLOTS.entries()) {
        expect(await chainOf(world)).toEqual({ nextAt: slot, slotState: 'delayed' });
        await promote(world, slotJobId('yearly', slot.getTime()));
        await until(async () => (await world.engine.countJobs(world.queueName)).completed > at);
      }
      expect(seen.map(({ scheduledSlot }) => scheduledSlot)).toEqual(ODD_SLOTS);
      for (const each of asked) expect(each).toEqual(schedule);
      // None follows, which the listing shows.
      expect(await chainOf(world)).toEqual({ nextAt: ODD_SLOTS.at(-1), slotState: 'completed' });
      expect(world.errors).toEqual([]);
    },
  },
  {
    name: 'goes by its own arithmetic where that function refuses the schedule',
    check: async (world) => {
      const engine = world.newEngine({
        nextSlot: () => {
          throw new Error('not a plain cron line of five fields');
        },
      });
      await engine.upsertScheduler(schedulerFor(world, EVERY_SECOND));
      const { seen, handle } = scripted(COMPLETE);
      await world.consume(handle, { engine });
      await until(() => seen.length >= 2);
      expect(world.errors).toEqual([]);
    },
  },
  {
    name: 'lists a scheduler whose job is lost, and arms it again',
    check: async (world) => {
      await world.engine.upsertScheduler(schedulerFor(world));
      const { nextAt } = await onlyScheduler(world);
      await world.loseJob(slotJobId('yearly', nextAt.getTime()));
      expect(await chainOf(world)).toEqual({ nextAt, slotState: null });
      await world.engine.upsertScheduler(schedulerFor(world));
      expect(await chainOf(world)).toEqual({ nextAt, slotState: 'delayed' });
    },
  },
  {
    name: 'lists and removes what is no scheduler of its own',
    check: async (world) => {
      const ghosts = ['a:b::UTC:0 3 * * *', 'a:b:c:d:123', 'plain', 'yearly:123'];
      for (const ghost of ghosts) await world.plantGhost(ghost);
      await world.engine.upsertScheduler(schedulerFor(world));
      const queue = await world.newEngine().bullQueue(world.queueName);
      await queue.upsertJobScheduler('by:hand', { every: 3_600_000 });
      for (const _ of ['and again: the listing changes nothing', '']) {
        const listed = await world.engine.listSchedulers(world.queueName);
        const nothing = {
          cron: null,
          everyMs: null,
          timezone: null,
          jobName: null,
          slotState: null,
        };
        const byId = listed
          .slice(0, -2)
          .toSorted((a, b) => (a.schedulerId < b.schedulerId ? -1 : 1));
        expect(byId).toMatchObject(
          ghosts.map((schedulerId) => ({ ...nothing, schedulerId, attempts: null })),
        );
        expect(listed.slice(-2)).toMatchObject([
          { schedulerId: 'by:hand', everyMs: 3_600_000, cron: null },
          { schedulerId: 'yearly' },
        ]);
      }
      for (const ghost of [...ghosts, 'by:hand'])
        expect(await world.engine.removeScheduler(refOf(world, ghost))).toBe(true);
      expect(await onlyScheduler(world)).toMatchObject({ schedulerId: 'yearly' });
    },
  },
  {
    name: 'finds the states of slots in the order asked for',
    check: async (world) => {
      const gate = world.newGate();
      await world.consume(async ({ data }) => {
        const what = (data as { readonly do?: string }).do;
        if (what === 'hold') await gate.opened;
        return what === 'fail' ? { kind: 'fail', reason: 'as told' } : COMPLETE;
      });
      const made: { schedulerId: string; slot: Date; state: QueueJobState }[] = [];
      for (const [schedulerId, action, state] of [
        ['done', 'complete', 'completed'],
        ['broken', 'fail', 'failed'],
        ['running', 'hold', 'active'],
        ['next', 'run behind the held one', 'waiting'],
      ] as const) {
        const scheduler = schedulerFor(world, { schedulerId, data: { do: action } });
        await world.engine.upsertScheduler(scheduler);
        const listed = await world.engine.listSchedulers(world.queueName);
        const slot = listed.find((each) => each.schedulerId === schedulerId)?.nextAt ?? new Date(0);
        await promote(world, slotJobId(schedulerId, slot.getTime()));
        await until(
          async () => (await stateOf(world, slotJobId(schedulerId, slot.getTime()))) === state,
        );
        made.push({ schedulerId, slot, state });
      }
      const refs = [
        { schedulerId: 'none', slot: new Date(0) },
        ...made.toReversed(),
        { schedulerId: 'done', slot: new Date(0) },
      ];
      expect(await world.engine.findSlotStates(world.queueName, refs)).toEqual([
        null,
        'waiting',
        'active',
        'failed',
        'completed',
        null,
      ]);
      expect(await world.engine.findSlotStates(world.queueName, [])).toEqual([]);
      gate.open();
    },
  },
];
