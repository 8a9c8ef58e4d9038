import { jobStateOf } from './job-states.ts';
import type { LiveScheduler } from './queue-port.ts';
import type { SchedulerRecord } from './scheduler-store.ts';

const MAX_INSTANT_MS = 8.64e15;

const isInstant = (ms: number | null): ms is number =>
  ms !== null && Number.isInteger(ms) && Math.abs(ms) <= MAX_INSTANT_MS;

/** What the port tells of a scheduler, whatever somebody wrote into it. */
export const toLiveScheduler = (queueName: string, record: SchedulerRecord): LiveScheduler => ({
  queueName,
  schedulerId: record.schedulerId,
  cron: record.pattern,
  everyMs: record.everyMs,
  timezone: record.timezone,
  nextAt: isInstant(record.nextMs) ? new Date(record.nextMs) : null,
  jobName: record.jobName,
  data: record.data,
  attempts: typeof record.attempts === 'number' ? record.attempts : null,
  slotState: jobStateOf(record.slotState),
});
