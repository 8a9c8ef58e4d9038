import type { QueueJobState } from './queue-port.ts';

/** What BullMQ calls a job's state, in the port's words; `unknown` is a job that is not there. */
const JOB_STATES: Readonly<Record<string, QueueJobState>> = {
  waiting: 'waiting',
  wait: 'waiting',
  paused: 'waiting',
  prioritized: 'waiting',
  'waiting-children': 'waiting',
  delayed: 'delayed',
  active: 'active',
  completed: 'completed',
  failed: 'failed',
};

/** Null for a job that is not there. */
export const jobStateOf = (word: string | null): QueueJobState | null =>
  word === null ? null : (JOB_STATES[word] ?? null);

/** Every state that BullMQ counts, as its backends name them. */
export const COUNTED_STATES = [
  'wait',
  'paused',
  'prioritized',
  'waiting-children',
  'active',
  'delayed',
  'failed',
  'completed',
] as const;
