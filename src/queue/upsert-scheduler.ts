import type { RepeatOptions } from 'bullmq';
import type { Clock } from '#core/clock';
import type { BullQueue } from './bull-connection.ts';
import { CUSTOM_BACKOFF } from './disposition.ts';
import { jobStateOf } from './job-states.ts';
import type { NewScheduler, QueueJobState } from './queue-port.ts';
import type { SlotStrategy } from './repeat-strategy.ts';
import { slotJobId } from './scheduled-slot.ts';
import { isOvertaken, isSlotTaken, slotTaken, unreadableSchedule } from './scheduler-error.ts';
import type { SchedulerStore, SlotKey } from './scheduler-store.ts';

/** More than one is needed only when others write the same scheduler at the same time. */
const MAX_TRIES = 5;

export interface SchedulerWriter {
  readonly queue: BullQueue;
  readonly store: SchedulerStore;
  readonly strategy: SlotStrategy;
  readonly clock: Clock;
}

/**
 * Creates or replaces a scheduler together with the job of its next slot,
 * which BullMQ does in one step (a script on Redis, a function on PostgreSQL):
 * a crash leaves the scheduler as it was or as it should be, never without its
 * job.
 *
 * The slot's job may be there already, because somebody ran it ahead of time.
 * BullMQ then refuses (-10), or writes over it when it can put away another
 * pending job of the scheduler: over a job that is running, too, and on Redis
 * the id then stands in two states. So the slot is looked at first. A finished
 * job makes way; a crash after that costs a line on the board. One that is
 * still to run or running stays, and the answer is `conflict`.
 */
export const upsertScheduler = async (
  { queue, store, strategy, clock }: SchedulerWriter,
  scheduler: NewScheduler,
): Promise<void> => {
  const { schedulerId } = scheduler;
  const repeat: RepeatOptions = { pattern: scheduler.cron, tz: scheduler.timezone };
  for (let tries = 1; ; tries += 1) {
    const slotMs = firstSlot(strategy, clock, repeat);
    await clearSlot(store, queue.name, { schedulerId, slotMs });
    try {
      await queue.upsertJobScheduler(schedulerId, repeat, {
        name: scheduler.jobName,
        data: scheduler.data,
        opts: { attempts: scheduler.attempts, backoff: CUSTOM_BACKOFF },
      });
      return;
    } catch (error) {
      if (tries < MAX_TRIES && isOvertaken(error)) continue;
      throw isSlotTaken(error) ? slotTaken(error) : error;
    }
  }
};

const firstSlot = (strategy: SlotStrategy, clock: Clock, repeat: RepeatOptions): number => {
  let slotMs: number | undefined;
  try {
    slotMs = strategy(clock.now().getTime(), repeat);
  } catch (error) {
    throw unreadableSchedule(error);
  }
  // BullMQ would write nothing, and say nothing.
  if (slotMs === undefined) throw unreadableSchedule(new Error('no instant matches it'));
  return slotMs;
};

const clearSlot = async (
  store: SchedulerStore,
  queueName: string,
  slot: SlotKey,
): Promise<void> => {
  const { state: word, nextMs } = await store.readSlot(queueName, slot);
  const state = jobStateOf(word);
  if (state === 'completed' || state === 'failed')
    await store.removeFinished(queueName, slotJobId(slot.schedulerId, slot.slotMs));
  else if (isAlive(state, nextMs === slot.slotMs)) throw slotTaken();
};

// The scheduler's own next job, while it waits for its time, is what an upsert replaces.
const isAlive = (state: QueueJobState | null, isNext: boolean): boolean =>
  state === 'active' || state === 'waiting' || (state === 'delayed' && !isNext);
