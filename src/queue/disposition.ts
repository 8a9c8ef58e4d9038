import { DelayedError, UnrecoverableError, WaitingError } from 'bullmq';
import type { JsonValue } from '#core/json';
import { storableJson, storableText } from '#core/storable-text';
import { DEFAULT_ATTEMPTS, ENGINE_RETRY_DELAY_MS, REASON_MAX_CHARS } from './engine-limits.ts';
import type { BullJob } from './paced-worker.ts';
import type { Disposition } from './queue-port.ts';

/** The backoff under which `backoffStrategy` is asked for the delay. */
export const CUSTOM_BACKOFF = { type: 'custom' } as const;

/** Tells the backoff strategy how long this one retry is to wait. */
class RetryLater extends Error {
  override readonly name = 'RetryLater';
  readonly delayMs: number;

  constructor(reason: string, delayMs: number) {
    super(reason);
    this.delayMs = delayMs;
  }
}

/** For `settings.backoffStrategy`: the handler's delay, or a short one for a fault of the engine itself. */
export const backoffStrategy = (_attemptsMade: number, _type?: string, error?: Error): number =>
  error instanceof RetryLater ? error.delayMs : ENGINE_RETRY_DELAY_MS;

export interface DispositionContext {
  readonly token: string | undefined;
  readonly now: () => Date;
  /** Repeats a step while the engine is away; rejects when it refuses for good, as for a lost lock. */
  readonly persist: (step: () => Promise<unknown>) => Promise<void>;
  readonly report: (error: unknown) => void;
}

/**
 * Does to the job what the handler decided, in BullMQ's terms: a value
 * completes it, each of the errors thrown here has a meaning of its own.
 */
export const carryOut = async (
  disposition: Disposition,
  job: BullJob,
  context: DispositionContext,
): Promise<JsonValue> => {
  switch (disposition.kind) {
    case 'complete':
      return storableJson(disposition.returnValue);
    case 'retry':
      // Jobs added or edited on the board come without these.
      job.opts.backoff = CUSTOM_BACKOFF;
      job.opts.attempts ||= DEFAULT_ATTEMPTS;
      throw withShortStack(
        new RetryLater(reasonText(disposition.reason), wholeMs(disposition.delayMs)),
      );
    case 'fail':
      throw withShortStack(new UnrecoverableError(reasonText(disposition.reason)));
    case 'requeue':
      await release(() => job.moveToWait(context.token), context);
      throw new WaitingError();
    case 'defer':
      await release(
        () =>
          job.moveToDelayed(context.now().getTime() + wholeMs(disposition.delayMs), context.token),
        context,
      );
      throw new DelayedError();
  }
};

// When the lock is gone the job is somebody else's already, or will be: either
// way it must not be failed here, so the caller goes on to say that it moved.
const release = async (
  step: () => Promise<unknown>,
  { persist, report }: DispositionContext,
): Promise<void> => {
  try {
    await persist(step);
  } catch (error) {
    report(error);
  }
};

const reasonText = (reason: string): string => storableText(reason, REASON_MAX_CHARS);

const wholeMs = (delayMs: number): number => Math.max(0, Math.round(delayMs));

// The engine keeps the stack for the board; ours would only show this file.
const withShortStack = <E extends Error>(error: E): E => {
  error.stack = `${error.name}: ${error.message}`;
  return error;
};
