import { defaultRepeatStrategy, type RepeatOptions } from 'bullmq';

/**
 * The first instant of the schedule after `after`, null when there is none.
 * Throws for a line or a zone that it does not know.
 */
export type NextSlot = (
  schedule: { readonly cron: string; readonly timezone: string },
  after: Date,
) => Date | null;

/** BullMQ's `settings.repeatStrategy`, without the promise that it would allow. */
export type SlotStrategy = (afterMs: number, options: RepeatOptions) => number | undefined;

/**
 * What BullMQ asks for the next slot of a scheduler: `nextSlot`, so that its
 * jobs stand for the very instants that the ledger expects. A schedule that
 * was edited on the board may be one that `nextSlot` does not know (no zone, a
 * start date, `@daily`): that one goes by BullMQ's arithmetic.
 */
export const slotStrategy = (nextSlot: NextSlot | undefined): SlotStrategy => {
  if (nextSlot === undefined) return defaultRepeatStrategy;
  return (afterMs, options) => {
    const { pattern, tz, startDate, immediately } = options;
    if (pattern === undefined || tz === undefined || startDate || immediately)
      return defaultRepeatStrategy(afterMs, options);
    try {
      return nextSlot({ cron: pattern, timezone: tz }, new Date(afterMs))?.getTime();
    } catch {
      return defaultRepeatStrategy(afterMs, options);
    }
  };
};

/**
 * `strategy` for a worker, where it must not throw: BullMQ would leave the job
 * that it has just taken lying, to be taken again and again. This one ends the
 * schedule's chain instead, and the job runs.
 */
export const lenientStrategy =
  (strategy: SlotStrategy, report: (error: unknown) => void): SlotStrategy =>
  (afterMs, options) => {
    try {
      return strategy(afterMs, options);
    } catch (error) {
      report(error);
      return undefined;
    }
  };
