import type { BackendFactory, IQueueBackend, Queue } from 'bullmq';
import type { QueueHealth } from './queue-port.ts';
import type { SchedulerStore } from './scheduler-store.ts';

/** BullMQ's queue on either backend. */
export type BullQueue = Queue<
  unknown,
  unknown,
  string,
  unknown,
  unknown,
  string,
  IQueueBackend,
  unknown
>;

/** What the shared implementation needs of Redis or PostgreSQL; the rest BullMQ makes alike. */
export interface BullConnection {
  readonly backend: 'redis' | 'postgres';
  /** Builds BullMQ's side of a queue or a worker on this connection's own clients. */
  readonly factory: BackendFactory<IQueueBackend, unknown>;
  readonly schedulers: SchedulerStore;
  /** Prefix of the keys, where the backend has such a thing. */
  readonly prefix?: string;
  /** Resolves once the engine is reached and ready for queues; rejects when it is away. May be called again. */
  connect(): Promise<void>;
  /** Throws at once when the engine is known to be away. */
  assertReachable(): void;
  /** One round trip. Rejects when the engine is away. */
  ping(): Promise<void>;
  /** Whether `error` says that the engine is away or refuses work for now. */
  isAway(error: unknown): boolean;
  /** Rejects when the engine is away. */
  health(): Promise<QueueHealth>;
  /** Ends what this connection opened; never waits for the engine. */
  close(): Promise<void>;
}
