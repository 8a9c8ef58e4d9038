import { expect } from 'vitest';
import { slotJobId } from '#queue/scheduled-slot';
import {
  COMPLETE,
  type ContractCheck,
  chainOf,
  onlyScheduler,
  promote,
  type QueueWorld,
  refOf,
  schedulerFor,
  scripted,
  stateOf,
  until,
} from './queue-world.ts';

const yearlySlotJob = async (world: QueueWorld): Promise<string> =>
  slotJobId('yearly', (await onlyScheduler(world)).nextAt.getTime());

/** What becomes of a slot's job that was run ahead of time, or whose scheduler goes. */
export const QUEUE_SLOT_CONTRACT: readonly ContractCheck[] = [
  ...(['completed', 'failed'] as const).map((ending) => ({
    name: `arms a slot again whose job was run ahead of time and ${ending}`,
    check: async (world: QueueWorld) => {
      const { seen, handle } = scripted(
        ending === 'completed' ? COMPLETE : { kind: 'fail', reason: 'as told' },
        COMPLETE,
      );
      await world.engine.upsertScheduler(schedulerFor(world));
      const { nextAt } = await onlyScheduler(world);
      const slotJob = slotJobId('yearly', nextAt.getTime());
      await world.consume(handle);
      await promote(world, slotJob);
      await until(async () => (await stateOf(world, slotJob)) === ending);
      expect((await onlyScheduler(world)).nextAt.getTime()).toBeGreaterThan(nextAt.getTime());
      await world.engine.upsertScheduler(schedulerFor(world));
      expect(await chainOf(world)).toEqual({ nextAt, slotState: 'delayed' });
      expect(await world.engine.countJobs(world.queueName)).toEqual({
        waiting: 0,
        active: 0,
        delayed: 1,
        failed: 0,
        completed: 0,
      });
      await promote(world, slotJob);
      await until(() => seen.length === 2);
      expect(seen[1]).toMatchObject({ scheduledSlot: nextAt, attemptsStarted: 1 });
      await until(async () => (await stateOf(world, slotJob)) === 'completed');
      // Once more, without the scheduler that would be replaced.
      expect(await world.engine.removeScheduler(refOf(world))).toBe(true);
      await world.engine.upsertScheduler(schedulerFor(world));
      expect(await chainOf(world)).toEqual({ nextAt, slotState: 'delayed' });
    },
  })),
  {
    name: 'leaves a slot alone whose job was promoted and has not ended',
    check: async (world) => {
      await world.engine.upsertScheduler(schedulerFor(world));
      const slotJob = await yearlySlotJob(world);
      const refused = () =>
        expect(
          world.engine.upsertScheduler(schedulerFor(world, { data: { v: 2 } })),
        ).rejects.toMatchObject({ code: 'conflict' });
      await promote(world, slotJob);
      await refused();
      expect(await stateOf(world, slotJob)).toBe('waiting');
      const gate = world.newGate();
      const seen: unknown[] = [];
      await world.consume(async ({ data, attemptsStarted }) => {
        seen.push(data);
        if (attemptsStarted > 1) return COMPLETE;
        await gate.opened;
        return { kind: 'defer', delayMs: 600_000 };
      });
      await until(async () => (await stateOf(world, slotJob)) === 'active');
      await refused();
      expect(await stateOf(world, slotJob)).toBe('active');
      gate.open();
      await until(async () => (await stateOf(world, slotJob)) === 'delayed');
      await refused();
      await promote(world, slotJob);
      await until(async () => (await stateOf(world, slotJob)) === 'completed');
      expect(seen).toEqual([{}, {}]);
      await world.engine.upsertScheduler(schedulerFor(world, { data: { v: 2 } }));
      expect(await onlyScheduler(world)).toMatchObject({ data: { v: 2 }, slotState: 'delayed' });
    },
  },
  {
    name: 'delivers the job that runs or was promoted when its scheduler goes, and none after it',
    check: async (world) => {
      const gate = world.newGate();
      const seen: (Date | null)[] = [];
      await world.consume(async ({ scheduledSlot }) => {
        seen.push(scheduledSlot);
        await gate.opened;
        return COMPLETE;
      });
      await world.engine.upsertScheduler(schedulerFor(world, { schedulerId: 'running' }));
      const slotMs = (await onlyScheduler(world)).nextAt.getTime();
      await promote(world, slotJobId('running', slotMs));
      await until(() => seen.length === 1);
      await world.engine.upsertScheduler(schedulerFor(world, { schedulerId: 'promoted' }));
      await promote(world, slotJobId('promoted', slotMs));
      for (const schedulerId of ['running', 'promoted'])
        expect(await world.engine.removeScheduler(refOf(world, schedulerId))).toBe(true);
      gate.open();
      await until(async () => (await world.engine.countJobs(world.queueName)).completed === 2);
      expect(seen).toEqual([new Date(slotMs), new Date(slotMs)]);
      expect(await world.engine.listSchedulers(world.queueName)).toEqual([]);
      expect(await world.engine.countJobs(world.queueName)).toMatchObject({
        waiting: 0,
        delayed: 0,
      });
    },
  },
  {
    name: 'keeps a scheduler’s job from being removed',
    check: async (world) => {
      await world.engine.upsertScheduler(schedulerFor(world));
      const jobId = await yearlySlotJob(world);
      expect(await world.engine.remove({ queueName: world.queueName, jobId })).toBe(false);
      expect(await stateOf(world, jobId)).toBe('delayed');
    },
  },
  {
    name: 'keeps one job of a scheduler that several write at once',
    check: async (world) => {
      const engines = [world.engine, world.newEngine(), world.newEngine()];
      for (let round = 0; round < 20; round += 1) {
        const writes = engines.map((engine, at) =>
          engine.upsertScheduler(schedulerFor(world, { data: { round, at } })),
        );
        await Promise.all(writes);
      }
      expect(await onlyScheduler(world)).toMatchObject({
        data: { round: 19 },
        slotState: 'delayed',
      });
      expect((await world.engine.countJobs(world.queueName)).delayed).toBe(1);
    },
  },
];
