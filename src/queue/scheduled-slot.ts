/** What of an engine's job tells its slot; all of it may have been written by hand on the board. */
export interface SlotTraces {
  readonly jobId: string | undefined;
  /** The scheduler that made the job. */
  readonly repeatJobKey: string | undefined;
  /** The slot as the scheduler's options carry it. */
  readonly prevMillis: unknown;
}

/** The id of the job that BullMQ makes for a slot of a scheduler. */
export const slotJobId = (schedulerId: string, slotMs: number): string =>
  `repeat:${schedulerId}:${slotMs}`;

const MAX_INSTANT_MS = 8.64e15;

/**
 * The instant of the schedule that a scheduler's job stands for, or null for
 * any other job. BullMQ names such a job `repeat:<scheduler>:<ms>` and keeps
 * that id on retries; the traces must agree with each other, so that a job
 * added by hand under such an id is not taken for an occurrence.
 */
export const scheduledSlotOf = ({ jobId, repeatJobKey, prevMillis }: SlotTraces): Date | null => {
  if (jobId === undefined || !repeatJobKey) return null;
  const prefix = `repeat:${repeatJobKey}:`;
  if (!jobId.startsWith(prefix)) return null;
  const digits = jobId.slice(prefix.length);
  if (!/^\d{1,16}$/.test(digits)) return null;
  const slotMs = Number(digits);
  if (slotMs > MAX_INSTANT_MS) return null;
  if (prevMillis !== undefined && prevMillis !== slotMs) return null;
  return new Date(slotMs);
};
