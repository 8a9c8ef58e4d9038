import { type Clock, systemClock } from '#core/clock';
import { BullmqQueueEngine } from './bullmq-queue-engine.ts';
import { withoutPayload } from './engine-error.ts';
import { PostgresBullConnection } from './postgres-queue-engine.ts';
import type { SharedPool } from './reconnecting-pool.ts';
import { RedisBullConnection } from './redis-queue-engine.ts';
import type { NextSlot } from './repeat-strategy.ts';

export type { BullmqQueueEngine } from './bullmq-queue-engine.ts';

export type QueueEngineTarget =
  | {
      readonly redisUrl: string;
      /** First part of every key, so that several systems can share a Redis. */
      readonly prefix: string;
    }
  /** A pg pool with `search_path=bullmq`. It stays the caller's, who ends it after `close()`. */
  | { readonly pool: SharedPool };

export interface QueueEngineOptions {
  /** Told of what no caller waits for: lost connections, lost locks. Errors come without a job's data. */
  readonly onError: (error: Error) => void;
  readonly clock?: Clock;
  /**
   * Finds the slots of schedules; without it BullMQ's own arithmetic does, whose
   * answers around a change of the clocks depend on where it starts (ADR 4).
   */
  readonly nextSlot?: NextSlot;
}

/**
 * The queue engine on Redis or PostgreSQL. Opens connections at once and waits
 * for none; see `BullmqQueueEngine.connect`. Throws AppError
 * `invalid_configuration` for a URL that is none of Redis.
 */
export const createQueueEngine = (
  target: QueueEngineTarget,
  { onError, clock = systemClock, nextSlot }: QueueEngineOptions,
): BullmqQueueEngine => {
  const report = (error: unknown): void => onError(withoutPayload(error));
  const connection =
    'redisUrl' in target
      ? new RedisBullConnection({ ...target, onError: report })
      : new PostgresBullConnection(target.pool, report);
  return new BullmqQueueEngine(connection, { clock, onError, nextSlot });
};
