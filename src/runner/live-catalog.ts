import type { Clock } from '#core/clock';
import type { TaskId } from '#core/ids';
import type { ReconcilePolicy } from '#registry/task';
import type { CatalogEntry, TaskCatalog } from './task-catalog.ts';

/**
 * The catalogue of a process whose registry may be replaced while it runs:
 * whoever looks a task up sees the registry of that moment, and an entry that
 * was looked up stays what it was.
 */
export class LiveCatalog implements TaskCatalog {
  #current: TaskCatalog;
  readonly #listeners = new Set<{ readonly tell: () => void }>();

  constructor(current: TaskCatalog) {
    this.#current = current;
  }

  /** All at once; listeners are told before this returns and must not throw. */
  replace(next: TaskCatalog): void {
    this.#current = next;
    for (const { tell } of [...this.#listeners]) tell();
  }

  subscribe(listener: () => void): () => void {
    const subscription = { tell: listener };
    this.#listeners.add(subscription);
    return () => {
      this.#listeners.delete(subscription);
    };
  }

  get reconcile(): ReconcilePolicy {
    return this.#current.reconcile;
  }

  get size(): number {
    return this.#current.size;
  }

  get(taskId: TaskId): CatalogEntry | undefined {
    return this.#current.get(taskId);
  }

  has(taskId: TaskId): boolean {
    return this.#current.has(taskId);
  }

  keys() {
    return this.#current.keys();
  }

  values() {
    return this.#current.values();
  }

  entries() {
    return this.#current.entries();
  }

  [Symbol.iterator]() {
    return this.#current[Symbol.iterator]();
  }

  forEach(
    callback: (entry: CatalogEntry, taskId: TaskId, catalog: TaskCatalog) => void,
    thisArg?: unknown,
  ): void {
    this.#current.forEach((entry, taskId) => {
      Reflect.apply(callback, thisArg, [entry, taskId, this]);
    });
  }
}

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;

export interface FollowerOptions {
  readonly clock: Clock;
  /** Brings things to what is current when it is called; rejects when it must be called again. */
  readonly follow: () => Promise<void>;
  /** Told of each try that failed, with the pause before the next, in milliseconds. */
  readonly onFailure: (error: unknown, retryMs: number) => void;
}

/**
 * Keeps something up to date with what changes now and then. One `follow` at a
 * time, again with growing pauses until one succeeds; a change that comes
 * meanwhile ends the pause, and what is current then is what counts.
 */
export class Follower {
  readonly #options: FollowerOptions;
  #work: Promise<void> = Promise.resolve();
  #pause = new AbortController();
  #isWaiting = false;
  #isStopped = false;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Resolves when this change, or a later one in its place, was followed, or given up by `stop`. */
  changed(): Promise<void> {
    this.#pause.abort();
    if (!this.#isWaiting) {
      this.#isWaiting = true;
      this.#work = this.#work.then(() => this.#untilDone());
    }
    return this.#work;
  }

  /** Nothing is begun any more; resolves when what was under way is over. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#pause.abort();
    await this.#work;
  }

  async #untilDone(): Promise<void> {
    const { clock, follow, onFailure } = this.#options;
    this.#isWaiting = false;
    const pause = new AbortController();
    this.#pause = pause;
    let retryMs = FIRST_RETRY_MS;
    while (!this.#isStopped && !pause.signal.aborted) {
      try {
        await follow();
        return;
      } catch (error) {
        onFailure(error, retryMs);
      }
      await clock.sleep(retryMs, pause.signal);
      retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
    }
  }
}
