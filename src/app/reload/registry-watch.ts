import { createHash } from 'node:crypto';
import type { Clock } from '#core/clock';
import { AppError, messageOf } from '#core/errors';
import type { Service } from '#core/service';
import type { PlanItem } from '#registry/plan-registry';
import { Follower } from '#runner/live-catalog';
import type { TaskCatalog } from '#runner/task-catalog';
import type { RegistrySource } from '../load-catalog.ts';
import type { AppliedElsewhere } from './applied-elsewhere.ts';
import { FileWatch } from './file-watch.ts';

const COMPARE_EVERY_MS = 60_000;

/** How the file stands to the registry that this process works with. */
export type RegistryState =
  | { readonly kind: 'in_force' }
  /** Wrong; what was in force before stays so. */
  | { readonly kind: 'refused'; readonly error: unknown }
  /** Right, and not yet in force since something that it needs is away. */
  | { readonly kind: 'waiting'; readonly reason: string };

export interface RegistryWatchObserver {
  /** `changes`: what applying it changed; null in a process that does not apply. */
  reloaded(reloaded: {
    readonly tasks: number;
    readonly changes: readonly PlanItem[] | null;
  }): void;
  refused(error: unknown): void;
  delayed(error: unknown, retryMs: number): void;
  unwatched(error: unknown): void;
  unexpected(what: string, error: unknown): void;
}

export interface RegistryWatchOptions {
  readonly file: string;
  readonly clock: Clock;
  /** The text that the process was started with. */
  readonly text: string;
  readonly read: () => Promise<RegistrySource>;
  /** Throws for a registry that this process must not work with. */
  readonly check: (source: RegistrySource) => Promise<TaskCatalog>;
  /** Puts it in force; called again with the file of that moment when it rejects. */
  readonly enact: (catalog: TaskCatalog) => Promise<readonly PlanItem[] | null>;
  readonly elsewhere: AppliedElsewhere;
  readonly observer: RegistryWatchObserver;
}

/** Of anything else than an AppError the message may tell what is nobody's business. */
const publicReason = (error: unknown): string =>
  error instanceof AppError ? messageOf(error) : 'an unexpected error; the log says which';

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * Puts a changed registry file in force while the process runs: when the file
 * changes, and when somebody asks. A file that is wrong is refused and what was
 * in force stays so. Says as well when another host put another registry in
 * force, and never takes that back: the last one that was applied counts.
 */
export class RegistryWatch implements Service {
  readonly name = 'registry watch';
  readonly #options: RegistryWatchOptions;
  readonly #fileWatch: FileWatch;
  readonly #follower: Follower;
  #state: RegistryState = { kind: 'in_force' };
  /** Of the text that was looked at last, right or wrong; null when it could not be read. */
  #digest: string | null;
  #isAsked = false;
  #turn: Promise<unknown> = Promise.resolve();
  #stopChecking = (): void => undefined;
  #isStopped = false;

  constructor(options: RegistryWatchOptions) {
    const { file, clock, text, observer } = options;
    this.#options = options;
    this.#digest = digestOf(text);
    this.#follower = new Follower({
      clock,
      follow: () => this.#follow(),
      onFailure: (error, retryMs) => observer.delayed(error, retryMs),
    });
    this.#fileWatch = new FileWatch({
      file,
      clock,
      onChange: () => void this.#follower.changed(),
      onUnwatched: (error) => observer.unwatched(error),
    });
  }

  get state(): RegistryState {
    return this.#state;
  }

  /** A file that has changed since the process read it is put in force after this. */
  async start(): Promise<void> {
    await this.#fileWatch.start();
    if (this.#isStopped) return;
    this.#stopChecking = this.#options.clock.every(COMPARE_EVERY_MS, () => void this.compare());
    void this.#follower.changed();
  }

  /** Reads the file at once and puts it in force, also when its text is the same: a job may have been added. */
  reload(): Promise<void> {
    this.#isAsked = true;
    return this.#follower.changed();
  }

  /** Looks whether the registry in force is another one than this process's. */
  async compare(): Promise<void> {
    try {
      // Not between applying a new registry and working with it: this process would find its own.
      await this.#inTurn(() => this.#options.elsewhere.check());
    } catch (error) {
      this.#options.observer.unexpected('comparing the registry with the one in force', error);
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopChecking();
    await Promise.all([this.#fileWatch.stop(), this.#follower.stop()]);
    await this.#turn;
  }

  async #follow(): Promise<void> {
    const { enact, observer } = this.#options;
    const catalog = await this.#checked();
    if (catalog === null) return;
    let changes: readonly PlanItem[] | null;
    try {
      changes = await this.#inTurn(() => enact(catalog));
    } catch (error) {
      this.#state = { kind: 'waiting', reason: publicReason(error) };
      throw error;
    }
    this.#state = { kind: 'in_force' };
    observer.reloaded({ tasks: catalog.size, changes });
  }

  /** The file's registry; null when there is nothing new about it, or it is refused. */
  async #checked(): Promise<TaskCatalog | null> {
    const { read, check, observer } = this.#options;
    const isAsked = this.#isAsked;
    this.#isAsked = false;
    let digest: string | null = null;
    try {
      const source = await read();
      digest = digestOf(source.text);
      if (digest === this.#digest && !isAsked && this.#state.kind !== 'waiting') return null;
      return await check(source);
    } catch (error) {
      this.#state = { kind: 'refused', error };
      observer.refused(error);
      return null;
    } finally {
      this.#digest = digest;
    }
  }

  /** One at a time; the turns go on after one that failed. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}
