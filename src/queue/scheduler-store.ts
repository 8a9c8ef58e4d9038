/**
 * What BullMQ's own methods do not give, or give only one by one: reads of
 * many schedulers and jobs at one instant, and the removal of one finished job
 * that a scheduler made. The implementations know BullMQ's keys and tables.
 */
export interface SchedulerStore {
  /**
   * Every scheduler of the queue in the order of its next slot, each with the
   * state of that slot's job; one round trip, one instant. BullMQ's own listing
   * removes a scheduler that lacks its data, and throws for some such ids.
   */
  listSchedulers(queueName: string): Promise<readonly SchedulerRecord[]>;
  /** The states of the jobs in the order given, at one instant. */
  readStates(queueName: string, jobIds: readonly string[]): Promise<readonly (string | null)[]>;
  /** The job of a slot, and the slot that its scheduler waits for, at one instant. */
  readSlot(queueName: string, slot: SlotKey): Promise<SlotRecord>;
  /**
   * Removes the job if it is completed or failed, in one step, and answers
   * whether it was. BullMQ refuses to remove a scheduler's job: any of them on
   * PostgreSQL, on Redis that of the scheduler's next slot.
   */
  removeFinished(queueName: string, jobId: string): Promise<boolean>;
}

export interface SlotKey {
  readonly schedulerId: string;
  readonly slotMs: number;
}

export interface SlotRecord {
  /** In BullMQ's words; null for a job that is not there. */
  readonly state: string | null;
  /** Null where there is no scheduler. */
  readonly nextMs: number | null;
}

/** A scheduler as it was found; anybody may have written it. */
export interface SchedulerRecord {
  readonly schedulerId: string;
  readonly jobName: string | null;
  readonly pattern: string | null;
  readonly everyMs: number | null;
  readonly timezone: string | null;
  readonly nextMs: number | null;
  readonly data: unknown;
  readonly attempts: unknown;
  /** In BullMQ's words; null for a job that is not there. */
  readonly slotState: string | null;
}
